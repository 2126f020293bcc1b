# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the search finds and what it must not: each form and pattern, across the borders of pieces, and never the thing itself in what it says."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.kots.redaction import Needle, needles_of, search

VALUE = 'pa"ss\nword-of-minio'
KEY = "-----BEGIN RSA PRIVATE KEY-----\n"
BODY = "MIIEowIBAAKCAQEAx"


def secret(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}}


def kinds(text: str, needles: tuple[Needle, ...] = ()) -> list[str]:
    return [one.kind for one in search("f", [text.encode()], needles)]


@pytest.mark.parametrize("form", [VALUE, json.dumps(VALUE), base64.b64encode(VALUE.encode()).decode(), base64.b64encode(VALUE.encode()).decode().rstrip("=")])
def test_a_value_is_found_in_each_form(form: str) -> None:
    found = search("logs/a.txt", [f"x {form} y".encode()], needles_of([secret("minio", password=VALUE)]))
    assert [(one.file, one.kind) for one in found] == [("logs/a.txt", "value of Secret minio, key password")]
    assert "word-of-minio" not in repr(found)


@pytest.mark.parametrize(
    "form",
    [
        r"Tr0ub\u0026dor\u003c3\u003e \"\u2028é",  # as Go writes JSON by itself
        r"Tr0ub&dor<3> \""
        "\u2028é",  # with SetEscapeHTML(false), but for U+2028, and as others write it
        r"Tr0ub&dor<3> \"\u2028\u00e9",  # as Python does
    ],
)
def test_a_value_is_found_however_json_is_written(form: str) -> None:
    value = 'Tr0ub&dor<3> "\u2028é'
    assert json.loads(f'"{form}"') == value
    assert kinds(f'{{"value": "{form}"}}', needles_of([secret("minio", password=value)])) == ["value of Secret minio, key password"]


def test_base64_of_more_than_the_value_is_found() -> None:
    needles = needles_of([secret("minio", password="hunter-222\n")])
    for more in ("", "\n", "\xff", ":rest"):
        assert kinds(base64.b64encode(f"hunter-222{more}".encode()).decode(), needles), more


def test_needles_do_not_show_their_value() -> None:
    assert "word-of-minio" not in repr(needles_of([secret("minio", password=VALUE)]))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (KEY + BODY, "private key"),
        ("-----BEGIN PRIVATE KEY-----\\n" + BODY, "private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n" + BODY, "private key"),
        ("id=AKIAIOSFODNN7EXAMPLE;", "AWS access key id"),
        ('"ASIAIOSFODNN7EXAMPLE"', "AWS access key id"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n", "AWS secret access key"),
        ('"AwsSecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"', "AWS secret access key"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r", "token"),
        ("Authorization: Kots 0123456789abcdef", "kotsadm auth string"),
    ],
)
def test_what_looks_like_a_key(text: str, kind: str) -> None:
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        KEY + "***HIDDEN***",
        "-----BEGIN PUBLIC KEY-----\n" + BODY,
        "XAKIAIOSFODNN7EXAMPLEX",
        "AKIAIOSFODNN7EXAMPL",
        "aws_secret_access_key = ***HIDDEN***",
        "eyJhbGciOiJIUzI1NiJ9 is no token",
        "Authorization: ***HIDDEN***",
        "",
    ],
)
def test_what_does_not(text: str) -> None:
    assert kinds(text, needles_of([secret("minio", password=VALUE)])) == []


def test_short_and_public_values_are_no_needles() -> None:
    given = secret("postgres", user="postgres-admin", host="postgres.circleci", password="1234567", **{"tls.crt": "-----BEGIN CERTIFICATE-----"})
    assert needles_of([given, {"metadata": {"name": "empty"}}, {"metadata": {"name": "odd"}, "data": {"x": "no base64!"}}]) == ()


def test_a_value_that_two_secrets_have_is_named_once() -> None:
    assert [one.kind for one in needles_of([secret("a", x=VALUE), secret("b", y=VALUE)])] == ["value of Secret a, key x"]


@pytest.mark.parametrize("cut", range(1, len(VALUE)))
def test_what_lies_across_a_border_is_found(cut: int) -> None:
    raw = VALUE.encode()
    pieces = [b"." * 100_000 + raw[:cut], raw[cut:] + b"." * 100_000]
    assert len(search("f", pieces, needles_of([secret("minio", password=VALUE)]))) == 1


def test_a_kind_is_told_once_a_file() -> None:
    assert kinds("AKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPL2 " * 50) == ["AWS access key id"]


def test_bytes_that_are_no_text_are_searched_too() -> None:
    raw = {"metadata": {"name": "s"}, "data": {"k": base64.b64encode(b"\xff\xfe binary secret").decode()}}
    assert len(search("f", [b"\x00\xff\xfe binary secret\x00"], needles_of([raw]))) == 1
