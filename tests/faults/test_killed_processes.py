# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes: kill -9 of the play, kill -9 of the server, Ctrl-C, and again; what the builds wrote themselves is the witness."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faults.processes import Playing, journal, processes_of
from integration.clusters.base import Cluster, ask, endings, until
from integration.clusters.real import RealCluster, binaries
from integration.clusters.simulated import SimulatedCluster

SIMULATED = ["0.5.6", "1.1.2"]
NO_REAL = "no real server: put nomad on PATH or name binaries in LAB_NOMAD"
REAL = [pytest.param(path, marks=pytest.mark.real, id="real-" + Path(path).name) for path in binaries()]
NONE = [pytest.param("", marks=[pytest.mark.real, pytest.mark.skip(reason=NO_REAL)], id="real")]


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    wanted = str(request.param)
    made: Cluster = SimulatedCluster(wanted, tmp_path / "cluster") if wanted in SIMULATED else RealCluster(wanted, tmp_path / "cluster")
    try:
        yield made
    finally:
        made.close()


def closed(cluster: Cluster) -> set[str]:
    return {node["Name"] for node in ask(cluster.url + "/v1/nodes") if node.get("Drain") or node.get("SchedulingEligibility") == "ineligible"}


def killed_three_times(cluster: Cluster, home: Path) -> None:
    """kill -9 of the play twice and of the server once; the last run ends drained."""
    variables = {"nomad_url": cluster.url, "nomad_drain_nodes": ["c1", "c2"]}
    cluster.build("build-1", "c1")
    cluster.build("build-2", "c2")
    first = Playing(variables, home)
    first.until_begun()
    time.sleep(1.5)  # about where the first orders leave
    first.kill()
    second = Playing(variables, home)
    second.until_it_waits()
    second.kill()
    cluster.finish("build-2")
    assert endings(cluster.witness)["build-1"] == "started", "killed in mid drain: else this shows nothing"
    third = Playing(variables, home)
    third.until_it_waits()
    cluster.kill_server()
    time.sleep(3)
    cluster.start_server()
    assert third.process.poll() is None, third.output
    cluster.finish("build-1")
    assert third.wait() == 0, third.output
    assert journal(home)["summary"] == {"drained": 2} and journal(home)["phase"] == "ended"
    assert endings(cluster.witness) == {"build-1": "itself", "build-2": "itself"}
    assert closed(cluster) == {"c1", "c2"}


def test_F12_F42_kill_9_of_the_play_twice_and_of_the_server_once_and_the_last_run_ends_drained(tmp_path: Path) -> None:
    def one(profile: str) -> None:
        cluster = SimulatedCluster(profile, tmp_path / profile / "cluster")
        try:
            killed_three_times(cluster, tmp_path / profile / "home")
        finally:
            cluster.close()

    with ThreadPoolExecutor() as pool:  # both profiles at once: they only wait
        for done in [pool.submit(one, profile) for profile in SIMULATED]:
            done.result()


@pytest.mark.parametrize("cluster", REAL or NONE, indirect=True)
def test_F12_F42_the_same_on_real_servers(cluster: Cluster, tmp_path: Path) -> None:
    killed_three_times(cluster, tmp_path / "home")


@pytest.mark.parametrize("cluster", ["1.1.2", *(REAL or NONE)], indirect=True)
def test_F44_ctrl_c_in_mid_drain_stops_no_build_and_the_second_run_finishes_at_once_begun(cluster: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "home"
    variables = {"nomad_url": cluster.url, "nomad_drain_nodes": ["c1"]}
    cluster.build("build-1", "c1")
    first = Playing(variables, home)
    first.until_it_waits()
    assert first.interrupt() != 0
    print(f"still there after Ctrl-C: {len(processes_of(home))} processes")  # Ansible's workers have sessions of their own; a slice may end later
    assert endings(cluster.witness) == {"build-1": "started"}
    assert closed(cluster) == (set() if cluster.version.startswith("0.5") else {"c1"})
    second = Playing(variables, home)
    second.until_it_waits()
    cluster.finish("build-1")
    assert second.wait() == 0, second.output
    assert journal(home)["summary"] == {"drained": 1}
    assert endings(cluster.witness) == {"build-1": "itself"}
    until(lambda: not processes_of(home), "nothing of the first run is left once its slice is over", 70)
