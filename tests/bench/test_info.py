# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B10: what it costs to read N clients in one task, beside a loop of community.general.nomad_job_info over as many items."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bench import payload
from bench.figures import Board, Figure
from integration.clusters.simulated import SimulatedCluster

pytestmark = pytest.mark.bench

GOALS = {10: 0.12, 1000: 0.02}
ROUNDS = 3
PEER = "community.general.nomad_job_info"
ITEMS = 20  # of the peer's loop that are really run; an item costs the same whatever their number


def cpu(task: Path) -> float:
    """Seconds of processor that the module's process takes."""
    before = os.times()
    payload.result(payload.start(task))
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


@pytest.mark.parametrize("count", GOALS)
def test_info(count: int, board: Board, tmp_path: Path) -> None:
    cluster = SimulatedCluster("1.1.2", tmp_path / "cluster", clients=count)
    try:
        cluster.build("build-1", "c1", 600)
        ours = payload.build("serverops.circleci.nomad_node_info", {"nomad_url": cluster.url}, tmp_path / "ours.py")
        host, _colon, port = cluster.url.rpartition("/")[2].partition(":")
        peer = payload.build(PEER, {"host": host, "port": int(port), "use_ssl": False, "name": "build-1"}, tmp_path / "peer.py")
        seconds, items = [], []
        for _round in range(ROUNDS):
            seconds.append(cpu(ours))
            items.append(sum(cpu(peer) for _item in range(min(count, ITEMS))) / min(count, ITEMS))
    finally:
        cluster.close()
    loops = [item * count for item in items]
    what = f"{count} clients in one task / loop of nomad_job_info over {count} items ({min(count, ITEMS)} run)"
    middle = sorted(seconds)[len(seconds) // 2] / sorted(loops)[len(loops) // 2]
    board.add(Figure("B10", what, "CPU s", seconds, loops, middle, GOALS[count]))
