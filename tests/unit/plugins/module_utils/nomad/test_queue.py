# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a job waits: the table of reasons, and what the rules make of recorded servers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job import Evaluation, Job, Shortage, evaluations_from_api, jobs_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Node, node_from_stub
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.queue import Blocked, Picture, blocked
from unit.plugins.module_utils.nomad.recorded_answers import DISPATCHING, POOLED, VERSIONS, bodies
from unit.plugins.module_utils.nomad.values import cordoned, draining, opened, server

MEMORY = Shortage(evaluated=3, exhausted=3, dimensions={"memory": 3}, available={"dc1": 3})
NONE_NEAR = Shortage(available={"dc1": 0})


def job(**fields: Any) -> Job:
    return Job(**{"id": "j", "type": "batch", "status": "pending", "namespace": "default", **fields})


def node(name: str = "c1", **fields: Any) -> Node:
    return opened(name, **{"datacenter": "dc1", **fields})


def told(*shortages: Shortage, status: str = "blocked", index: int = 9) -> Evaluation:
    return Evaluation("j", "default", status, index, tuple(shortages))


def why(one: Job, nodes: tuple[Node, ...], *evaluations: Evaluation, paused: bool = False, version: str = "1.1.2") -> Optional[Blocked]:
    return blocked(one, Picture(server(version, paused=paused), nodes, (one,), {one.key: evaluations}))


def constraint(text: str) -> Shortage:
    return Shortage(evaluated=3, filtered=3, constraints={text: 3}, available={"dc1": 3})


def dimension(text: str) -> Shortage:
    return replace(MEMORY, dimensions={text: 3})


CLOSED = (cordoned("c1")._replace(datacenter="dc1"), draining("c2")._replace(datacenter="dc1"))
OPEN = (node("c1"), *CLOSED[1:])

TABLE = [
    pytest.param(job(), (), [told(NONE_NEAR)], "no_clients", id="no client"),
    pytest.param(job(), (node(status="down"), node("c2", status="disconnected")), [told(NONE_NEAR)], "clients_down", id="all down or cut off"),
    pytest.param(job(), (node(status="initializing"),), [told(NONE_NEAR)], "clients_down", id="the only one begins"),
    pytest.param(job(), CLOSED, [told(NONE_NEAR)], "clients_closed", id="one cordoned, one draining"),
    pytest.param(job(), (*CLOSED, node("c3", status="down")), [told(MEMORY)], "clients_closed", id="what the clients are now beats older words"),
    pytest.param(job(), OPEN, [told(MEMORY)], "full_memory", id="full by memory"),
    pytest.param(job(), OPEN, [told(dimension("cpu"))], "full_cpu", id="full by cpu"),
    pytest.param(job(), OPEN, [told(dimension("cpu exhausted"))], "full_cpu", id="full by cpu, in old words"),
    pytest.param(job(), OPEN, [told(dimension("disk"))], "full_disk", id="full by disk"),
    pytest.param(job(), OPEN, [told(dimension("network: port collision"))], "full_other", id="full by something else"),
    pytest.param(job(), OPEN, [told(replace(MEMORY, dimensions={"cpu": 1, "memory": 2}))], "full_memory", id="what most are full by"),
    pytest.param(job(), OPEN, [told(replace(MEMORY, dimensions={}))], "full_other", id="full, by what is not told"),
    pytest.param(job(), OPEN, [told(replace(MEMORY, exhausted=1, filtered=2, constraints={"${node.class} = x": 2}))], "full_memory", id="one fits and is full"),
    pytest.param(job(), OPEN, [told(constraint("${node.unique.name} regexp no-such-node"))], "wrong_constraint", id="a constraint"),
    pytest.param(job(), OPEN, [told(constraint("${node.class} = linux-32bit"))], "wrong_class", id="a class"),
    pytest.param(job(), OPEN, [told(constraint("${node.datacenter} = us-east-1"))], "wrong_datacenter", id="a datacenter by constraint"),
    pytest.param(job(), OPEN, [told(constraint("${attr.nomad.version} semver >= 1.2.0"))], "wrong_version", id="a version"),
    pytest.param(job(), OPEN, [told(constraint("missing drivers"))], "missing_driver", id="a driver"),
    pytest.param(job(datacenters=("us-east-1",)), OPEN, [told(Shortage(available={"us-east-1": 0}))], "wrong_datacenter", id="a datacenter without clients"),
    pytest.param(job(), OPEN, [told(Shortage(available={"us-east-1": 0}))], "wrong_datacenter", id="the same where only the scheduler names it (0.5.6)"),
    pytest.param(job(datacenters=("dc*",)), OPEN, [told(MEMORY)], "full_memory", id="a pattern of datacenters"),
    pytest.param(job(datacenters=("dc1", "dc2")), OPEN, [told(MEMORY)], "full_memory", id="one of its two datacenters"),
    pytest.param(job(datacenters=("dc2",)), (node(), node("c2", datacenter="dc2", eligible=False)), [told(NONE_NEAR)], "clients_closed", id="its dc is closed"),
    pytest.param(job(datacenters=("dc2",)), (node(), node("c2", datacenter="dc2", status="down")), [told(NONE_NEAR)], "clients_down", id="its dc is down"),
    pytest.param(job(pool="builders"), (node(pool="default"),), [told(Shortage(pooled=0))], "wrong_pool", id="a pool without clients"),
    pytest.param(
        job(pool="builders"), (node(pool="default"), node("c2", pool="builders", eligible=False)), [told()], "clients_closed", id="its pool is closed"
    ),
    pytest.param(job(pool="all"), (node(pool="default"),), [told(MEMORY)], "full_memory", id="the pool of all"),
    pytest.param(job(), OPEN, [told(status="pending")], "not_evaluated", id="the scheduler is behind"),
    pytest.param(job(), OPEN, [told(NONE_NEAR)], "not_evaluated", id="closed when tried, open now"),
    pytest.param(job(), OPEN, [], "no_evaluation", id="forgotten"),
    pytest.param(job(), OPEN, [told(status="complete")], "no_evaluation", id="evaluated, placed nowhere, not blocked"),
    pytest.param(job(), OPEN, [told()], "unknown", id="blocked, and nobody says why"),
    pytest.param(job(), OPEN, [told(), told(MEMORY, status="complete", index=8)], "full_memory", id="the words are those of the one before (to 0.11)"),
    pytest.param(
        job(), OPEN, [told(constraint("${node.class} = x"), index=8, status="complete"), told(MEMORY, index=9)], "full_memory", id="the newest counts"
    ),
    pytest.param(job(status="running", queued=2), OPEN, [told(MEMORY)], "full_memory", id="some of it placed"),
    pytest.param(job(status="running", queued=2), OPEN, [told(MEMORY, status="complete")], None, id="a count of queued ones that is left over"),
    pytest.param(job(status="running"), OPEN, [told(MEMORY)], None, id="placed"),
    pytest.param(job(children={"pending": 3}), OPEN, [told(MEMORY)], None, id="a parent"),
    pytest.param(job(type="system"), (), [told(MEMORY)], None, id="a system job"),
    pytest.param(job(status="dead"), (), [], None, id="dead"),
]


@pytest.mark.parametrize(("one", "nodes", "evaluations", "reason"), TABLE)
def test_reasons(one: Job, nodes: tuple[Node, ...], evaluations: list[Evaluation], reason: Optional[str]) -> None:
    found = why(one, nodes, *evaluations)
    assert (found.reason if found else None) == reason
    assert found is None or found.words


def test_a_paused_broker_is_the_reason_for_whatever_waits() -> None:
    found = why(job(), (), told(status="pending"), paused=True)
    assert found and found.reason == "paused_broker"


def test_words_name_numbers_and_what_was_missing() -> None:
    assert why(job(), OPEN, told(MEMORY)) == Blocked("full_memory", "3 of 3 clients that fit are full: memory")
    found = why(job(), OPEN, told(replace(MEMORY, exhausted=1, filtered=2)))
    assert found == Blocked("full_memory", "1 of 1 clients that fit are full: memory")
    found = why(job(datacenters=("us-east-1",)), OPEN, told(NONE_NEAR))
    assert found == Blocked("wrong_datacenter", "no client is in its datacenter us-east-1; they are in dc1")


# -- recorded servers ----------------------------------------------------------------------------------


def _recorded(version: str, name: str, which: str, evaluations: Any) -> Optional[Blocked]:
    nodes = tuple(node_from_stub(stub) for stub in bodies(version, "queue", "/nodes")[0])
    jobs = {one.id: one for one in jobs_from_api(bodies(version, "queue", "/jobs")[0])}
    one = replace(jobs["nowhere"], id=which)
    mine = tuple(found for found in evaluations_from_api(evaluations) if found.job == which)
    assert mine, "the recording must speak of it"
    return blocked(one, Picture(server(version), nodes, (one,), {one.key: mine}))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_job_that_fits_nowhere(version: str) -> None:
    found = _recorded(version, "queue", "nowhere", bodies(version, "queue", "/evaluations")[0])
    assert found == Blocked("wrong_constraint", "3 of 3 clients do not fit: ${node.unique.name} regexp no-such-node")


@pytest.mark.parametrize("version", DISPATCHING)
def test_recorded_builds_without_room_and_with_nobody_open(version: str) -> None:
    everything = [one for body in bodies(version, "no-room", "/evaluations") for one in body]
    blocked_ones = [one for one in everything if one["Status"] == "blocked" and one["FailedTGAllocs"]]
    full = next(one["JobID"] for one in blocked_ones if one["FailedTGAllocs"]["group"]["DimensionExhausted"])
    nobody = next(one["JobID"] for one in blocked_ones if not one["FailedTGAllocs"]["group"]["DimensionExhausted"])
    here = next(body for body in bodies(version, "no-room", "/evaluations") if any(one["JobID"] == full for one in body))
    assert _recorded(version, "no-room", full, here) == Blocked("full_memory", "3 of 3 clients that fit are full: memory")
    there = next(body for body in bodies(version, "no-room", "/evaluations") if any(one["JobID"] == nobody and one["Status"] == "blocked" for one in body))
    found = _recorded(version, "no-room", nobody, there)
    # The clients of that list are open: what the scheduler said when all were closed is over.
    assert found and found.reason == "not_evaluated"


@pytest.mark.parametrize("version", POOLED)
def test_a_recorded_build_under_a_paused_broker(version: str) -> None:
    found = _recorded(version, "paused", "waits", bodies(version, "paused", "/evaluations")[0])
    assert found and found.reason == "not_evaluated", "where the pause itself may not be read, its evaluation is still pending"


@pytest.mark.parametrize("version", POOLED)
def test_a_recorded_job_of_a_pool_whose_only_client_drains(version: str) -> None:
    nodes = [node_from_stub(stub) for stub in bodies(version, "node-pools", "/nodes")[0]]
    one = next(found for found in jobs_from_api(bodies(version, "node-pools", "/jobs")[0]) if found.id == "svc")
    one = replace(one, status="pending")
    mine = tuple(evaluations_from_api(bodies(version, "node-pools", "/evaluations")[0]))
    drained = tuple(node._replace(eligible=node.pool != "builders") for node in nodes)
    found = blocked(one, Picture(server(version), drained, (one,), {one.key: mine}))
    assert one.pool == "builders" and found and found.reason == "clients_closed"
    away = tuple(node for node in nodes if node.pool != "builders")
    found = blocked(one, Picture(server(version), away, (one,), {one.key: mine}))
    assert found == Blocked("wrong_pool", "no client is in its node pool builders")
