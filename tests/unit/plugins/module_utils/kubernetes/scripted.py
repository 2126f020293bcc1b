# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool of connections that answers by a script, below the client: recorded answers, or a function of the request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.link_client import Link

Json = dict[str, Any]
RECORDED = Path(__file__).parents[4] / "lab/recordings/kubernetes"
TOKEN = "a-token-of-the-test"


def recorded(name: str) -> list[Any]:
    return [json.loads(line) for line in (RECORDED / f"{name}.jsonl").read_text().splitlines()]


@dataclass
class Asked:
    """A request as it would go out."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    timeout: Any = None


@dataclass
class Answer:
    """What urllib3 would hand over. `pieces` is the body of a watch; an exception in it breaks the connection there."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[Any] = field(default_factory=list)
    chunked: bool = True

    @property
    def data(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()

    def read_chunked(self, _amount: int) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def stream(self, _amount: int) -> Iterator[bytes]:
        return self.read_chunked(_amount)

    def release_conn(self) -> None: ...

    def close(self) -> None: ...


Script = Callable[[Asked], Any]


class ScriptedLink(Link):
    """Credentials without a cluster."""

    def __init__(self, script: Script, headers: dict[str, str] | None = None) -> None:
        super().__init__(KubernetesConnection(api_key=Secret(TOKEN)))
        self._script, self._headers = script, headers or {"authorization": f"Bearer {TOKEN}"}
        self.asked: list[Asked] = []

    @property
    def place(self) -> str:
        return "api.example:6443"

    def headers(self) -> dict[str, str]:
        return dict(self._headers)

    def api(self) -> Any:
        pool = SimpleNamespace(request=self._request)
        return SimpleNamespace(configuration=SimpleNamespace(host="https://api.example:6443"), rest_client=SimpleNamespace(pool_manager=pool))

    def _request(self, method: str, url: str, **more: Any) -> Any:
        parts = urlsplit(url)
        body = json.loads(more["body"]) if more["body"] else None
        asked = Asked(method, parts.path, dict(parse_qsl(parts.query)), body, more["headers"], more["timeout"])
        self.asked.append(asked)
        assert more["redirect"] is False and more["retries"] is False
        got = self._script(asked)
        if isinstance(got, Exception):
            raise got
        return got


class StepClock:
    """A clock on which sleeping takes no time."""

    def __init__(self) -> None:
        self.time, self.slept = 1000.0, list[float]()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def wall(self) -> Any:
        raise AssertionError("nobody asks for it")


def scripted(*answers: Any, script: Script | None = None, clock: Any = None) -> tuple[KubernetesClient, list[Asked]]:
    """A client that gets these answers one after another, or what `script` makes of a request; and what it asked."""
    left = iter(answers)
    link = ScriptedLink(script or (lambda _asked: next(left)))
    return KubernetesClient(KubernetesConnection(), cast(Any, clock or StepClock()), link), link.asked


def replayed(line: Json) -> Answer:
    """The answer of a recorded line."""
    return Answer(line["response"]["status"], line["response"]["body"], line["response"]["headers"])
