# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The app of a 2.x Services host as subjects for the laws: started, stopped, and restarted once for whatever was noted."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.services_world import CANARY, ServicesWorld
from unit.laws.subject import Reading, Subject

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
APP = import_module(MODULES + "replicated_app").DOOR
VOLATILE = ("waited", "app.started")
UP: Json = {"state": "started", "moving": False, "healthy": True, "notes": []}
DOWN: Json = {"state": "stopped", "moving": False, "healthy": False, "notes": []}


def _noted() -> ServicesWorld:
    return ServicesWorld().noted("settings", "/etc/circle-installation-customizations").allow(1)


def _served() -> ServicesWorld:
    return ServicesWorld().noted("settings").restarted()


def _stopped() -> ServicesWorld:
    world = ServicesWorld().noted("settings").allow(1)
    world.host.run("replicatedctl", "app", "stop", "-a")
    return world.settle_in()


def _plain() -> ServicesWorld:
    return ServicesWorld().noted("/etc/docker/daemon.json", restart="docker")


def _dead() -> ServicesWorld:
    """The next start comes to nothing."""
    world = _noted()
    world.host.trouble("fails")
    return world


def _daemon(world: Any) -> None:
    with world.host.look() as now:
        now.state["down"] = True


def _programs(world: Any) -> None:
    world.broken = True


def _loses(said: str) -> Callable[[Any], None]:
    return lambda world: world.lost.append(said)


TROUBLES = (_daemon, _programs, _loses("replicatedctl app start"), _loses("replicatedctl app stop"), _loses("docker inspect"))


def _app(name: str, make: Callable[[], ServicesWorld], ends: Json, short: float | None = 20.0, **params: Any) -> Subject:
    more = {key: params.pop(key) for key in ("quiet", "foreseeable", "fails") if key in params}
    given = {"wait_timeout": 900.0, "health_urls": ["http://127.0.0.1:80/health-check"], **params}
    return Subject(f"replicated_app {name}", APP, make, given, ends, "canary-passphrase-5b1", short, VOLATILE, troubles=TROUBLES, **more)


def subjects() -> list[Subject]:
    """One restart for two notes; none where another's has served them; a start, a stop, a start that fails."""
    pending = {"restart_if_pending": True, "allow_downtime": True}
    return [
        _app("two notes, one restart", _noted, UP, **pending),
        _app("a note that a restart by hand has served", _served, UP, None, restart_if_pending=True),
        _app("found stopped, which needs no consent", _stopped, UP, restart_if_pending=True),
        _app("nothing for the app", _plain, {**UP, "notes": ["/etc/docker/daemon.json"]}, None, **pending),
        _app("no consent", _noted, {**UP, "notes": ["settings", "/etc/circle-installation-customizations"]}, None, restart_if_pending=True, fails=True),
        _app("stopped", ServicesWorld, DOWN, state="stopped", allow_downtime=True),
        _app("restarted", lambda: ServicesWorld().allow(2), UP, state="restarted", allow_downtime=True, quiet=False),
    ]


def readings() -> list[Reading]:
    return []


__all__ = ["CANARY", "readings", "subjects"]
