# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with Velero, each cause once: its name, what it is, and the remedy. Whoever finds one says it in these words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """`what` follows "the cause is:", `remedy` is an order to a person. `is_certain`: backups fail for sure as long as it lasts."""

    name: str
    what: str
    remedy: str
    is_certain: bool = True


_ALL = (
    Cause("bucket_missing", "the bucket does not exist", "make it (role velero_aws or velero_gcp), or give the right name in bucket of velero_install"),
    Cause("wrong_region", "the bucket is in another region than the location says", "give the bucket's own region in backup_location_config.region"),
    Cause("access_denied", "the key or role may not do this in the bucket", "give it the rights of the guide's policy on this bucket, or give another key"),
    Cause("unknown_key", "the store does not know the key", "make a new key and give it in credentials of velero_install"),
    Cause("expired_token", "the temporary credentials have ended", "give a lasting key, or a role by service_account_annotations"),
    Cause("wrong_signature", "the secret part of the key is wrong, or a proxy changes requests", "give key and secret again, both from the same file"),
    Cause("clock_skew", "the clock of the node differs too much from the store's", "set the clocks of the nodes by NTP"),
    Cause("no_credentials", "there are no credentials", "give credentials or service_account_annotations in velero_install"),
    Cause("unresolvable", "the name of the store cannot be resolved", "check s3Url, and the cluster's DNS"),
    Cause("unreachable", "the store does not answer", "check s3Url, network policies, and the proxy of the cluster"),
    Cause("bad_certificate", "the store's certificate is not trusted", "give the authority's certificate to the location (caCert)"),
    Cause("foreign_files", "the bucket has folders that are not Velero's", "use a bucket of its own, or a prefix"),
    Cause("plugin_missing", "the server has no plugin for the location's provider", "add the plugin of that provider (plugins of velero_install)"),
    Cause("plugin_version", "a plugin does not go with this version of Velero", "install the plugin that the table names", is_certain=False),
    Cause("bad_config", "the location's configuration has keys that the plugin does not know", "correct backup_location_config"),
    Cause("secret_missing", "the Secret that the location names is not there", "run velero_install with credentials again"),
    Cause("location_missing", "there is no default location", "run velero_install"),
    Cause("location_unavailable", "the server cannot use the location, and says no reason that is known", "read its log, and run velero_location_check"),
    Cause("location_unseen", "the server has never looked at the location", "check plugin, config and credentials: versions before 1.9 are silent about them"),
    Cause("location_stale", "the server has not looked at the location for a while: its last word is old", "see why the server does not work"),
    Cause("location_read_only", "the location is read-only: restores work, backups do not", "set access_mode to ReadWrite if this cluster is to make backups"),
    Cause("server_missing", "there is no Velero in this namespace", "run velero_install, or name its namespace"),
    Cause("server_not_ready", "the server's pod is not ready", "see the reason of the pod"),
    Cause("agents_missing", "nodes have no agent, so volumes of their pods are in no backup", "run velero_install; see taints of these nodes"),
    Cause("agents_pending", "agents wait for room on their nodes", "add nodes, or make room for the agents' requests", is_certain=False),
    Cause("agents_not_ready", "agents are not ready", "see the reason of their pods"),
    Cause("repository_locked", "a repository is locked", "see that no backup runs, then unlock it (restic unlock), or wait for its maintenance"),
    Cause("repository_password", "a repository was made with another password", "put the password back that it was made with (repository_password)"),
    Cause("repository_not_ready", "a repository is not ready", "see its message; one that is damaged is checked by restic check or kopia repository status"),
    Cause("bad_ttl", "a Backup or Schedule has a ttl that Velero cannot read, and while it is there nothing is backed up at all", "delete that object"),
    Cause(
        "stalled_backup",
        "a backup runs since before the server began: it never ends",
        "delete it (DeleteBackupRequest) and start another",
        is_certain=False,
    ),
    Cause("schedule_invalid", "a Schedule was refused by the server", "correct its cron expression"),
    Cause("default_password", "the repositories have the password that everybody knows", "before the first backup, run velero_install", is_certain=False),
    Cause("version_unknown", "this version of Velero is outside 1.5 to 1.18", "install one of these", is_certain=False),
    Cause("kots_version", "this version of Velero does not go with that of KOTS", "install a version that the table names", is_certain=False),
)
CAUSES: Mapping[str, Cause] = {one.name: one for one in _ALL}

# What stores and plugins say, most telling first. From the recordings of 1.14.0 and 1.18.3 against S3, and the error codes of S3 and Google Cloud Storage.
_WORDS: tuple[tuple[str, str], ...] = (
    (r"NoSuchBucket|bucket does(n't| not) exist|bucket doesn't exist|notFound.*bucket", "bucket_missing"),
    (
        r"PermanentRedirect|AuthorizationHeaderMalformed|BucketRegionError|IllegalLocationConstraint|MovedPermanently|incorrect region|status ?code:? 301",
        "wrong_region",
    ),
    (r"RequestTimeTooSkewed|clock skew|Token used too early|iat.*exp", "clock_skew"),
    (r"InvalidAccessKeyId|Invalid JWT|invalid_grant|account not found", "unknown_key"),
    (r"ExpiredToken|TokenRefreshRequired|token has expired|InvalidToken", "expired_token"),
    (r"SignatureDoesNotMatch|signature we calculated", "wrong_signature"),
    (
        r"NoCredentialProviders|no EC2 IMDS role|could not find default credentials|failed to refresh cached credentials",
        "no_credentials",
    ),
    (r"unable to get credentials|secrets? \"[^\"]+\" not found|Secret \"[^\"]+\" not found", "secret_missing"),
    (r"AccessDenied|Access Denied|Forbidden|does not have storage\.|status ?code:? 403|googleapi: Error 403", "access_denied"),
    (r"no such host|server misbehaving|Temporary failure in name resolution", "unresolvable"),
    (r"x509|certificate signed by unknown|certificate (has expired|is not valid)|tls: ", "bad_certificate"),
    (
        r"connection refused|i/o timeout|no route to host|connection reset|request send failed|deadline exceeded|network is unreachable|RequestError",
        "unreachable",
    ),
    (r"invalid top-level directories", "foreign_files"),
    (r"no plugin|plugin.*not found|unable to locate .*plugin|ObjectStore plugin", "plugin_missing"),
    (r"config has invalid keys|invalid keys|unable to parse|missing region", "bad_config"),
    (r"unable to create lock|repository is already locked|already locked", "repository_locked"),
    (r"wrong password or no key found|invalid repository password", "repository_password"),
)


def cause_of(text: str, unknown: str = "") -> str:
    """The name of the cause that a message of the store's, a plugin's or a repository's tells; `unknown` where it tells none that is known."""
    return next((name for pattern, name in _WORDS if re.search(pattern, text, re.IGNORECASE)), unknown)


def evidence(text: str, most: int = 300) -> str:
    """A message in one line, without what changes with every request and what a signed address holds."""
    short = re.sub(r"(RequestID|HostID|request id|host id): ?[^,\s]*,?", "", text)
    short = re.sub(r"\?X-(Amz|Goog)-[^\s\"']*", "?...", short)
    short = " ".join(short.split())
    return short if len(short) <= most else short[:most] + "..."
