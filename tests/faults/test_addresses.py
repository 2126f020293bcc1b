# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and the way there (F14, F16, F01, F06 on real sockets): the right URL, no proxy of the environment, no half answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import NomadClient, client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection, checked
from ansible_collections.serverops.circleci.plugins.modules import nomad_node_drain
from faults.operators import both_profiles

from lab.nomad.clock import RealClock
from lab.nomad.lab import Lab
from lab.nomad.server import Server


class Listener(ThreadingHTTPServer):
    """Notes the path of each request and answers with what it was given."""

    daemon_threads = True

    def __init__(self, family: socket.AddressFamily = socket.AF_INET, answer: bytes = b"[]", headers: dict[str, str] | None = None) -> None:
        self.address_family = family
        self.answer, self.headers, self.seen = answer, headers or {}, []  # type: ignore[var-annotated]
        super().__init__(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), Answerer)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answerer(BaseHTTPRequestHandler):
    server: Listener

    def _any(self) -> None:
        self.server.seen.append(self.path)
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.answer)

    do_GET = do_POST = do_PUT = do_CONNECT = _any

    def log_message(self, *_args: object) -> None:
        pass


def ask(url: str, **options: object) -> object:
    params = {name: option.get("default") for name, option in nomad_node_drain.DOOR.options.items()}
    return client_from_params({**params, "nomad_url": url, **options}, SystemClock()).read("nodes", bound=0.1).body


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("http://127.0.0.1:{port}", "/v1/nodes"),
        ("http://127.0.0.1:{port}/", "/v1/nodes"),
        ("http://127.0.0.1:{port}///", "/v1/nodes"),
        ("127.0.0.1:{port}", "/v1/nodes"),
        (" http://localhost:{port} ", "/v1/nodes"),
        ("http://127.0.0.1:{port}/nomad", "/nomad/v1/nodes"),
        ("http://127.0.0.1:{port}/nomad/", "/nomad/v1/nodes"),
    ],
)
def test_F14_a_slash_or_a_path_prefix_gives_the_right_url(given: str, asked: str) -> None:
    listener = Listener()
    assert ask(given.format(port=listener.port)) == []
    assert listener.seen == [asked]


def test_F14_an_address_of_ipv6_only() -> None:
    try:
        listener = Listener(socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    for given in (f"http://[::1]:{listener.port}/", f"[::1]:{listener.port}"):
        assert ask(given) == []
    assert listener.seen == ["/v1/nodes"] * 2


def test_F14_bare_ipv6_keeps_its_brackets_and_gets_the_port() -> None:
    assert checked(NomadConnection(url="http://[::1]")).url == "http://[::1]:4646"
    assert checked(NomadConnection(url="https://[2001:db8::7]/")).url == "https://[2001:db8::7]:443"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """A proxy that the environment names in every way there is."""
    listener = Listener()
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield listener
    listener.shutdown()


@both_profiles
def test_F16_no_call_reaches_a_proxy_of_the_environment(profile: str, proxy: Listener) -> None:
    lab = Lab(profile, clients=3, clock=RealClock(20))
    server = Server(lab, 0).start()
    try:
        with requests.Session() as session:  # the proxy works: a caller who asks the environment lands there
            session.get(server.url + "/v1/nodes", timeout=5)
        assert len(proxy.seen) == 1
        options = {**nomad_node_drain.DOOR.options, **door.WAIT_OPTIONS}
        params = {name: option.get("default") for name, option in options.items()}
        lab.build("build-1", "c1", seconds=20)
        lab.clock.sleep(4)
        outcome = door.reconcile(nomad_node_drain.DOOR, {**params, "nodes": ["c1"], "nomad_url": server.url}, False)
        assert not outcome.failure and lab.truth()["builds"][0]["how"] == "itself"
        assert len(proxy.seen) == 1, "internal calls went through the proxy"
    finally:
        server.stop()


def test_F01_a_listener_that_never_accepts_is_a_time_out_that_names_host_and_port() -> None:
    with socket.socket() as deaf, socket.socket() as fills, socket.socket() as fills_too:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for other in (fills, fills_too):
            other.setblocking(False)
            other.connect_ex(deaf.getsockname())
        place = f"127.0.0.1:{deaf.getsockname()[1]}"
        client = NomadClient(NomadConnection(url=f"http://{place}", timeout=0.3), SystemClock())
        with pytest.raises(Unreachable, match=f"{place} did not take the connection in time"):
            client.read("nodes", bound=0.1)


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b'[{"ID": "x", "Na', {"Content-Length": "900"}), (b'[{"ID": "x", "Na', {}), (b"", {}), (b'4\r\n[{"I\r\n', {"Transfer-Encoding": "chunked"})],
    ids=["length", "closed", "nothing", "chunked"],
)
def test_F06_half_an_answer_on_the_wire_is_no_answer(body: bytes, headers: dict[str, str]) -> None:
    listener = Listener(answer=body, headers=headers)
    with pytest.raises(CollectionError, match=f"127.0.0.1:{listener.port}"):
        ask(f"http://127.0.0.1:{listener.port}")
