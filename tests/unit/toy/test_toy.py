# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The toy through deaths, lost answers and darkness in any order: the world ends as wanted, and nothing is started twice."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.laws.killing import Killed
from unit.laws.running import run, run_sliced
from unit.laws.subject import Subject
from unit.toy.subjects import subjects
from unit.toy.world import ToyWorld

TOY = {subject.name: subject for subject in subjects()}
USUAL, MORTAL = TOY["toy"], TOY["toy whose act dies twice"]


@dataclass(frozen=True)
class Life:
    """One run: when it dies, how it is run, how long nothing runs afterwards."""

    dies_at: int
    sliced: bool
    pause: float


LIVES = st.lists(st.builds(Life, st.integers(0, 40), st.booleans(), st.sampled_from([0.0, 1.0, 15.0, 100.0])), max_size=6)
FAULTS = st.lists(st.tuples(st.sampled_from(["lost", "lost_done", "refused"]), st.sampled_from(["set-a", "long-b", "once-c"])), max_size=4)


def live(subject: Subject, world: ToyWorld, life: Life) -> bool:
    """Whether it lived to the end."""
    world.tap.kill(life.dies_at)
    try:
        (run_sliced if life.sliced else run)(subject, world)
    except Killed:
        return False
    finally:
        world.tap.kill(None)
        world.clock.sleep(life.pause)
    return True


@pytest.mark.parametrize("subject", [USUAL, MORTAL], ids=str)
@settings(max_examples=60, deadline=None)
@given(lives=LIVES, faults=FAULTS, hidden=st.sampled_from([0.0, 0.0, 12.0]))
def test_any_number_of_deaths_and_lost_answers_end_in_the_same_world(subject: Subject, lives: list[Life], faults: list[tuple[str, str]], hidden: float) -> None:
    world = subject.make()
    assert isinstance(world, ToyWorld)
    for kind, item in set(faults):  # each once: twice refused is an end
        world.fault("apply", kind, item=item)
    if hidden:
        world.hide("long-b", hidden)
    for life in lives:
        live(subject, world, life)
    for _more in range(len(faults)):
        run(subject, world)  # an order refused twice ends a run with a failure; the next goes on
    last = run(subject, world)
    assert last.failure == ""
    assert world.harm() == []
    assert world.end() == subject.ends


@pytest.mark.parametrize("sliced", [False, True])
def test_a_start_that_carries_only_the_run_is_made_once_a_run(sliced: bool) -> None:
    world = ToyWorld()
    world.plans["once-c"] = [("ended", 100.0)]
    subject = Subject("toy by run", USUAL.door, lambda: world, {"items": ["once-c"]}, {}, "x")
    for _again in range(2):
        assert (run_sliced if sliced else run)(subject, world).failure == ""
    # As with a restart that the operator asks for: the wish is "younger than this run".
    assert [entry["then"] for entry in world.log] == ["none", "ended"]


def test_a_long_act_runs_on_while_nobody_is_there_and_is_found_again() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("ended", 500.0)]
    subject = Subject("toy", USUAL.door, lambda: world, {"items": ["long-b"]}, {}, "x")
    world.tap.kill(6)
    with pytest.raises(Killed):
        run(subject, world)
    world.tap.kill(None)
    world.clock.sleep(300.0)
    again = run(subject, world)
    assert (again.failure, again.changed) == ("", False)
    assert 500 <= world.clock.now() < 502
    assert len(world.log) == 1


def test_an_act_that_died_while_nobody_was_there_is_followed_by_the_next_try() -> None:
    world = ToyWorld()
    world.plans["long-b"] = [("died", 50.0), ("ended", 20.0)]
    subject = Subject("toy", USUAL.door, lambda: world, {"items": ["long-b"]}, {}, "x")
    world.tap.kill(6)
    with pytest.raises(Killed):
        run(subject, world)
    world.tap.kill(None)
    world.clock.sleep(300.0)
    assert run(subject, world).steps == [{"step": "start", "id": "long-b", "attempt": 2}]
    assert world.harm() == []


def test_a_death_before_a_contact_is_not_heard_and_one_after_it_is() -> None:
    heard = []
    for point in ("before apply", "after apply"):
        world = ToyWorld()
        subject = Subject("toy", USUAL.door, lambda world=world: world, {"items": ["set-a"]}, {}, "x")
        world.tap.kill(2 if point == "before apply" else 3)
        with pytest.raises(Killed, match=point):
            run(subject, world)
        heard.append(len(world.log))
    assert heard == [0, 1]
