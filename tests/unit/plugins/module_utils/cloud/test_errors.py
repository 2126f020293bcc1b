# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the vendors' exceptions mean: each its cause, never a URL's query."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.causes import CAUSES, S3_CODES, StoreError, store_error
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.errors import cut, from_boto, from_google, google_answer
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, Unreachable
from botocore import exceptions as aws
from google.auth import exceptions as google


def answered(code: str, status: int = 400, **headers: str) -> aws.ClientError:
    return aws.ClientError({"Error": {"Code": code, "Message": "words"}, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}}, "PutObject")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        *[(answered(code), cause) for code, cause in S3_CODES.items()],
        (answered("Odd", 503), "busy"),
        (answered("Odd", 400), "other"),
        (aws.NoCredentialsError(), "no_credentials"),
        (aws.ProfileNotFound(profile="x"), "no_credentials"),
        (aws.SSLError(endpoint_url="https://x", error="certificate verify failed"), "bad_certificate"),
        (aws.EndpointConnectionError(endpoint_url="https://x"), "unreachable"),
        (aws.ConnectTimeoutError(endpoint_url="https://x"), "unreachable"),
        (aws.ReadTimeoutError(endpoint_url="https://x"), "unreachable"),
        (aws.ParamValidationError(report="bucket"), "other"),
    ],
)
def test_boto(error: Any, cause: str) -> None:
    assert from_boto(error, "bucket b", "PutObject").cause == cause


def test_the_region_of_a_redirect_is_evidence() -> None:
    assert "the bucket's region is eu-west-3" in from_boto(answered("301", 301, **{"x-amz-bucket-region": "eu-west-3"}), "bucket b", "HeadBucket").evidence


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (google.DefaultCredentialsError("none"), "no_credentials"),
        (google.RefreshError("invalid_grant: Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe"), "clock_skew"),
        (google.RefreshError("invalid_grant: Invalid JWT Signature."), "wrong_signature"),
        (google.RefreshError("invalid_grant: Invalid grant: account not found"), "unknown_key"),
        (google.RefreshError("the service is unavailable", retryable=True), "busy"),
        (google.TransportError("no route"), "unreachable"),
        (google.TransportError("SSLError: certificate verify failed"), "bad_certificate"),
        (requests.exceptions.SSLError("bad"), "bad_certificate"),
        (requests.exceptions.ConnectionError("refused"), "unreachable"),
        (google.GoogleAuthError("odd"), "other"),
    ],
)
def test_google(error: Any, cause: str) -> None:
    assert from_google(error, "bucket b").cause == cause


@pytest.mark.parametrize(
    ("status", "words", "cause"),
    [
        (404, "The specified bucket does not exist.", "bucket_missing"),
        (404, "No such object: b/x", "object_missing"),
        (404, "No such object: my-bucket/x", "object_missing"),
        (403, "x does not have storage.objects.create access", "access_denied"),
        (401, "Invalid Credentials", "unknown_key"),
        (429, "slow", "busy"),
        (503, "", "busy"),
        (412, "odd", "other"),
    ],
)
def test_google_s_answers(status: int, words: str, cause: str) -> None:
    assert google_answer(status, words, "bucket b").cause == cause


@pytest.mark.parametrize("name", CAUSES)
def test_each_cause_gives_one_sentence_with_its_remedy(name: str) -> None:
    error = store_error(name, "bucket b", "what it said")
    assert isinstance(error, CollectionError)
    assert str(error) == f"bucket b: {CAUSES[name].words} (what it said); {CAUSES[name].remedy}"


def test_certificates_are_not_asked_again() -> None:
    found: list[StoreError] = [store_error("bad_certificate", "b", ""), store_error("busy", "b", "")]
    assert [one.retry for one in found if isinstance(one, Unreachable)] == [False, True]


def test_signed_addresses_lose_their_query() -> None:
    assert cut('Could not connect to "https://b.s3/x?X-Amz-Signature=canary"  now') == 'Could not connect to "https://b.s3/x" now'
