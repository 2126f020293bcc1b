# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Services host as a world for the laws: in process, on a virtual clock, its programs in the place of processes, its notes in a folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host import restart_client
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import BEGUN, note_name, render_mark
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands, health
from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import Ran
from ansible_collections.serverops.circleci.plugins.module_utils.transport.folders import Folder
from unit.laws.killing import Tap

from lab.nomad.clock import VirtualClock
from lab.replicated.services import ServicesHost

CANARY = "canary-5ec2e7ca9a2b70ad"
PACE = 0.2  # a restart takes half a minute: the sooner the laws are tried
ORDERS = ("start", "stop", "apply-config", "import", "set")


class TappedFolder(Folder):
    """The folder of the notes; each write is a contact with the world."""

    tap: Tap
    journal: list[str]

    def put(self, name: str, text: str) -> None:
        with self.tap.around(f"write {name}"):
            self.journal.append(f"write {name}")
            super().put(name, text)

    def remove(self, name: str) -> None:
        with self.tap.around(f"remove {name}"):
            self.journal.append(f"remove {name}")
            super().remove(name)


class ServicesWorld:
    """`lost` are beginnings of commands whose answers are lost after they took effect, once each."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.clock: Any = VirtualClock()
        self.host = ServicesHost(Path(self._folder.name), pace=PACE, clock=self.clock)
        self.notes_path = str(Path(self._folder.name) / "pending")
        self.tap = Tap()
        self.journal: list[str] = []
        self.lost: list[str] = []
        self.broken = False
        self.units: dict[str, datetime] = {}  # when a unit of systemd was started last
        self.restarts = 0  # how many are right; harm is more

    # -- how it is made --------------------------------------------------------------------------------

    def noted(self, *whats: str, restart: str = "app") -> ServicesWorld:
        """Something was changed and noted; time has passed since."""
        for what in whats:
            PendingRestarts(self.notes_path).leave(what, "it was changed", self.clock.wall(), restart)
            self.clock.sleep(1)
        return self

    def half_done(self, what: str) -> ServicesWorld:
        """A run that changes this has begun, and died."""
        marks = Path(self.notes_path + BEGUN)
        marks.mkdir(exist_ok=True)
        (marks / note_name(what)).write_text(render_mark(what, "app"))
        return self

    def restarted(self) -> ServicesWorld:
        """By somebody else, by hand; it does not count for harm."""
        for act in ("stop", "start"):
            self.host.run("replicatedctl", "app", act, "-a")
        self.clock.sleep(60)
        self.settle_in()
        return self

    def settle_in(self) -> ServicesWorld:
        with self.host.look() as now:
            now.state["log"] = []
        return self

    def allow(self, restarts: int) -> ServicesWorld:
        self.restarts = restarts
        return self

    # -- as the laws want it -----------------------------------------------------------------------------

    @contextmanager
    def open(self) -> Iterator[None]:
        folder = type("WorldFolder", (TappedFolder,), {"tap": self.tap, "journal": self.journal})
        with (
            mock.patch.object(commands, "run", self._run),
            mock.patch.object(commands, "find_program", lambda *names: None if self.broken else names[0]),
            mock.patch.object(health, "answers", self._answers),
            mock.patch.object(restart_client, "Folder", lambda path, suffix: folder(self.notes_path + (BEGUN if path.endswith(BEGUN) else ""), suffix)),
        ):
            yield

    def _run(self, argv: Sequence[str], _timeout: float = 20.0, fed: Secret | None = None, more: Mapping[str, str] | None = None) -> Ran:
        program, *words = argv
        if program == "systemctl":
            assert more is not None and more["TZ"] == "UTC"
            when = self.units.get(words[-1])
            return Ran(0, f"ExecMainStartTimestamp={when.strftime('%a %Y-%m-%d %H:%M:%S UTC') if when else ''}\nNeedDaemonReload=no\n")
        said = " ".join((program, *words[:2]))
        assert CANARY not in " ".join(argv), "a secret in the argument list"
        order = any(word in ORDERS for word in words[:2])
        with self.tap.around(said, before=order):
            if order:
                self.journal.append(said)
            done = self.host.run(program, *words, stdin=fed.reveal() if fed else "")
            self.clock.sleep(0.05)
        for one in self.lost:
            if said.startswith(one):
                self.lost.remove(one)
                return Ran(None)
        return Ran(done.code, done.out, done.err)

    def _answers(self, urls: Sequence[str], _timeout: float = 5.0) -> dict[str, int | None]:
        with self.tap.around("health", before=False):
            code = 200 if self.host.health() else 503
        return {url: code for url in urls}

    def writes(self) -> list[Any]:
        return list(self.journal)

    def end(self) -> Json:
        """State, settings and notes; whether the app was made anew is harm's."""
        pending = [note.what for note in PendingRestarts(self.notes_path).notes()]
        with self.host.look() as now:
            held = [now.state[kind].get("hostname", {}).get("value") for kind in ("stored", "live")]
            return {"state": now.app["state"], "moving": now.app["moving"], "healthy": now.is_healthy(), "notes": pending, "hostname": held}

    def harm(self) -> list[str]:
        made = self.host.count("create")
        return [f"the app was made anew {made} times, {self.restarts} at most"] if made > self.restarts else []
