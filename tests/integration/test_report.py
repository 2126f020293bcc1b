# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report that a drain leaves, as an operator finds it: what it says in each case, whether its commands work, how a browser shows it."""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from integration.browser import Seen, browser
from integration.clusters.base import Cluster, endings, until
from integration.playing import ROOT, environment, play

DRAIN, RELEASE = "serverops.circleci.drain", "serverops.circleci.release"
CANARY = "canary-of-the-cluster-31c7"
EVIL = "<script>alert(1)<script> {{ 7*7 }}"
OLD = ("0.5.6",)


class Report:
    """A page as its reader finds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree: Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(path.read_text())
        self.text = " ".join("".join(self._one("body").itertext()).split())
        self.outcome = " ".join("".join(self._one("header").itertext()).split())
        self.commands = ["".join(element.itertext()) for element in self.tree.iter("code")]

    def _one(self, tag: str) -> Element:
        return next(self.tree.iter(tag))

    def verdicts(self) -> dict[str, list[str]]:
        """The rows of the table of verdicts: the client's name -> its cells' texts."""
        table = next(table for table in self.tree.iter("table") if "verdict" in "".join(next(table.iter("caption")).itertext()))
        rows = [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in table.iter("tr")][1:]
        return {row[0].split()[0]: row[1:] for row in rows}


def report(home: Path) -> Report:
    """The newest."""
    return Report(max((home / "serverops-journal").glob("*.html")))


def follow(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """A command from a page, as it stands there, given to a shell."""
    env = environment(home)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    return subprocess.run(["/bin/sh", "-c", command], env=env, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)


def asked(cluster: Cluster, nodes: object, **more: Any) -> dict[str, Any]:
    return {"nomad_url": cluster.url, "nomad_drain_nodes": nodes, **more}


def shown(paths: list[Path], pictures: Path) -> dict[str, Seen]:
    with browser() as chromium:
        return {path.stem: chromium.open(path, pictures) for path in paths}


def test_an_unfinished_drain_is_told_its_commands_go_on_and_undo_and_a_browser_shows_all_pages(cluster: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "home"
    cluster.build(EVIL, "c1")
    played = play(DRAIN, asked(cluster, "c1,c2", nomad_drain_wait_timeout=8), home)
    assert played.code == 2 and "report: " in played.output, played.output
    first = report(home)
    assert str(first.path) in played.output
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    assert first.outcome.startswith("Drain of c1 and c2 ✕ Not as asked 1 of 2 clients is drained; 1 is unfinished (c1).")
    rows = first.verdicts()
    assert rows["c1"][0] == "! unfinished" and rows["c1"][2:6] == ["0", "1", "0", "0"]
    assert rows["c2"][0] == "✓ drained" and rows["c2"][2:6] == ["0", "0", "0", "0"]
    assert EVIL in first.text and "still runs" in first.text
    assert f"Nomad {cluster.version}" in first.text and cluster.url in first.text

    go_on, undo = first.commands
    assert json.loads(shlex.split(go_on)[3]) == asked(cluster, "c1,c2", nomad_drain_wait_timeout=8.0), "on the same terms"
    cluster.finish(EVIL)
    until(lambda: endings(cluster.witness)[EVIL] == "itself", "the build has ended", 90)
    went = follow(go_on, home)
    assert went.returncode == 0, went.stdout
    second = report(home)
    assert second.outcome.startswith("Drain of c1 and c2 ✓ As asked 2 of 2 clients are drained.")
    went = follow(undo, home)
    assert went.returncode == 0, went.stdout
    assert report(home).outcome == "Release of c1 and c2 ✓ As asked 2 of 2 clients are eligible."

    for name, seen in shown(sorted((home / "serverops-journal").glob("*.html")), ROOT / "build" / "pages" / cluster.version).items():
        assert seen.console == [], name
        assert {request.partition(":")[0] for request in seen.requests} == {"file"} and len(seen.requests) == 4, (name, seen.requests)
        assert set(seen.overflow.values()) == {0}, (name, seen.overflow)
        assert "As asked" in seen.words or "Not as asked" in seen.words


def test_a_refusal_says_why_that_nothing_was_changed_and_where_it_was_asked(cluster: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "home"
    play(DRAIN, asked(cluster, "c1,c9", awx_user_name="ada", awx_job_id=7), home)
    page = report(home)
    assert page.outcome.startswith("Drain of c1,c9 ✕ Refused Nothing was changed. What it said: nodes holds 'c9', but no such client exists")
    assert "ada, job 7" in page.text and "Asked by" in page.text
    assert [shlex.split(command)[:2] for command in page.commands] == [["ansible-playbook", DRAIN]]


def test_killed_builds_are_named_though_they_were_allowed(cluster: Cluster, tmp_path: Path) -> None:
    if cluster.version in OLD:
        pytest.skip("before 0.8 a drain has no deadline")
    home = tmp_path / "home"
    cluster.build("build-1", "c1", 600)
    played = play(DRAIN, asked(cluster, ["c1"], nomad_drain_allow_killing_builds=True, nomad_drain_deadline=2), home)
    assert played.code == 0, played.output
    page = report(home)
    assert page.outcome == "Drain of c1 ! Done, with kills c1 is killed. 1 build was killed, as allowed."
    assert page.verdicts()["c1"][0] == "! killed" and page.verdicts()["c1"][4] == "✕ 1"
    assert "what is left after 2 s is killed" in page.text and "killed by a drain" in page.text and "Run the killed builds again" in page.text


@pytest.mark.soak
def test_check_mode_foretells_and_a_run_can_do_without_or_put_it_elsewhere(cluster: Cluster, tmp_path: Path) -> None:
    if cluster.version in OLD:
        pytest.skip("told alike on all versions")
    home = tmp_path / "home"
    elsewhere = tmp_path / "page.html"
    played = play(DRAIN, asked(cluster, "c3", nomad_drain_report=str(elsewhere)), home, "--check")
    assert played.code == 0 and f"report: {elsewhere}" in played.output, played.output
    page = Report(elsewhere)
    assert page.outcome == "Drain of c3 – Foretold Nothing was changed. The real run would end so, by 1 order."
    assert list((home / "serverops-journal").glob("*.html")) == []
    played = play(DRAIN, asked(cluster, "c3", nomad_drain_report=""), home, "--check")
    assert played.code == 0 and "report: " not in played.output, played.output


@pytest.mark.soak
def test_the_commands_take_the_same_road_and_carry_no_secret(tmp_path: Path) -> None:
    """Nothing listens there: the run ends at once, and its page tells how to try again."""
    home = tmp_path / "home"
    road = {"namespace": "circleci-server", "host": "http://127.0.0.1:9", "api_key": CANARY, "proxy": f"http://operator:{CANARY}@127.0.0.1:9"}
    played = play(DRAIN, {"nomad_drain_nodes": "c1", "kubernetes_forward": json.dumps(road)}, home)
    assert played.code == 2 and "report: " in played.output, played.output
    (again,) = [command for command in report(home).commands if command.startswith("ansible-playbook serverops.circleci.drain")]
    given = json.loads(shlex.split(again)[-1])
    assert given["kubernetes_forward"] == {"namespace": "circleci-server", "host": "http://127.0.0.1:9"}
    left = "".join(path.read_text() for path in (home / "serverops-journal").iterdir())
    assert CANARY not in played.output + left
