# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B01: N idle clients drained, by one run of the module and by a shell loop of the official CLI; requests as the lab counts them.

The goal bounds the act, from the first request to the last; what the process needs besides to begin and to end is told without a goal.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from bench import clients, payload
from bench.figures import Board, Figure, ratio
from integration.clusters.base import ask
from integration.clusters.real import binaries
from integration.clusters.simulated import SimulatedCluster

pytestmark = pytest.mark.bench

ROUNDS = {12: 7, 100: 3}
LOOP = 'command=$1; shift; for client in "$@"; do "$NOMAD" $command -enable -yes "$client" > /dev/null || exit 1; done'


def cli_for(profile: str) -> str:
    """A CLI that speaks as this profile does: of its version, else of its side of 0.8; empty where there is none."""
    known = {found: version for found in binaries() if (version := version_of(found))}
    fitting = [path for path, version in known.items() if (version < (0, 8, 0)) == (numbers(profile) < (0, 8, 0))]
    return next((path for path in fitting if known[path] == numbers(profile)), fitting[0] if fitting else "")


def version_of(binary: str) -> tuple[int, ...]:
    said = subprocess.run([binary, "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v(\d+\.\d+\.\d+)", said)
    return numbers(found[1]) if found else ()


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def shell_loop(cluster: SimulatedCluster, cli: str, wanted: set[str]) -> float:
    """Seconds that the loop takes."""
    command = "node-drain" if clients.is_old(cluster) else "node drain"
    environment = {"PATH": os.environ.get("PATH", os.defpath), "NOMAD": cli, "NOMAD_ADDR": cluster.url}
    began = time.monotonic()
    subprocess.run([str(shutil.which("sh")), "-c", LOOP, "loop", command, *sorted(wanted)], env=environment, stdin=subprocess.DEVNULL, check=True, timeout=300)
    seconds = time.monotonic() - began
    assert clients.closed(cluster) == wanted, "the loop drains what we drain"
    return seconds


def module(cluster: SimulatedCluster, task: Path, wanted: set[str]) -> dict[str, Any]:
    """Seconds of the whole process, seconds from its first to its last request, and how many requests there were."""
    ask(f"{cluster.control}/requests", method="DELETE")
    began = time.monotonic()
    answer = payload.result(payload.start(task))
    seconds = time.monotonic() - began
    seen: Any = cluster.told("/requests")
    assert answer["summary"] == {"drained": len(wanted)} and clients.closed(cluster) == wanted
    return {"seconds": seconds, "act": seen["last"][-1]["t"] - seen["last"][0]["t"], "requests": seen["total"], "counts": seen["counts"]}


def measured(profile: str, count: int, cli: str, folder: Path) -> tuple[list[dict[str, Any]], list[float]]:
    """Rounds of ours and of the loop, in turns on the same clients."""
    cluster = SimulatedCluster(profile, folder / "cluster", clients=count + 1)  # one stays open (min_ready)
    try:
        names = [f"c{number}" for number in range(1, count + 1)]
        wanted = {item for name, item in clients.ids(cluster).items() if name in names}
        task = payload.build("serverops.circleci.nomad_node_drain", {"nomad_url": cluster.url, "nodes": names, "wait_timeout": 60}, folder / "task.py")
        runs, loops = [], []
        for _round in range(ROUNDS[count]):
            runs.append(module(cluster, task, wanted))
            clients.reopen(cluster)
            if cli:
                loops.append(shell_loop(cluster, cli, wanted))
                clients.reopen(cluster)
    finally:
        cluster.close()
    return runs, loops


@pytest.mark.parametrize("profile", ["0.5.6", "1.1.2"])
def test_idle_clients(profile: str, board: Board, tmp_path: Path) -> None:
    cli = cli_for(profile)
    figures = []
    acts, peers = {}, {}
    for count in sorted(ROUNDS):
        runs, loops = measured(profile, count, cli, tmp_path / str(count))
        what = f"{count} idle clients, Nomad {profile}"
        requests = [run["requests"] for run in runs]
        acts[count], peers[count] = [run["act"] for run in runs], loops
        figures += [
            Figure("B01", f"{what}: requests", "requests", requests, value=max(requests), goal=4 + 3 * count, details={"counts": runs[-1]["counts"]}),
            loop_figure(f"{what}: first to last request / CLI loop", acts[count], loops, 0.25),
            loop_figure(f"{what}: the module's whole process / CLI loop", [run["seconds"] for run in runs], loops),
        ]
    figures.append(loop_figure(f"each further idle client, Nomad {profile}: ours / CLI loop", growth(acts), growth(peers)))
    board.add(*figures)


def growth(seconds: dict[int, list[float]]) -> list[float]:
    """What one client more costs, from the medians at both ends; nothing where nothing was measured."""
    if not all(seconds.values()):
        return []
    few, many = min(seconds), max(seconds)
    return [(statistics.median(seconds[many]) - statistics.median(seconds[few])) / (many - few)]


def loop_figure(what: str, ours: list[float], loops: list[float], goal: float | None = None) -> Figure:
    if not loops:
        return Figure("B01", what, "s", ours, goal=goal, skipped="no nomad CLI that fits on PATH or in LAB_NOMAD")
    return Figure("B01", what, "s", ours, loops, ratio(ours, loops), goal)
