# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clusters that the integration tests run on: the lab's profiles, and real servers where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.clusters.base import Cluster
from integration.clusters.real import RealCluster, binaries
from integration.clusters.simulated import SimulatedCluster

PROFILES = ["0.5.6", "1.1.2"]
# What a version changes in these files and tests, others see too: the older one is a long run.
ON_ONE = ("test_report", "test_diagnose", "test_targets", "test_a_wrong_request_is_one_sentence_and_exit_code_2")
ON_ONE += ("test_check_mode_of_the_playbook_changes_nothing_and_lists_the_steps", "test_release_tells_who_closed_a_client_and_opens_it")
NO_REAL = "no real server: put nomad on PATH or name binaries in LAB_NOMAD"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cluster" in metafunc.fixturenames:
        real = [pytest.param(path, marks=pytest.mark.real, id="real-" + Path(path).name) for path in binaries()]
        none = pytest.param("", marks=[pytest.mark.real, pytest.mark.skip(reason=NO_REAL)], id="real")
        names = {metafunc.module.__name__.rpartition(".")[2], metafunc.function.__name__}
        long = PROFILES[:1] if names.intersection(ON_ONE) else []
        simulated = [pytest.param(one, id=one, marks=[pytest.mark.soak] * (one in long)) for one in PROFILES]
        metafunc.parametrize("cluster", simulated + (real or [none]), indirect=True)


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of its own for the test, ended with it."""
    wanted = str(request.param)
    made: Cluster = SimulatedCluster(wanted, tmp_path / "cluster") if wanted in PROFILES else RealCluster(wanted, tmp_path / "cluster")
    try:
        yield made
    finally:
        made.close()
