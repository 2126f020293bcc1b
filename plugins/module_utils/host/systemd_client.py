# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd tells of a unit: the files that it is made of, and whether it was restarted after something was noted. Where nobody answers nothing is known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.host import unit
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import DOCKER, NOMAD, Note, is_satisfied
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands

UNITS = {DOCKER: "docker.service", NOMAD: "nomad.service"}
PLAIN = {"LC_ALL": "C", "TZ": "UTC"}


def served(notes: Iterable[Note], clock: Clock) -> tuple[Note, ...]:
    """Those whose unit was started after them, by whomever. The app is no unit."""
    found = [note for note in notes if note.restart in UNITS]
    starts = {restart: _started(UNITS[restart], clock) for restart in dict.fromkeys(note.restart for note in found)}
    return tuple(note for note in found for start in [starts[note.restart]] if start is not None and is_satisfied(note, start))


def parts_of(name: str) -> list[unit.Part]:
    """The files of a unit; none where there is no such unit, or no systemd."""
    return unit.parts(_said("cat", name))


def _started(name: str, clock: Clock) -> Optional[datetime]:
    said = _said("show", *(f"--property={one}" for one in unit.SHOWN), name)
    return unit.started(said, clock.wall(), clock.now())


def _said(*words: str) -> str:
    program = commands.find_program("systemctl")
    ran = commands.run([program, "--no-pager", *words], more=PLAIN) if program else None
    return ran.out if ran and ran.code == 0 else ""
