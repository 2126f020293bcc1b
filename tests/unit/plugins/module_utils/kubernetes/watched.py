# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server whose list changes, and which cuts its watches as it is told: for what a mirror must survive."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from unit.plugins.module_utils.kubernetes.scripted import Answer, Asked
from urllib3.exceptions import ProtocolError, ReadTimeoutError

Json = dict[str, Any]
CUTS = ("clean", "reset", "torn", "garbled", "silent", "gone", "error", "unknown", "refused", "nothing")


def body(code: int, words: str, **more: Any) -> Json:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": words, "code": code, **more}


class Cluster:
    """Config maps a to e in the namespace lab, changed by `change`; every change may bring on a cut of the watch that stands."""

    def __init__(self, page: int = 0) -> None:
        self.lock = threading.Condition()
        self.version, self.oldest, self.page = 10, 0, page
        self.items: dict[str, Json] = {}
        self.history: list[tuple[int, str, Json]] = []
        self.cuts: list[tuple[int, str]] = []  # at which version, how
        self.lists, self.watches = 0, list[int]()
        self.done = False
        self.socks: list[Sock] = []
        self.tokens: dict[str, tuple[int, list[Json]]] = {}

    # -- what the world does -----------------------------------------------------------------------------------

    def change(self, name: str, verb: str, cut: str = "") -> None:
        with self.lock:
            if verb == "forget":
                self.oldest = self.version
                self.history.clear()
                return
            if verb == "delete" and name not in self.items:
                return
            self.version += 1
            meta = {"namespace": "lab", "name": name, "resourceVersion": str(self.version)}
            made = {"metadata": meta, "data": {"n": str(self.version)}}
            kind = "DELETED" if verb == "delete" else "MODIFIED" if name in self.items else "ADDED"
            self.history.append((self.version, kind, made))
            if verb == "delete":
                del self.items[name]
            else:
                self.items[name] = made
            if cut:
                self.cuts.append((self.version, cut))
            self.lock.notify_all()

    def end(self) -> None:
        with self.lock:
            self.done = True
            self.lock.notify_all()

    def state(self) -> list[tuple[str, str]]:
        with self.lock:
            return sorted((name, item["metadata"]["resourceVersion"]) for name, item in self.items.items())

    # -- what it answers -----------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Any:
        if "watch" not in asked.query:
            return self._list(asked)
        since = int(asked.query["resourceVersion"])
        with self.lock:
            self.watches.append(since)
            cut = next((one for one in self.cuts if one[1] == "refused"), None)
            if cut:
                self.cuts.remove(cut)
                return Answer(429, body(429, "slow down"))
        answer = Answer()
        sock = Sock(self)
        self.socks.append(sock)
        answer.pieces = Pieces(self._events(since, sock))  # type: ignore[assignment]
        answer._connection = SimpleNamespace(sock=sock)  # type: ignore[attr-defined]
        return answer

    def _list(self, asked: Asked) -> Answer:
        with self.lock:
            self.lists += 1
            token = asked.query.get("continue")
            if token and int(token.partition("/")[0]) < self.oldest:
                return Answer(410, body(410, "The provided continue parameter is too old", reason="Expired", metadata={"continue": "another"}))
            version, left = self.tokens[token] if token else (self.version, [self.items[name] for name in sorted(self.items)])
            limit = min(int(asked.query.get("limit") or 10**6), self.page or 10**6)
            if not asked.query.get("limit"):
                limit = 10**6
            meta = {"resourceVersion": str(version)}
            if len(left) > limit:
                meta["continue"] = f"{version}/{len(self.tokens)}"
                self.tokens[meta["continue"]] = version, left[limit:]
            return Answer(200, {"kind": "ConfigMapList", "metadata": meta, "items": left[:limit]})

    def _events(self, since: int, sock: Sock) -> Iterator[bytes | Exception]:
        """A watch from a version on; cut as told, each cut once. Nothing is handed out with the lock held: whoever takes it may never come back."""
        while True:
            with self.lock:
                found = self._next(since, sock)
            if not isinstance(found, tuple):
                yield found
                return
            version, kind, item, cut = found
            text = line({"type": kind, "object": item})
            yield from self._cut(cut, text) if cut else (text,)
            if cut and cut not in ("unknown", "nothing"):
                return
            since = since if cut else version

    def _next(self, since: int, sock: Sock) -> tuple[int, str, Json, str] | bytes | Exception:
        """The next change and how the watch is cut there; or the watch's last line, or what breaks it."""
        while True:
            if sock.ended:
                return ProtocolError("Response ended prematurely")
            if since < self.oldest:
                return line({"type": "ERROR", "object": body(410, f"too old resource version: {since} ({self.oldest})", reason="Expired")})
            news = [entry for entry in self.history if entry[0] > since]
            if news:
                cut = next((one for one in self.cuts if one[0] == news[0][0]), None)
                if cut:
                    self.cuts.remove(cut)
                return (*news[0], cut[1] if cut else "")
            if self.done:
                return line({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(self.version)}}})
            self.lock.wait(0.2)

    def _cut(self, how: str, text: bytes) -> Iterator[bytes | Exception]:
        """The ways in which a watch ends before, or in the middle of, an event."""
        if how == "reset":
            yield ProtocolError("Connection broken")
        elif how == "torn":
            yield text[: len(text) // 2]
            yield ProtocolError("Response ended prematurely")
        elif how == "garbled":
            yield text[: len(text) // 2] + b"\n"
        elif how == "silent":
            yield ReadTimeoutError(None, None, "Read timed out.")  # type: ignore[arg-type]
        elif how == "gone":
            yield line({"type": "ERROR", "object": body(410, "too old resource version", reason="Expired")})
        elif how == "error":
            yield line({"type": "ERROR", "object": body(500, "etcd is away")})
        elif how == "unknown":
            yield line({"type": "NEWTYPE", "object": {"metadata": {"resourceVersion": "999999", "name": "a"}}})
            yield b"\n"


class Sock:
    """What a stream takes hold of to end itself."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self.ended, self.patience = cluster, False, 0.0

    def fileno(self) -> int:
        return 3

    def settimeout(self, seconds: float) -> None:
        self.patience = seconds

    def shutdown(self, _how: int) -> None:
        with self._cluster.lock:
            self.ended = True
            self._cluster.lock.notify_all()


class Pieces:
    """An iterator as urllib3 would be one: raises what is an exception."""

    def __init__(self, events: Iterator[bytes | Exception]) -> None:
        self._events = events

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._events:
            if isinstance(piece, Exception):
                raise piece
            yield from (piece[at : at + 40] for at in range(0, len(piece), 40))


def line(event: Json) -> bytes:
    return json.dumps(event).encode() + b"\n"
