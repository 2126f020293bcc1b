# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drain, foretold and done, a release, and a proven backup: short enough to be played once with each ansible-core and on the oldest Python of a host."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from integration.clusters.base import endings
from integration.clusters.simulated import SimulatedCluster
from integration.playing import controller_python, module_python, play, play_and_meanwhile

from lab.kubernetes.__main__ import kubeconfig, written
from lab.site.site import Site

DRAIN = "serverops.circleci.drain"
CORE = "from importlib.metadata import version; print(version('ansible-core'))"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[SimulatedCluster]:
    """The newest kind of cluster that this test needs: one that keeps a mark of who closed a client."""
    made = SimulatedCluster("1.1.2", tmp_path / "cluster")
    try:
        yield made
    finally:
        made.close()


def test_a_client_is_drained_and_released(lab: SimulatedCluster, tmp_path: Path) -> None:
    variables = {"nomad_url": lab.url, "nomad_drain_nodes": ["c1"]}
    foretold = play(DRAIN, variables, tmp_path / "home", "--check")
    assert foretold.code == 0 and "changed=1" in foretold.output, foretold.output
    lab.build("build-1", "c1")
    drained = play_and_meanwhile(DRAIN, variables, tmp_path / "home", lambda: lab.finish("build-1"), "-vvv")
    assert drained.code == 0, drained.output
    assert "[drain] " in drained.output, "no line of progress"
    assert set(endings(lab.witness).values()) == {"itself"}
    released = play("serverops.circleci.release", variables, tmp_path / "home")
    assert released.code == 0 and "closed by serverops.circleci" in released.output, released.output

    core = subprocess.run([controller_python(), "-c", CORE], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    assert f"ansible-playbook [core {core}]" in drained.output
    assert f"'{module_python()} " in drained.output, "the modules ran on another Python"


VERSION = "import sys; print(sys.version_info >= (3, 10))"


def test_an_installation_is_backed_up_and_the_backup_proven(tmp_path: Path) -> None:
    python = module_python()
    if subprocess.run([python, "-c", VERSION], check=True, stdout=subprocess.PIPE, text=True).stdout.strip() != "True":
        pytest.skip("the pinned kubernetes and boto3 need Python 3.10: modules of 3.x run on the controller, whose Python is newer")
    site = Site(velero="1.6.3").settle()
    try:
        written(tmp_path / "kubeconfig", yaml.safe_dump(kubeconfig(site.server.url, site.token)))
        played = play("serverops.circleci.backup", {"kubernetes_kubeconfig": str(tmp_path / "kubeconfig")}, tmp_path / "home", "-vvv")
    finally:
        site.stop()
    assert played.code == 0, played.output
    assert "[backup] " in played.output and '"verdict": "verified"' in played.output, "no line of progress, or no verdict"
    assert f"{python} " in played.output, "the modules ran on another Python"
