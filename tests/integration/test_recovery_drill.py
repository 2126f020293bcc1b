# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook recovery_drill: what a disaster now would cost, whether the backup comes back, and the installation untouched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.playing import Played, play

from lab.kubernetes.__main__ import kubeconfig, written
from lab.site.site import BUCKET, Site


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site(speed=20.0)
    try:
        yield made.settle()
    finally:
        made.stop()


@pytest.fixture(scope="module")
def home(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    written(folder / "kubeconfig", yaml.safe_dump(kubeconfig(site.server.url, site.token)))
    return folder


def rehearsed(home: Path, *options: str, code: int = 0, **variables: Any) -> tuple[dict[str, Any], Played]:
    """The journal and how it went."""
    played = play("serverops.circleci.recovery_drill", {"kubernetes_kubeconfig": str(home / "kubeconfig"), **variables}, home, *options)
    assert played.code == code, played.output
    newest = max((home / "serverops-journal").glob("*-drill.json"), key=lambda path: path.stat().st_mtime_ns)
    return dict(json.loads(newest.read_text())), played


def spaces(site: Site) -> set[str]:
    with site.state.news:
        return {key[1] for key in site.state.objects}


def test_without_a_proven_backup_all_would_be_lost_and_that_is_a_failure(site: Site, home: Path) -> None:
    journal, played = rehearsed(home, code=2)
    assert "a disaster now would lose all of it" in journal["message"] and journal["phase"] == "failed" and journal["measured"] == {}
    assert journal["steps"][0]["state"] == "failed"


def test_the_newest_backup_is_restored_elsewhere_compared_and_taken_away(site: Site, home: Path) -> None:
    played = play("serverops.circleci.backup", {"kubernetes_kubeconfig": str(home / "kubeconfig")}, home)
    assert played.code == 0, played.output
    before, whole = spaces(site), site.installation.remember()
    journal, played = rehearsed(home, "--check")
    assert journal["steps"][1]["state"] == "foretold" and spaces(site) == before
    journal, played = rehearsed(home)
    assert journal["phase"] == "ended" and journal["restore"]["verdict"] == "verified" and journal["restore"]["proofs"]["restored"] == "passed"
    assert journal["measured"]["recovery_point"] > 0 and journal["measured"]["recovery_time"] > 0 and journal["restore"]["trial"]["volumes"] == 4
    assert spaces(site) == before and site.installation.problems() == [] and site.installation.differences(whole) == []
    page = max((home / "serverops-journal").glob("*-drill.html")).read_text()
    assert "Rehearsed" in page and "of work would be lost" in page and "volumes came back" in page and f"report: {home}" in played.output
    journal, played = rehearsed(home)
    assert journal["steps"][1]["state"] == "there" and "changed=0" in played.output


def test_a_second_cluster_needs_the_word_that_it_is_cut_off(site: Site, home: Path) -> None:
    for given, words in (({}, "give drill_backup"), ({"drill_backup": "instance-x"}, "then give drill_isolated")):
        played = play("serverops.circleci.recovery_drill", {"kubernetes_kubeconfig": str(home / "kubeconfig"), "drill_into": "cluster", **given}, home)
        assert played.code == 2 and words in " ".join(played.output.split()), played.output


def test_a_backup_that_does_not_come_back_fails_the_rehearsal_and_no_other_is_made(site: Site, home: Path) -> None:
    played = play("serverops.circleci.backup", {"kubernetes_kubeconfig": str(home / "kubeconfig")}, home)
    assert played.code == 0, played.output
    with site.state.news:
        before = sorted(name for resource, _namespace, name in site.state.objects if resource == "backups.velero.io")
    for key in site.store.objects(BUCKET, "kopia/circleci-server/p"):
        site.store.remove(BUCKET, key)
    journal, played = rehearsed(home, code=2)
    chosen = journal["backup"]["name"]
    assert chosen in before and f"backup {chosen} is not proven" in journal["message"] and "was not restored" in journal["message"]
    assert journal["phase"] == "failed" and journal["steps"][1]["state"] == "failed"
    with site.state.news:
        assert sorted(name for resource, _namespace, name in site.state.objects if resource == "backups.velero.io") == before
