# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kots_backup, kots_snapshot_schedule and what reads beside them as subjects of the laws: a backup begun, joined, found; a schedule set, and switched off."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.kots_world import CANARY, Installation
from unit.laws.running import module_run
from unit.laws.subject import Reading, Subject

from lab.kots.model import Answer

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
BACKUP = import_module(MODULES + "kots_backup").DOOR
SCHEDULE = import_module(MODULES + "kots_snapshot_schedule").DOOR
INFO = import_module(MODULES + "kots_info").DOOR
BACKUP_INFO = import_module(MODULES + "kots_backup_info").DOOR
VERSIONS = ("1.6.3", "1.14.0")
# kotsadm puts no mark of ours on a backup, so that running again finds one by its age alone.
PARAMS: Json = {"max_age": 86400.0}
VOLATILE = ("waited", "backup.name", "backup.uid", "backup.started", "backup.completed", "backup.expires", "backup.age", "reason", "trigger", "gates")
IMAGINED_TRIED = (*VOLATILE, "backup.volumes", "backup.sequences", "backup.not_asked_for", "backup.restored", "backup.restorable", "joined", "reused")
IMAGINED = (*VOLATILE, "backup.volumes", "backup.sequences", "backup.not_asked_for", "backup.restorable", "joined", "reused")
PLAN: Json = {"cron": "", "retention": ["", ""], "left": []}
TRIED: Json = {**PARAMS, "required_proofs": ["phase", "volumes", "files", "restored"]}


def _fresh(version: str) -> Installation:
    return Installation(version).settle_in()


def _running(version: str) -> Installation:
    """Somebody asked for one in the console."""
    world = Installation(version, seconds=60.0)
    world.console.call("POST", "/api/v1/snapshot/backup")
    world.clock.sleep(3)
    return world.settle_in()


def _proven(version: str) -> Installation:
    world = Installation(version, seconds=5.0)
    result = module_run(BACKUP, world, {**PARAMS, "wait_timeout": 600.0})
    assert not result.get("failed"), result
    return world.settle_in()


def _scheduled() -> Installation:
    world = Installation()
    world.console.schedule("0 4 * * *")
    return world.settle_in()


def _fault(match: str, status: int, body: Any = None, apply: bool = False) -> Callable[[Installation], None]:
    return lambda world: world.console.fault(match, Answer(status, body), count=1000, apply=apply)


def _echo(world: Installation) -> None:
    """An answer that says back what it was sent."""
    world.console.fault("/api/v1", Answer(401, {"error": "wrong header"}), count=1000)


def _lost(world: Installation) -> None:
    world.console.fault("POST", Answer(0, close=True), count=1000, apply=True)


TROUBLES = (
    _echo,
    _lost,
    _fault("/api/v1", 500),
    _fault("/healthz", 502, "<html>"),
    _fault("POST", 500, {"success": False, "error": "failed to create instance backup"}),
    _fault("/api/v1", 200, [1]),
)


def _subject(name: str, make: Callable[[], Installation], short: float | None = None, volatile: tuple[str, ...] = IMAGINED, params: Json = PARAMS) -> Subject:
    ends = {"backups": ["Completed"], **PLAN}
    return Subject(f"kots_backup {name}", BACKUP, make, params, ends, CANARY, short, volatile, troubles=TROUBLES)


def _plan(name: str, make: Callable[[], Installation], ends: Json, **params: Any) -> Subject:
    return Subject(f"kots_snapshot_schedule {name}", SCHEDULE, make, params, {"backups": [], "left": [], **ends}, CANARY, troubles=TROUBLES)


def subjects() -> list[Subject]:
    """kots_backup in every state on two versions of Velero; kots_snapshot_schedule."""
    found = []
    for version in VERSIONS:
        found += [
            _subject(f"a new one, Velero {version}", lambda version=version: _fresh(version), 10.0),
            _subject(f"one that runs, Velero {version}", lambda version=version: _running(version), 10.0),
            _subject(f"a proven one, Velero {version}", lambda version=version: _proven(version), None, VOLATILE),
        ]
    return [
        *found,
        _subject("a new one restored for trial", lambda: _fresh("1.14.0"), 50.0, IMAGINED_TRIED, TRIED),
        _subject("a proven one restored for trial", lambda: _proven("1.6.3"), 1.0, IMAGINED_TRIED, TRIED),
        _plan("on", lambda: _fresh("1.6.3"), {"cron": "0 3 * * *", "retention": ["60", "days"]}, cron="0 3 * * *", retention="60d"),
        _plan("off", _scheduled, {"cron": "", "retention": ["", ""]}, enabled=False),
    ]


def readings() -> list[Reading]:
    """kots_info, and kots_backup_info with one that runs and one that has ended."""
    return [
        Reading("kots_info", INFO, lambda: _proven("1.6.3"), {}, CANARY, TROUBLES),
        Reading("kots_backup_info", BACKUP_INFO, lambda: _proven("1.6.3"), {}, CANARY, TROUBLES),
        Reading("kots_backup_info, one runs", BACKUP_INFO, lambda: _running("1.14.0"), {}, CANARY, TROUBLES),
    ]
