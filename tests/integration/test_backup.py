# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook backup as an operator starts it, against a whole 3.x site: proven, taken again, refused, and never called proven when it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.playing import Played, play

from lab.installation.volumes import snapshot
from lab.kubernetes.__main__ import kubeconfig, written
from lab.site.site import Site

BACKUP = "serverops.circleci.backup"


@pytest.fixture(scope="module", params=[pytest.param("1.6.3", marks=pytest.mark.soak), "1.14.0"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    made = Site(velero=str(request.param))
    try:
        yield made.settle()
    finally:
        made.stop()


@pytest.fixture
def home(site: Site, tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    written(folder / "kubeconfig", yaml.safe_dump(kubeconfig(site.server.url, site.token)))
    return folder


def backed_up(home: Path, *options: str, code: int = 0, **variables: Any) -> tuple[dict[str, Any], Played]:
    """The journal and how it went."""
    played = play(BACKUP, {"kubernetes_kubeconfig": str(home / "kubeconfig"), **variables}, home, *options)
    assert played.code == code, played.output
    newest = max((home / "serverops-journal").glob("*-kots_backup.json"), key=lambda path: path.stat().st_mtime_ns)
    return dict(json.loads(newest.read_text())), played


def backups(site: Site) -> list[str]:
    with site.state.news:
        return [name for resource, _namespace, name in site.state.objects if resource == "backups.velero.io"]


def test_check_mode_makes_none_then_one_is_made_and_proven_and_then_taken_again(site: Site, home: Path) -> None:
    before = backups(site)
    journal, played = backed_up(home, "--check")
    assert journal["check_mode"] and [step["step"] for step in journal["result"]["steps"]] == ["backup"] and backups(site) == before
    journal, played = backed_up(home)
    made = journal["result"]["backup"]
    assert journal["phase"] == "ended" and journal["result"]["verdict"] == "verified" and len(backups(site)) == len(before) + 1
    assert {made["proofs"][name] for name in ("phase", "volumes", "files")} == {"passed"}
    assert {volume["claim"] for volume in made["volumes"]} >= {"data-postgresql-0", "datadir-mongodb-0", "data-vault-0"}
    assert all(volume["bytes"] > 0 for volume in made["volumes"])
    page = max((home / "serverops-journal").glob("*.html")).read_text()
    assert "Proven" in page and made["name"] in page and f"report: {home}" in played.output
    journal, played = backed_up(home, backup_max_age=3600)
    assert journal["result"]["reused"] and journal["result"]["backup"]["name"] == made["name"] and "changed=0" in played.output
    assert len(backups(site)) == len(before) + 1


def test_restored_for_trial_every_byte_comes_back_nothing_else_does_and_nothing_is_left(site: Site, home: Path) -> None:
    before, services = site.installation.remember(), names(site, "services")
    shown: dict[str, Any] = {}
    made: set[str] = set()

    def watch(change: Any) -> None:
        resource, namespace, name = change.key
        if namespace.startswith("trial-") and change.type == "ADDED":
            made.add(resource)
        if resource == "namespaces" and name.startswith("trial-") and change.object["metadata"].get("deletionTimestamp"):
            shown.setdefault("volumes", {claim[1]: volume.copy() for claim, volume in snapshot(site.state).items() if claim[0] == name})

    site.state.controllers.insert(0, watch)
    try:
        journal, played = backed_up(home, backup_max_age=3600, backup_required_proofs="phase,volumes,files,restored")
    finally:
        site.state.controllers.remove(watch)
    assert journal["result"]["backup"]["proofs"]["restored"] == "passed" and journal["result"]["backup"]["restored"]["volumes"] == len(before)
    assert shown["volumes"] == {claim[1]: volume for claim, volume in before.items()}
    assert made and not made & {"services", "jobs.batch", "cronjobs.batch", "ingresses.networking.k8s.io", "statefulsets.apps", "deployments.apps"}
    assert "networkpolicies.networking.k8s.io" in made
    assert site.installation.differences(before) == [] and names(site, "services") == services
    with site.state.news:
        left = [key for key in site.state.objects if "trial-" in key[1] or "trial-" in key[2]]
    assert [key for key in left if key[0] != "events"] == []


def names(site: Site, resource: str) -> list[tuple[str, str]]:
    with site.state.news:
        return sorted(key[1:] for key in site.state.objects if key[0] == resource)


def test_an_emptied_volume_is_no_proven_backup(site: Site, home: Path) -> None:
    volume = site.installation.volume("data-postgresql-0")
    kept = dict(volume.records)
    try:
        volume.records.clear()
        journal, played = backed_up(home, code=2)
    finally:
        volume.records.update(kept)
    assert journal["phase"] == "failed" and journal["result"]["verdict"] == "unverified" and not journal["result"]["verified"]
    assert journal["result"]["backup"]["proofs"]["volumes"] == "failed" and "postgresql-0/data" in journal["message"]
    assert "Not proven" in max((home / "serverops-journal").glob("*.html")).read_text()


def test_a_dead_server_of_velero_is_refused_and_named(site: Site, home: Path) -> None:
    before = backups(site)
    with site.state.news:
        deployment = site.state.objects["deployments.apps", "velero", "velero"]
        site.state.put("deployments.apps", "velero", "velero", {**deployment, "spec": {**deployment["spec"], "replicas": 0}})
    try:
        journal, played = backed_up(home, code=2)
    finally:
        with site.state.news:
            site.state.put("deployments.apps", "velero", "velero", deployment)
        site.settle()
    assert journal["phase"] == "failed" and backups(site) == before, "nothing was begun"
    assert "Velero" in journal["message"] and journal["problems"], "and what is wrong with Velero is told"


CHECKED: list[Any] = [
    ({"backup_restic_program": "no-such-restic"}, "no-such-restic is not on PATH"),
    pytest.param({"backup_read_data_subset": "half"}, "read_data_subset is half", marks=pytest.mark.soak),
    pytest.param({"backup_log_directory": "/tmp"}, "log_directory is /tmp", marks=pytest.mark.soak),
]


@pytest.mark.parametrize(("given", "words"), CHECKED)
def test_what_is_said_of_the_check_by_restic_reaches_it(site: Site, home: Path, given: dict[str, str], words: str) -> None:
    before = backups(site)
    asked = {"backup_required_proofs": ["phase", "repository_check"], "backup_restic_program": "/bin/true", "backup_wait_timeout": 5}
    journal, played = backed_up(home, code=2, **{**asked, **given})
    assert words in journal["message"] and backups(site) == before
    assert all(f'{name}": "{value}' in journal["go_on"] for name, value in given.items()), "the command that goes on says it too"


def test_the_other_line_and_a_wrong_one_are_refused_before_anything(home: Path) -> None:
    for line, words in (("native", "backed up by hand"), ("4.x", "must be auto, native or kots")):
        played = play(BACKUP, {"circleci_line": line, "kubernetes_kubeconfig": str(home / "kubeconfig")}, home)
        assert played.code == 2 and words in played.output, played.output
    assert not (home / "serverops-journal").exists()
