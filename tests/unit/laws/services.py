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
CONFIG = import_module(MODULES + "replicated_config").DOOR
INFO = import_module(MODULES + "replicated_config_info").DOOR
VOLATILE = ("waited", "app.started", "pending.time")
OLD, NEW = "circleci.example.com", "new.example.com"
UP: Json = {"state": "started", "moving": False, "healthy": True, "notes": [], "hostname": [OLD, OLD]}
DOWN: Json = {**UP, "state": "stopped", "healthy": False}
PASSPHRASE = "canary-passphrase-5b1"  # on the host, in the settings and in the environment of every container


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


def _app(name: str, make: Callable[[], ServicesWorld], ends: Json, short: float | None = 5.0, **params: Any) -> Subject:
    more = {key: params.pop(key) for key in ("quiet", "foreseeable", "fails") if key in params}
    given = {"wait_timeout": 900.0, "health_urls": ["http://127.0.0.1:80/health-check"], **params}
    return Subject(f"replicated_app {name}", APP, make, given, ends, PASSPHRASE, short, VOLATILE, troubles=TROUBLES, **more)


def _config(name: str, make: Callable[[], ServicesWorld], ends: Json, short: float | None = None, **params: Any) -> Subject:
    given = {"wait_timeout": 900.0, "settings": {"hostname": NEW}, "secrets": {"ghe_client_secret": CANARY}, **params}
    troubles = (*TROUBLES, _loses("replicatedctl app-config import"), _refuses)
    return Subject(f"replicated_config {name}", CONFIG, make, given, ends, CANARY, short, VOLATILE, troubles=troubles)


def _refuses(world: Any) -> None:
    """Replicated takes no import, since something else that is required is missing."""
    with world.host.look() as now:
        now.state["stored"]["secret_passphrase"] = {}


def app_subjects() -> list[Subject]:
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


def subjects() -> list[Subject]:
    """The app; and settings, stored for later or applied now, with and without consent."""
    later = {**UP, "hostname": [NEW, OLD], "notes": ["settings"]}
    return [
        *app_subjects(),
        _config("for later", ServicesWorld, later),
        _config("applied now", lambda: ServicesWorld().allow(1), {**UP, "hostname": [NEW, NEW]}, 5.0, apply="now", allow_downtime=True),
    ]


def readings() -> list[Reading]:
    """replicated_config_info."""
    return [Reading("replicated_config_info", INFO, ServicesWorld, {}, PASSPHRASE, TROUBLES)]
