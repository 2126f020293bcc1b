# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kots_restore as a subject of the laws: a damaged site, one restored already; programs that outlive us, and that die with us."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.kots_restore_world import CANARY, RestoreWorld
from unit.laws.running import module_run
from unit.laws.subject import Subject

from lab.kots.model import Answer

RESTORE = import_module("ansible_collections.serverops.circleci.plugins.modules.kots_restore").DOOR
LONG = 7200.0
# Counted and told otherwise where it is imagined: uids and times of objects that are made, and what Velero warns of.
VOLATILE = ("waited", "mark", "program", "reason", "joined", "parts", "volumes", "gates", "origin", "backup.uid", "backup.proofs", "backup.reasons")


def _damaged(velero: str = "1.14.0", **more: Any) -> RestoreWorld:
    return RestoreWorld(velero, **more).lose_data().settle_in()


def _restored() -> RestoreWorld:
    world = _damaged()
    result = module_run(RESTORE, world, params(world.backup))
    assert not result.get("failed"), result
    return world.settle_in()


def params(backup: str) -> Json:
    """What every subject is given."""
    return {"backup": backup, "confirm": backup, "host": "https://lab:6443", "api_key": CANARY, "wait_timeout": LONG}


def _ends(backup: str) -> Json:
    parts = {f"{backup}.{part}": "Completed" for part in ("kotsadm", "circleci-server")}
    return {"restores": parts, "kept": [], "console": True, "ready": True, "differences": []}


def _fault(match: str, status: int, body: Any = None) -> Callable[[RestoreWorld], None]:
    return lambda world: world.console.fault(match, Answer(status, body), count=1000)


def _dead_velero(world: RestoreWorld) -> None:
    world.velero.kill_server()


def _no_store(world: RestoreWorld) -> None:
    world.store.fault = "away"


def _no_program(world: RestoreWorld) -> None:
    world.speaks = False


def _secret_in_an_error(world: RestoreWorld) -> None:
    """kotsadm says back what it was sent."""
    world.console.fault("/api/v1", Answer(401, {"error": f"wrong token {world.console.authstring}"}), count=1000)


TROUBLES = (_dead_velero, _no_store, _no_program, _secret_in_an_error, _fault("restore-apps", 500))


def _subject(title: str, make: Callable[[], RestoreWorld], short: float | None = None, **more: Any) -> Subject:
    backup = make().backup  # every world of one kind names its backups alike
    return Subject(f"kots_restore {title}", RESTORE, make, params(backup), _ends(backup), CANARY, short, VOLATILE, troubles=TROUBLES, **more)


def subjects() -> list[Subject]:
    """On two versions of Velero; on a machine whose programs die with us; restored already."""
    return [
        _subject("a damaged site, Velero 1.14.0", _damaged, 15.0),
        _subject("a machine that dies with us, Velero 1.6.3", lambda: _damaged("1.6.3", dies=True), 15.0),
        _subject("the last one restored", _restored),
    ]
