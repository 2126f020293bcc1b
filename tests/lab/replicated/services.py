"""A 2.x Services host for tests: a folder with the programs for PATH, a root for its files, its ports; on real time, or in process on a virtual clock."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.nomad.clock import VirtualClock
from lab.replicated.__main__ import PROGRAMS, Folder, ran
from lab.replicated.host import CONTAINERS, TROUBLES, Host, first_state, settle
from lab.replicated.ports import SERVICES, Listener, pair_of, speak_http, speak_tls
from lab.replicated.replicatedctl import follow

Json = dict[str, Any]
TESTS = Path(__file__).parents[2]
PACE = 0.01  # of a host on real time: a start takes 0.6 s, and 0.35 s more until it is healthy


@dataclass(frozen=True)
class Done:
    """What a program left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class ServicesHost:
    """`with ServicesHost(folder) as host`. A virtual clock: nothing is on PATH or on a port, `run` and `health` are the only ways in."""

    def __init__(self, directory: Path, pace: float | None = None, clock: VirtualClock | None = None) -> None:
        self.directory, self.clock = directory, clock
        self.bin, self.root = directory / "bin", directory / "root"
        self.bin.mkdir(parents=True, exist_ok=True)
        (self.root / "etc/circleconfig/telegraf").mkdir(parents=True, exist_ok=True)
        self._state = first_state(pace or (1.0 if clock else PACE), clock.wall() if clock else datetime.now(UTC))
        settle(self._state, self.root)
        self._listeners: list[Listener] = []
        if not clock:
            (directory / "state.json").write_text(json.dumps(self._state))
            for program in PROGRAMS:
                self._install(program)
            self._listeners = [Listener(self._speak_health), Listener(self._speak_app), Listener(self._speak_console)]

    def __enter__(self) -> "ServicesHost":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _install(self, program: str) -> None:
        path = self.bin / program
        path.write_text(f'#!/bin/sh\nPYTHONPATH="{TESTS}" exec "{sys.executable}" -m lab.replicated {program} "{self.directory}" "$@"\n')
        path.chmod(0o755)

    # -- ways in -------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """PATH with the programs before all others."""
        return f"{self.bin}:{os.environ['PATH']}"

    @property
    def health_urls(self) -> list[str]:
        return [f"http://127.0.0.1:{self._listeners[0].port}/{name}/status" for name in SERVICES]

    @property
    def tls_port(self) -> int:
        """Where the app stands in for 443."""
        return self._listeners[1].port

    @property
    def console_port(self) -> int:
        """Where the console stands in for 8800."""
        return self._listeners[2].port

    def run(self, program: str, *argv: str, stdin: str = "") -> Done:
        """Run a program in process; one that waits for a task waits."""
        with self.look() as host:
            code, out, err, task = ran(program, host, list(argv), lambda: stdin)
        while task:
            self._sleep(0.05)
            with self.look() as host:
                if follow(host, task) is not None:
                    break
        return Done(code, out, err)

    def health(self) -> bool:
        """Whether the health URLs answer 200."""
        with self.look() as host:
            return host.is_healthy()

    @contextmanager
    def look(self) -> Iterator[Host]:
        """The host now, to be looked at and meddled with."""
        if self.clock:
            yield Host(self._state, self.root, self.clock.now())
        else:
            with Folder(self.directory).host() as host:
                yield host

    def _sleep(self, seconds: float) -> None:
        if self.clock:
            self.clock.sleep(seconds)
        else:
            import time

            time.sleep(seconds)

    # -- what tests do to it, and ask ------------------------------------------------------------------

    def trouble(self, kind: str, **times: float) -> None:
        """What becomes of the next starts: "" (all well), unhealthy, fails (State stopped, with an Error), hangs. `times`: seconds of host.TIMES."""
        assert kind in TROUBLES, kind
        with self.look() as host:
            host.state["trouble"] = kind
            host.state.setdefault("times", {}).update(times)

    def count(self, what: str) -> int:
        """How often it happened: stop, start, create (all containers anew), import, apply-config, restart daemon, docker restart, console cert."""
        with self.look() as host:
            return sum(entry[1] == what for entry in host.state["log"])

    def live(self, name: str) -> Json:
        """A setting as the app that runs has it."""
        with self.look() as host:
            return dict(host.state["live"].get(name, {}))

    def stored(self, name: str) -> Json:
        with self.look() as host:
            return dict(host.state["stored"].get(name, {}))

    def env(self, container: str) -> dict[str, str]:
        """The environment of the processes of a container."""
        with self.look() as host:
            return dict(host.container(container)["env"])

    def started(self) -> list[datetime]:
        """When the app's running containers started."""
        with self.look() as host:
            return [host.wall(one["started"]) for name, one in host.containers().items() if name in CONTAINERS and one["running"]]

    # -- ports -----------------------------------------------------------------------------------------

    def _speak_health(self, client: socket.socket) -> None:
        with self.look() as host:
            up = host.containers().get("frontend", {}).get("running", False)
            code = (200 if host.is_healthy() else 503) if up else None
        speak_http(client, lambda path: code if path.split("/")[1] in SERVICES else 404)

    def _speak_app(self, client: socket.socket) -> None:
        with self.look() as host:
            up = host.containers().get("frontend", {}).get("running", False)
            pair = pair_of(host.state["live"]) if up else None
        speak_tls(client, pair)

    def _speak_console(self, client: socket.socket) -> None:
        with self.look() as host:
            own = host.state["console"]
        speak_tls(client, (own["cert"].encode(), own["key"].encode()) if own else None)
