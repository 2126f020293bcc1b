# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a name resolves to, asked of a resolver of the lab and of the system's; and whether anybody listens."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.transport import names
from ansible_collections.serverops.circleci.plugins.module_utils.transport.names import Resolved, endpoint, listens, resolve

from lab.names.resolver import Resolver

BALANCER = "lab-1.elb.amazonaws.com"


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    monkeypatch.setattr(names, "PATIENCE", 0.3)
    made = Resolver({"ci.example.com": ["192.0.2.1", "2001:db8::1"], "alias.example.com": BALANCER, BALANCER: ["192.0.2.7", "192.0.2.8"], "no.example.com": []})
    try:
        yield made
    finally:
        made.stop()


def test_addresses_of_both_kinds(resolver: Resolver) -> None:
    assert resolve("ci.example.com", resolver.address) == Resolved(("192.0.2.1", "2001:db8::1"))
    assert resolve("CI.Example.Com.", resolver.address).addresses == ("192.0.2.1", "2001:db8::1")


def test_an_alias_says_what_it_stands_for(resolver: Resolver) -> None:
    assert resolve("alias.example.com", resolver.address) == Resolved(("192.0.2.7", "192.0.2.8"), (BALANCER,))


@pytest.mark.parametrize("name", ["gone.example.com", "no.example.com"])
def test_no_such_name_and_no_address_are_an_answer(resolver: Resolver, name: str) -> None:
    with pytest.raises(NotFound, match=name):
        resolve(name, resolver.address)


def test_a_long_answer_comes_by_tcp(resolver: Resolver) -> None:
    resolver.long = True
    resolver.names["many.example.com"] = [f"192.0.2.{number}" for number in range(1, 200)]
    assert len(resolve("many.example.com", resolver.address).addresses) == 199


SPOILT: list[Any] = [
    pytest.param(lambda raw: b"", id="nothing"),
    pytest.param(lambda raw: raw[:-3], id="cut off"),
    pytest.param(lambda raw: bytes([raw[0] ^ 1]) + raw[1:], id="another's number"),
    pytest.param(lambda raw: raw[:2] + b"\x01\x00" + raw[4:], id="a question"),
    pytest.param(lambda raw: raw[:12] + b"\xc0\x0c" + raw[14:], id="a name that leads to itself"),
]


@pytest.mark.parametrize("mangle", SPOILT)
def test_what_is_no_answer_leaves_it_unknown(resolver: Resolver, mangle: Any) -> None:
    resolver.mangle = mangle
    with pytest.raises(Unreachable, match="no usable answer about ci.example.com"):
        resolve("ci.example.com", resolver.address)


def test_a_resolver_that_fails_or_is_silent_leaves_it_unknown(resolver: Resolver) -> None:
    resolver.fails = True
    with pytest.raises(Unreachable):
        resolve("ci.example.com", resolver.address)
    resolver.fails, resolver.dead = False, True
    with pytest.raises(Unreachable):
        resolve("ci.example.com", resolver.address)


@pytest.mark.parametrize("code", [socket.EAI_NONAME, socket.EAI_NODATA])
def test_the_systems_no_is_an_answer(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _raising(socket.gaierror(code, "nothing")))
    with pytest.raises(NotFound):
        resolve("ci.example.com")


@pytest.mark.parametrize("code", [socket.EAI_AGAIN, socket.EAI_FAIL])
def test_the_systems_silence_is_none(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _raising(socket.gaierror(code, "later")))
    with pytest.raises(Unreachable, match="system's resolver"):
        resolve("ci.example.com")


def test_the_system_knows_this_machine() -> None:
    assert "127.0.0.1" in resolve("localhost").addresses or "::1" in resolve("localhost").addresses


def test_who_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listens("127.0.0.1", port, 5.0) == ""
    assert "refused" in listens("127.0.0.1", port, 5.0).lower()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:54", ("2001:db8::1", 54)),
    ],
)
def test_a_resolvers_address(text: str, found: tuple[str, int]) -> None:
    assert endpoint(text) == found


@pytest.mark.parametrize("text", ["dns.example.com", "192.0.2.1:x", "192.0.2.1:0", "192.0.2.1:70000", "[2001:db8::1", "1.2.3"])
def test_what_is_no_resolvers_address(text: str) -> None:
    with pytest.raises(BadInput, match="resolver"):
        endpoint(text)


def _raising(error: Exception) -> Any:
    def raise_it(*_args: Any, **_more: Any) -> Any:
        raise error

    return raise_it
