"""Answers: JSON, failures as Status objects, watches that go on, and connections that change hands."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
JSON = {"Content-Type": "application/json"}


@dataclass
class Response:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    delay: float = 0.0  # s that the server takes for it

    @property
    def text(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode() + b"\n"


@dataclass
class Watch:
    """Events as they come: `poll` gives those since it was last asked; over at `until`, or once `ended`."""

    until: float
    poll: Callable[[], list[Json]]
    ended: bool = False


@dataclass(frozen=True)
class Upgrade:
    """The connection becomes a stream to this port of this pod."""

    namespace: str
    pod: str
    uid: str
    ports: tuple[int, ...]


class Fail(Exception):
    """An answer that is not 2xx, as a Status object."""

    def __init__(
        self, code: int, message: str, reason: str | None = None, details: Json | None = None, retry: int = 0, meta: Json | None = None, delay: float = 0.0
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.reason, self.details, self.retry = code, message, reason, details, retry
        self.meta, self.delay = meta or {}, delay

    @property
    def status(self) -> Json:
        made: Json = {"kind": "Status", "apiVersion": "v1", "metadata": self.meta, "status": "Failure", "message": self.message}
        if self.reason:
            made["reason"] = self.reason
        if self.details is not None:
            made["details"] = self.details
        return {**made, "code": self.code}

    def response(self) -> Response:
        return Response(self.code, self.status, {**JSON, **({"Retry-After": str(self.retry)} if self.retry else {})}, self.delay)


def not_found(resource: str, name: str, target: Any = None) -> Fail:
    """`target` is what was asked for, where it may be of a group."""
    details = target.details if target is not None else {"name": name, "kind": resource}
    return Fail(404, f'{resource} "{name}" not found', "NotFound", details)
