# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an object store said no or nothing: one list of causes, each with its remedy, and the failures that carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused, Unreachable


@dataclass(frozen=True)
class Cause:
    """A cause's name, what it means and what to do about it."""

    name: str
    words: str
    remedy: str


_ALL = (
    Cause("bucket_missing", "the store knows no such bucket", "create the bucket, or correct its name in the backup storage location"),
    Cause("object_missing", "the store knows no such object", "look at the name; another program may have deleted it"),
    Cause("wrong_region", "the bucket is in another region than the one that was asked", "set the region that the evidence names in the location's config"),
    Cause("access_denied", "the key is known and may not do this", "give its user or role the rights that the evidence names on the bucket and its objects"),
    Cause("unknown_key", "the store does not know the access key", "put a key that is active into the credentials"),
    Cause("wrong_signature", "the secret key does not belong to the access key", "copy both halves of the key again, without blanks or line ends"),
    Cause("expired_token", "the temporary credentials are over", "get new ones; for a cluster use a key or the identity of a service account"),
    Cause(
        "clock_skew", "the store's clock and the asking machine's differ by more than it allows", "set the clock right (NTP), here and on the cluster's nodes"
    ),
    Cause("no_credentials", "no credentials were found to ask the store with", "give them in cloud, or in the Secret that the location names"),
    Cause("unreachable", "no answer came from the store's address", "look at the address, DNS, proxy, firewall and the route to it"),
    Cause("bad_certificate", "the store's certificate cannot be trusted", "give the CA that signed it: caCert of the location, or aws_ca_bundle"),
    Cause("busy", "the store is busy or has a fault of its own", "try again later"),
    Cause("unfinished", "what was read back is not what was written", "look whether something between here and the store changes what passes through"),
    Cause("other", "the store refused for a reason of its own", "read the evidence"),
)
CAUSES: Mapping[str, Cause] = {cause.name: cause for cause in _ALL}

# Codes of S3's error answers: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. HEAD has no body, so its status is all there is.
S3_CODES: Mapping[str, str] = {
    "NoSuchBucket": "bucket_missing",
    "NoSuchKey": "object_missing",
    "PermanentRedirect": "wrong_region",
    "AuthorizationHeaderMalformed": "wrong_region",
    "IllegalLocationConstraintException": "wrong_region",
    "301": "wrong_region",
    "AccessDenied": "access_denied",
    "AllAccessDisabled": "access_denied",
    "403": "access_denied",
    "InvalidAccessKeyId": "unknown_key",
    "InvalidClientTokenId": "unknown_key",
    "SignatureDoesNotMatch": "wrong_signature",
    "ExpiredToken": "expired_token",
    "InvalidToken": "expired_token",
    "RequestTimeTooSkewed": "clock_skew",
    "RequestExpired": "clock_skew",
    "SlowDown": "busy",
    "InternalError": "busy",
    "ServiceUnavailable": "busy",
    "RequestTimeout": "busy",
}


class StoreError(CollectionError):
    """The store said no, or nothing. `cause` is a name of CAUSES, `evidence` what the store itself said (never a secret)."""

    def __init__(self, message: str, cause: str, evidence: str) -> None:
        super().__init__(message)
        self.cause, self.evidence = cause, evidence


class StoreDenied(StoreError, NotPermitted):
    """The key is no good, or not for this."""


class StoreMissing(StoreError, NotFound):
    """No such bucket, no such object."""


class StoreRefused(StoreError, Refused):
    """Another try gives the same answer."""


class StoreSilent(StoreError, Unreachable):
    """No usable answer."""

    def __init__(self, message: str, cause: str, evidence: str) -> None:
        super().__init__(message, cause, evidence)
        self.retry, self.after = cause != "bad_certificate", None


_KINDS: Mapping[str, type[StoreError]] = {
    **dict.fromkeys(("access_denied", "unknown_key", "wrong_signature", "expired_token", "no_credentials"), StoreDenied),
    **dict.fromkeys(("bucket_missing", "object_missing"), StoreMissing),
    **dict.fromkeys(("unreachable", "bad_certificate", "busy"), StoreSilent),
}


def store_error(cause: str, place: str, evidence: str, code: Optional[str] = None) -> StoreError:
    """The failure for a cause, in one sentence with its evidence and its remedy."""
    known = CAUSES[cause]
    said = f"{code}: {evidence}" if code and code not in evidence else evidence
    return _KINDS.get(cause, StoreRefused)(f"{place}: {known.words} ({said}); {known.remedy}", cause, said)
