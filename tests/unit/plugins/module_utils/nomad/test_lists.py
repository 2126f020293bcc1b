# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two lists: what is asked, how one waits on them, and what becomes of an index that goes back."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.lists import LONG, PACE, POLL, READ_RATE, SLOW_PACE, Lists
from unit.plugins.module_utils.nomad.script import Said, ok, scripted
from unit.plugins.module_utils.nomad.values import server

NODES = "GET /v1/nodes"
ALLOCATIONS = "GET /v1/allocations"
JOBS = "GET /v1/jobs"


def node(item: str = "c1", **fields: Any) -> dict[str, Any]:
    return {"ID": item, "Name": item, "Status": "ready", "SchedulingEligibility": "eligible", "ModifyIndex": 5, **fields}


def allocation(job: str = "b1", item: str = "c1", **fields: Any) -> dict[str, Any]:
    return {"ID": f"a-{job}", "JobID": job, "NodeID": item, "JobType": "batch", "DesiredStatus": "run", "ClientStatus": "running", **fields}


@pytest.mark.parametrize(("version", "query"), [("0.9.3", {}), ("1.0.0", {"namespace": "*"}), ("1.1.2", {"namespace": "*"}), ("1.11.3", {"namespace": "*"})])
def test_allocations_of_all_namespaces_where_there_are_namespaces(version: str, query: dict[str, str]) -> None:
    """Before 1.0 the star is the name of a namespace, and the list is empty."""
    with scripted(ok([allocation(), allocation("b2", "c7")], asked=ALLOCATIONS)) as (client, script, clock):
        found, jobs = Lists(client, clock, 5.0).allocations(server(version), ["c1", "c2"], True)
    assert script.asked[0].query == query and jobs is None
    assert {item: [a.job for a in listed or ()] for item, listed in found.items()} == {"c1": ["b1"], "c2": []}


@pytest.mark.parametrize(("again", "calls"), [(True, 2), (False, 1)])
def test_the_former_answer_serves_unless_it_may_have_changed(again: bool, calls: int) -> None:
    with scripted(*[ok([allocation()])] * calls) as (client, _script, clock):
        lists = Lists(client, clock, 5.0)
        lists.allocations(server("1.1.2"), ["c1"], False)
        assert lists.allocations(server("1.1.2"), ["c1"], again)[0]["c1"]


def test_below_0_8_the_list_of_jobs_tells_the_types() -> None:
    allocations = [allocation("b1", JobType=None), allocation("s1", JobType=None), allocation("gone", JobType=None)]
    jobs = [{"ID": "b1", "Type": "batch"}, {"ID": "s1", "Type": "service"}, {"ID": "other", "Type": "batch"}]
    with scripted(ok(allocations, asked=ALLOCATIONS), ok(jobs, asked=JOBS)) as (client, _script, clock):
        found, known = Lists(client, clock, 5.0).allocations(server("0.5.6"), ["c1"], True)
    assert {a.job: a.job_type for a in found["c1"] or ()} == {"b1": "batch", "s1": "service", "gone": None}
    assert known == {"b1", "s1", "other"}


def test_below_0_8_nothing_live_or_stopped_asks_for_no_jobs() -> None:
    with scripted(ok([allocation(JobType=None, ClientStatus="complete")])) as (client, _script, clock):
        assert Lists(client, clock, 5.0).allocations(server("0.5.6"), ["c1"], True)[1] is None


def test_a_wait_is_one_blocking_query_and_its_answer_the_next_read() -> None:
    with scripted(ok([node()], index=5), ok([node(Status="down")], index=9)) as (client, script, clock):
        lists = Lists(client, clock, 5.0)
        assert lists.nodes()["c1"].status == "ready"
        lists.wait("nodes", 10.0)
        assert lists.nodes()["c1"].status == "down"
    assert script.asked[1].query == {"index": "5", "wait": "10000ms"}


def test_a_wait_on_allocations_keeps_the_namespaces() -> None:
    with scripted(ok([], index=5), ok([], index=6)) as (client, script, clock):
        lists = Lists(client, clock, 5.0)
        lists.allocations(server("1.1.2"), ["c1"], True)
        lists.wait("allocations", 2.0)
    assert script.asked[1].query == {"index": "5", "wait": "2000ms", "namespace": "*"}


def test_a_woken_answer_is_used_once() -> None:
    with scripted(ok([node()], index=5), ok([node()], index=6), ok([node(Status="down")], index=7)) as (client, _script, clock):
        lists = Lists(client, clock, 5.0)
        lists.nodes()
        lists.wait("nodes", 1.0)
        assert [lists.nodes()["c1"].status for _turn in range(2)] == ["ready", "down"]


def test_an_index_that_went_back_is_waited_on_from_there() -> None:
    """A server restored from a snapshot counts anew (F11)."""
    with scripted(ok([node()], index=900), ok([node()], index=12), ok([node()], index=13)) as (client, script, clock):
        lists = Lists(client, clock, 5.0)
        for _round in range(2):
            lists.nodes()
            lists.wait("nodes", 1.0)
    assert [asked.query.get("index") for asked in script.asked] == [None, "900", "12"]


def test_without_an_index_it_polls() -> None:
    with scripted(ok([node()], index=0), ok([node()], index=0)) as (client, script, clock):
        lists = Lists(client, clock, 5.0)
        lists.nodes()
        lists.wait("nodes", 60.0)
        lists.nodes()
    assert "index" not in script.asked[1].query and max(clock.slept) == POLL


def test_two_waits_keep_a_pace_on_a_busy_cluster() -> None:
    with scripted(*[ok([node()], index=number) for number in range(5, 9)]) as (client, _script, clock):
        lists = Lists(client, clock, 5.0)
        lists.nodes()
        for _round in range(3):
            lists.wait("nodes", 10.0)
    assert clock.now() >= 2 * PACE


def test_a_wait_that_was_cut_keeps_the_index_and_says_so() -> None:
    cut = Said(fails=requests.ConnectionError("[Errno 104] Connection reset by peer"))
    with scripted(ok([node()], index=5), cut, ok([node()], index=6)) as (client, script, clock):
        lists = Lists(client, clock, 5.0)
        lists.nodes()
        with pytest.raises(Unreachable):
            lists.wait("nodes", 10.0)
        lists.wait("nodes", 10.0)
    assert [asked.query.get("index") for asked in script.asked] == [None, "5", "5"]


# -- long lists -------------------------------------------------------------------------------------


def many(**fields: Any) -> list[dict[str, Any]]:
    return [allocation(f"b{number}", "c1" if number == 1 else "c9", **fields) for number in range(1, LONG + 2)]


def test_a_long_list_is_read_again_only_every_so_often() -> None:
    ended = many(ClientStatus="complete")
    with scripted(ok(many(), asked=ALLOCATIONS), ok(ended, asked=ALLOCATIONS)) as (client, _script, clock):
        lists = Lists(client, clock, 5.0)
        seen = []
        for pause in (0.0, 1.0, LONG / READ_RATE):
            clock.sleep(pause)
            found, _jobs = lists.allocations(server("1.1.2"), ["c1"], True)
            seen.append([a.client for a in found["c1"] or ()])
    assert lists.is_long("allocations") and seen == [["running"], ["running"], ["complete"]]


def test_a_long_list_that_a_wait_brought_is_taken_at_once() -> None:
    """Below 0.8 only this list tells that a build ended."""
    with scripted(ok(many(), index=5), ok(many(ClientStatus="complete"), index=6)) as (client, _script, clock):
        lists = Lists(client, clock, 5.0)
        lists.allocations(server("1.1.2"), ["c1"], True)
        lists.wait("allocations", 10.0)
        assert [a.client for a in lists.allocations(server("1.1.2"), ["c1"], True)[0]["c1"] or ()] == ["complete"]


def test_what_a_client_told_itself_stands_until_the_list_is_read_again() -> None:
    with scripted(ok(many()), ok(many())) as (client, _script, clock):
        lists = Lists(client, clock, 5.0)
        lists.allocations(server("1.1.2"), ["c1"], True)
        lists.put("c1", ())
        assert lists.allocations(server("1.1.2"), ["c1"], True)[0] == {"c1": ()}
        clock.sleep(LONG / READ_RATE + 1)
        assert lists.allocations(server("1.1.2"), ["c1"], True)[0]["c1"]


def test_a_long_list_wakes_once_a_second_at_most() -> None:
    nodes = [node(f"c{number}") for number in range(LONG)]
    with scripted(*[ok(nodes, index=number) for number in range(5, 9)]) as (client, _script, clock):
        lists = Lists(client, clock, 5.0)
        lists.nodes()
        for _round in range(3):
            lists.wait("nodes", 10.0)
    assert clock.now() == pytest.approx(2 * SLOW_PACE)


def test_allocations_read_before_the_clients_are_behind() -> None:
    with scripted(ok([node()]), ok([allocation()]), ok([node()])) as (client, _script, clock):
        lists = Lists(client, clock, 5.0)
        lists.nodes()
        clock.sleep(0.1)
        lists.allocations(server("1.1.2"), ["c1"], True)
        assert not lists.is_behind()
        clock.sleep(0.1)
        lists.nodes()
        assert lists.is_behind()
