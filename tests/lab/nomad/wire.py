"""What goes over the wire: requests, answers, failures, and requests that are held."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from lab.nomad.policies import Rights

TEXT = "text/plain; charset=utf-8"
FOREVER = "9223372036854"  # X-Nomad-Lastcontact of a server that never had a leader (no-leader)


class Query(dict[str, str]):
    """The last value of each name; `pairs` has them all (topic=Node&topic=Allocation)."""

    def __init__(self, text: str) -> None:
        self.pairs = parse_qsl(text, keep_blank_values=True)
        super().__init__(self.pairs)


@dataclass
class Response:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Fail(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, text: str, index: int | None = None, form: str = TEXT) -> None:
        super().__init__(text)
        self.status, self.text, self.index, self.form = status, text, index, form


@dataclass
class Blocked:
    """A request that is held: ask `poll` after each change, `expire` when `until` has come."""

    until: float
    poll: Callable[[], Response | None]
    expire: Callable[[], Response]
    epoch: int


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]
    rights: Rights = field(default_factory=Rights)
    agent: str = "server"  # who is asked

    def json(self, kind: str, empty: str = "Request body is empty") -> Any:
        """The body as Go's decoder would take it, with its own words for what is wrong (errors)."""
        text = self.body.strip()
        if not text:
            raise Fail(400, empty)
        try:
            value = json.loads(text)
        except ValueError:
            raise Fail(400, "unexpected EOF" if text.startswith((b"{", b"[")) else "invalid character looking for beginning of value") from None
        if value is not None and not isinstance(value, dict):
            name = {list: "array", str: "string", bool: "bool"}.get(type(value), "number")
            raise Fail(400, f"json: cannot unmarshal {name} into Go value of type {kind}")
        return value or {}


@dataclass
class Answer:
    """What a read found: text and the index it is good for."""

    body: bytes
    index: int | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Read = Callable[[Request], Answer]


def seconds(text: str) -> float:
    """Go's duration."""
    found = re.fullmatch(r"(-?)((?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+|0)", text)
    if not found:
        raise Fail(400, "Invalid wait time")
    units = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
    total = sum(float(number) * units[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)", found[2]))
    return -total if found[1] else total
