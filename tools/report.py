# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's report: one self-contained page with a timeline of each client and build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

TEMPLATES = Path(__file__).resolve().parent / "templates"
WIDTH, LEFT, ROW = 900, 90, 26


@dataclass(frozen=True)
class Run:
    """One playbook as it was played. Times in seconds of the cluster."""

    title: str
    playbook: str
    nodes: str
    options: list[str]
    code: int
    began: float
    ended: float
    interrupted: bool
    said: list[str]
    journal: dict[str, Any]


@dataclass(frozen=True)
class Story:
    """What happened on one cluster: `truth` is the simulator's own account, `writes` the requests that changed something."""

    profile: str
    pace: float
    runs: list[Run]
    truth: dict[str, Any]
    writes: list[dict[str, Any]]


def write_report(path: Path, stories: list[Story], faults: list[str]) -> Path:
    """Write the page and return its path."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.get_template("report.html.j2").render(stories=[_shown(story) for story in stories], faults=faults)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def _shown(story: Story) -> dict[str, Any]:
    length = max([story.truth["t"], *(run.ended for run in story.runs)])
    rows: list[dict[str, Any]] = []
    for node in story.truth["nodes"]:
        rows.append({"kind": "client", "name": node["name"], "bars": _closed(story, node["id"], length)})
        for build in story.truth["builds"]:
            if build["client"] == node["name"]:
                end = build["ended"] if build["ended"] is not None else length
                rows.append({"kind": "build", "name": build["job"], "bars": [_bar(build["started"], end, length, build["how"], _told(build))]})
    marks = [{"x": _x(at, length), "text": text} for run in story.runs for at, text in ((run.began, f"{run.title}: begins"), (run.ended, f"{run.title}: ends"))]
    for number, row in enumerate(rows):
        row["y"] = ROW * number + 30
    ticks = [{"x": _x(at, length), "text": f"{at // 60} min"} for at in range(0, int(length) + 1, 60)]
    return {"story": story, "rows": rows, "marks": marks, "ticks": ticks, "height": ROW * len(rows) + 50, "width": WIDTH, "left": LEFT}


def _closed(story: Story, node: str, length: float) -> list[dict[str, Any]]:
    """When the client was closed, by the requests that closed and opened it."""
    bars, since = [], None
    for write in story.writes:
        if node not in write["path"]:
            continue
        opens = '"MarkEligible": true' in write["body"] or '"Eligibility": "eligible"' in write["body"] or write["query"].get("enable") == "false"
        if opens and since is not None:
            bars.append(_bar(since, write["t"], length, "closed", f"closed for new builds, {since:.0f} s to {write['t']:.0f} s"))
            since = None
        elif not opens and since is None:
            since = write["t"]
    if since is not None:
        bars.append(_bar(since, length, length, "closed", f"closed for new builds from {since:.0f} s on"))
    return bars


def _told(build: dict[str, Any]) -> str:
    end = "still runs" if build["ended"] is None else f"{build['how']} at {build['ended']:.0f} s"
    return f"{build['job']} on {build['client']}: started at {build['started']:.0f} s, {end}"


def _bar(begin: float, end: float, length: float, kind: str, text: str) -> dict[str, Any]:
    x = _x(begin, length)
    return {"x": x, "width": max(1.0, round(_x(end, length) - x, 1)), "kind": kind, "text": text}


def _x(at: float, length: float) -> float:
    return round(LEFT + (WIDTH - LEFT - 10) * at / length, 1)
