# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline: places in per cent, how a client stood up to its verdict and after, builds and their ends, bounds."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.plugin_utils import report_chart as charts
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.plugin_utils.journals import build, node

AXIS = charts.Axis(100.0)


def spans(row: dict[str, object]) -> list[tuple[object, ...]]:
    return [(strip["kind"], strip["x"], strip["width"]) for strip in row["bars"]]  # type: ignore[attr-defined]


def test_a_drained_client_is_drawn_open_draining_closed_and_then_as_asked_from_its_verdict_on() -> None:
    row = charts.client_row(node(), AXIS)
    assert spans(row) == [("open", 0.0, 0.4), ("draining", 0.2, 60.8), ("closed", 61.0, 1.0), ("done", 62.0, 38.0)]
    assert row["words"] == "drained after 1 min 2 s" and row["mark"] == {"x": 62.0, "text": "✓"}
    assert "closed, draining from 0.2 s to 1 min 1 s" in row["told"], "told to those who do not see the bars"


def test_an_unfinished_client_has_no_verdict_s_mark_and_is_drawn_to_the_end() -> None:
    row = charts.client_row(node(verdict="unfinished", history=[{"t": 0.0, "is": "open"}, {"t": 1.0, "is": "draining"}]), AXIS)
    assert spans(row) == [("open", 0.0, 1.0), ("draining", 1.0, 99.0)]
    assert row["mark"] is None


@pytest.mark.parametrize("stand", ["down", "unknown", "gone"])
def test_a_client_out_of_sight_is_drawn_as_down_and_told_by_its_own_word(stand: str) -> None:
    row = charts.client_row(node(verdict="lost", history=[{"t": 0.0, "is": stand}]), AXIS)
    assert spans(row) == [("down", 0.0, 100.0)] and charts.STANDS[stand] in row["told"]


def test_a_killed_client_s_mark_is_a_cross_and_nothing_is_drawn_as_asked() -> None:
    row = charts.client_row(node(verdict="killed"), AXIS)
    assert row["mark"] == {"x": 62.0, "text": "✕"}
    assert [kind for kind, _x, _width in spans(row)] == ["open", "draining", "closed"]


@pytest.mark.parametrize(
    ("until", "end", "kind", "words"),
    [
        (60.0, "finished", "finished", "ended by itself at 1 min"),
        (60.0, "killed", "killed", "killed by a drain at 1 min"),
        (60.0, "lost", "lost", "lost with its client at 1 min"),
        (60.0, "cancelled", "cancelled", "called off by a person at 1 min"),
        (60.0, "forgotten", "cancelled", "no longer listed by the servers at 1 min"),
        (None, None, "running", "still runs"),
    ],
)
def test_a_build_s_end_is_told_in_words_too(until: float | None, end: str | None, kind: str, words: str) -> None:
    row = charts.build_row(build(start=10.0, until=until, end=end), AXIS)
    assert spans(row) == [(kind, 10.0, 90.0 if until is None else 50.0)]
    assert row["words"] == words and "started 2026-11-24 20:00:00 UTC" in row["told"]


def test_the_axis_holds_all_there_is_and_is_never_empty() -> None:
    assert charts.axis_for([node(waited=5.0, history=[], builds=[])]).length == 5.0
    assert charts.axis_for([node(waited=0.0, history=[], builds=[])]).length == 1.0
    assert charts.axis_for([node(waited=5.0, builds=[build(until=99.0)])]).length == 99.0


@given(st.floats(1.0, 200_000.0))
def test_ticks_fit_at_every_length(length: float) -> None:
    step, ticks = charts.Axis(length).ticks()
    assert 1 <= len(ticks) <= charts.TICKS + 1 and step > 0
    assert all(0 <= tick["x"] <= 100 for tick in ticks)
    assert ticks[0]["anchor"] == "start" and all(tick["anchor"] == "end" for tick in ticks[1:] if tick["x"] > charts.EDGE)


@given(st.floats(-5, 500), st.floats(-5, 500))
def test_no_bar_leaves_the_picture_or_vanishes(begin: float, end: float) -> None:
    strip = AXIS.strip("open", min(begin, end), max(begin, end))
    assert strip["width"] >= 0.4 and 0 <= strip["x"] <= 100 and strip["x"] + strip["width"] <= 100.4 + 0.01


def test_rows_are_bounded_and_those_left_out_are_counted() -> None:
    nodes = [node(f"c{number}", builds=[build(str(n)) for n in range(9)]) for number in range(100)]
    groups, left_out = charts.groups_of(nodes, AXIS)
    assert sum(len(group["rows"]) for group in groups) <= charts.ROWS
    assert len(groups) + left_out == 100 and left_out == 40


def test_the_legend_names_what_is_drawn_and_nothing_else() -> None:
    groups, _left = charts.groups_of([node(builds=[build(end="lost")])], AXIS)
    assert [item["kind"] for item in charts.chart(groups, AXIS, "")["legend"]] == ["open", "draining", "closed", "done", "killed"]
