# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of server_names_info: four values that agree, each of them made to differ, and each of them out of sight."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from unittest import mock

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.transport import handshakes, redirects
from unit.laws.certificates_world import HOST, ONE, CertificateWorld
from unit.plugins.modules.indoors import check_options, module, process, returned

NAME = "server_names_info"
CALLBACK = f"https://{HOST}/auth/github"
ASKED = {"addresses": ["203.0.113.10"], "oauth_callback": CALLBACK}


@pytest.fixture
def host() -> CertificateWorld:
    return CertificateWorld(ONE)


def read(host: CertificateWorld, resolved: Any = ("203.0.113.10",), **params: Any) -> dict[str, Any]:
    made = module(NAME).DOOR
    full = {name: option.get("default") for name, option in made.options.items()}
    answer = {"side_effect": resolved} if isinstance(resolved, Exception) else {"return_value": resolved}
    with host.open(), mock.patch.object(handshakes, "addresses_of", **answer):
        return dict(made.read({**full, **params}, host.clock))


def verdicts(result: dict[str, Any]) -> dict[str, str]:
    return {value["name"]: value["verdict"] for value in result["compared"]}


@contextmanager
def github(location: str) -> Iterator[str]:
    """A login page that redirects there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/login"
    finally:
        server.shutdown()
        server.server_close()


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


def test_four_values_agree(host: CertificateWorld) -> None:
    result = read(host, **ASKED)
    assert set(result) == set(returned(NAME)) and (result["agree"], result["differing"], result["host_name"]) == (True, [], HOST)
    assert set(verdicts(result).values()) == {"agrees"}


@pytest.mark.parametrize(
    ("resolved", "params", "which", "verdict"),
    [
        (("203.0.113.11",), {}, "dns", "differs"),
        (("203.0.113.10", "203.0.113.11"), {}, "dns", "differs"),
        (NotFound("there is no such name"), {}, "dns", "differs"),
        (Unreachable("no answer"), {}, "dns", "unknown"),
        (("203.0.113.10",), {"oauth_callback": f"http://{HOST}/auth/github"}, "oauth_callback", "differs"),
        (("203.0.113.10",), {"oauth_callback": "https://old.example.com/auth/github"}, "oauth_callback", "differs"),
        (("203.0.113.10",), {"oauth_callback": f"https://{HOST}:8443/auth/github"}, "oauth_callback", "differs"),
        (("203.0.113.10",), {"oauth_callback": f"http://{HOST}:443/auth/github", "scheme": "http"}, "oauth_callback", "differs"),
    ],
)
def test_the_one_that_does_not_agree_is_named(host: CertificateWorld, resolved: Any, params: dict[str, Any], which: str, verdict: str) -> None:
    result = read(host, resolved, **{**ASKED, **params})
    assert result["differing"] == [which] and not result["agree"] and verdicts(result)[which] == verdict


def test_the_usual_port_may_stand_in_the_callback(host: CertificateWorld) -> None:
    assert read(host, **{**ASKED, "oauth_callback": f"https://{HOST}:443/auth/github"})["agree"]
    assert read(host, **{**ASKED, "oauth_callback": f"http://{HOST}:80/", "scheme": "http"})["agree"]


def test_a_host_name_that_stands_in_no_certificate_is_told(host: CertificateWorld) -> None:
    with host.host.look() as now:
        now.state["stored"]["hostname"] = {"value": "b\u00fccher.example.com"}
    result = read(host, addresses=["203.0.113.10"])
    assert result["differing"] == ["certificate"] and "xn--" in str(result["compared"])


def test_a_certificate_for_another_name_differs(host: CertificateWorld) -> None:
    result = read(host, **{**ASKED, "host_name": "ci.example.org", "oauth_callback": "https://ci.example.org/auth/github"})
    assert result["differing"] == ["certificate"] and "it is for circleci.example.com" in str(result["compared"])


def test_what_cannot_be_seen_is_unknown(host: CertificateWorld) -> None:
    host.deaf = True
    result = read(host, **ASKED)
    assert verdicts(result)["certificate"] == "unknown" and not result["agree"]
    with mock.patch.object(redirects, "redirect_of", side_effect=Unreachable("no answer")):
        assert verdicts(read(host, login_url="https://x/login"))["oauth_callback"] == "unknown"


def test_a_callback_that_nobody_gave_is_not_asked_and_told_so(host: CertificateWorld) -> None:
    result = read(host)
    assert result["agree"] and verdicts(result)["oauth_callback"] == "not_asked" and "GitHub tells nobody" in str(result["compared"])


@pytest.mark.parametrize(
    ("location", "verdict"),
    [
        (f"https://github.com/login/oauth/authorize?client_id=1&redirect_uri=https%3A%2F%2F{HOST}%2Fauth%2Fgithub", "agrees"),
        (f"https://github.com/login/oauth/authorize?redirect_uri=http%3A%2F%2F{HOST}%2F", "differs"),
        (f"https://github.com/login/oauth/authorize?redirect_uri=https%3A%2F%2F{HOST}%3A99999%2F", "differs"),
        ("https://[github.com/login?redirect_uri=x", "unknown"),
        ("https://github.com/login", "unknown"),
    ],
)
def test_the_login_page_tells_the_callback(host: CertificateWorld, location: str, verdict: str) -> None:
    with github(location) as url:
        assert verdicts(read(host, login_url=url))["oauth_callback"] == verdict


def test_an_installation_without_a_host_name_differs(host: CertificateWorld) -> None:
    with host.host.look() as now:
        now.state["stored"]["hostname"] = {}
    result = read(host, **ASKED)
    assert result["host_name"] is None and "host_name" in result["differing"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"host_name": "https://x"}, "host_name"),
        ({"addresses": ["x"]}, "addresses has 'x'"),
        ({"oauth_callback": "x"}, "oauth_callback is 'x'"),
        ({"oauth_callback": "https://[x/"}, "oauth_callback is 'https://\\[x/'"),
        ({"oauth_callback": "https://x:99999/"}, "oauth_callback is 'https://x:99999/'"),
        ({"login_url": "ftp://x"}, "login_url is 'ftp://x'"),
        ({"endpoint": "a b"}, "endpoint has 'a b'"),
    ],
)
def test_bad_options_are_named(host: CertificateWorld, params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read(host, **params)


def test_the_real_resolver_and_a_closed_port(host: CertificateWorld) -> None:
    ran = process(NAME, {"PATH": "/nowhere"}, host_name="localhost", endpoint="127.0.0.1:1", login_url="http://127.0.0.1:1/")
    assert verdicts(ran) == {"host_name": "agrees", "dns": "agrees", "certificate": "unknown", "oauth_callback": "unknown"} and not ran["changed"]
