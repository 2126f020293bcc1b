# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller whose clock is wrong (F13), and a name that leads elsewhere in the middle of a run (F15)."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection
from faults.operators import Operator, assert_drained, both_ways, ends, reasons, verdicts

from lab.nomad.lab import Lab

VERSIONS = ("0.5.6", "1.1.2", "1.7.7", "1.11.3")
HOUR = 3600.0


class WrongClock:
    """The lab's clock, but for the time of day: `off` seconds wrong, `later` from some moment on."""

    def __init__(self, lab: Lab, off: float, later: float | None = None, moment: float = 0.0) -> None:
        self._clock, self._off, self._later, self._moment = lab.clock, off, later, moment
        self.now, self.sleep = lab.clock.now, lab.clock.sleep

    def wall(self) -> datetime:
        jumped = self._later is not None and self._clock.now() >= self._moment
        return self._clock.wall() + timedelta(seconds=float(self._later if jumped else self._off))  # type: ignore[arg-type]


@pytest.mark.parametrize("profile", VERSIONS)
@both_ways
@pytest.mark.parametrize(("off", "later"), [(2 * HOUR, None), (-2 * HOUR, None), (0.0, 2 * HOUR), (0.0, -2 * HOUR)])
def test_F13_a_clock_two_hours_off_changes_no_verdict_and_no_time(profile: str, sliced: bool, off: float, later: float | None) -> None:
    lab = Lab(profile, clients=3)
    lab.build("build-1", "c1", seconds=40)
    lab.clock.sleep(1)
    clock = WrongClock(lab, off, later, lab.clock.now() + 10)
    began = lab.clock.now()
    result = Operator(lab, sliced, clock=clock).drain("c1", wait_timeout=300)
    assert_drained(lab, result, "c1")
    assert 38 <= lab.clock.now() - began <= 60, "it waited for the build, by its own stop-watch"


@pytest.mark.parametrize("off", [2 * HOUR, -2 * HOUR])
def test_F13_a_time_out_is_a_length_and_builds_struck_before_a_second_run_are_still_named(off: float) -> None:
    lab = Lab("1.1.2", clients=3)
    lab.build("build-1", "c1", seconds=300)
    lab.clock.sleep(1)
    began = lab.clock.now()
    first = Operator(lab, clock=WrongClock(lab, off)).drain("c1", deadline=30, allow_killing_builds=True, wait_timeout=10)
    assert first["failed"] and verdicts(first) == {"c1": "unfinished"} and lab.clock.now() - began <= 20, reasons(first)
    lab.clock.sleep(60)
    second = Operator(lab, clock=WrongClock(lab, -off)).drain("c1")
    assert ends(lab) == {"build-1": "killed"} and verdicts(second) == {"c1": "killed"}, reasons(second)


class Named(BaseHTTPRequestHandler):
    """Answers with the name of its server."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps(self.server.name).encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.server.ends:  # type: ignore[attr-defined]
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: Any) -> None:
        """Quiet."""


@contextmanager
def serving(name: str, address: str, port: int = 0) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer((address, port), Named)
    server.name, server.ends = name, False  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def resolving(places: list[str]) -> Callable[..., Any]:
    """The system's resolver, but for one name that leads where the list says first."""
    real = socket.getaddrinfo

    def find(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real(places[0] if host == "nomad.test" else host, *args, **kwargs)

    return find


def test_F15_a_name_that_leads_elsewhere_is_asked_again_when_the_connection_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    places = ["127.0.0.1"]
    monkeypatch.setattr(socket, "getaddrinfo", resolving(places))
    with serving("old", "127.0.0.1") as old, serving("new", "127.0.0.2", old.server_address[1]):
        client = NomadClient(NomadConnection(url=f"http://nomad.test:{old.server_address[1]}", timeout=2.0), SystemClock())
        assert client.read("status", "leader").body == "old"
        places[0] = "127.0.0.2"
        assert client.read("status", "leader").body == "old", "a connection that lives is kept: else this shows nothing"
        old.ends = True  # type: ignore[attr-defined]
        assert client.read("status", "leader").body == "old", "its last answer, after which it hangs up"
        assert client.read("status", "leader").body == "new"
