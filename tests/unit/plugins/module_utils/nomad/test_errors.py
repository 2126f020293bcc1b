# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer that is not 200 means, by the texts that real servers sent."""

from __future__ import annotations

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.errors import LONGEST_TEXT, error_from_answer, error_from_exception
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

PLACE = "nomad.example:4646"


@pytest.mark.parametrize(
    ("status", "said", "kind", "words"),
    [
        (403, "Permission denied", NotPermitted, ["403", "nomad_token", "node:write", "read-job"]),
        (403, "ACL token not found", NotPermitted, ["ACL token not found", "nomad_token"]),
        (500, "Permission denied", NotPermitted, ["nomad_token"]),
        (404, "ACL token not found", NotPermitted, ["404", "ACL token not found", "nomad_token"]),
        (500, "ACL token expired", NotPermitted, ["500", "ACL token expired"]),
        (500, "acl token lookup failed: missing secret id", NotPermitted, ["missing secret id"]),
        (500, "acl token lookup failed: index error: UUID must be 36 characters", NotPermitted, ["UUID"]),
        (500, "failed to parse signed token: go-jose/go-jose: compact JWS format must have three parts", NotPermitted, ["signed token"]),
        (501, "Nomad Enterprise only endpoint", Refused, ["501", "Enterprise only"]),
        (404, "node not found", NotFound, ["404", "node not found"]),
        (400, "Missing request body", Refused, ["400", "Missing request body"]),
        (405, "Invalid method", Refused, ["405"]),
        (409, "conflict", Refused, ["409"]),
        (429, "too many", Unreachable, ["429", "busy"]),
        (502, "<html>Bad Gateway</html>", Unreachable, ["502", "proxy"]),
        (503, "", Unreachable, ["503"]),
        (504, "", Unreachable, ["504"]),
        (500, "No cluster leader", Unreachable, ["No cluster leader"]),
        (500, "rpc error: failed to get conn: dial tcp 127.0.0.1:4647: connect: connection refused", Unreachable, ["rpc error"]),
        (500, "EOF", Unreachable, ["EOF"]),
        (500, "1 error occurred: something nobody saw before", Unreachable, ["nobody saw"]),
        (500, "No path to region", BadInput, ["nomad_region", "leave it out"]),
        (500, "node not found", Refused, ["node not found"]),
        (500, "node lookup failed: index error: UUID must be 36 characters", Refused, ["UUID"]),
        (500, "can not set node's scheduling eligibility to eligible while it is draining", Refused, ["while it is draining"]),
        (500, 'invalid scheduling eligibility "x"', Refused, ["invalid scheduling eligibility"]),
    ],
)
def test_an_answer_by_status_and_text(status: int, said: str, kind: type[Exception], words: list[str]) -> None:
    error = error_from_answer(status, said, {}, PLACE)
    assert error.__class__ is kind and PLACE in str(error) and all(word in str(error) for word in words)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(("location", "shown"), [("/ui/", "/ui/"), ("https://sso.example/a?code=secret", "https://sso.example/a"), (None, "an unnamed place")])
def test_a_redirect(status: int, location: str | None, shown: str) -> None:
    error = error_from_answer(status, "", {"Location": location} if location else {}, PLACE)
    assert isinstance(error, Refused) and shown in str(error) and "secret" not in str(error) and "nomad_url" in str(error)


@pytest.mark.parametrize(("value", "after"), [("7", 7.0), ("0", 0.0), ("-1", None), ("soon", None), (None, None), ("Mon, 23 Nov 2026 08:00:00 GMT", None)])
def test_retry_after(value: str | None, after: float | None) -> None:
    error = error_from_answer(429, "", {"Retry-After": value} if value else {}, PLACE)
    assert isinstance(error, Unreachable) and error.after == after


@given(st.integers(300, 599).filter(lambda status: status != 200), st.text(max_size=1000))
def test_every_answer_is_one_bounded_line(status: int, said: str) -> None:
    words = str(error_from_answer(status, said, {}, PLACE))
    assert "\n" not in words and len(words) <= LONGEST_TEXT + 250


def wrapped(inner: Exception) -> requests.ConnectionError:
    """As requests and urllib3 wrap a cause."""
    return requests.ConnectionError(MaxRetryError(None, "/v1/nodes?token=secret", inner))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cause", "kind", "retry", "words"),
    [
        (requests.exceptions.SSLError("certificate verify failed"), Unreachable, False, ["TLS", "nomad_ca_path", "certificate verify failed"]),
        (requests.ConnectTimeout("x"), Unreachable, True, ["connection in time", "nomad_timeout"]),
        (requests.ReadTimeout("x"), Unreachable, True, ["did not answer in time", "nomad_timeout"]),
        (requests.ConnectionError("[Errno 111] Connection refused"), Unreachable, True, ["Connection refused"]),
        (requests.exceptions.ChunkedEncodingError("IncompleteRead"), Unreachable, True, ["IncompleteRead"]),
        (wrapped(NewConnectionError(None, "[Errno -2] Name or service not known")), Unreachable, True, ["Name or service"]),  # type: ignore[arg-type]
        (wrapped(ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))), Unreachable, True, ["failed"]),
        (requests.exceptions.InvalidURL("no host"), BadInput, None, ["nomad_url"]),
        (requests.exceptions.MissingSchema("x"), BadInput, None, ["nomad_url"]),
        (requests.exceptions.InvalidSchema("x"), BadInput, None, ["nomad_url"]),
    ],
)
def test_an_exception_by_its_type(cause: Exception, kind: type[Exception], retry: bool | None, words: list[str]) -> None:
    error = error_from_exception(cause, PLACE)
    assert error.__class__ is kind and PLACE in str(error) and all(word in str(error) for word in words)
    assert "secret" not in str(error) and "object at 0x" not in str(error) and getattr(error, "retry", None) is retry


def test_a_header_that_cannot_be_sent_is_not_quoted() -> None:
    error = error_from_exception(requests.exceptions.InvalidHeader("Invalid return character(s) in header value: 'secret'"), PLACE)
    assert "secret" not in str(error)
