# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain's law from 0.8, first half: how a client is closed, and what is sent to one that is closed already."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.drain import UNSTICK_DEADLINE
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import SetDrain, SetEligibility, State
from unit.plugins.module_utils.nomad.values import (
    MARKED,
    NEW,
    NO_MARK,
    OTHER,
    OURS,
    UNMARKED,
    build,
    cordoned,
    decided,
    draining,
    ended,
    mark,
    opened,
    orders,
    ours,
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


@new
def test_an_open_idle_client_gets_the_drain_at_once(version: str) -> None:
    decision = decided(see(state(version, opened())))
    assert decision.steps == (SetDrain("c1", 0.0, True, OURS, "eligible"),)


@new
def test_an_open_client_with_builds_gets_a_drain_without_deadline(version: str) -> None:
    decision = decided(see(state(version, opened(), allocations=(build(), build("b2")))))
    assert decision.steps == (SetDrain("c1", 0.0, True, OURS, "eligible"),)


@new
@pytest.mark.parametrize("client", ["running", "pending", "unknown"])
def test_an_open_client_on_which_something_stops_is_cordoned_first(version: str, client: str) -> None:
    decision = decided(see(state(version, opened(), allocations=(winding_up(client=client), build("b2")))))
    assert decision.steps == (SetEligibility("c1", False),)


@new
def test_a_struck_build_that_the_servers_still_wish_to_run_is_on_its_way_to_stop(version: str) -> None:
    """Seen on 1.11.3: Migrate is set a moment before the wish changes; a drain begun then hangs too."""
    struck_now = build(migrate=True)
    assert orders(decided(see(state(version, opened(), allocations=(struck_now,))))) == ["cordon"]
    assert decided(see(state(version, cordoned(), allocations=(struck_now,)))).kind == "waiting"


@new
def test_what_has_stopped_already_asks_for_no_cordon(version: str) -> None:
    assert orders(decided(see(state(version, opened(), allocations=(struck(), ended("b2")))))) == ["drain"]


@new
def test_a_cordoned_client_waits_while_something_winds_up(version: str) -> None:
    before = see(state(version, opened(), allocations=(winding_up(), build("b2"))))
    decision = decided(see(state(version, cordoned(), allocations=(winding_up(), build("b2"))), after=before))
    assert decision.kind == "waiting" and "wind up" in decision.reason


@new
def test_the_drain_follows_once_nothing_winds_up(version: str) -> None:
    before = see(state(version, opened(), allocations=(winding_up(), build("b2"))))
    decision = decided(see(state(version, cordoned(), allocations=(ended(desired="stop"), build("b2"))), after=before))
    assert decision.steps == (SetDrain("c1", 0.0, True, OURS, "eligible"),)


@marked
def test_a_client_that_we_cordoned_gets_the_drain_also_when_it_is_idle_by_then(version: str) -> None:
    before = see(state(version, opened(), allocations=(winding_up(),)))
    decision = decided(see(state(version, cordoned(), allocations=(ended(desired="stop"),)), after=before))
    assert decision.steps == (SetDrain("c1", 0.0, True, OURS, "eligible"),)


@new
def test_a_busy_client_that_somebody_cordoned_gets_a_drain_that_remembers_so(version: str) -> None:
    decision = decided(see(state(version, cordoned(), allocations=(build(),))))
    assert decision.steps == (SetDrain("c1", 0.0, True, OURS, "ineligible"),)


@new
def test_a_client_found_closed_and_idle_is_drained_already(version: str) -> None:
    decision = decided(see(state(version, cordoned(), allocations=(ended(),))))
    assert (decision.kind, decision.steps, decision.confirm) == ("settled", (), 0.2)


@marked
def test_our_drain_is_waited_for_and_nothing_is_sent_again(version: str) -> None:
    look = see(state(version, ours(), allocations=(build(), build("b2"))))
    decision = decided(look)
    assert (decision.kind, decision.steps) == ("waiting", ()) and "2 builds left" in decision.reason
    assert told(look)["joined"] is False


@pytest.mark.parametrize("version", UNMARKED)
def test_without_marks_the_drain_of_a_client_seen_open_is_ours(version: str) -> None:
    before = see(state(version, opened(), allocations=(build(),)))
    look = see(state(version, draining(), allocations=(build(),)), after=before)
    assert decided(look).kind == "waiting" and told(look)["joined"] is False


@marked
@pytest.mark.parametrize(
    ("wanted", "node"),
    [
        pytest.param({"deadline": 600.0, "allow_killing_builds": True}, ours(), id="a deadline is wanted now"),
        pytest.param({}, ours(deadline=600.0), id="no deadline is wanted any more"),
        pytest.param({"deadline": 600.0, "allow_killing_builds": True}, ours(deadline=60.0), id="another deadline is wanted"),
        pytest.param({"ignore_system_jobs": False}, ours(), id="system jobs are to go too"),
        pytest.param({}, ours(spare=False), id="system jobs may stay now"),
        pytest.param({}, ours(deadline=-1.0), id="somebody forced it"),
    ],
)
def test_a_strategy_that_differs_is_sent_again(version: str, wanted: dict, node: object) -> None:
    spec = wish(**wanted)
    decision = decided(see(state(version, node, allocations=(build(),)), spec))  # type: ignore[arg-type]
    assert decision.steps == (SetDrain("c1", spec.deadline or 0.0, spec.ignore_system_jobs, OURS, "eligible", why="change_drain"),)


@marked
@pytest.mark.parametrize("wanted", [{"deadline": 600.0, "allow_killing_builds": True}, {"ignore_system_jobs": False}])
def test_the_same_strategy_is_not_sent_again(version: str, wanted: dict) -> None:
    spec = wish(**wanted)
    decision = decided(see(state(version, ours(deadline=spec.deadline or 0.0, spare=spec.ignore_system_jobs), allocations=(build(),)), spec))
    assert (decision.kind, decision.steps) == ("waiting", ())


@marked
def test_the_hour_of_an_unsticking_is_kept_while_nothing_is_busy(version: str) -> None:
    decision = decided(see(state(version, ours(deadline=UNSTICK_DEADLINE), allocations=(ended(),))))
    assert (decision.kind, decision.steps) == ("waiting", ())


@marked
def test_the_hour_of_an_unsticking_is_taken_back_when_something_is_busy(version: str) -> None:
    decision = decided(see(state(version, ours(deadline=UNSTICK_DEADLINE), allocations=(build(),))))
    assert decision.steps == (SetDrain("c1", 0.0, True, OURS, "eligible", why="change_drain"),)


@marked
def test_the_mark_keeps_what_the_client_was_before_through_every_change(version: str) -> None:
    node = ours(deadline=60.0, last=mark(was="ineligible"))
    assert decided(see(state(version, node, allocations=(build(),)))).steps[0] == SetDrain("c1", 0.0, True, OURS, "ineligible", why="change_drain")


# -- two runs of one owner, with different terms -----------------------------------------------------

SHORT = wish(deadline=60.0, allow_killing_builds=True)


def set_by(run: str, version: str, deadline: float = 0.0, owner: str = OURS) -> State:
    """c1 with a build, drained by a run with that deadline, as run-1 sees it."""
    return state(version, draining(deadline=deadline, last=mark(owner, run=run)), allocations=(build(),), run="run-1")


@marked
@pytest.mark.parametrize("changed", [{"deadline": 60.0}, {"deadline": 600.0, "owner": OTHER}], ids=["the same owner", "another, both to take over"])
def test_a_run_whose_drain_another_run_set_anew_leaves_it_and_says_which(version: str, changed: dict[str, Any]) -> None:
    """Both would change it for ever."""
    before = see(set_by("run-1", version), wish(take_over=True))
    look = see(set_by("run-2", version, **changed), after=before)
    assert (decided(look).kind, verdict(look)) == ("stuck", "unfinished")
    assert "run run-2 changes the drain of c1 too" in decided(look).reason


@marked
def test_a_run_with_new_terms_changes_the_drain_of_one_before_it(version: str) -> None:
    look = see(set_by("run-0", version), SHORT)
    assert orders(decided(look)) == ["change_drain"]
    after = see(set_by("run-1", version, deadline=60.0), after=look)
    assert decided(after).kind == "waiting"


@marked
def test_another_run_that_wants_the_same_is_none_to_quarrel_with(version: str) -> None:
    before = see(set_by("run-1", version))
    assert decided(see(set_by("run-2", version), after=before)).kind == "waiting"
    woken = see(set_by("run-2", version, deadline=UNSTICK_DEADLINE), after=before)
    assert orders(decided(woken)) == ["change_drain"], "its unsticking is taken back where something is busy"


@marked
def test_a_drain_that_nobody_marked_over_ours_is_taken_over_again(version: str) -> None:
    before = see(set_by("run-1", version), wish(take_over=True))
    look = see(state(version, draining(deadline=600.0, last=NO_MARK), allocations=(build(),), run="run-1"), after=before)
    assert orders(decided(look)) == ["take_over"]


# -- a drain that hangs -----------------------------------------------------------------------------


@marked
@pytest.mark.parametrize(
    ("wanted", "node", "deadline"),
    [
        pytest.param({}, ours(), UNSTICK_DEADLINE, id="an hour for none"),
        pytest.param({"deadline": 600.0, "allow_killing_builds": True}, ours(deadline=600.0), 600.0, id="the same deadline moves by itself"),
        pytest.param({}, ours(deadline=UNSTICK_DEADLINE), UNSTICK_DEADLINE, id="an hour again"),
    ],
)
def test_a_drain_with_nothing_busy_for_five_seconds_is_unstuck(version: str, wanted: dict, node: object, deadline: float) -> None:
    decision = decided(see(state(version, node, allocations=(ended(),)), wish(**wanted), still=5.0))  # type: ignore[arg-type]
    assert decision.steps == (SetDrain("c1", deadline, True, OURS, "eligible", why="unstick"),)


@marked
@pytest.mark.parametrize("spare", [True, False])
def test_unsticking_never_changes_ignore_system_jobs(version: str, spare: bool) -> None:
    decision = decided(see(state(version, ours(spare=spare)), wish(ignore_system_jobs=spare), still=60.0))
    assert isinstance(decision.steps[0], SetDrain) and decision.steps[0].ignore_system_jobs is spare


@new
@pytest.mark.parametrize("still", [0.0, 0.6, 4.9])
def test_a_drain_is_not_called_hung_before_five_seconds(version: str, still: float) -> None:
    before = see(state(version, opened()))
    decision = decided(see(state(version, draining(last=mark())), after=before, still=still))
    assert decision.kind == "waiting" and 0 < decision.recheck <= 5.0 - still + 0.01


@marked
def test_a_drain_with_a_busy_allocation_is_never_called_hung(version: str) -> None:
    service = build("s", job_type="service", client="running")
    assert decided(see(state(version, ours(), allocations=(service,)), still=3600.0)).kind == "waiting"


@marked
def test_ignored_system_jobs_do_not_keep_a_hung_drain_from_being_unstuck(version: str) -> None:
    system = build("s", job_type="system")
    assert orders(decided(see(state(version, ours(), allocations=(system,)), still=5.0))) == ["unstick"]
    assert decided(see(state(version, ours(spare=False), allocations=(system,)), wish(ignore_system_jobs=False), still=5.0)).kind == "waiting"


# -- somebody else's drain --------------------------------------------------------------------------

FOREIGN = [pytest.param(mark(OTHER), id="another owner's"), pytest.param(NO_MARK, id="unmarked"), pytest.param(None, id="without a history")]


@marked
@pytest.mark.parametrize("last", FOREIGN)
@pytest.mark.parametrize("deadline", [0.0, 600.0])
def test_a_foreign_drain_is_joined_and_nothing_is_sent(version: str, last: object, deadline: float) -> None:
    look = see(state(version, draining(deadline=deadline, last=last), allocations=(build(),)), still=60.0)  # type: ignore[arg-type]
    assert (decided(look).kind, decided(look).steps) == ("waiting", ())
    assert told(look)["joined"] is True and told(look)["verdict"] == "unfinished"


@marked
def test_the_end_of_a_joined_drain_is_judged_like_ours(version: str) -> None:
    before = see(state(version, draining(last=mark(OTHER)), allocations=(build(),)))
    look = see(state(version, cordoned(last_drain=mark(OTHER)), allocations=(ended(),)), after=before)
    assert decided(look).kind == "settled" and told(look)["joined"] is True and verdict(look) == "drained"


@marked
def test_a_joined_drain_that_killed_a_build_is_no_success(version: str) -> None:
    before = see(state(version, draining(deadline=5.0, last=mark(OTHER)), allocations=(build(),)))
    look = see(state(version, cordoned(last_drain=mark(OTHER)), allocations=(struck(),)), after=before)
    assert decided(look).kind == "stuck" and verdict(look) == "killed"


@new
def test_when_its_owner_lifts_a_joined_drain_and_leaves_the_client_closed_we_drain(version: str) -> None:
    before = see(state(version, draining(last=mark(OTHER)), allocations=(build(),)))
    look = see(state(version, cordoned(last_drain=mark(OTHER)), allocations=(build(),)), after=before)
    assert decided(look).steps == (SetDrain("c1", 0.0, True, OURS, "ineligible"),)


@new
def test_when_its_owner_lifts_a_joined_drain_and_opens_the_client_we_drain(version: str) -> None:
    before = see(state(version, draining(last=mark(OTHER)), allocations=(build(),)))
    look = see(state(version, opened(last_drain=mark(OTHER)), allocations=(build(),)), after=before)
    assert decided(look).steps == (SetDrain("c1", 0.0, True, OURS, "eligible"),)


@marked
@pytest.mark.parametrize("last", FOREIGN)
def test_take_over_replaces_a_foreign_drain(version: str, last: object) -> None:
    look = see(state(version, draining(deadline=600.0, last=last), allocations=(build(),)), wish(take_over=True))  # type: ignore[arg-type]
    assert decided(look).steps == (SetDrain("c1", 0.0, True, OURS, "ineligible", why="take_over"),)
    assert told(look)["joined"] is False


@pytest.mark.parametrize("version", UNMARKED)
def test_without_marks_take_over_is_sent_once(version: str) -> None:
    spec = wish(take_over=True)
    before = see(state(version, draining(deadline=600.0), allocations=(build(),)), spec)
    assert orders(decided(before)) == ["take_over"]
    assert decided(see(state(version, draining(), allocations=(build(),)), after=before)).kind == "waiting"


@marked
def test_a_drain_that_cannot_be_read_in_full_is_neither_joined_nor_changed(version: str) -> None:
    look = see(state(version, unread(draining(last=mark(OTHER)))), wish(take_over=True), still=60.0)
    assert (decided(look).kind, decided(look).unknown, verdict(look)) == ("waiting", True, "unknown")
