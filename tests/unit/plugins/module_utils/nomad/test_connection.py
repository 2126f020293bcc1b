# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the connection: what they become, and which cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NOMAD_OPTIONS, ROAD_OPTIONS, NomadConnection, checked


def connection(**fields: Any) -> NomadConnection:
    return checked(NomadConnection(**fields))


def test_every_option_is_a_field_of_the_same_name_and_default() -> None:
    made = spec_from_params(NomadConnection, {name: option.get("default") for name, option in NOMAD_OPTIONS.items()}, prefix="nomad_")
    assert made == NomadConnection()
    plain = set(NOMAD_OPTIONS) - set(ROAD_OPTIONS)
    assert {name.removeprefix("nomad_") for name in plain} | {"road"} == set(NomadConnection.__dataclass_fields__)


def test_the_token_is_a_secret_and_never_logged() -> None:
    assert NOMAD_OPTIONS["nomad_token"]["no_log"] is True
    made = spec_from_params(NomadConnection, {"nomad_token": "cafe"}, prefix="nomad_")
    assert made.token == Secret("cafe") and "cafe" not in repr(made)


def test_environment_names_are_those_of_the_official_cli() -> None:
    assert {option["env"] for option in NOMAD_OPTIONS.values() if "env" in option} == {
        "NOMAD_ADDR",
        "NOMAD_TOKEN",
        "NOMAD_REGION",
        "NOMAD_CACERT",
        "NOMAD_CLIENT_CERT",
        "NOMAD_CLIENT_KEY",
        "NOMAD_TLS_SERVER_NAME",
    }


@pytest.mark.parametrize(
    ("given", "url", "place"),
    [
        ("http://nomad.example:4646", "http://nomad.example:4646", "nomad.example:4646"),
        ("http://nomad.example:4646/", "http://nomad.example:4646", "nomad.example:4646"),
        ("nomad.example", "http://nomad.example:4646", "nomad.example:4646"),
        ("nomad.example:1234", "http://nomad.example:1234", "nomad.example:1234"),
        ("https://nomad.example", "https://nomad.example:443", "nomad.example:443"),
        ("https://nomad.example/nomad/", "https://nomad.example/nomad", "nomad.example"),
        ("http://[2001:db8::1]", "http://[2001:db8::1]:4646", "[2001:db8::1]:4646"),
        ("[::1]:4646", "http://[::1]:4646", "[::1]:4646"),
        ("  http://nomad.example:4646\t", "http://nomad.example:4646", "nomad.example:4646"),
        ("HTTPS://nomad.example:4646", "HTTPS://nomad.example:4646", "nomad.example:4646"),
    ],
)
def test_an_address_is_put_right(given: str, url: str, place: str) -> None:
    made = connection(url=given)
    assert (made.url, made.place) == (url, place)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", ["nomad_url", "http(s)://host:port"]),
        pytest.param("http://", ["nomad_url"]),
        ("ftp://nomad.example", ["ftp://nomad.example", "http(s)://host:port"]),
        ("unix:///run/nomad.sock", ["nomad_url is unix://"]),
        ("http://nomad.example:http", ["no port number", "nomad.example:http"]),
        ("http://nomad.example:99999", ["no port number"]),
        ("::1", ["no port number"]),
        ("http://me:cafe@nomad.example:4646", ["user or password", "nomad_token"]),
        ("http://cafe@nomad.example:4646", ["user or password", "nomad_token"]),
        ("http://nomad.example:4646/?token=cafe", ["query"]),
        ("http://nomad.example:4646/#cafe", ["fragment"]),
        pytest.param(
            "http://[::1",
            ["nomad_url"],
        ),
        pytest.param(
            "http://\u2100x:4646",
            ["nomad_url"],
        ),
        pytest.param(
            "http://nomad..example:4646",
            ["nomad_url"],
        ),
        pytest.param(
            "http://me:cafe/x@nomad.example:4646",
            ["nomad_url"],
        ),
    ],
)
def test_an_address_that_cannot_be_is_refused_without_what_it_may_hide(given: str, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        connection(url=given)
    assert all(word in str(caught.value) for word in words) and "cafe" not in str(caught.value)


@pytest.mark.parametrize("timeout", [0, -1, 0.0])
def test_a_timeout_is_more_than_nothing(timeout: float) -> None:
    with pytest.raises(BadInput, match="nomad_timeout is .*more than 0"):
        connection(timeout=timeout)


@pytest.mark.parametrize("timeout", [float("nan"), float("inf")])
def test_a_timeout_is_a_finite_number(timeout: float) -> None:
    with pytest.raises(BadInput, match="nomad_timeout"):
        connection(timeout=timeout)


@pytest.mark.parametrize(("fields", "missing"), [({"client_cert": "/c.pem"}, "nomad_client_key"), ({"client_key": "/k.pem"}, "nomad_client_cert")])
def test_half_a_client_certificate_is_refused(fields: dict[str, str], missing: str) -> None:
    """Sent without a word, the server's alert would be all that is known."""
    with pytest.raises(BadInput, match=f"{missing} is missing"):
        connection(**fields)


@pytest.mark.parametrize("name", ["ca_path", "client_cert", "client_key"])
def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    there = tmp_path / "there.pem"
    there.write_text("x")
    fields = {"client_cert": str(there), "client_key": str(there), name: str(tmp_path / "absent.pem")}
    with pytest.raises(BadInput, match=f"nomad_{name} is .*absent.pem, but no readable file"):
        connection(**fields)


def test_empty_texts_are_nothing() -> None:
    made = connection(ca_path="", client_cert="", client_key="", region="", tls_server_name="")
    assert made.tls.trust is True and made.tls.identity == ()
