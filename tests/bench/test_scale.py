# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B04, B05 and the lag of a large fleet: one run of the module drains up to 1,000 clients with four builds each; memory, sockets and requests are noted."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from bench import clients, payload
from bench.figures import Board, Figure, growth_exponent
from bench.test_requests import cli_for
from integration.clusters.base import ask, until
from integration.clusters.simulated import SimulatedCluster

pytestmark = pytest.mark.bench

PROFILE = "1.1.2"
SIZES = (100, 300, 600, 1000)
BUILDS = 4
SHORTEST, LONGEST = 40.0, 80.0  # s that builds run: they begin before the task, and end one after the other while it waits
MEBI = 1024.0
MONITORS, FAN = 40, 60


@dataclass
class Process:
    """The most that a process held at once, by the kernel's own account."""

    memory: float = 0.0  # MiB
    sockets: int = 0
    lags: list[float] = field(default_factory=list)
    requests: int = 0


def resident(pid: int) -> float:
    """MiB, the most so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / MEBI
    return 0.0


def sockets(pid: int) -> int:
    folder = f"/proc/{pid}/fd"
    return sum(1 for name in os.listdir(folder) if os.readlink(f"{folder}/{name}").startswith("socket:"))


def looked_at(process: subprocess.Popen[str], found: Process) -> None:
    while process.poll() is None:
        try:
            found.memory, found.sockets = max(found.memory, resident(process.pid)), max(found.sockets, sockets(process.pid))
        except OSError:  # it ended meanwhile
            continue
        time.sleep(0.2)


def started(cluster: SimulatedCluster, count: int) -> None:
    """Four builds on each client; returns when all run."""
    chance = random.Random(count)
    for number in range(1, count + 1):
        for build in range(BUILDS):
            cluster.order("/builds", {"job": f"build-{number}-{build}", "client": f"c{number}", "seconds": chance.uniform(SHORTEST, LONGEST)})
    until(lambda: len(list(cluster.witness.iterdir())) == count * BUILDS, "all builds run")


def last_ends(cluster: SimulatedCluster) -> dict[str, float]:
    """When the last build of each client ended, by the files that the builds left."""
    ends: dict[str, float] = {}
    for path in cluster.witness.iterdir():
        assert path.read_text().split() == ["started", "itself"]
        client = f"c{path.name.split('-')[1]}"
        ends[client] = max(ends.get(client, 0.0), path.stat().st_mtime)
    return ends


def drained(count: int, folder: Path) -> Process:
    cluster = SimulatedCluster(PROFILE, folder, clients=count + 1)
    try:
        started(cluster, count)
        names = [f"c{number}" for number in range(1, count + 1)]
        task = payload.build("serverops.circleci.nomad_node_drain", {"nomad_url": cluster.url, "nodes": names, "wait_timeout": 600}, folder / "task.py")
        ask(f"{cluster.control}/requests", method="DELETE")
        found = Process()
        process = payload.start(task)
        watcher = threading.Thread(target=looked_at, args=(process, found))
        watcher.start()
        answer = payload.result(process, 600)
        over = time.time()
        watcher.join()
        assert answer["summary"] == {"drained": count}
        began = over - max(node["waited"] for node in answer["nodes"])
        ends = last_ends(cluster)
        found.lags = [began + node["waited"] - ends[node["name"]] for node in answer["nodes"]]
        found.requests = int(str(cluster.told("/requests")["total"]))
    finally:
        cluster.close()
    return found


def test_a_large_fleet(board: Board, tmp_path: Path) -> None:
    seen = {count: drained(count, tmp_path / str(count)) for count in SIZES}
    largest = seen[max(SIZES)]
    what = f"{max(SIZES)} clients, {BUILDS * max(SIZES)} builds, Nomad {PROFILE}"
    requests, memory = [float(seen[count].requests) for count in SIZES], [seen[count].memory for count in SIZES]
    board.add(
        Figure("B04", f"{what}: memory of the one process", "MiB", [largest.memory], value=largest.memory, goal=60),
        Figure("B05", f"{what}: connections at once", "sockets", [largest.sockets], value=largest.sockets, goal=20),
        Figure("B05", f"{what}: lag of a verdict, median", "s", largest.lags, value=statistics.median(largest.lags)),
        Figure("B05", f"{what}: lag of a verdict, worst", "s", largest.lags, value=max(largest.lags), goal=2),
        Figure("B05", f"requests over {SIZES} clients: exponent of the growth", "", requests, value=growth_exponent(SIZES, requests), goal=1.05),
        Figure("B05", f"memory over {SIZES} clients: exponent of the growth", "", memory, value=growth_exponent(SIZES, memory), goal=1.05),
    )


@contextmanager
def monitors(cluster: SimulatedCluster, cli: str, names: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """One CLI per client, all waiting for their drains at once, for long enough to have failed; they are ended again."""
    ids = clients.ids(cluster)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "NOMAD_ADDR": cluster.url}
    quiet = subprocess.DEVNULL
    command = [cli, "node", "drain", "-enable", "-yes", "-no-deadline"]
    running = [subprocess.Popen([*command, ids[name]], env=environment, stdin=quiet, stdout=quiet, stderr=quiet, text=True) for name in names]
    try:
        time.sleep(10)
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait(20)


def busy(folder: Path, count: int) -> tuple[SimulatedCluster, list[str]]:
    """A cluster with a long build on each of so many clients, and their names."""
    cluster = SimulatedCluster(PROFILE, folder, clients=count + 1)
    names = [f"c{number}" for number in range(1, count + 1)]
    for name in names:
        cluster.order("/builds", {"job": f"build-{name}", "client": name, "seconds": 600})
    until(lambda: len(list(cluster.witness.iterdir())) == count, "all builds run")
    return cluster, names


def test_command_line_monitors_at_once(board: Board, tmp_path: Path) -> None:
    """The servers take 100 connections of one address, and each monitor holds two."""
    cli = cli_for(PROFILE)
    what = f"clients watched at once: ours (above) beside the survivors of {FAN} CLI monitors"
    if not cli:
        board.add(Figure("B05", what, "clients", skipped="no nomad CLI that fits on PATH or in LAB_NOMAD"))
        return
    cluster, names = busy(tmp_path / "cluster", FAN)
    try:
        with monitors(cluster, cli, names) as running:
            alive = sum(process.poll() is None for process in running)
    finally:
        cluster.close()
    board.add(Figure("B05", what, "clients", [max(SIZES)], [alive]))


def test_memory_beside_command_line_monitors(board: Board, tmp_path: Path) -> None:
    cli = cli_for(PROFILE)
    what = f"memory while {MONITORS} drains wait: one process / {MONITORS} CLI monitors"
    if not cli:
        board.add(Figure("B04", what, "MiB", goal=0.02, skipped="no nomad CLI that fits on PATH or in LAB_NOMAD"))
        return
    cluster, names = busy(tmp_path / "cluster", MONITORS)
    try:
        with monitors(cluster, cli, names) as running:
            assert len(clients.closed(cluster)) == MONITORS, "all monitors began their drain"
            theirs = sum(resident(process.pid) for process in running if process.poll() is None)
        clients.reopen(cluster)
        task = payload.build("serverops.circleci.nomad_node_drain", {"nomad_url": cluster.url, "nodes": names, "wait_timeout": 600}, tmp_path / "task.py")
        process = payload.start(task)
        try:
            until(lambda: len(clients.closed(cluster)) == MONITORS, "the module waits")
            time.sleep(3)
            ours = resident(process.pid)
        finally:
            process.kill()
            process.wait(20)
    finally:
        cluster.close()
    board.add(Figure("B04", what, "MiB", [ours], [theirs], ours / theirs, 0.02))
