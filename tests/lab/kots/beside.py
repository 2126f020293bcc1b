"""The program beside whoever waits: a run of it in a thread that moves only when the virtual clock says so, never at the same time as anything else."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import io
import json
import threading
from typing import Any
from urllib.parse import parse_qsl

from lab.kots.cli.program import main
from lab.kots.cli.run import Json
from lab.kots.inside import Inside, Killed
from lab.kots.world import KotsWorld
from lab.kubernetes.api import Api, Request
from lab.kubernetes.state import ADMIN, State
from lab.kubernetes.status import Response
from lab.nomad.clock import VirtualClock

BIRTH = 0.05  # s from the start of a program to its first act


class Alternating:
    """Stands where a clock's lock is when all threads but one sleep at any time: the order is given, there is nothing to guard."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return True

    def release(self) -> None:
        return None

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_why: Any) -> None:
        return None

    def _is_owned(self) -> bool:
        return True

    def _release_save(self) -> None:
        return None

    def _acquire_restore(self, _state: Any) -> None:
        return None


def alternating_clock() -> VirtualClock:
    """A virtual clock for a world with programs beside it."""
    clock = VirtualClock()
    clock.lock = Alternating()  # type: ignore[assignment]
    return clock


class Through(Inside):
    """Kubernetes by the lab's own API instead of the short cut of the replay."""

    def __init__(self, state: State, world: KotsWorld) -> None:
        super().__init__(state, world)
        state.users["token"] = ADMIN
        self.api = Api(state)

    def kube(self, method: str, path: str, query: dict[str, str] | None = None, body: Json | None = None) -> tuple[int, Json]:
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"authorization": "Bearer token", "content-type": "application/json"}
        answer = self.api.handle(Request(method, path, dict(parse_qsl("")) | (query or {}), headers, raw))
        assert isinstance(answer, Response)
        try:
            return answer.status, json.loads(answer.text)
        except ValueError:
            return answer.status, {"message": answer.text.decode()}


class Beside(Through):
    """One run. `sleep` gives the turn back until the clock has come that far."""

    def __init__(self, state: State, world: KotsWorld, version: str, argv: list[str]) -> None:
        super().__init__(state, world)
        self.argv, self.version = argv, version
        self.out = io.StringIO()
        self.code: int | None = None
        self.over = self.doomed = False
        self._mine, self._theirs = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        state.clock.after(BIRTH, self._turn)
        self._thread.start()

    def kill(self) -> None:
        """kill -9: it never moves again."""
        self.over = self.doomed = True
        self._mine.release()

    def sleep(self, seconds: float) -> None:
        if not self.doomed:
            self.state.clock.after(seconds, self._turn)
            self._theirs.release()
            self._mine.acquire()
        if self.doomed:
            raise Killed

    def _turn(self) -> None:
        if not self.over:
            self._mine.release()
            self._theirs.acquire()

    def _run(self) -> None:
        self._mine.acquire()
        try:
            if not self.doomed:
                self.code = main(self.version, self.argv, self, self.out, self.out)
        except Killed:
            return
        self.over = True
        self._theirs.release()
