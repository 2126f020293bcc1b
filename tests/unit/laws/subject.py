# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module brings along to be held to the laws: its door, a world to work on, parameters."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor
from unit.laws.killing import Tap

from lab.nomad.clock import VirtualClock


class World(Protocol):
    """A system on a virtual clock that outlives whoever works on it."""

    clock: VirtualClock
    tap: Tap

    def open(self) -> AbstractContextManager[None]:
        """Ports and clients made inside lead to this world."""

    def writes(self) -> list[Any]:
        """Every write that came in, since the world was made."""

    def end(self) -> Json:
        """How things stand, without times and run ids: what two ways to the same end are compared by."""

    def harm(self) -> list[str]:
        """What must never happen and did: a second start, a killed build."""


@dataclass(frozen=True)
class Subject:
    """A module that brings about a state. `make` gives a fresh world, each time the same; `ends` is the end() that the operator wants.

    `secret` is a canary among `params` that no output may show; `troubles` are ways to spoil a world, in search of an output that does. `short`
    is a wait_timeout at which it cannot be done yet (None: nothing is waited for); `volatile` names the fields of the result that may differ
    from run to run and between check mode and a real run (a dotted name for a field inside a field).
    """

    name: str
    door: Door
    make: Callable[[], World]
    params: Json
    ends: Json
    secret: str
    short: float | None = None
    volatile: tuple[str, ...] = ("waited",)
    fails: bool = False  # it ends stuck: its laws hold for failures too
    foreseeable: bool = True  # False: the world goes another way than check mode may assume, so law (a) can't hold
    troubles: tuple[Callable[[Any], None], ...] = ()
    quiet: bool = True  # False: it is for doing something again each time (a restart), so law (b) can't hold

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Reading:
    """An _info module."""

    name: str
    door: InfoDoor
    make: Callable[[], World]
    params: Json
    secret: str
    troubles: tuple[Callable[[Any], None], ...] = ()

    def __str__(self) -> str:
        return self.name

    def read(self, clock: VirtualClock) -> Json:
        """The module's result, with its options' defaults filled in."""
        return self.door.read({name: option.get("default") for name, option in self.door.options.items()} | self.params, clock)
