# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kots_config and kots_config_info as subjects of the laws: a change, one begun before, one that is there, one left undeployed, failed preflights."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.kots import TROUBLES
from unit.laws.kots_world import CANARY, Installation
from unit.laws.running import module_run
from unit.laws.subject import Reading, Subject

from lab.kots import vault
from lab.kots.model import Answer, Check

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
DOOR = import_module(MODULES + "kots_config").DOOR
INFO = import_module(MODULES + "kots_config_info").DOOR
MAKE = ("POST", "/api/v1/app/circleci-server/config/values")
PARAMS: Json = {"values": {"workers": 6}, "secret_values": {"secret": CANARY}}
DONE: Json = {"versions": 2, "deployed": 1, "status": "deployed", "workers": "6", "secret": CANARY, "domain": "ci.example.com"}


class ConfigWorld(Installation):
    """An installation of which the versions count at the end, and what is in the deployed one."""

    def end(self) -> Json:
        now = self.app.version(self.app.current)
        assert now is not None
        held = {name: vault.opened(text) for name, text in now.values.items()}
        return {"versions": len(self.app.versions), "deployed": now.sequence, "status": now.status, **held}

    def harm(self) -> list[str]:
        made = [one for one in self.app.versions if one.source == "Config Change"]
        return [f"{len(made)} versions were made"] if len(made) > 1 else []


def _fresh(*checks: Check) -> ConfigWorld:
    world = ConfigWorld()
    world.app.preflights, world.app.preflight_seconds, world.app.deploy_seconds = checks, 20.0, 20.0
    world.settle_in()
    return world


def _begun(*checks: Check) -> ConfigWorld:
    """An earlier run made the version and came no further."""
    world = _fresh(*checks)
    result = module_run(DOOR, world, {**PARAMS, "wait": False})
    assert not result.get("failed"), result
    world.clock.sleep(60)
    world.settle_in()
    return world


def _done() -> ConfigWorld:
    world = _fresh()
    result = module_run(DOOR, world, PARAMS)
    assert not result.get("failed"), result
    world.settle_in()
    return world


def _invalid(world: Installation) -> None:
    """kotsadm says back what it was sent."""
    rows = [{"name": "secret", "type": "password", "value": CANARY, "validation_errors": [{"validation_error_message": "too short"}]}]
    told = {"success": False, "error": "failed to validate config values", "validationErrors": [{"name": "main", "item_errors": rows}]}
    world.console.fault("POST .*config/values", Answer(400, told), count=1000)


ALL_TROUBLES = (*TROUBLES, _invalid)


def _subject(name: str, make: Callable[[], ConfigWorld], short: float | None = None, ends: Json | None = None, **more: Any) -> Subject:
    params = {**PARAMS, **more.pop("params", {})}
    return Subject(f"kots_config {name}", DOOR, make, params, ends or DONE, CANARY, short, ("waited",), troubles=ALL_TROUBLES, **more)


def subjects() -> list[Subject]:
    """kots_config in every state of the versions."""
    before = {**DONE, "deployed": 0, "workers": "", "secret": ""}
    broken = Check("Kubernetes", "too new", fails=True)
    return [
        _subject("a change", _fresh, 5.0),
        _subject("with preflights", lambda: _fresh(Check("Nodes", "enough")), 5.0),
        _subject("begun before", _begun, 5.0),
        _subject("as wanted", _done),
        _subject("left undeployed", _fresh, None, before, params={"deploy": False}),
        _subject("preflights fail", lambda: _begun(broken), None, before, fails=True),
    ]


def readings() -> list[Reading]:
    """kots_config_info where a password is set."""
    return [Reading("kots_config_info", INFO, _done, {}, CANARY, TROUBLES)]
