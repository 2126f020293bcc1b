# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain's law below 0.8: no cordon, and a drain stops builds, so a busy client is left alone until it is idle."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import LiftDrain, SetDrain
from unit.plugins.module_utils.nomad.values import OURS, build, decided, draining, ended, opened, see, state, told, verdict, winding_up, wish

OLD = "0.5.6"
FIRST = see(state(OLD, opened(), allocations=(build(),), jobs=frozenset({"b1"})))
CLOSED = draining(spare=False)


@pytest.mark.parametrize("client", ["running", "pending", "unknown"])
def test_a_busy_open_client_waits_and_nothing_is_sent(client: str) -> None:
    look = see(state(OLD, opened(), allocations=(build(client=client),)), still=9999.0)
    assert (decided(look).kind, decided(look).steps, verdict(look)) == ("waiting", (), "unfinished")
    assert "would kill" in decided(look).reason


def test_a_build_that_winds_up_is_a_build() -> None:
    assert decided(see(state(OLD, opened(), allocations=(winding_up(),)))).kind == "waiting"


def test_an_allocation_of_a_type_not_told_is_a_build() -> None:
    assert decided(see(state(OLD, opened(), allocations=(build(job_type=None),)))).kind == "waiting"


def test_at_the_first_idle_look_it_is_drained() -> None:
    look = see(state(OLD, opened(), allocations=(ended(),)), after=FIRST)
    assert decided(look).steps == (SetDrain("c1", 0.0, True, OURS, "eligible"),)


@pytest.mark.parametrize("kind", ["service", "system"])
def test_what_is_no_build_does_not_keep_it_open(kind: str) -> None:
    assert decided(see(state(OLD, opened(), allocations=(build(job_type=kind),)))).kind == "steps"


def test_drained_is_drain_true_and_empty_seen_twice() -> None:
    look = see(state(OLD, CLOSED, allocations=(ended(),)), after=FIRST)
    assert (decided(look).kind, decided(look).confirm, verdict(look)) == ("settled", 0.2, "drained")
    assert told(look)["mark"] == "none" and told(look)["finished"] == 1


@pytest.mark.parametrize("kind", ["batch", "service", "system"])
def test_the_stops_of_the_drain_are_waited_for(kind: str) -> None:
    look = see(state(OLD, CLOSED, allocations=(winding_up(job_type=kind),)), after=FIRST)
    assert (decided(look).kind, decided(look).steps) == ("waiting", ())


def test_its_drain_is_never_unstuck_changed_or_taken_over() -> None:
    for node in (CLOSED, draining(deadline=60.0)):
        look = see(state(OLD, node, allocations=(winding_up(),)), wish(take_over=True, ignore_system_jobs=False), still=9999.0)
        assert decided(look).steps == ()


@pytest.mark.parametrize(
    ("jobs", "word"),
    [
        pytest.param(frozenset({"b1"}), "killed", id="its job still exists: the drain stopped it"),
        pytest.param(frozenset({"other"}), "drained", id="its job is gone: a person called it off"),
        pytest.param(None, "killed", id="the jobs are not known: the careful side"),
    ],
)
def test_a_build_hit_in_the_gap_is_killed_and_named(jobs: frozenset[str] | None, word: str) -> None:
    look = see(state(OLD, CLOSED, allocations=(ended(desired="stop"),), jobs=jobs), after=FIRST)
    assert verdict(look) == word
    assert [entry["job"] for entry in told(look)["killed"]] == (["b1"] if word == "killed" else [])


def test_allowed_killing_lets_the_gap_pass() -> None:
    before = see(state(OLD, opened(), allocations=(build(),)), wish(allow_killing_builds=True))
    look = see(state(OLD, CLOSED, allocations=(ended(desired="stop"),), jobs=frozenset({"b1"})), after=before)
    assert (decided(look).kind, verdict(look)) == ("settled", "killed")


def test_stops_older_than_the_task_are_not_reported() -> None:
    assert verdict(see(state(OLD, CLOSED, allocations=(ended(desired="stop"),), jobs=frozenset({"b1"})))) == "drained"


def test_a_client_found_draining_is_waited_for_and_judged() -> None:
    look = see(state(OLD, CLOSED, allocations=(winding_up(),), jobs=frozenset({"b1"})))
    assert (decided(look).kind, told(look)["joined"]) == ("waiting", True)


def test_release_lifts_the_drain_by_take_over() -> None:
    assert decided(see(state(OLD, CLOSED), wish(state="eligible", take_over=True))).steps == (LiftDrain("c1"),)
