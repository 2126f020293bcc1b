# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B03: from the last build's end to the verdict, the module alone beside a loop that polls every 5 s; both watch the same build."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bench import clients, payload
from bench.figures import Board, Figure, ratio
from integration.clusters.simulated import SimulatedCluster

pytestmark = pytest.mark.bench

ROUNDS = 12
PERIOD = 5.0
SHORTEST = 4.0  # s a build runs: the module waits long before it ends
POLL_LOOP = Path(__file__).with_name("poll_loop.py")


def lengths() -> list[float]:
    """Of the builds: their ends spread evenly over the period of the loop, in a mixed order."""
    found = [SHORTEST + PERIOD * (number + 0.5) / ROUNDS for number in range(ROUNDS)]
    random.Random(3).shuffle(found)
    return found


def one_round(cluster: SimulatedCluster, folder: Path, job: str, seconds: float) -> tuple[float, float]:
    """Lag of the module and of the loop, both begun when the build runs."""
    client = clients.ids(cluster)["c1"]
    task = payload.build("serverops.circleci.nomad_node_drain", {"nomad_url": cluster.url, "nodes": ["c1"], "wait_timeout": 60}, folder / f"{job}.py")
    cluster.build(job, "c1", seconds)
    module = payload.start(task)
    loop = subprocess.Popen([sys.executable, str(POLL_LOOP), cluster.url, client, str(PERIOD)], stdin=subprocess.DEVNULL)
    with ThreadPoolExecutor(2) as pool:
        module_over = pool.submit(lambda: (payload.result(module), time.time()))
        loop_over = pool.submit(lambda: (loop.wait(60), time.time()))
    answer, module_ended = module_over.result()
    code, loop_ended = loop_over.result()
    (witness,) = cluster.witness.glob(f"{job}.*")
    assert witness.read_text().split() == ["started", "itself"], "the build was to end by itself"
    assert (answer["summary"], answer["nodes"][0]["finished"], code) == ({"drained": 1}, 1, 0), "both were to watch the build's end"
    end = witness.stat().st_mtime
    assert min(module_ended, loop_ended) > end, "a verdict before the end"
    return module_ended - end, loop_ended - end


@pytest.mark.parametrize("profile", ["0.5.6", "1.1.2"])
def test_lag(profile: str, board: Board, tmp_path: Path) -> None:
    cluster = SimulatedCluster(profile, tmp_path / "cluster")
    try:
        ours, peer = [], []
        for number, seconds in enumerate(lengths()):
            lags = one_round(cluster, tmp_path, f"build-{number}", seconds)
            ours.append(lags[0])
            peer.append(lags[1])
            clients.reopen(cluster)
    finally:
        cluster.close()
    what = f"lag of the verdict, Nomad {profile}"
    board.add(
        Figure("B03", f"{what}: ours / poll loop of {PERIOD:g} s", "s", ours, peer, ratio(ours, peer), 0.15),
        Figure("B03", f"{what}: our worst", "s", ours, value=max(ours), goal=1.0),
    )
