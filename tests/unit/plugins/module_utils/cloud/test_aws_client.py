# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failure of AWS means: no right, no such thing, no answer, no."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.aws_client import asking, aws_client
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError, NotFound, NotPermitted, Refused, Unreachable
from botocore import exceptions

CASES: list[tuple[str, int, type[CollectionError]]] = [
    ("UnauthorizedOperation", 403, NotPermitted),
    ("ExpiredToken", 400, NotPermitted),
    ("InvalidAMIID.NotFound", 400, NotFound),
    ("InvalidAMIID.Unavailable", 400, NotFound),
    ("InvalidGroup.NotFound", 400, NotFound),
    ("RequestLimitExceeded", 503, Unreachable),
    ("Throttling", 400, Unreachable),
    ("Anything", 500, Unreachable),
    ("DependencyViolation", 400, Refused),
    ("InvalidAMIName.Duplicate", 400, Refused),
]


@pytest.mark.parametrize(("code", "status", "kind"), CASES)
def test_what_aws_says(code: str, status: int, kind: type[CollectionError]) -> None:
    answer = {"Error": {"Code": code, "Message": "its words"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(kind, match=f"look at it: AWS says {code}: its words"), asking("look at it"):
        raise exceptions.ClientError(answer, "Describe")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.NoCredentialsError(), NotPermitted),
        (exceptions.EndpointConnectionError(endpoint_url="https://ec2.example"), Unreachable),
        (exceptions.ReadTimeoutError(endpoint_url="https://ec2.example"), Unreachable),
        (exceptions.ParamValidationError(report="no such option"), Refused),
    ],
)
def test_what_no_answer_means(error: Exception, kind: type[CollectionError]) -> None:
    with pytest.raises(kind, match="^look at it: "), asking("look at it"):
        raise error


def test_other_failures_are_not_ours() -> None:
    with pytest.raises(KeyError), asking("look at it"):
        raise KeyError("x")


def test_a_client_by_key_and_one_by_a_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(BadInput, match="see the option cloud"):
        aws_client("ec2", "eu-west-1", {"profile": "nobody"})
    monkeypatch.delenv("AWS_PROFILE")
    client = aws_client("ec2", "eu-west-1", {"profile": "nobody", "access_key": "lab", "secret_key": "lab", "endpoint_url": "http://127.0.0.1:9"})
    assert (client.meta.region_name, client.meta.endpoint_url) == ("eu-west-1", "http://127.0.0.1:9"), "a key beats a profile"
