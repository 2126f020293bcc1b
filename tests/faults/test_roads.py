# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drains through a real ssh and through the lab's Kubernetes: killed and run again, the road broken in the middle of a wait, nothing left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.processes import Playing, journal, processes_of
from faults.roads import TOKEN, Broken, PodOf, SshTo, modules_with_ssh, ssh_processes
from integration.clusters.base import endings, until
from integration.clusters.simulated import SimulatedCluster

from lab.ssh.sshd import why_not
from lab.tls import Front, Papers

TRIED = pytest.mark.skipif(bool(why_not()), reason=f"the road through SSH is not tried: {why_not()}")
SSH, SSH_LONG = pytest.param("ssh", marks=TRIED), pytest.param("ssh", marks=[TRIED, pytest.mark.soak])
KUBERNETES_LONG = pytest.param("kubernetes", marks=pytest.mark.soak)
NAME, SECRET = "server.global.nomad", "5f0a1b8e-2c1d-4e57-9a06-7d3b8c1e2f40"
Made = Callable[..., Broken]


@pytest.fixture(params=[SSH, "kubernetes"])
def road_to(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Made]:
    """Makes the road to an address; ended with the test."""
    made: list[Broken] = []

    def make(url: str, **options: Any) -> Broken:
        made.append(SshTo(url, tmp_path / "ssh", **options) if request.param == "ssh" else PodOf(url, **options))
        return made[-1]

    yield make
    for road in made:
        road.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[SimulatedCluster]:
    made = SimulatedCluster("1.1.2", tmp_path / "cluster")
    try:
        yield made
    finally:
        made.close()


def drained(home: Path, cluster: SimulatedCluster, *jobs: str) -> None:
    assert journal(home)["summary"] == {"drained": 1} and journal(home)["phase"] == "ended"
    assert endings(cluster.witness) == dict.fromkeys(jobs, "itself")
    until(lambda: not processes_of(home), "no process is left, no ssh either", 10)


@pytest.mark.parametrize("road_to", [SSH, KUBERNETES_LONG], indirect=True)
def test_a_drain_with_mutual_tls_and_acls_is_killed_and_run_again_over_each_road(road_to: Made, cluster: SimulatedCluster, tmp_path: Path) -> None:
    papers = Papers(tmp_path / "papers")
    certificate, key = papers.sign("client", "client.global.nomad")
    front = Front(papers, NAME, int(cluster.url.rpartition(":")[2]))
    cluster.order("/acl", {"enabled": True, "tokens": {SECRET: "management"}})
    road = road_to(f"https://127.0.0.1:{front.port}")
    tls = {"nomad_ca_path": papers.ca, "nomad_client_cert": certificate, "nomad_client_key": key, "nomad_tls_server_name": NAME}
    variables = {"nomad_drain_nodes": ["c1"], "nomad_token": SECRET, **tls, **road.variables}
    if "nomad_url" not in variables:  # through Kubernetes the default address serves: TLS is asked for, and the name given
        variables["nomad_url"] = "https://127.0.0.1:4646"
    home = tmp_path / "home"
    cluster.build("build-1", "c1")
    first = Playing(variables, home)
    first.until_it_waits()
    first.kill()
    assert endings(cluster.witness) == {"build-1": "started"}, "killed in mid drain: else this shows nothing"
    second = Playing(variables, home, "-vvv")
    second.until_it_waits()
    cluster.finish("build-1")
    assert second.wait() == 0, second.output
    drained(home, cluster, "build-1")
    assert SECRET not in second.output + first.output and TOKEN not in second.output + first.output
    front.close()


@pytest.mark.parametrize("road_to", [SSH_LONG, "kubernetes"], indirect=True)
def test_F51_a_road_that_breaks_in_the_middle_of_a_wait_is_made_anew(road_to: Made, cluster: SimulatedCluster, tmp_path: Path) -> None:
    road, home = road_to(cluster.url), tmp_path / "home"
    cluster.build("build-1", "c1")
    play = Playing({"nomad_drain_nodes": ["c1"], **road.variables}, home)
    play.until_it_waits()
    road.snap()
    time.sleep(4)
    assert play.process.poll() is None, play.output
    road.mend()
    cluster.finish("build-1")
    assert play.wait() == 0, play.output
    drained(home, cluster, "build-1")


@pytest.mark.skipif(bool(why_not()), reason=f"the road through SSH is not tried: {why_not()}")
def test_the_ssh_client_dies_with_its_module_also_by_kill_9(cluster: SimulatedCluster, tmp_path: Path) -> None:
    road, home = SshTo(cluster.url, tmp_path / "ssh"), tmp_path / "home"
    try:
        cluster.build("build-1", "c1")
        play = Playing({"nomad_drain_nodes": ["c1"], **road.variables}, home)
        play.until_it_waits()
        until(lambda: ssh_processes(home), "an ssh client is there")
        clients = set(ssh_processes(home))
        for pid in set(modules_with_ssh(home)):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not clients & set(ssh_processes(home)), "it is gone", 20)
        play.kill()
    finally:
        road.close()


@pytest.mark.skipif(bool(why_not()), reason=f"the road through SSH is not tried: {why_not()}")
def test_no_secret_is_in_the_command_line_or_the_environment_of_ssh(cluster: SimulatedCluster, tmp_path: Path) -> None:
    road, home = SshTo(cluster.url, tmp_path / "ssh"), tmp_path / "home"
    try:
        cluster.order("/acl", {"enabled": True, "tokens": {SECRET: "management"}})
        cluster.build("build-1", "c1")
        play = Playing({"nomad_drain_nodes": ["c1"], **road.variables}, home, NOMAD_TOKEN=SECRET)
        play.until_it_waits()
        until(lambda: ssh_processes(home), "an ssh client is there")
        seen = [processes_of(home).get(pid, ("", "")) for pid in ssh_processes(home)]
        assert seen and not any(SECRET in line or SECRET in started_with for line, started_with in seen)
        cluster.finish("build-1")
        assert play.wait() == 0, play.output
    finally:
        road.close()
