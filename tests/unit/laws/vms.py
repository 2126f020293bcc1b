# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_service as a subject of the laws: listed, an orphan, several, one that ends already, one protected, records that are not to be believed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.subject import Subject
from unit.laws.vms_world import CANARY, GROUP, VmWorld, refuses

DOOR = import_module("ansible_collections.serverops.circleci.plugins.modules.vm_service").DOOR
PARAMS: Json = {
    "region": "eu-west-1",
    "security_groups": [GROUP],
    "orphans": "terminated",
    "records": "2.x",
    "cloud": {"access_key": "lab", "secret_key": CANARY},
}
TROUBLES = (
    refuses("describe_instances", "UnauthorizedOperation"),
    refuses("describe_instances", "RequestLimitExceeded"),
    refuses("terminate_instances", "OperationNotPermitted"),
    lambda world: setattr(world, "records", None),
    lambda world: setattr(world, "output", "{"),
)
# Machines that must live whatever happens.
KEPT: Json = dict.fromkeys(("idle", "busy", "old", "young", "other tag", "other group"), "running")


def peopled(*orphans: str) -> VmWorld:
    """An installation with machines of every kind, and these orphans."""
    world = VmWorld()
    world.machine("idle", known=True)
    world.machine("busy", 30.0, known=True)
    world.task("busy")
    world.machine("old", 40.0, known=True)
    world.machine("young", 0.2)
    world.machine("other tag", tags={"ManagedBy": "somebody"})
    world.machine("other group", group="sg-9")
    for name in orphans:
        world.machine(name, 50.0)
    return world


def ending() -> VmWorld:
    """An earlier run has told EC2, and was killed."""
    world = peopled("lost", "gone")
    world.ended(world.id_of("gone"))
    world.writes().clear()
    return world


def emptied() -> VmWorld:
    """The database is a new one: the server knows no machine."""
    world = VmWorld()
    world.machine("lost")
    world.machine("gone")
    return world


def in_other_words() -> VmWorld:
    """The records have rows, and name machines in a way of their own."""
    world = peopled("lost")
    world.records = {"vms": [{"id": "1", "host": "10.0.0.1"}], "tasks": []}
    return world


def of_another() -> VmWorld:
    """The records are those of another installation."""
    world = emptied()
    world.records = {"vms": [{"id": "1", "provider_id": "i-0123456789abcdef0"}], "tasks": []}
    return world


def _sweep(name: str, make: Callable[[], VmWorld], ends: Json, short: float | None = None, **params: Any) -> Subject:
    more = {key: params.pop(key) for key in ("fails",) if key in params}
    return Subject(f"vm_service {name}", DOOR, make, {**PARAMS, **params}, ends, CANARY, short, ("waited", "age"), troubles=TROUBLES, **more)


def subjects() -> list[Subject]:
    """What goes, and all that stays."""
    gone: Json = {**KEPT, "lost": "terminated"}
    stays: Json = {**KEPT, "lost": "running"}
    return [
        _sweep("listed", lambda: peopled("lost"), stays, orphans="listed"),
        _sweep("one orphan", lambda: peopled("lost"), gone, 10.0),
        _sweep("two orphans", lambda: peopled("lost", "stray"), {**gone, "stray": "terminated"}, 10.0),
        _sweep("none", peopled, KEPT),
        _sweep("one ends already", ending, {**gone, "gone": "terminated"}, 10.0),
        _sweep("records are empty", emptied, {"lost": "running", "gone": "running"}, fails=True),
        _sweep("records may be empty", emptied, {"lost": "terminated", "gone": "terminated"}, 10.0, records_may_be_empty=True),
        _sweep("records of another", of_another, {"lost": "running", "gone": "running"}, fails=True),
        _sweep("all may be orphans", of_another, {"lost": "terminated", "gone": "terminated"}, 10.0, all_may_be_orphans=True),
        _sweep("records in other words", in_other_words, stays, fails=True),
    ]
