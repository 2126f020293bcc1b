# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as an operator starts them: drain and release, their journal, what they say, what they refuse."""

from __future__ import annotations

import json
import time
from pathlib import Path

from integration.clusters.base import Cluster, endings
from integration.playing import play, play_and_meanwhile

DRAIN, RELEASE = "serverops.circleci.drain", "serverops.circleci.release"


def _journal(home: Path) -> dict[str, object]:
    """The newest journal."""
    found: dict[str, object] = json.loads(max((home / "serverops-journal").glob("*.json")).read_text())
    return found


def test_drain_waits_for_the_builds_says_so_and_keeps_a_journal(cluster: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "home"
    cluster.build("build-1", "c1")
    cluster.build("build-2", "c2")

    def finish() -> None:
        cluster.finish("build-2")
        time.sleep(6)  # a slice that has something new to say ends after 5 s
        cluster.finish("build-1")

    # A survey gives a comma list.
    played = play_and_meanwhile(DRAIN, {"nomad_url": cluster.url, "nomad_drain_nodes": "c1,c2"}, home, finish)
    assert played.code == 0, played.output
    assert "[drain] " in played.output and "left" in played.output, "no line of progress"
    assert set(endings(cluster.witness).values()) == {"itself"}
    journal = _journal(home)
    assert journal["phase"] == "ended" and journal["summary"] == {"drained": 2}
    assert "serverops.circleci.release" in str(journal["undo"]) and "serverops.circleci.drain" in str(journal["go_on"])
    page = max((home / "serverops-journal").glob("*.html")).read_text()
    assert "2 of 2 clients are drained." in page and "<strong>2</strong> <span>builds ended by themselves" in page
    assert page.count("build-1: ended by itself at ") == page.count("build-2: ended by itself at ") == 1, "the titles of their bars"
    again = play(DRAIN, {"nomad_url": cluster.url + "/", "nomad_drain_nodes": '["c1", "c2"]'}, home)
    assert again.code == 0 and "changed=0" in again.output, again.output


def test_release_tells_who_closed_a_client_and_opens_it(cluster: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert play(DRAIN, {"nomad_url": cluster.url, "nomad_drain_nodes": ["c3"]}, home).code == 0
    marks = cluster.version not in ("0.5.6",)
    played = play(RELEASE, {"nomad_url": cluster.url, "nomad_drain_nodes": ["c3"], "nomad_drain_take_over": not marks}, home)
    assert played.code == 0, played.output
    assert ("closed by serverops.circleci" if marks else "keeps no mark") in played.output


def test_check_mode_of_the_playbook_changes_nothing_and_lists_the_steps(cluster: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "home"
    played = play(DRAIN, {"nomad_url": cluster.url, "nomad_drain_nodes": "all", "nomad_drain_min_ready": 0}, home, "--check", "--diff")
    assert played.code == 0 and "changed=1" in played.output, played.output
    again = play(DRAIN, {"nomad_url": cluster.url, "nomad_drain_nodes": "all"}, home, "--check")
    assert again.code != 0 and "min_ready" in again.output, "the same refusal as the real run's"


def test_a_wrong_request_is_one_sentence_and_exit_code_2(cluster: Cluster, tmp_path: Path) -> None:
    played = play(DRAIN, {"nomad_url": cluster.url, "nomad_drain_nodes": "c1,c9"}, tmp_path / "home")
    assert played.code == 2
    assert "nodes holds 'c9', but no such client exists" in played.output
    assert _journal(tmp_path / "home")["phase"] == "failed"
