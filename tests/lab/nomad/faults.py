"""Faults on the way between a caller and the server: seeded, counted, by method and path."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import random
import re
from dataclasses import dataclass, field
from typing import Any

from lab.nomad.wire import TEXT, Response

KINDS = ("reset", "refuse", "500", "429", "503", "html", "truncate", "stall", "redirect", "stale", "no_leader_text", "close")
LOGIN = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Please sign in</form></body></html>"


@dataclass
class Fault:
    """One fault. `apply`: a write takes effect although its answer is lost."""

    kind: str
    match: str = "."
    count: int | None = 1
    after: int = 0
    rate: float = 1.0
    seed: int = 1
    retry_after: float | None = None
    apply: bool = False
    seconds: float = 3600.0  # of a stall
    hits: int = 0
    seen: int = 0
    dice: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.kind = str(self.kind)
        if self.kind not in KINDS:
            raise ValueError(f"fault {self.kind!r}: one of {', '.join(KINDS)}")
        re.compile(self.match)
        self.dice = random.Random(self.seed)

    def strikes(self, method: str, path: str) -> bool:
        if self.count is not None and self.hits >= self.count:
            return False
        if not re.search(self.match, f"{method} {path}"):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.rate < 1 and self.dice.random() >= self.rate):
            return False
        self.hits += 1
        return True

    def answer(self) -> Response | None:
        """The answer in place of the server's, for the kinds that have one."""
        headers = {"Content-Type": TEXT}
        if self.retry_after is not None:
            headers["Retry-After"] = f"{self.retry_after:g}"
        if self.kind == "500":
            return Response(500, b"rpc error: EOF", headers)
        if self.kind == "429":
            return Response(429, b"Your request was rejected because too many connections are open", headers)
        if self.kind == "503":
            return Response(503, b"upstream connect error", headers)
        if self.kind == "html":
            return Response(200, LOGIN, {"Content-Type": "text/html; charset=utf-8"})
        if self.kind == "no_leader_text":
            return Response(500, b"No cluster leader", headers)
        if self.kind == "redirect":
            return Response(302, LOGIN, {"Content-Type": "text/html; charset=utf-8", "Location": "/login"})
        return None

    def show(self) -> dict[str, Any]:
        return {"kind": self.kind, "match": self.match, "count": self.count, "hits": self.hits, "seen": self.seen}


def stale(response: Response) -> Response:
    """The headers of a follower that has lost its leader."""
    response.headers.update({"X-Nomad-Knownleader": "false", "X-Nomad-Lastcontact": "12000"})
    return response


class Faults:
    def __init__(self) -> None:
        self.live: list[Fault] = []

    def add(self, **fields: Any) -> Fault:
        fault = Fault(**fields)
        self.live.append(fault)
        return fault

    def clear(self) -> None:
        self.live.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        for fault in self.live:
            if fault.strikes(method, path):
                return fault
        return None
