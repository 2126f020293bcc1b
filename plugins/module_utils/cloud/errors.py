# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the exceptions of boto3 and of google-auth mean, as causes. Their texts hold names, times and addresses, and no secret but in a URL's query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.causes import S3_CODES, StoreError, store_error

LONGEST_TEXT = 240


def from_boto(error: Any, place: str, act: str) -> StoreError:
    """The failure that an exception of botocore's means."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return _answered(error.response, place, act)
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.ProfileNotFound, exceptions.TokenRetrievalError)):
        return store_error("no_credentials", place, cut(error))
    if isinstance(error, exceptions.SSLError):
        return store_error("bad_certificate", place, cut(error))
    if isinstance(error, (exceptions.HTTPClientError, exceptions.EndpointConnectionError, exceptions.ConnectionError)):
        return store_error("unreachable", place, cut(error))
    return store_error("other", place, cut(error))


def _answered(response: Mapping[str, Any], place: str, act: str) -> StoreError:
    said, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = str(said.get("Code", "")), meta.get("HTTPStatusCode", 0)
    cause = S3_CODES.get(code) or ("busy" if status >= 500 else "other")
    words = [cut(said.get("Message") or act), f"during {act}"]
    words += [f"{name}: {said[name]}" for name in ("Region", "Endpoint", "ServerTime", "RequestTime", "BucketName") if said.get(name)]
    region = meta.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    words += [f"the bucket's region is {region}"] if region and cause == "wrong_region" else []
    return store_error(cause, place, ", ".join(words), code)


def from_google(error: Any, place: str) -> StoreError:
    """The failure that an exception of google-auth's or of requests' means."""
    import requests
    from google.auth import exceptions

    if isinstance(error, exceptions.DefaultCredentialsError):
        return store_error("no_credentials", place, cut(error))
    if isinstance(error, requests.exceptions.SSLError) or "certificate verify failed" in str(error):
        return store_error("bad_certificate", place, cut(error))
    if isinstance(error, exceptions.RefreshError):
        return store_error("busy" if error.retryable else _refresh(str(error)), place, cut(error))
    if isinstance(error, (exceptions.TransportError, requests.exceptions.RequestException)):
        return store_error("unreachable", place, cut(error))
    return store_error("other", place, cut(error))


def _refresh(text: str) -> str:
    """Google's token service says invalid_grant for a clock that is off, a key that was deleted and an account that is gone alike, in words."""
    if "Token must be a short-lived token" in text or "reasonable timeframe" in text:
        return "clock_skew"
    if "Invalid JWT Signature" in text or "Invalid signature" in text:
        return "wrong_signature"
    return "unknown_key" if "invalid_grant" in text else "other"


def google_answer(status: int, message: str, place: str) -> StoreError:
    """The failure that an answer of Cloud Storage means; `message` is the one in its JSON."""
    missing = "object_missing" if is_object_missing(message) else "bucket_missing"
    causes = {401: "unknown_key", 403: "access_denied", 404: missing, 408: "busy", 429: "busy"}
    return store_error(causes.get(status) or ("busy" if status >= 500 else "other"), place, cut(message), str(status))


def is_object_missing(message: str) -> bool:
    """Whether it is the object that is not there. The name of its bucket comes along, which may hold any word."""
    return message.startswith("No such object") or "bucket" not in message.lower()


def cut(error: object) -> str:
    """Words on one line, none of them the query of a URL: a signed one holds a signature."""
    words = [word.partition("?")[0] + ('"' if word.endswith('"') and "?" in word else "") if "://" in word else word for word in str(error).split()]
    return " ".join(words)[:LONGEST_TEXT]
