# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks as processes that can be struck: all that they started is found by the home that was given to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from integration.clusters.base import until
from integration.playing import command, environment

DRAIN = "serverops.circleci.drain"


def processes_of(home: Path) -> dict[int, tuple[str, str]]:
    """Pid -> command line and environment of every living process that was started with this home."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            started_with = (entry / "environ").read_bytes().decode("utf-8", "replace")
            line = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if f"HOME={home}\0" in started_with and line:
            found[int(entry.name)] = (line, started_with)
    return found


class Playing:
    """A playbook under way."""

    PLAYBOOK = DRAIN

    def __init__(self, variables: dict[str, Any], home: Path, *options: str, **settings: str) -> None:
        self.home = home
        self.log = home.parent / f"{home.name}.{len(list(home.parent.iterdir()))}.log"
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command(self.PLAYBOOK, variables, *options),
                env={**environment(home), **settings},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def until_it_waits(self) -> None:
        """Until it has said what it waits for."""
        until(lambda: "[drain] " in self.output or self.process.poll() is not None, "it says what it waits for", 150)
        assert self.process.poll() is None, self.output

    def until_begun(self) -> None:
        """Until its journal was begun."""
        before = set((self.home / "serverops-journal").glob("*")) - {self.home}
        until(lambda: set((self.home / "serverops-journal").glob("*")) - before or self.process.poll() is not None, "the journal is begun", 150)
        assert self.process.poll() is None, self.output

    def kill(self) -> None:
        """kill -9 of the play and of all that it started: Ansible's workers have sessions of their own."""
        while processes_of(self.home):
            for pid in processes_of(self.home):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            self.process.wait(20)

    def interrupt(self) -> int:
        """Ctrl-C, as a terminal sends it."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def wait(self) -> int:
        return self.process.wait(300)


def journal(home: Path) -> dict[str, Any]:
    """The newest journal."""
    found: dict[str, Any] = json.loads(max((home / "serverops-journal").iterdir()).read_text())
    return found
