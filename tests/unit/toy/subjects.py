# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The toy's worlds for the laws."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.subject import Subject
from unit.toy.world import DOOR, ToyWorld

CANARY = "toy-canary-5ec2e7"


def fresh() -> ToyWorld:
    """Nothing done yet; the first long act takes 20 s, the first start 70 s (longer than a slice)."""
    world = ToyWorld()
    world.plans = {"long-b": [("ended", 20.0)], "once-c": [("ended", 70.0)]}
    return world


def mortal() -> ToyWorld:
    """The long act dies twice before it ends."""
    world = fresh()
    world.plans["long-b"] = [("died", 8.0), ("died", 30.0), ("ended", 12.0)]
    return world


def found_dead() -> ToyWorld:
    """An earlier task's act has died, another's start is under way."""
    world = ToyWorld()
    world.plans = {"long-b": [("died", 3.0), ("ended", 30.0)], "once-c": [("ended", 50.0)]}
    world.begin("long-b")
    world.begin("once-c", owner="theirs")
    world.clock.sleep(5)
    return world


def blocked() -> ToyWorld:
    """One item can never settle; the others must all the same."""
    world = fresh()
    world.blocked["set-bad"] = "out of order"
    return world


def foggy() -> ToyWorld:
    """One part cannot be read at first."""
    world = fresh()
    world.hide("set-a", 9.0)
    return world


def _params(*items: str) -> Json:
    return {"items": list(items), "max_age": 3600.0, "token": CANARY}


def _acts(died: int = 0, once: bool = True) -> Json:
    long = [[attempt + 1, "died"] for attempt in range(died)] + [[died + 1, "ended"]]
    return {"values": {"set-a": "on"}, "acts": {"long-b": long, **({"once-c": [[1, "ended"]]} if once else {})}}


TROUBLES = (
    lambda world: world.fault("apply", "forbidden"),
    lambda world: world.fault("apply", "refused", count=9),
    lambda world: world.fault("apply", "lost", count=3),
    lambda world: world.cut_off(7 * 3600.0),
    lambda world: setattr(world, "frozen", True),
)


def _toy(name: str, make: Callable[[], ToyWorld], items: str, ends: Json, short: float | None = None, fails: bool = False) -> Subject:
    params = {"items": items.split(), "max_age": 3600.0, "token": CANARY}
    return Subject(name, DOOR, make, params, ends, CANARY, short, fails=fails, foreseeable=make is not mortal, troubles=TROUBLES)


def subjects() -> list[Subject]:
    usual = "set-a long-b once-c"
    return [
        _toy("toy", fresh, usual, _acts(), 10.0),
        _toy("toy with only settings", fresh, "set-a set-z", {"values": {"set-a": "on", "set-z": "on"}, "acts": {}}),
        _toy("toy whose act dies twice", mortal, usual, _acts(died=2), 10.0),
        _toy("toy found half-way", found_dead, usual, _acts(died=1), 10.0),
        _toy("toy with a part unknown", foggy, usual, _acts(), 5.0),
        _toy("toy with a stuck item", blocked, "set-a set-bad long-b", _acts(once=False), 10.0, fails=True),
    ]
