# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drain tells people: the result, the last view without an answer, the line of progress, check mode's good ends."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.fold import fold
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import drain
from unit.plugins.module_utils.nomad.values import (
    ALL,
    MARKED,
    NEW,
    OTHER,
    build,
    cordoned,
    draining,
    ended,
    mark,
    opened,
    ours,
    see,
    state,
    told,
    unread,
    winding_up,
    wish,
)

KEYS = ["id", "name", "instance_id", "verdict", "reason", "joined", "mark", "running", "finished", "killed", "lost", "waited", "history", "builds"]


@pytest.mark.parametrize("version", ALL)
def test_every_client_has_every_key_also_one_that_is_gone(version: str) -> None:
    look = see(state(version, opened("c1"), allocations=(build(),), targets=("c1", "c2")))
    shown = drain.view(look, drain.decide(look))
    assert [list(node) for node in shown["nodes"]] == [KEYS, KEYS]
    assert shown["summary"] == {"gone": 1, "unfinished": 1}
    assert shown["server"] == {"version": version, "region": "global"}


def test_builds_are_told_by_job_allocation_and_start_in_order() -> None:
    found = (build("z"), build("a", started="2026-11-23T08:00:01Z"))
    assert told(see(state("1.1.2", ours(), allocations=found)))["running"] == [
        {"job": "a", "allocation": "a-a", "started": "2026-11-23T08:00:01Z"},
        {"job": "z", "allocation": "a-z", "started": None},
    ]


def test_an_instance_id_once_seen_is_told_also_when_a_later_read_leaves_it_out() -> None:
    first = see(state("1.1.2", opened(instance_id="i-1")))
    assert told(see(state("1.1.2", unread(opened())), after=first))["instance_id"] == "i-1"


def test_out_of_sight_what_had_not_ended_is_unknown() -> None:
    last = {"nodes": [{"id": "c1", "verdict": "drained"}, {"id": "c2", "verdict": "unfinished"}, {"id": "c3", "verdict": "lost"}], "summary": {}}
    shown = drain.out_of_sight(last)
    assert [node["verdict"] for node in shown["nodes"]] == ["drained", "unknown", "lost"]
    assert shown["summary"] == {"drained": 1, "lost": 1, "unknown": 1}
    assert drain.out_of_sight({})["nodes"] == []


def test_the_line_of_progress() -> None:
    nodes = (ours("c1"), cordoned("c2"), ours("c3"))
    look = see(state("1.1.2", *nodes, allocations=(build(node="c1"),), targets=("c1", "c2", "c3", "c4")))
    assert drain.progress(look, drain.decide(look)) == "1 of 4 clients drained, 1 stuck, 1 build left"
    two = see(state("1.1.2", ours(), allocations=(build(), build("b2"))))
    assert drain.progress(two, drain.decide(two)) == "0 of 1 clients drained, 2 builds left"
    opening = see(state("1.1.2", ours()), wish(state="eligible"))
    assert drain.progress(opening, drain.decide(opening)) == "0 of 1 clients eligible"


# -- check mode -------------------------------------------------------------------------------------


def steps(look: object) -> list[str]:
    """What check mode says would be done."""
    end = fold(drain, look, True)  # type: ignore[arg-type]
    assert not end.unknown
    return [f"{step['step']} {step['id']}" for step in end.steps]


@pytest.mark.parametrize("version", ALL)
def test_check_mode_takes_builds_to_end_by_themselves(version: str) -> None:
    end = fold(drain, see(state(version, opened(), allocations=(build(), build("s", job_type="system")))), True)
    assert [step["step"] for step in end.steps] == ["drain"] and end.decisions["c1"].kind == "settled"


@pytest.mark.parametrize("version", NEW)
def test_check_mode_cordons_first_where_something_winds_up(version: str) -> None:
    assert steps(see(state(version, opened(), allocations=(winding_up(), build("b2"))))) in (["cordon c1"], ["cordon c1", "drain c1"])


@pytest.mark.parametrize("version", ALL)
def test_check_mode_takes_every_free_slot(version: str) -> None:
    look = see(state(version, opened("c1"), opened("c2"), allocations=(build(node="c1"), build("b2", node="c2")), targets=("c1", "c2")), wish(max_in_flight=1))
    assert steps(look) == ["drain c1", "drain c2"]


@pytest.mark.parametrize("version", MARKED)
def test_check_mode_waits_for_others_to_free_slots(version: str) -> None:
    look = see(state(version, opened("c1"), draining("c8", last=mark(OTHER))), wish(max_in_flight=1))
    assert steps(look) == ["drain c1"]


@pytest.mark.parametrize("version", NEW)
@pytest.mark.parametrize("node", [opened(status="disconnected"), cordoned(status="down"), unread(ours())])
def test_check_mode_never_assumes_the_unknown_away(version: str, node: object) -> None:
    assert fold(drain, see(state(version, node)), True).unknown  # type: ignore[arg-type]


@pytest.mark.parametrize("version", NEW)
def test_check_mode_of_a_single_round_without_waiting(version: str) -> None:
    end = fold(drain, see(state(version, opened(), allocations=(winding_up(), build("b2")))), False)
    assert [step["step"] for step in end.steps] == ["cordon"]


@pytest.mark.parametrize("version", MARKED)
def test_check_mode_of_eligible_lifts_the_drain_that_is_still_in_force_after_the_stops(version: str) -> None:
    assert steps(see(state(version, ours(), allocations=(winding_up(), build("b2"))), wish(state="eligible"))) == ["lift_drain c1"]


@pytest.mark.parametrize("version", MARKED)
def test_check_mode_of_eligible_with_nothing_winding_up(version: str) -> None:
    assert steps(see(state(version, ours(), allocations=(build(),)), wish(state="eligible"))) == ["lift_drain c1"]
    assert steps(see(state(version, cordoned(last_drain=mark()), allocations=(ended(),)), wish(state="eligible"))) == ["make_eligible c1"]


@pytest.mark.parametrize("version", NEW)
def test_check_mode_does_not_predict_an_unsticking_of_a_drain_it_only_imagines(version: str) -> None:
    assert steps(see(state(version, opened()), still=6.0)) == ["drain c1"]
