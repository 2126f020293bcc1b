# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain's law from 0.8, second half: what ends a drain, and by which word."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, Node
from unit.plugins.module_utils.nomad.values import (
    ALL,
    MARKED,
    NEW,
    SINCE_NS,
    blind,
    build,
    cordoned,
    decided,
    draining,
    ended,
    mark,
    opened,
    ours,
    see,
    state,
    struck,
    told,
    verdict,
    winding_up,
    wish,
)

new = pytest.mark.parametrize("version", NEW)
marked = pytest.mark.parametrize("version", MARKED)
every = pytest.mark.parametrize("version", ALL)
CLOSED = cordoned(last_drain=mark())


def closed_after(version: str, *allocations: Allocation, node: Node = CLOSED, first: tuple[Allocation, ...] = (build(),), **spec: Any) -> Any:
    """The look after our drain ended, when the first look saw `first` run on the open client."""
    before = see(state(version, opened(), allocations=first), wish(**spec))
    return see(state(version, node, allocations=allocations), after=before)


@new
def test_closed_and_empty_is_drained_and_asks_for_a_second_read(version: str) -> None:
    look = closed_after(version, ended())
    assert (decided(look).kind, decided(look).confirm, verdict(look)) == ("settled", 0.2, "drained")
    assert told(look)["finished"] == 1 and told(look)["running"] == []


@new
@pytest.mark.parametrize(
    ("node", "allocations"),
    [
        pytest.param(opened(), (), id="it is open"),
        pytest.param(ours(), (), id="a strategy is set"),
        pytest.param(CLOSED, (build(),), id="a build runs"),
        pytest.param(CLOSED, (build(client="pending"),), id="a build is pending"),
        pytest.param(CLOSED, (build(client="unknown"),), id="a build is unknown"),
        pytest.param(CLOSED, (winding_up(),), id="a build winds up"),
        pytest.param(CLOSED, (struck(client="running"),), id="a struck build winds up"),
        pytest.param(CLOSED, (build(job_type="service"),), id="a service runs"),
        pytest.param(CLOSED, (build(job_type="sysbatch"),), id="a sysbatch job runs"),
        pytest.param(CLOSED, (build(job_type=None),), id="something of a type not told runs"),
        pytest.param(CLOSED._replace(status="down"), (), id="the client is down"),
        pytest.param(CLOSED._replace(status="disconnected"), (), id="the client is cut off"),
        pytest.param(CLOSED._replace(status="initializing"), (), id="the client is not ready yet"),
        pytest.param(CLOSED._replace(status=""), (), id="the client has no status"),
    ],
)
def test_nothing_less_is_drained(version: str, node: Node, allocations: tuple[Allocation, ...]) -> None:
    look = see(state(version, node, allocations=allocations))
    assert decided(look).kind != "settled" and verdict(look) != "drained"


@new
def test_an_unread_list_of_allocations_is_not_an_empty_one(version: str) -> None:
    look = see(state(version, CLOSED, **blind("c1")))
    assert (decided(look).kind, decided(look).unknown, verdict(look)) == ("waiting", True, "unknown")


@new
def test_ignored_system_jobs_may_stay(version: str) -> None:
    assert decided(see(state(version, CLOSED, allocations=(build("s", job_type="system"),)))).kind == "settled"


@new
def test_system_jobs_that_are_not_ignored_may_not_stay(version: str) -> None:
    assert decided(see(state(version, CLOSED, allocations=(build("s", job_type="system"),)), wish(ignore_system_jobs=False))).kind == "steps"


@new
@pytest.mark.parametrize("client", ["complete", "failed"])
def test_complete_of_the_drain_is_not_empty_while_the_last_stop_still_runs(version: str, client: str) -> None:
    """1.1.2 calls the drain complete by its own wish, seconds before the task's end (F: "complete" means nothing)."""
    over = CLOSED._replace(last_drain=mark()._replace(status="complete"))
    look = see(state(version, over, allocations=(winding_up(),)))
    assert decided(look).kind == "waiting" and "wind up" in decided(look).reason
    assert decided(see(state(version, over, allocations=(winding_up(client=client),)), after=look)).kind == "settled"


# -- killed -----------------------------------------------------------------------------------------


@new
def test_a_build_that_a_drain_stopped_is_killed(version: str) -> None:
    look = closed_after(version, struck(), ended("b2"), first=(build(), build("b2")))
    assert (decided(look).kind, decided(look).confirm, verdict(look)) == ("stuck", 0.2, "killed")
    assert [entry["allocation"] for entry in told(look)["killed"]] == ["a-b1"] and told(look)["finished"] == 1


@new
def test_a_build_that_a_person_called_off_is_not_killed(version: str) -> None:
    look = closed_after(version, ended(desired="stop"))
    assert (decided(look).kind, verdict(look), told(look)["killed"], told(look)["finished"]) == ("settled", "drained", [], 0)


@new
def test_a_service_that_moved_is_not_a_killed_build(version: str) -> None:
    assert verdict(closed_after(version, struck(job_type="service"), first=(build(job_type="service"),))) == "drained"


@new
def test_allowed_killing_ends_well_and_is_still_called_killed(version: str) -> None:
    look = closed_after(version, struck(), deadline=5.0, allow_killing_builds=True)
    assert (decided(look).kind, verdict(look)) == ("settled", "killed")


@new
def test_a_stop_older_than_the_task_is_not_ours_to_report(version: str) -> None:
    look = see(state(version, cordoned(), allocations=(struck(modified=SINCE_NS - 1),)))
    assert (decided(look).kind, verdict(look)) == ("settled", "drained")


@marked
@pytest.mark.parametrize(
    ("modified", "word"),
    [
        pytest.param(SINCE_NS - 1, "drained", id="stopped before our mark"),
        pytest.param(SINCE_NS + 1, "killed", id="stopped since our mark, by a run that was killed"),
    ],
)
def test_a_later_run_counts_from_the_mark(version: str, modified: int, word: str) -> None:
    assert verdict(see(state(version, CLOSED, allocations=(struck(modified=modified),)))) == word


@new
def test_a_struck_build_that_still_winds_up_at_the_first_look_is_counted(version: str) -> None:
    look = see(state(version, draining(last=mark()), allocations=(struck(client="running"),)))
    assert verdict(look) == "killed" and decided(look).kind == "waiting"


# -- lost, down -------------------------------------------------------------------------------------

DOWN = CLOSED._replace(status="down")


@every
@pytest.mark.parametrize("client", ["running", "unknown", "lost"])
def test_down_with_live_builds_is_lost_after_two_reads(version: str, client: str) -> None:
    before = see(state(version, opened(), allocations=(build(),)))
    look = see(state(version, DOWN, allocations=(build(client=client),)), after=before)
    assert decided(look).kind == "stuck" and decided(look).confirm > 0 and verdict(look) == "lost"
    assert [entry["job"] for entry in told(look)["lost"]] == ["b1"]


@new
def test_lost_is_never_allowed(version: str) -> None:
    before = see(state(version, opened(), allocations=(build(),)), wish(allow_killing_builds=True))
    look = see(state(version, DOWN, allocations=(build(client="lost"),)), after=before)
    assert (decided(look).kind, verdict(look)) == ("stuck", "lost")


@every
def test_down_without_builds_waits_for_thirty_seconds_and_is_unknown(version: str) -> None:
    look = see(state(version, DOWN), still=29.0)
    assert (decided(look).kind, decided(look).unknown, verdict(look)) == ("waiting", True, "unknown")
    assert 0 < decided(look).recheck <= 1.0
    late = see(state(version, DOWN), still=30.0)
    assert (decided(late).kind, verdict(late)) == ("stuck", "unknown")


@every
def test_an_open_client_that_is_down_is_not_closed(version: str) -> None:
    assert decided(see(state(version, opened(status="down")))).kind == "waiting"


@new
def test_lost_builds_that_run_again_when_the_client_returns_are_builds_again(version: str) -> None:
    before = see(state(version, DOWN, allocations=(build(),)))
    look = see(state(version, ours(), allocations=(build(),)), after=before)
    assert decided(look).kind == "waiting" and told(look)["lost"] == []


@new
def test_a_build_reported_lost_stays_lost_after_the_client_returned(version: str) -> None:
    look = closed_after(version, build(client="lost", desired="stop"))
    assert (decided(look).kind, verdict(look)) == ("stuck", "lost") and decided(look).confirm >= 1.0


@every
@pytest.mark.parametrize("status", ["disconnected", "initializing", ""])
def test_a_cut_off_client_waits_without_end(version: str, status: str) -> None:
    look = see(state(version, CLOSED._replace(status=status), allocations=(build(client="unknown"),)), still=9999.0)
    assert (decided(look).kind, decided(look).unknown, decided(look).steps, verdict(look)) == ("waiting", True, (), "unknown")


# -- gone, reopened ---------------------------------------------------------------------------------


@every
def test_a_client_that_the_servers_forgot_is_gone(version: str) -> None:
    before = see(state(version, opened(instance_id="i-1"), allocations=(build(),)))
    look = see(state(version, targets=("c1",)), after=before)
    assert (decided(look).kind, verdict(look), told(look)["name"], told(look)["instance_id"]) == ("stuck", "gone", "c1", "i-1")


@every
def test_gone_names_the_id_under_which_its_machine_came_back(version: str) -> None:
    before = see(state(version, opened()))
    look = see(state(version, opened("c7"), returned={"c1": "c7"}), after=before)
    assert decided(look).kind == "stuck" and "client c7" in decided(look).reason


@every
def test_a_client_that_somebody_opened_is_never_closed_again(version: str) -> None:
    look = closed_after(version, build(), node=ours())
    for _round in range(3):
        look = see(state(version, opened(), allocations=(build(),)), after=look)
        assert (decided(look).kind, decided(look).steps, verdict(look)) == ("stuck", (), "reopened")


@new
def test_a_reopened_client_that_is_closed_again_by_somebody_is_judged_again(version: str) -> None:
    look = closed_after(version, build(), node=opened())
    assert verdict(see(state(version, CLOSED, allocations=(ended(),)), after=look)) == "drained"


# -- which word, where several hold ------------------------------------------------------------------


@new
@pytest.mark.parametrize(
    ("nodes", "allocations", "word"),
    [
        pytest.param((CLOSED._replace(status="disconnected"),), (struck(), build("b2", client="lost")), "unknown", id="unknown before killed and lost"),
        pytest.param((), (struck(),), "gone", id="gone before killed"),
        pytest.param((DOWN,), (struck(), build("b2")), "lost", id="lost before killed"),
        pytest.param((opened()._replace(status="down"),), (build(),), "lost", id="lost before reopened"),
        pytest.param((opened(),), (struck(),), "killed", id="killed before reopened"),
        pytest.param((CLOSED,), (struck(), build("b2")), "killed", id="killed before unfinished"),
        pytest.param((opened(),), (build(),), "reopened", id="reopened before unfinished"),
        pytest.param((ours(),), (build(),), "unfinished", id="unfinished when nothing else holds"),
    ],
)
def test_the_order_of_verdicts(version: str, nodes: tuple[Node, ...], allocations: tuple[Allocation, ...], word: str) -> None:
    first = see(state(version, opened(), allocations=(build(), build("b2"))))
    before = see(state(version, ours(), allocations=(build(), build("b2"))), after=first)
    assert verdict(see(state(version, *nodes, allocations=allocations), after=before)) == word


@new
def test_the_reason_of_a_reopened_client_with_lost_builds_does_not_hide_them(version: str) -> None:
    look = closed_after(version, build(client="lost", desired="stop"), node=ours())
    later = see(state(version, opened(), allocations=(build(client="lost", desired="stop"),)), after=look)
    assert decided(later).kind == "stuck" and told(later)["lost"] != []


@new
@pytest.mark.parametrize("client", ["complete", "failed", "lost", "running"])
def test_a_build_given_up_while_its_client_was_down_is_lost_whatever_is_reported_later(version: str, client: str) -> None:
    """After the return it is stopped, and reported complete without Migrate: as if a person had called it off."""
    look = closed_after(version, build(desired="stop", client=client, fell=True))
    assert verdict(look) == ("unfinished" if decided(look).kind == "waiting" else "lost") and told(look)["lost"] != [] and told(look)["killed"] == []


@new
def test_a_build_given_up_before_the_task_is_not_ours_to_report(version: str) -> None:
    assert verdict(see(state(version, cordoned(), allocations=(ended(desired="stop", fell=True),)))) == "drained"


@marked
@pytest.mark.parametrize(("modified", "word"), [(SINCE_NS - 1, "drained"), (SINCE_NS + 1, "lost")])
def test_a_later_run_names_builds_lost_since_the_mark(version: str, modified: int, word: str) -> None:
    assert verdict(see(state(version, CLOSED, allocations=(ended(desired="stop", fell=True, modified=modified),)))) == word
