# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline of a report: clients and builds as rows of bars, in per cent of the width, each with its words; pure."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.serverops.circleci.plugins.plugin_utils.report_blocks import Json, duration, moment
from ansible_collections.serverops.circleci.plugins.plugin_utils.report_words import ENDS

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
TICKS = 6  # at most; a narrow screen holds no more
EDGE = 94.0  # per cent
ROWS = 600  # rows drawn at most, so that the page of a thousand clients stays small
AS_ASKED = ("drained", "cordoned", "eligible")
STANDS = {
    "open": "open",
    "draining": "closed, draining",
    "closed": "closed",
    "down": "down",
    "unknown": "cut off",
    "gone": "gone",
    "done": "as asked, seen twice",
}
LEGEND = (
    ("open", "client open"),
    ("draining", "closed, draining"),
    ("closed", "closed"),
    ("done", "as asked, confirmed"),
    ("down", "client down, cut off or gone"),
    ("finished", "build that ended by itself"),
    ("running", "build that still runs"),
    ("killed", "build killed or lost"),
    ("play", "a playbook at work"),
    ("cancelled", "build called off by a person, or forgotten"),
)


@dataclass(frozen=True)
class Axis:
    """From 0 to `length` seconds."""

    length: float

    def at(self, t: float) -> float:
        """The place of a time, in per cent."""
        return round(100.0 * min(max(t, 0.0), self.length) / self.length, 2)

    def strip(self, kind: str, begin: float, end: float) -> Json:
        """A bar; what is short is still to be seen."""
        x = self.at(begin)
        return {"kind": kind, "x": x, "width": max(0.4, round(self.at(end) - x, 2))}

    def ticks(self) -> tuple[float, list[Json]]:
        """The distance of the ticks in per cent, and their texts."""
        step = next((step for step in STEPS if self.length / step <= TICKS), STEPS[-1])
        times = range(0, int(self.length) + 1, step)
        places = [("start", 0.0)] + [("end" if self.at(t) > EDGE else "middle", t) for t in times[1:]]  # no text may leave the picture
        marks = [{"x": self.at(t), "text": duration(t), "anchor": anchor} for anchor, t in places]
        return round(100.0 * step / self.length, 3), marks


def axis_for(nodes: list[Json]) -> Axis:
    """Long enough for all that these clients have to tell."""
    times = [1.0]
    for node in nodes:
        times += [node["waited"], *(entry["t"] for entry in node["history"]), *(build["until"] or build["from"] for build in node["builds"])]
    return Axis(max(times))


def chart(groups: list[Json], axis: Axis, words: str) -> Json:
    """The block for the template."""
    step, ticks = axis.ticks()
    kinds = {strip["kind"] for group in groups for row in group["rows"] for strip in row["bars"]}
    legend = [{"kind": kind, "text": text} for kind, text in LEGEND if kind in kinds or (kind == "killed" and "lost" in kinds)]
    return {"kind": "chart", "groups": groups, "step": step, "ticks": ticks, "legend": legend, "words": words}


def groups_of(nodes: list[Json], axis: Axis) -> tuple[list[Json], int]:
    """A group of rows for each client, and how many clients found no room."""
    groups: list[Json] = []
    drawn = 0
    for node in nodes:
        rows = [client_row(node, axis), *(build_row(build, axis) for build in node["builds"])]
        if drawn + len(rows) > ROWS and groups:
            break
        groups.append({"rows": rows})
        drawn += len(rows)
    return groups, len(nodes) - len(groups)


def client_row(node: Json, axis: Axis) -> Json:
    """How a client stood, up to its verdict and after it."""
    good = node["verdict"] in AS_ASKED
    end = node["waited"] if good else axis.length
    stands = [(entry["t"], entry["is"]) for entry in node["history"]]
    spans = [(begin, min(until, end), kind) for (begin, kind), (until, _next) in zip(stands, [*stands[1:], (end, "")]) if begin < end]
    spans += [(end, axis.length, "done")] if good and end < axis.length else []
    told = [f"{STANDS[kind]} from {duration(begin)} to {duration(until)}" for begin, until, kind in spans]
    words = f"{node['verdict']} after {duration(node['waited'])}"
    mark = {"x": axis.at(node["waited"]), "text": "✓" if good else "✕"} if good or node["verdict"] == "killed" else None
    bars = [axis.strip(_drawn(kind), begin, until) for begin, until, kind in spans]
    return {**row("client", node["name"], bars, words, "; ".join(told)), "mark": mark}


def _drawn(kind: str) -> str:
    return "down" if kind in ("unknown", "gone") else kind


def build_row(build: Json, axis: Axis) -> Json:
    """A build, from the first look that showed it to its end."""
    end = build["end"]
    until = axis.length if build["until"] is None else build["until"]
    words = f"{ENDS[end]} at {duration(until)}" if end else "still runs"
    began = f"started {moment(build['started'][:19] + 'Z')}, " if build["started"] else ""
    told = f"{began}seen from {duration(build['from'])} to {duration(until)}, {words}"
    kind = "cancelled" if end == "forgotten" else str(end or "running")
    return row("build", build["job"], [axis.strip(kind, build["from"], until)], words, told)


def row(kind: str, name: str, bars: list[Json], words: str, told: str) -> Json:
    """One row. `words` stand beside the bar, `told` is what the bar shows, for those who do not see it."""
    return {"kind": kind, "name": name, "bars": bars, "words": words, "told": told, "mark": None}
