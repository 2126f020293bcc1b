"""A build as its machine knows it: the truth, whatever the server believes."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import dataclass

from lab.nomad.clock import Timer
from lab.nomad.model import Work


@dataclass
class Build:
    """A task as the machine knows it: the truth, whatever the server believes."""

    allocation: str
    job: str
    node: str
    client: str
    work: Work
    started: float
    ended: float | None = None
    how: str = "running"
    stopping: Timer | None = None
    ending: Timer | None = None
    recovered: bool = False
    plugin: bool = False

    def output(self, kind: str) -> str:
        """What it has printed so far on stdout or stderr."""
        first = self.work.says[kind == "stderr"]
        return first + (self.work.ends_with if kind == "stdout" and self.how == "itself" else "")
