# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode: the same decisions folded in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.fold import fold
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN, Look
from unit.toy import rules
from unit.toy.rules import Act, State, Thing, ToySpec


def look(*items: str, **things: Any) -> Look[ToySpec, State]:
    known = {item: things.get(item.replace("-", "_"), Thing()) for item in items}
    return Look(ToySpec(items, max_age=3600.0), State(0.0, known))


def test_steps_and_waits_are_folded_to_the_end_in_order() -> None:
    end = fold(rules, look("set-a", "long-b"), wait=True)
    assert end.steps == [{"step": "set", "id": "set-a", "value": "on"}, {"step": "start", "id": "long-b", "attempt": 1}]
    assert {item: decision.kind for item, decision in end.decisions.items()} == {"set-a": "settled", "long-b": "settled"}
    assert not end.unknown


def test_the_state_that_was_looked_at_stays_as_it_was() -> None:
    first = look("set-a")
    fold(rules, first, wait=True)
    assert first.state.things == {"set-a": Thing()}


def test_what_is_as_wanted_takes_no_step() -> None:
    end = fold(rules, look("set-a", set_a=Thing("on")), wait=True)
    assert end.steps == []
    assert end.decisions["set-a"].kind == "settled"


def test_something_unknown_stops_the_fold_before_any_step() -> None:
    end = fold(rules, look("set-a", "set-b", set_b=UNKNOWN), wait=True)
    assert end.unknown
    assert end.steps == []


def test_a_stuck_item_does_not_stop_the_others() -> None:
    end = fold(rules, look("set-bad", "long-b", set_bad=Thing(blocked="out of order")), wait=True)
    assert {item: decision.kind for item, decision in end.decisions.items()} == {"set-bad": "stuck", "long-b": "settled"}
    assert [step["id"] for step in end.steps] == ["long-b"]


def test_without_waiting_the_fold_ends_after_what_is_due_once() -> None:
    end = fold(rules, look("set-a", "long-b"), wait=False)
    assert [step["id"] for step in end.steps] == ["set-a", "long-b"]
    assert end.decisions["long-b"].kind == "waiting"


def test_without_waiting_and_nothing_due_a_wait_is_where_it_ends() -> None:
    running = Thing(acts=(Act("ours", False, 1, 0.0, "running"),))
    end = fold(rules, look("long-b", long_b=running), wait=False)
    assert end.steps == []
    assert end.decisions["long-b"].kind == "waiting"


class Deaf:
    """The toy's rules with one function that does nothing."""

    def __init__(self, **changed: Any) -> None:
        self.__dict__.update({name: getattr(rules, name) for name in ("decide", "effect", "assume", "remember")}, **changed)


def test_a_step_without_effect_is_an_error_of_ours() -> None:
    with pytest.raises(AssertionError, match="changed nothing"):
        fold(Deaf(effect=lambda state, _step: state), look("set-a"), wait=True)  # type: ignore[arg-type]


def test_a_wait_without_an_assumption_is_an_error_of_ours() -> None:
    with pytest.raises(AssertionError, match="changed nothing.*at work"):
        fold(Deaf(assume=lambda looked, _item: looked.state), look("long-b"), wait=True)  # type: ignore[arg-type]


def test_a_fold_that_finds_no_end_is_an_error_of_ours() -> None:
    back_and_forth = Deaf(effect=lambda state, _step: replace(state, time=state.time + 1))
    with pytest.raises(AssertionError, match="no end"):
        fold(back_and_forth, look("set-a"), wait=True)  # type: ignore[arg-type]


def test_memory_grows_along_the_fold() -> None:
    seen: list[float] = []

    def remember(looked: Look[ToySpec, State]) -> dict[str, Any]:
        seen.append(looked.state.time)
        return {"began": 0.0, "looks": looked.memory.get("looks", 0) + 1}

    end = fold(Deaf(remember=remember), look("long-b"), wait=True)  # type: ignore[arg-type]
    assert end.look.memory["looks"] == len(seen) == 3
