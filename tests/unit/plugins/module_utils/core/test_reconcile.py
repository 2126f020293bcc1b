# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel on the toy: rounds, lost answers, ends, time-outs, slices."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import SLICE_CHANGE, SLICE_LENGTH, Outcome, Reconciliation, Task, Terms
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, settled
from unit.toy import rules
from unit.toy.rules import ToySpec
from unit.toy.world import ToyPort, ToyWorld


def go(world: ToyWorld, *items: str, task: Task | None = None, max_age: float | None = 3600.0, using: Any = rules, **terms: Any) -> Outcome:
    """One run of the kernel, as one process or slice makes it."""
    spec = ToySpec(items, max_age=max_age)
    task = task or Task(run="run-1")
    return Reconciliation(using, ToyPort(world, spec, task.run), world.clock).run(spec, Terms(**terms), task)


def in_slices(world: ToyWorld, *items: str, **terms: Any) -> tuple[Outcome, int]:
    """As many slices as it takes, each from the JSON of the one before."""
    outcome = go(world, *items, slice=True, **terms)
    count = 1
    while outcome.partial:
        outcome = go(world, *items, slice=True, task=Task(**json.loads(json.dumps(outcome.task))), **terms)
        count += 1
    return outcome, count


def verdicts(outcome: Outcome) -> dict[str, str]:
    return {thing["id"]: thing["verdict"] for thing in outcome.view["things"]}


def changed_rules(**changed: Any) -> Any:
    names = ("refusals", "decide", "effect", "assume", "remember", "facts", "view", "out_of_sight", "progress")
    return SimpleNamespace(**{**{name: getattr(rules, name) for name in names}, **changed})


# -- rounds and ends ---------------------------------------------------------------------------------------


def test_items_are_brought_about_side_by_side_and_the_result_tells_what_was_done() -> None:
    world = ToyWorld()
    outcome = go(world, "set-a", "long-b", "once-c")
    assert verdicts(outcome) == {"set-a": "settled", "long-b": "settled", "once-c": "settled"}
    assert [step["id"] for step in outcome.steps] == ["set-a", "long-b", "once-c"]
    assert outcome.failure == ""
    assert world.clock.now() < 25, "the two acts of 20 s ran at the same time"


def test_the_first_view_and_the_last_are_kept_for_the_diff() -> None:
    outcome = go(ToyWorld(), "long-b")
    assert outcome.before == {"long-b": {"seen": True, "value": "off", "acts": []}}
    assert outcome.after == {"long-b": {"seen": True, "value": "off", "acts": [[1, "ended"]]}}


def test_a_stuck_item_does_not_stop_the_others_and_the_run_fails_at_the_end_naming_it() -> None:
    world = ToyWorld()
    world.blocked["set-bad"] = "out of order"
    outcome = go(world, "set-bad", "long-b")
    assert verdicts(outcome) == {"set-bad": "stuck", "long-b": "settled"}
    assert outcome.failure == "set-bad can never settle: out of order"
    assert world.acts["long-b"][0].status == "ended"


def test_an_act_that_died_is_followed_by_the_next_try_until_there_is_none() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("died", 5.0)]
    outcome = go(world, "long-b")
    assert [step["attempt"] for step in outcome.steps] == [1, 2, 3]
    assert outcome.failure == "long-b died 3 times"


def test_an_unknown_part_gives_no_step_and_no_end_until_it_is_seen() -> None:
    world = ToyWorld()
    world.hide("set-a", 30.0)
    outcome = go(world, "set-a")
    assert verdicts(outcome) == {"set-a": "settled"}
    assert world.clock.now() >= 30.0
    assert len(world.log) == 1


def test_a_part_unknown_to_the_end_is_unknown_and_no_success() -> None:
    world = ToyWorld()
    world.hide("set-a", 1e6)
    outcome = go(world, "set-a", wait_timeout=60.0)
    assert verdicts(outcome) == {"set-a": "unknown"}
    assert "set-a cannot be seen" in outcome.failure


def test_an_end_that_asks_for_confirmation_is_read_twice() -> None:
    world = ToyWorld()
    world.begin("long-b")
    world.clock.sleep(30)
    go(world, "long-b")
    assert world.fresh == [frozenset({"long-b"})]


def test_an_end_that_does_not_hold_is_none() -> None:
    world = ToyWorld()
    world.begin("long-b")
    world.clock.sleep(30)
    world.clock.after(0.1, lambda: setattr(world.acts["long-b"][0], "status", "died"))
    outcome = go(world, "long-b")
    assert [step["attempt"] for step in outcome.steps] == [2]


def test_refusals_stop_it_before_the_first_write() -> None:
    world = ToyWorld()
    world.frozen = True
    with pytest.raises(Refused, match="the toy is frozen"):
        go(world, "set-a")
    assert world.sent == []


def test_refusals_are_asked_once() -> None:
    world = ToyWorld()
    world.clock.after(5.0, lambda: setattr(world, "frozen", True))
    assert go(world, "long-b").failure == ""


def test_rules_that_remember_nothing_have_a_first_look_all_the_same() -> None:
    world = ToyWorld()
    world.clock.after(5.0, lambda: setattr(world, "frozen", True))
    outcome = go(world, "long-b", using=changed_rules(remember=lambda _look: {}))
    assert outcome.before["long-b"]["acts"] == []


# -- answers that were lost ---------------------------------------------------------------------------------


@pytest.mark.parametrize("item", ["set-a", "long-b", "once-c"])
@pytest.mark.parametrize("max_age", [None, 3600.0], ids=["by the run", "by age"])
@pytest.mark.parametrize(("kind", "sent"), [("lost_done", 1), ("lost", 2)])
def test_after_a_lost_answer_the_system_tells_whether_the_order_took_effect(item: str, kind: str, sent: int, max_age: float | None) -> None:
    world = ToyWorld()
    world.fault("apply", kind)
    outcome = go(world, item, max_age=max_age)
    assert outcome.failure == ""
    assert len(world.sent) == sent
    assert len(outcome.steps) == len(world.log) == 1
    assert world.harm() == []


def test_an_order_that_never_took_effect_is_not_listed_as_done_at_the_timeout() -> None:
    world = ToyWorld()
    world.fault("apply", "lost", count=10**6)
    outcome = go(world, "set-a", wait_timeout=30.0)
    assert "wait_timeout (30 s)" in outcome.failure
    assert world.log == []
    assert outcome.steps == []
    assert "done: nothing" in outcome.failure


@pytest.mark.parametrize("item", ["long-b", "once-c"])
def test_an_order_that_takes_effect_a_moment_after_its_answer_was_lost_is_not_given_again(item: str) -> None:
    world = ToyWorld()
    world.fault("apply", "late", seconds=0.5)
    outcome = go(world, item)
    assert outcome.failure == ""
    assert world.harm() == []
    assert len(world.sent) == 1


def test_an_order_in_doubt_is_listed_once_though_its_item_is_hidden_for_a_while() -> None:
    world = ToyWorld()
    world.fault("apply", "lost")
    world.clock.after(0.0025, lambda: world.hide("set-a", 20.0))
    outcome = go(world, "set-a")
    assert len(world.sent) == 2
    assert len(outcome.steps) == 1


def test_an_order_in_doubt_is_listed_once_though_a_slice_ends_before_the_next_look() -> None:
    world = ToyWorld()
    world.fault("apply", "lost")
    world.clock.after(0.0025, lambda: world.cut_off(100.0))
    outcome, slices = in_slices(world, "set-a")
    assert slices > 1
    assert len(world.sent) == 2
    assert len(outcome.steps) == 1


def test_without_waiting_an_order_whose_answer_was_lost_is_not_sent_again() -> None:
    world = ToyWorld()
    world.fault("apply", "lost")
    outcome = go(world, "set-a", wait=False)
    assert len(world.sent) == 1
    assert "took no effect" in outcome.failure
    assert outcome.steps == []


# -- refusals of the system -----------------------------------------------------------------------------------


def test_an_order_refused_once_is_given_again_after_another_look() -> None:
    world = ToyWorld()
    world.fault("apply", "refused")
    outcome = go(world, "set-a")
    assert outcome.failure == ""
    assert len(outcome.steps) == 1


def test_an_order_refused_twice_fails_with_the_result_so_far() -> None:
    world = ToyWorld()
    world.fault("apply", "refused", count=2, item="set-b")
    outcome = go(world, "set-a", "set-b")
    assert "set set-b: toy:1 refused" in outcome.failure
    assert [step["id"] for step in outcome.steps] == ["set-a"]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_an_order_that_the_world_overtook_is_no_step_and_its_item_is_seen_afresh(count: int) -> None:
    """Unlike a refusal it makes nothing stuck, however often."""
    world = ToyWorld()
    world.fault("apply", "overtaken", count=count, item="set-b")
    outcome = go(world, "set-a", "set-b")
    assert (outcome.failure, [step["id"] for step in outcome.steps]) == ("", ["set-a", "set-b"])
    assert world.fresh == [frozenset({"set-b"})] * count


def test_an_order_refused_for_good_does_not_stop_the_other_items() -> None:
    world = ToyWorld()
    world.fault("apply", "refused", count=10**6, item="set-b")
    outcome = go(world, "set-b", "long-c")
    assert "set set-b: toy:1 refused" in outcome.failure
    assert verdicts(outcome)["long-c"] == "settled"


def test_what_is_forbidden_fails_with_the_result_so_far_and_is_not_tried_again() -> None:
    world = ToyWorld()
    world.fault("apply", "forbidden", item="set-b")
    outcome = go(world, "set-a", "set-b")
    assert "forbids" in outcome.failure
    assert [step["id"] for step in outcome.steps] == ["set-a"]
    assert len(world.sent) == 2


def test_what_is_forbidden_at_the_first_look_is_raised() -> None:
    world = ToyWorld()
    world.fault("read", "forbidden")
    with pytest.raises(NotPermitted, match="^read the toy: "):
        go(world, "set-a")


# -- silence ----------------------------------------------------------------------------------------------------


def test_silence_from_the_beginning_is_raised_at_once() -> None:
    world = ToyWorld()
    world.cut_off(1e6)
    with pytest.raises(Unreachable):
        go(world, "set-a")
    assert world.clock.now() < 1


def test_silence_in_the_middle_is_waited_out() -> None:
    world = ToyWorld()
    world.clock.after(5.0, lambda: world.cut_off(3600.0))
    outcome = go(world, "long-b")
    assert verdicts(outcome) == {"long-b": "settled"}
    assert len(world.log) == 1


@pytest.mark.parametrize("sliced", [False, True])
def test_silence_to_the_end_makes_unknown_what_had_not_ended(sliced: bool) -> None:
    world = ToyWorld()
    world.clock.after(5.0, lambda: world.cut_off(1e6))
    outcome = in_slices(world, "set-a", "long-b", wait_timeout=200.0)[0] if sliced else go(world, "set-a", "long-b", wait_timeout=200.0)
    assert verdicts(outcome) == {"set-a": "settled", "long-b": "unknown"}
    assert "cut off" in outcome.failure
    assert len(outcome.steps) == 2
    assert 200 <= world.clock.now() < 215


def test_silence_to_the_end_says_what_was_done_and_what_was_waited_for() -> None:
    world = ToyWorld()
    world.clock.after(5.0, lambda: world.cut_off(1e6))
    outcome = go(world, "set-a", "long-b", wait_timeout=200.0)
    for words in ("wait_timeout (200 s)", "done: set, start", "waited for: long-b is at work", "cut off"):
        assert words in outcome.failure


# -- time -----------------------------------------------------------------------------------------------------------


def test_a_timeout_tells_what_was_done_and_what_was_waited_for() -> None:
    outcome = go(ToyWorld(), "set-a", "long-b", wait_timeout=10.0)
    assert outcome.failure == "the time of wait_timeout (10 s) is over; done: set, start; waited for: long-b is at work"
    assert verdicts(outcome) == {"set-a": "settled", "long-b": "unfinished"}


def test_a_timeout_of_a_run_that_did_nothing_says_so() -> None:
    world = ToyWorld()
    world.begin("long-b")
    assert "done: nothing;" in go(world, "long-b", wait_timeout=10.0).failure


class Sleeper(ToyPort):
    """A port that oversleeps."""

    def wait(self, seconds: float) -> None:
        self._world.clock.sleep(32.0)


def overslept(world: ToyWorld) -> Outcome:
    spec = ToySpec(("long-b",))
    return Reconciliation(rules, Sleeper(world, spec, "r"), world.clock).run(spec, Terms(wait_timeout=30.0), Task(run="r"))


def test_no_step_is_taken_when_the_time_is_over() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("died", 10.0)]
    outcome = overslept(world)
    assert len(world.sent) == 1
    assert "waited for: start long-b again: it died" in outcome.failure


def test_an_end_seen_just_before_the_time_is_over_may_still_be_confirmed() -> None:
    world = ToyWorld()
    world.begin("long-b")
    outcome = go(world, "long-b", wait_timeout=20.1)
    assert outcome.failure == ""


def test_a_last_look_is_taken_when_the_time_is_over() -> None:
    assert overslept(ToyWorld()).failure == ""


def test_hours_pass_in_no_time() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("ended", 4 * 3600.0)]
    assert go(world, "long-b").failure == ""
    assert world.clock.now() > 4 * 3600


# -- without waiting ------------------------------------------------------------------------------------------------


def test_without_waiting_what_is_due_is_done_once_and_what_has_not_ended_is_no_failure() -> None:
    world = ToyWorld()
    outcome = go(world, "set-a", "long-b", wait=False)
    assert outcome.failure == ""
    assert verdicts(outcome) == {"set-a": "settled", "long-b": "unfinished"}
    assert world.clock.now() < 1


def test_without_waiting_a_stuck_item_is_a_failure() -> None:
    world = ToyWorld()
    world.blocked["set-bad"] = "out of order"
    assert "out of order" in go(world, "set-bad", "long-b", wait=False).failure


# -- check mode ---------------------------------------------------------------------------------------------------------


def test_check_mode_waits_for_what_is_unknown_and_then_folds() -> None:
    world = ToyWorld()
    world.hide("set-a", 30.0)
    outcome = go(world, "set-a", check=True)
    assert [step["id"] for step in outcome.steps] == ["set-a"]
    assert world.clock.now() >= 30.0
    assert world.sent == []


def test_check_mode_fails_when_something_stays_unknown() -> None:
    world = ToyWorld()
    world.hide("set-a", 1e6)
    outcome = go(world, "set-a", check=True, wait_timeout=60.0)
    assert "set-a cannot be seen" in outcome.failure


def test_check_mode_fails_as_the_real_run_would_when_something_is_stuck() -> None:
    world = ToyWorld()
    world.blocked["set-bad"] = "out of order"
    assert "out of order" in go(world, "set-bad", check=True).failure


# -- slices -----------------------------------------------------------------------------------------------------------------


def test_a_slice_ends_when_words_change_but_not_before_five_seconds() -> None:
    world = ToyWorld()
    world.plans = {"long-b": [("ended", 2.0)], "long-c": [("ended", 40.0)]}
    outcome = go(world, "long-b", "long-c", slice=True, task=Task(run="r", progress="0 of 2 done"))
    assert outcome.partial
    assert outcome.task["progress"] == "1 of 2 done"
    assert verdicts(outcome) == {"long-b": "settled", "long-c": "unknown"}, "should this be the last that is heard"
    assert [thing["verdict"] for thing in outcome.task["last"]["things"]] == ["settled", "unfinished"]
    assert SLICE_CHANGE <= world.clock.now() < 16


def test_a_slice_ends_after_a_minute_at_the_latest_when_nothing_changes() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("ended", 600.0)]
    outcome = go(world, "long-b", slice=True, task=Task(run="r", progress="0 of 1 done"))
    assert outcome.partial
    assert SLICE_LENGTH <= world.clock.now() <= SLICE_LENGTH + 10


def test_without_slices_no_outcome_is_partial() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("ended", 600.0)]
    assert not go(world, "long-b").partial


def slow_confirm(seconds: float) -> Any:
    def decide(look: Any) -> dict[str, Decision]:
        found = rules.decide(look)
        return {item: settled(one.reason, confirm=seconds) if one.kind == "settled" else one for item, one in found.items()}

    return changed_rules(decide=decide)


@pytest.mark.parametrize("seconds", [0.2, 8.0, 15.0, 25.0])
def test_a_slice_never_ends_inside_a_proof_of_two_reads(seconds: float) -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("ended", 55.0)]
    ends: list[float] = []
    world.clock.after(55.0, lambda: ends.append(world.clock.now()))
    task = Task(run="r", progress="0 of 1 done")
    outcome = go(world, "long-b", slice=True, task=task, using=slow_confirm(seconds))
    assert not outcome.partial
    assert outcome.failure == ""
    assert ends[0] + seconds <= world.clock.now() < ends[0] + seconds + 11


def test_the_time_of_all_slices_counts_against_the_bound() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("ended", 1e5)]
    outcome, slices = in_slices(world, "long-b", wait_timeout=200.0)
    assert slices >= 4
    assert "wait_timeout (200 s)" in outcome.failure
    assert 200 <= world.clock.now() < 206


def test_the_first_before_and_all_steps_are_kept_through_slices() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("died", 70.0), ("ended", 70.0)]
    outcome, slices = in_slices(world, "long-b")
    assert slices >= 3
    assert outcome.before["long-b"]["acts"] == []
    assert [step["attempt"] for step in outcome.steps] == [1, 2]


def test_refusals_are_asked_in_the_first_slice_only() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("ended", 150.0)]
    world.clock.after(30.0, lambda: setattr(world, "frozen", True))
    outcome, slices = in_slices(world, "long-b")
    assert slices >= 3
    assert outcome.failure == ""


def test_a_start_without_a_mark_of_age_is_made_once_through_slices() -> None:
    world = ToyWorld()
    world.plans["once-c"] = [("ended", 150.0)]
    outcome, slices = in_slices(world, "once-c", max_age=None)
    assert slices >= 3
    assert outcome.failure == ""
    assert len(world.log) == 1


def test_silence_at_the_first_look_of_a_later_slice_is_waited_out() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("ended", 150.0)]
    world.clock.after(59.0, lambda: world.cut_off(70.0))
    outcome, _slices = in_slices(world, "long-b")
    assert outcome.failure == ""
    assert len(world.log) == 1


def test_how_long_an_item_is_unchanged_is_measured_through_slices() -> None:
    stills: list[float] = []

    def decide(look: Any) -> dict[str, Decision]:
        stills.append(look.still["long-b"])
        return rules.decide(look)

    world = ToyWorld()
    world.plans["long-b"] = [("ended", 150.0)]
    outcome = go(world, "long-b", slice=True, using=changed_rules(decide=decide))
    while outcome.partial:
        outcome = go(world, "long-b", slice=True, using=changed_rules(decide=decide), task=Task(**json.loads(json.dumps(outcome.task))))
    assert max(stills) > 140


def test_the_task_is_plain_json() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("ended", 150.0)]
    task = go(world, "set-a", "long-b", slice=True).task
    assert json.loads(json.dumps(task)) == task
