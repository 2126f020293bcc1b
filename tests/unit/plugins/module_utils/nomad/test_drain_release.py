# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law for `eligible` and `cordoned`: only what is ours is opened, never too early, never with the wrong call."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import LiftDrain, SetEligibility
from unit.plugins.module_utils.nomad.values import (
    ALL,
    MARKED,
    NEW,
    NO_MARK,
    OLD,
    OTHER,
    UNMARKED,
    blind,
    build,
    cordoned,
    decided,
    draining,
    ended,
    mark,
    opened,
    see,
    state,
    struck,
    told,
    unread,
    verdict,
    winding_up,
    wish,
)

new = pytest.mark.parametrize("version", NEW)
marked = pytest.mark.parametrize("version", MARKED)
every = pytest.mark.parametrize("version", ALL)
OPEN = wish(state="eligible")
FORCE = wish(state="eligible", take_over=True)


@every
def test_an_open_client_is_eligible_already(version: str) -> None:
    look = see(state(version, opened(), allocations=(build(),)), OPEN)
    assert (decided(look).kind, decided(look).steps, verdict(look)) == ("settled", (), "eligible")


@marked
def test_our_drain_in_force_is_lifted(version: str) -> None:
    assert decided(see(state(version, draining(last=mark()), allocations=(build(),)), OPEN)).steps == (LiftDrain("c1"),)


@marked
def test_our_drain_that_is_over_is_undone_by_eligibility_alone(version: str) -> None:
    """A "stop draining" with MarkEligible opens a client that somebody else closed in between."""
    assert decided(see(state(version, cordoned(last_drain=mark()), allocations=(ended(),)), OPEN)).steps == (SetEligibility("c1", True),)


@marked
@pytest.mark.parametrize(
    ("node", "words"),
    [
        pytest.param(draining(last=mark(OTHER)), [OTHER, "take_over"], id="another owner's drain"),
        pytest.param(draining(last=NO_MARK), ["no mark", "take_over"], id="an unmarked drain"),
        pytest.param(draining(), ["no mark", "take_over"], id="a drain without a history"),
        pytest.param(cordoned(), ["no mark", "take_over"], id="a cordon"),
        pytest.param(cordoned(last_drain=mark(), reopened=True), ["no mark", "take_over"], id="a cordon after our drain was undone"),
        pytest.param(cordoned(last_drain=mark(was="ineligible")), ["closed already before", "take_over"], id="closed before our drain"),
    ],
)
def test_what_is_not_ours_is_opened_only_by_take_over(version: str, node: object, words: list[str]) -> None:
    look = see(state(version, node), OPEN)  # type: ignore[arg-type]
    assert decided(look).kind == "stuck" and all(word in decided(look).reason for word in words) and verdict(look) == "unfinished"
    step = LiftDrain("c1") if node.draining else SetEligibility("c1", True)  # type: ignore[attr-defined]
    assert decided(see(state(version, node), FORCE)).steps == (step,)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", OLD + UNMARKED)
@pytest.mark.parametrize("node", [cordoned(), draining()])
def test_where_there_is_no_place_for_a_mark_opening_needs_take_over(version: str, node: object) -> None:
    look = see(state(version, node), OPEN)  # type: ignore[arg-type]
    assert decided(look).kind == "stuck" and "take_over" in decided(look).reason and told(look)["mark"] == "none"
    assert decided(see(state(version, node), FORCE)).kind == "steps"  # type: ignore[arg-type]


@every
@pytest.mark.parametrize("stop", [winding_up(), struck(client="running")])
def test_nothing_is_opened_while_something_winds_up(version: str, stop: object) -> None:
    """1.11 runs such a build a second time."""
    look = see(state(version, draining(last=mark()), allocations=(stop,)), FORCE)  # type: ignore[arg-type]
    assert (decided(look).kind, decided(look).steps) == ("waiting", ())


@every
def test_builds_that_run_are_no_reason_to_wait(version: str) -> None:
    assert decided(see(state(version, draining(last=mark()), allocations=(build(),)), FORCE)).kind == "steps"


@every
def test_a_cordoned_client_never_gets_a_stop_draining(version: str) -> None:
    for node in (cordoned(), cordoned(last_drain=mark()), cordoned(last_drain=mark(OTHER))):
        for step in decided(see(state(version, node), FORCE)).steps:
            assert not isinstance(step, LiftDrain)


@marked
def test_what_cannot_be_seen_is_not_opened(version: str) -> None:
    for seen in (state(version, unread(draining(last=mark()))), state(version, cordoned(last_drain=mark()), **blind("c1"))):
        assert (decided(see(seen, FORCE)).kind, decided(see(seen, FORCE)).unknown) == ("waiting", True)


@every
def test_a_client_that_is_gone_cannot_be_opened(version: str) -> None:
    before = see(state(version, cordoned()), FORCE)
    look = see(state(version), after=before)
    assert (decided(look).kind, verdict(look)) == ("stuck", "gone")


@every
def test_opening_is_no_reopening_by_somebody_else(version: str) -> None:
    before = see(state(version, draining(last=mark())), FORCE)
    look = see(state(version, opened(last_drain=mark(), reopened=True)), after=before)
    assert (decided(look).kind, verdict(look)) == ("settled", "eligible")


# -- cordoned ---------------------------------------------------------------------------------------

CLOSE = wish(state="cordoned")


@new
def test_cordoned_closes_and_waits_for_nothing(version: str) -> None:
    before = see(state(version, opened(), allocations=(build(), winding_up("b2"))), CLOSE)
    assert decided(before).steps == (SetEligibility("c1", False),)
    look = see(state(version, cordoned(), allocations=(build(),)), after=before)
    assert (decided(look).kind, decided(look).steps, verdict(look)) == ("settled", (), "cordoned")


@new
@pytest.mark.parametrize("node", [draining(last=mark()), draining(last=mark(OTHER)), draining(), cordoned(status="down")])
def test_a_client_that_is_closed_in_any_way_is_cordoned_already(version: str, node: object) -> None:
    look = see(state(version, node, allocations=(build(),)), CLOSE)  # type: ignore[arg-type]
    assert (decided(look).kind, verdict(look)) == ("settled", "cordoned")


@new
def test_a_cordoned_client_that_somebody_opened_is_left_open(version: str) -> None:
    before = see(state(version, cordoned()), CLOSE)
    look = see(state(version, opened()), after=before)
    assert (decided(look).kind, verdict(look)) == ("stuck", "reopened")
