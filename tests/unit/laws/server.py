# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods of a 3.x installation as worlds for the laws: read, and restarted."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.server_world import CANARY, PARAMS, ServerWorld
from unit.laws.subject import Reading, Subject

from lab.kubernetes.state import Rule, User

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
RESTART = import_module(MODULES + "server_pod_restart").DOOR
INFO = import_module(MODULES + "server_pods_info").DOOR
VOLATILE = ("waited", "pods.new")
READS = Rule(("pods", "events", "pods/log"), ("get", "list", "watch"))


def _world() -> ServerWorld:
    return ServerWorld().settle_in()


def _slow() -> ServerWorld:
    """What holds data takes its time."""
    world = ServerWorld()
    for name in ("mongodb", "vault"):
        world.control.images.set(f"registry.example/circleci/{name}", ready_after=12.0)
    return world.settle_in()


def _sick() -> ServerWorld:
    """One crashes, two are not ready any more, one was out of memory."""
    world = ServerWorld()
    world.control.images.set("registry.example/circleci/dispatcher", run_for=1.0, exit_code=1, log=("it went wrong",))
    world.control.images.set("registry.example/circleci/frontend", ready_after=None)
    world.control.kubelet.kill(world.made.namespace, world.pods_of("nomad-server")[0])
    world.clock.sleep(30)
    return world.settle_in()


def _unknown(world: Any) -> None:
    world.state.users.clear()


def _powerless(world: Any) -> None:
    world.state.users[CANARY] = User("reader", (READS,))


def _loses(said: str) -> Callable[[Any], None]:
    return lambda world: world.lost.append(said)


TROUBLES = (_unknown, _powerless, _loses("GET"), _loses("DELETE"), _loses("POST"))


def _ends(*apps: str) -> Json:
    return {"fresh": sorted(apps), "problems": []}


def _subject(name: str, ends: Json, short: float | None = None, **params: Any) -> Subject:
    make = _slow if short else _world
    given = {**PARAMS, "wait_timeout": 600.0, **params}
    return Subject(f"server_pod_restart {name}", RESTART, make, given, ends, CANARY, short, VOLATILE, troubles=TROUBLES, quiet=False)


def subjects() -> list[Subject]:
    """Pods of a Deployment by label, and stateful ones by name."""
    return [
        _subject("two pods of a Deployment", _ends("frontend"), selector="app=frontend"),
        _subject("a pod alone, by its workload's name", _ends("nomad-server"), names=["nomad-server"]),
        _subject("two that hold data, by name", _ends("mongodb", "vault"), 2.0, names=["vault-0", "mongodb"]),
    ]


def readings() -> list[Reading]:
    """server_pods_info of a well and of a sick installation."""
    return [
        Reading("server_pods_info, all well", INFO, _world, PARAMS, CANARY, TROUBLES),
        Reading("server_pods_info, some sick", INFO, _sick, {**PARAMS, "logs": 5}, CANARY, TROUBLES),
    ]
