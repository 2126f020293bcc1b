# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's report: the pages of its runs put together, beside what the simulated clusters themselves tell; set by the role's own template."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.serverops.circleci.plugins.plugin_utils import report_chart as charts
from ansible_collections.serverops.circleci.plugins.plugin_utils import report_page as pages
from ansible_collections.serverops.circleci.plugins.plugin_utils import report_words as words
from ansible_collections.serverops.circleci.plugins.plugin_utils.report_blocks import (
    BAD,
    GOOD,
    SIGNS,
    WARN,
    duration,
    facts,
    figure,
    orders,
    page,
    section,
    text,
)
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).resolve().parent.parent / "roles/journal/templates"
TOLD = {"itself": "finished", "running": "running", "killed": "killed", "lost": "lost", "cancelled": "cancelled"}
LEADS = {
    True: "This Nomad, the one of CircleCI Server 2.x, cannot close a client without killing its builds. "
    "So each client stays open until it is seen idle, and is drained in that moment.",
    False: "The clients are closed at once for new builds; those that run end by themselves.",
}
FOOT = (
    "The clusters are simulated, held to recordings of real servers; the playbooks are the real ones. The timelines are the clusters' own account, "
    "in their time, which runs {pace:g} times as fast as ours. What the runs waited is told in our time."
)

Json = dict[str, Any]


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
    journal: Json


@dataclass(frozen=True)
class Story:
    """What happened on one cluster: `truth` is the simulator's own account, `writes` the requests that changed something."""

    profile: str
    pace: float
    runs: list[Run]
    truth: Json
    writes: list[Json]


def write_report(path: Path, stories: list[Story], faults: list[str]) -> Path:
    """Write the page and return its path."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=False, trim_blocks=True, undefined=StrictUndefined)  # the template escapes
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(environment.get_template("report.html.j2").render(journal_page=page_of(stories, faults)), encoding="utf-8")
    return path


def page_of(stories: list[Story], faults: list[str]) -> Json:
    """The whole page: figures first, then a chapter for each cluster."""
    sections = [section("At a glance", _figures(stories))]
    for story in stories:
        sections += _chapter(story)
    return page("Rehearsal of a drain", _outcome(faults), sections, FOOT.format(pace=stories[0].pace))


def _outcome(faults: list[str]) -> Json:
    if faults:
        return {"tone": BAD, "sign": SIGNS[BAD], "word": "Not as promised", "lead": "; ".join(faults) + "."}
    lead = "Every build ended by itself, and every client that was called drained was empty. Of that the clusters are the witness, not the result of the run."
    return {"tone": GOOD, "sign": SIGNS[GOOD], "word": "As promised", "lead": lead}


def _figures(stories: list[Story]) -> Json:
    ends = Counter(build["how"] for story in stories for build in story.truth["builds"])
    bad = ends["killed"] + ends["lost"]
    runs = [run for story in stories for run in story.runs]
    refused = sum(1 for run in runs if run.code and not run.interrupted)
    items = [
        figure(ends["itself"], "builds ended by themselves", GOOD),
        figure(bad, "builds killed or lost", BAD if bad else GOOD),
        figure(ends["running"], "builds still run"),
        figure(len(runs), "playbooks played"),
        figure(refused, "wrong requests refused"),
        figure(sum(run.interrupted for run in runs), "broken off, and finished by the next run"),
    ]
    return {"kind": "figures", "items": items}


def _chapter(story: Story) -> list[Json]:
    lead = text(LEADS[story.profile.startswith("0.5")])
    return [section(f"Nomad {story.profile}", lead, _chart(story)), *(_told(story, number) for number in range(len(story.runs)))]


def _told(story: Story, number: int) -> Json:
    """One run: how it went, what was asked, the verdicts, and what its own report says is to be done where it did not go as asked."""
    run = story.runs[number]
    how, journal = words.outcome(run.journal), run.journal
    command = " ".join([run.playbook, "-e", f"nomad_drain_nodes={run.nodes}", *run.options])
    when = f"{duration(run.began)} to {duration(run.ended)} of the timeline"
    broken = "Ctrl-C came at the first line of progress. " if run.interrupted else ""
    next_steps = words.next_steps(journal) if how["tone"] in (BAD, WARN) else []
    blocks = [
        text(broken + how["lead"]),
        facts([("Command", f"ansible-playbook {command}"), ("When", when)]),
        pages.verdicts(journal),
        orders(next_steps),
    ]
    return section(f"{number + 1}. {run.title}", *blocks, level=3, how=how)


# -- the clusters' own account ---------------------------------------------------------------------------


def _chart(story: Story) -> Json:
    axis = charts.Axis(max([story.truth["t"], *(run.ended for run in story.runs)]))
    groups = [{"rows": [_play(run, number, axis) for number, run in enumerate(story.runs, 1)]}]
    for node in story.truth["nodes"]:
        builds = [_build(build, axis) for build in story.truth["builds"] if build["client"] == node["name"]]
        groups.append({"rows": [_client(story, node, axis), *builds]})
    return charts.chart(groups, axis, "What the operator did, and what really became of the clients and the builds. Time is the cluster's.")


def _play(run: Run, number: int, axis: charts.Axis) -> Json:
    told = f"from {duration(run.began)} to {duration(run.ended)}"
    return charts.row("build", f"{number}. {run.title}", [axis.strip("play", run.began, run.ended)], words.outcome(run.journal)["word"].lower(), told)


def _build(build: Json, axis: charts.Axis) -> Json:
    end = axis.length if build["ended"] is None else build["ended"]
    kind = TOLD[build["how"]]
    said = "still runs" if kind == "running" else f"{charts.ENDS[kind]} at {duration(end)}"
    return charts.row("build", build["job"], [axis.strip(kind, build["started"], end)], said, f"from {duration(build['started'])}, {said}")


def _client(story: Story, node: Json, axis: charts.Axis) -> Json:
    """When it was closed, by the requests that closed and opened it."""
    spans = _closed(story, node["id"])
    bars = [axis.strip("open", 0, axis.length), *(axis.strip("closed", begin, axis.length if end is None else end) for begin, end in spans)]
    said = [f"closed at {duration(begin)}" + ("" if end is None else f", open again at {duration(end)}") for begin, end in spans]
    return charts.row("client", node["name"], bars, "; ".join(said) or "left open", "; ".join(said) or "open all the time")


def _closed(story: Story, node: str) -> list[tuple[float, float | None]]:
    spans: list[tuple[float, float | None]] = []
    since = None
    for write in story.writes:
        if node not in write["path"]:
            continue
        opens = '"MarkEligible": true' in write["body"] or '"Eligibility": "eligible"' in write["body"] or write["query"].get("enable") == "false"
        if opens and since is not None:
            spans, since = [*spans, (since, write["t"])], None
        elif not opens and since is None:
            since = write["t"]
    return spans if since is None else [*spans, (since, None)]
