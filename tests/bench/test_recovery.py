# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B15, B17 and B20: check mode beside the real run, a rehearsal beside Velero's own time, and what a run costs that takes up a killed one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.figures import Board, Figure
from integration.disaster import Disaster
from integration.playing import play

pytestmark = pytest.mark.bench

LEAST = 540.0  # s that Velero needs for each volume, all at once: a little less than what the guide calls usual (10 to 15 minutes)
ENDS = ("Completed", "PartiallyFailed", "Failed", "FailedValidation")
KILLS = ("look", "restore", "clients")


class Watch:
    """What the lab itself saw of Velero's restores: when the first was made, when the last ended."""

    def __init__(self, world: Disaster) -> None:
        self.first = self.last = 0.0
        world.site.state.controllers.append(self.look)

    def look(self, change: Any) -> None:
        if change.key[0] != "restores.velero.io" or change.type == "DELETED":
            return
        self.first = self.first or time.monotonic()
        if (change.object.get("status") or {}).get("phase") in ENDS:
            self.last = time.monotonic()


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disaster]:
    made = Disaster(tmp_path / "site", speed=float(request.param))
    try:
        made.backed_up()
        yield made
    finally:
        made.stop()


def timed(world: Disaster, *options: str, **more: Any) -> float:
    began = time.monotonic()
    world.restored(*options, old_is_fenced=True, **more)  # the store shows the restores of the rounds before
    return time.monotonic() - began


@pytest.mark.parametrize("world", [1.0], indirect=True)
def test_a_rehearsal_beside_veleros_own_time(board: Board, world: Disaster) -> None:
    world.site.velero.volumes.least = LEAST
    watch, began = Watch(world), time.monotonic()
    played = play("serverops.circleci.recovery_drill", {"kubernetes_kubeconfig": str(world.kubeconfig)}, world.home)
    whole = time.monotonic() - began
    assert played.code == 0, played.output
    journal = json.loads(max((world.home / "serverops-journal").glob("*-drill.json")).read_text())
    own = watch.last - watch.first
    assert journal["phase"] == "ended" and own >= 60
    details = {"whole": whole, "velero": own, "told": journal["measured"]}
    board.add(Figure("B17", "a rehearsal in a namespace: the whole / Velero's own time", "s", [whole], [own], whole / own, 1.05, details=details))


@pytest.mark.parametrize("world", [2.0], indirect=True)
def test_check_mode_and_runs_that_take_up_a_killed_one(board: Board, world: Disaster) -> None:
    world.destroyed()
    foreseen = timed(world, "--check")
    first = timed(world)
    again = []
    for kill in KILLS:
        world.destroyed()
        timed(world, kill_after=kill)
        again.append(timed(world))
        assert world.came_back() == []
    board.add(
        Figure("B15", "check mode of a recovery / the real run", "s", [foreseen], [first], foreseen / first, 0.5),
        Figure("B20", f"a run after one that was killed ({', '.join(KILLS)}) / a first run", "s", again, [first], max(again) / first, 1.1),
    )
