# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook diagnose as an operator starts it: one verdict with its evidence, the journal, and no claim where nothing could be seen."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from integration.clusters.base import Cluster, ask, until
from integration.clusters.simulated import SimulatedCluster
from integration.playing import play

DIAGNOSE, DRAIN = "serverops.circleci.diagnose", "serverops.circleci.drain"


def diagnosed(cluster: Cluster, home: Path, code: int = 0, **variables: Any) -> tuple[dict[str, Any], str]:
    """The journal and the output of one run."""
    played = play(DIAGNOSE, {"nomad_url": cluster.url, **variables}, home)
    assert played.code == code, played.output
    assert "changed=0" in played.output
    newest = max((home / "serverops-journal").glob("*-nomad_diagnosis.json"), key=lambda path: path.stat().st_mtime_ns)
    return dict(json.loads(newest.read_text())), played.output


def test_nothing_waits_and_then_all_clients_are_closed(cluster: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "home"
    cluster.build("build-1", "c1")
    journal, output = diagnosed(cluster, home)
    assert (journal["phase"], journal["verdict"]) == ("ended", "nothing_waits") and "verdict: nothing_waits" in output
    assert [client["name"] for client in journal["clients"]] == ["c1", "c2", "c3"] and "client c1: ready, open, builds: " in output
    assert f'"nomad_url": "{cluster.url}"' in journal["go_on"], "the same cluster again"
    cluster.finish("build-1")
    assert play(DRAIN, {"nomad_url": cluster.url, "nomad_drain_nodes": "all", "nomad_drain_min_ready": 0}, home).code == 0
    journal, output = diagnosed(cluster, home)
    assert journal["verdict"] == "clients_closed" and "release" in journal["next_act"]
    who = "keeps no mark of who" if cluster.version == "0.5.6" else "serverops.circleci (drained"
    assert who in "\n".join(journal["evidence"]) and who in output


def test_the_journals_folder_is_made_for_its_owner_and_one_that_is_there_stays_as_it_is(cluster: Cluster, tmp_path: Path) -> None:
    home, shared = tmp_path / "home", tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    diagnosed(cluster, home)
    assert stat.S_IMODE((home / "serverops-journal").stat().st_mode) == 0o700
    played = play(DIAGNOSE, {"nomad_url": cluster.url, "nomad_drain_journal_dir": str(shared)}, home, "--check")
    assert played.code == 0, played.output
    assert stat.S_IMODE(shared.stat().st_mode) == 0o2775
    (journal,) = shared.iterdir()
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_of_one_named_job(cluster: Cluster, tmp_path: Path) -> None:
    cluster.build("build-1", "c1")
    journal, _output = diagnosed(cluster, tmp_path / "home", nomad_diagnosis_jobs="build-*")
    assert journal["verdict"] == "nothing_waits" and [job["id"] for job in journal["jobs"]] == ["build-1"]
    journal, output = diagnosed(cluster, tmp_path / "home", code=2, nomad_diagnosis_jobs='["nope"]')
    assert journal["phase"] == "failed" and "jobs holds 'nope'" in journal["reason"] and "nothing could be found out" in output


@pytest.fixture(params=[pytest.param("0.5.6", marks=pytest.mark.soak), "1.1.2"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A simulated cluster without clients."""
    made = SimulatedCluster(str(request.param), tmp_path / "cluster", clients=0)
    yield made
    made.close()


def _ready(lab: SimulatedCluster, number: int) -> None:
    until(lambda: sum(node["Status"] == "ready" for node in ask(lab.url + "/v1/nodes")) == number, f"{number} clients are ready")


def test_from_no_clients_over_a_wrong_constraint_and_full_clients_to_ones_that_are_down(lab: SimulatedCluster, tmp_path: Path) -> None:
    home = tmp_path / "home"
    lab.order("/builds", {"job": "build-1", "client": "nowhere"})
    journal, output = diagnosed(lab, home)
    assert journal["verdict"] == "no_clients" and "1 job waits" in journal["reason"] and "waits: build-1" in output
    lab.order("/clients", {"count": 2})
    _ready(lab, 2)
    lab.order("/builds", {"job": "build-2", "client": "nowhere"})
    journal, _output = diagnosed(lab, home)
    assert journal["verdict"] == "wrong_constraint"
    for job in ("build-1", "build-2"):
        lab.order("/cancel", {"job": job})
    for number in range(3):
        lab.order("/builds", {"job": f"big-{number}", "seconds": None, "memory": 14463})
    journal, output = diagnosed(lab, home)
    assert journal["verdict"] == "full_memory" and "waits: big-" in output
    for name in ("c1", "c2"):
        lab.order(f"/clients/{name}/kill", {"heartbeat": 1})
    _ready(lab, 0)
    journal, _output = diagnosed(lab, home)
    assert journal["verdict"] == "clients_down" and "none of 2 clients is ready" in journal["reason"]


def test_a_token_that_cannot_see_is_told_so_and_the_run_fails(tmp_path: Path) -> None:
    made = SimulatedCluster("1.1.2", tmp_path / "cluster")
    try:
        made.order("/acl", {"enabled": True, "tokens": {"secret-of-nobody": "client"}})
        journal, output = diagnosed(made, tmp_path / "home", code=2, nomad_token="secret-of-nobody")
        assert (journal["phase"], journal["verdict"], journal["jobs"]) == ("failed", "cannot_see", [])
        assert "verdict: cannot_see" in output and "nothing can be said about the queue" in output
        assert "secret-of-nobody" not in output and "secret-of-nobody" not in json.dumps(journal)
    finally:
        made.close()
