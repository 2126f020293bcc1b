# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The acts as data, and what each does to the state."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.mark import Mark, mark_of
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Strategy
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import LiftDrain, SetDrain, SetEligibility, effect
from unit.plugins.module_utils.nomad.values import ALL, MARKED, NEW, OTHER, OURS, build, cordoned, draining, mark, opened, ours, state

DRAIN = SetDrain("c1", 60.0, True, OURS, "eligible")


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (DRAIN, {"step": "drain", "id": "c1", "deadline": 60.0, "ignore_system_jobs": True}),
        (SetDrain("c1", 0.0, False, OURS, "eligible", why="unstick"), {"step": "unstick", "id": "c1", "deadline": 0.0, "ignore_system_jobs": False}),
        (LiftDrain("c1"), {"step": "lift_drain", "id": "c1"}),
        (SetEligibility("c1", True), {"step": "make_eligible", "id": "c1"}),
        (SetEligibility("c1", False), {"step": "cordon", "id": "c1"}),
    ],
)
def test_a_step_is_described_in_plain_values(step: object, told: dict) -> None:
    assert step.describe() == told  # type: ignore[attr-defined]


def test_equal_orders_are_equal_steps() -> None:
    assert SetDrain("c1", 60.0, True, OURS, "eligible") == DRAIN and hash(DRAIN) == hash(SetDrain("c1", 60.0, True, OURS, "eligible"))
    assert SetDrain("c1", 0.0, True, OURS, "eligible") != DRAIN


def test_the_mark_that_goes_with_a_drain() -> None:
    assert DRAIN.mark("run-1", "now") == Mark(OURS, "run-1", "drained", "now", "eligible")


@pytest.mark.parametrize("version", NEW)
def test_a_drain_closes_and_sets_the_strategy(version: str) -> None:
    node = effect(state(version, opened(), allocations=(build(),)), DRAIN).nodes["c1"]
    assert (node.eligible, node.draining, node.strategy) == (False, True, Strategy(60.0, True))
    assert bool(mark_of(node)) is (version in MARKED)


@pytest.mark.parametrize("version", ALL)
def test_no_step_changes_allocations_or_other_clients(version: str) -> None:
    before = state(version, opened(), allocations=(build(),))
    for step in (DRAIN, LiftDrain("c1"), SetEligibility("c1", False)):
        after = effect(before, step)
        assert after.allocations == before.allocations and after.nodes["c9"] == before.nodes["c9"]


def test_below_0_8_a_drain_is_a_switch() -> None:
    node = effect(state("0.5.6", opened()), DRAIN).nodes["c1"]
    assert (node.eligible, node.draining, node.strategy, node.last_drain) == (False, True, Strategy(0.0, False), None)


@pytest.mark.parametrize("version", MARKED)
def test_a_drain_over_anothers_keeps_the_former_owner(version: str) -> None:
    node = effect(state(version, draining(last=mark(OTHER))), DRAIN).nodes["c1"]
    assert node.last_drain is not None and dict(node.last_drain.meta)["serverops_previous_owner"] == OTHER
    assert mark_of(node).owner == OURS  # type: ignore[union-attr]


@pytest.mark.parametrize("version", ALL)
def test_lifting_opens(version: str) -> None:
    assert effect(state(version, ours()), LiftDrain("c1")).nodes["c1"].is_open


@pytest.mark.parametrize("eligible", [True, False])
def test_eligibility_is_only_that(eligible: bool) -> None:
    node = effect(state("1.1.2", cordoned(last_drain=mark())), SetEligibility("c1", eligible)).nodes["c1"]
    assert (node.eligible, node.draining, node.strategy, node.last_drain) == (eligible, False, None, mark())
