# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's page, from a short story: the clusters are the witness, what went wrong comes first, and a browser shows it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import html5lib
import pytest
from integration.browser import browser
from integration.playing import ROOT
from unit.plugins.plugin_utils.journals import journal, node


def _tool() -> Any:
    spec = importlib.util.spec_from_file_location("demo_report", ROOT / "tools" / "report.py")
    assert spec and spec.loader
    tool = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = tool  # dataclasses look their module up
    spec.loader.exec_module(tool)
    return tool


def story(how: str = "itself", ended: float | None = 60.0) -> Any:
    """A refusal, a drain broken off, and the run that finished it."""
    tool = _tool()
    runs = [
        tool.Run("A wrong request", "serverops.circleci.drain", "c1,c9", [], 2, 1.0, 5.0, False, [], journal(phase="failed", message="no such client")),
        tool.Run("Broken off", "serverops.circleci.drain", "c1", [], 99, 6.0, 20.0, True, [], journal(phase="begun")),
        tool.Run("Again", "serverops.circleci.drain", "c1", [], 0, 21.0, 70.0, False, [], journal(node())),
    ]
    builds = [{"job": "<web>", "client": "c1", "started": 0.0, "ended": ended, "how": how}]
    writes = [
        {"t": 8.0, "path": "/v1/node/id-c1/drain", "body": "{}", "query": {}},
        {"t": 65.0, "path": "/v1/node/id-c1/drain", "body": '{"MarkEligible": true}', "query": {}},
    ]
    return tool, tool.Story("1.1.2", 6.0, runs, {"t": 72.0, "nodes": [{"name": "c1", "id": "id-c1"}], "builds": builds}, writes)


def words(path: Path) -> str:
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(path.read_text())
    return " ".join("".join(tree.find("body").itertext()).split())


def test_the_story_is_told_run_by_run_and_by_the_clusters_own_account(tmp_path: Path) -> None:
    tool, told = story()
    text = words(tool.write_report(tmp_path / "report.html", [told], []))
    assert text.startswith("Rehearsal of a drain ✓ As promised")
    places = [text.index(part) for part in ("1. A wrong request ✕ Refused", "2. Broken off ! Not ended Ctrl-C came", "3. Again ✓ As asked c1 is drained.")]
    assert places == sorted(places)
    assert "closed at 8 s, open again at 1 min 5 s" in text and "ended by itself at 1 min" in text
    assert "GO ON" in text, "how the broken-off run goes on"


ENDS = [("killed", 60.0, "killed by a drain at 1 min"), ("lost", 60.0, "lost with its client at"), ("running", None, "still runs")]


@pytest.mark.parametrize(("how", "ended", "said"), ENDS)
def test_what_the_clusters_say_of_a_build_is_told_whatever_the_runs_say(how: str, ended: float | None, said: str, tmp_path: Path) -> None:
    tool, told = story(how, ended)
    assert said in words(tool.write_report(tmp_path / "report.html", [told], []))


def test_what_was_not_as_promised_comes_first(tmp_path: Path) -> None:
    tool, told = story("killed")
    text = words(tool.write_report(tmp_path / "report.html", [told], ["1.1.2: build <web> did not end by itself"]))
    assert text.startswith("Rehearsal of a drain ✕ Not as promised 1.1.2: build <web> did not end by itself.")


def test_a_browser_shows_it_with_no_complaint_and_asks_for_nothing_else(tmp_path: Path) -> None:
    tool, told = story()
    path = tool.write_report(tmp_path / "demo.html", [told, told], [])
    with browser() as chromium:
        seen = chromium.open(path, ROOT / "build" / "pages" / "demo")
    assert seen.console == []
    assert seen.requests == [path.as_uri()] * 4
    assert set(seen.overflow.values()) == {0}, seen.overflow


def test_the_browser_would_see_a_complaint_a_request_and_a_page_too_wide(tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text('<p style="width: 3000px">wide<img src="http://127.0.0.1:1/x.png"><script>console.error("no")</script>')
    with browser() as chromium:
        seen = chromium.open(path, tmp_path / "pictures")
    assert "no" in seen.console
    assert "http://127.0.0.1:1/x.png" in seen.requests
    assert min(seen.overflow.values()) > 1000
