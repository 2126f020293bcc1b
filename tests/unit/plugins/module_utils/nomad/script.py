# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted transport: a requests adapter that gives the written answers in their order; one call too many or too few fails."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection
from ansible_collections.serverops.circleci.plugins.module_utils.transport.sessions import new_session
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

URL = "http://nomad.example:4646"


class StepClock:
    """Time passes only by sleeping, and by the answers that say how long they took."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += max(0.0, seconds)

    def wall(self) -> datetime:
        return datetime(2026, 11, 23, 8, 0, 0, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Said:
    """One answer. `took` in seconds of the step clock; `fails` is raised in place of an answer; `asked` is what the request must be ("GET /v1/nodes")."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    took: float = 0.0
    fails: Exception | None = None
    asked: str = ""

    @property
    def bytes(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


def ok(body: Any, index: int = 7, asked: str = "", **headers: str) -> Said:
    """A JSON answer as a server with a leader gives it."""
    return Said(
        json.dumps(body), headers={"Content-Type": "application/json", "X-Nomad-Index": str(index), "X-Nomad-Knownleader": "true", **headers}, asked=asked
    )


def text(status: int, words: str, asked: str = "", **headers: str) -> Said:
    """A text, as servers send their errors."""
    return Said(words, status, {"Content-Type": "text/plain", **{key.replace("_", "-"): value for key, value in headers.items()}}, asked=asked)


@dataclass(frozen=True)
class Asked:
    """One request as it reached the transport."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    url: str
    timeout: Any
    verify: Any
    cert: Any
    proxies: Any


class Script(BaseAdapter):
    """The answers that are left, and what was asked so far."""

    def __init__(self, answers: Sequence[Said], clock: StepClock) -> None:
        super().__init__()
        self.left = list(answers)
        self.asked: list[Asked] = []
        self.clock = clock

    def close(self) -> None:
        """Nothing is open."""

    def send(self, request: Any, stream: bool = False, timeout: Any = None, verify: Any = True, cert: Any = None, proxies: Any = None) -> requests.Response:
        parts = urlsplit(request.url)
        body = json.loads(request.body) if request.body else None
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.asked.append(Asked(request.method, parts.path, query, dict(request.headers), body, request.url, timeout, verify, cert, dict(proxies or {})))
        if not self.left:
            raise AssertionError(f"one call too many: {request.method} {request.url}")
        said = self.left.pop(0)
        if said.asked and said.asked != f"{request.method} {parts.path}":
            raise AssertionError(f"expected {said.asked}, got {request.method} {parts.path}")
        self.clock.time += said.took
        if said.fails is not None:
            raise said.fails
        return _response(request, said)

    @property
    def calls(self) -> list[str]:
        """What was asked, in short."""
        return [f"{asked.method} {asked.path}" for asked in self.asked]


def _response(request: Any, said: Said) -> requests.Response:
    response = requests.Response()
    response.status_code = said.status
    response.headers = CaseInsensitiveDict(said.headers)
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    response.raw = HTTPResponse(io.BytesIO(said.bytes), headers=said.headers, status=said.status, preload_content=False)
    response.url, response.request, response.reason = request.url, request, ""
    return response


@contextmanager
def scripted(*answers: Said, connection: NomadConnection | None = None) -> Iterator[tuple[NomadClient, Script, StepClock]]:
    """A client whose server says exactly this, in this order."""
    connection = connection or NomadConnection(url=URL)
    clock = StepClock()
    script = Script(answers, clock)
    session = new_session(connection.tls)
    session.mount("http://", script)
    session.mount("https://", script)
    yield NomadClient(connection, clock, session), script, clock
    assert not script.left, f"{len(script.left)} answers were never asked for"
