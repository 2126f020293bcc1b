# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict on the queue: one table of whole situations, and the lines of evidence."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.diagnosis import NEXT, closed_by, diagnose
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job import Evaluation, Job, Shortage
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Node
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.queue import REASONS, Picture, blocked
from unit.plugins.module_utils.nomad.values import OTHER, SINCE, cordoned, draining, mark, opened, ours, server

MEMORY = Shortage(evaluated=3, exhausted=3, dimensions={"memory": 3})
CPU = Shortage(evaluated=3, exhausted=3, dimensions={"cpu": 3})
NAMED = Shortage(evaluated=3, filtered=3, constraints={"${node.unique.name} = c9": 3})
OPEN = (opened("c1"), opened("c2"), opened("c3"))
CLOSED = (ours("c1"), cordoned("c2")._replace(last_drain=mark(OTHER)), cordoned("c3"))
DOWN = (opened("c1", status="down"), opened("c2", status="down"))
RUNS = Job("runs", "batch", "running", "default", placed=1)


def waits(number: int = 1) -> tuple[Job, ...]:
    return tuple(Job(f"waits-{n}", "batch", "pending", "default", queued=1) for n in range(number))


def situation(nodes: Any = OPEN, jobs: Any = (), shortages: Any = (), version: str = "1.1.2", paused: bool = False) -> Picture:
    """The jobs wait, each with the shortage of its number."""
    told = {job.key: (Evaluation(job.id, "default", "blocked", 9, (short,)),) for job, short in zip(jobs or (), shortages)}
    return Picture(server(version, paused=paused), nodes, jobs, told)


def said(picture: Picture) -> dict[str, Any]:
    found = {job.key: one for job in picture.jobs or () if (one := blocked(job, picture))}
    return diagnose(picture, found)


TABLE = [
    pytest.param(situation(nodes=(), jobs=waits()), "no_clients", id="no clients"),
    pytest.param(situation(nodes=()), "no_clients", id="no clients, and nothing waits yet"),
    pytest.param(situation(nodes=CLOSED, jobs=waits()), "clients_closed", id="all clients closed"),
    pytest.param(situation(nodes=CLOSED, jobs=(RUNS,)), "clients_closed", id="all clients closed, and nothing waits yet"),
    pytest.param(situation(nodes=DOWN, jobs=waits()), "clients_down", id="clients down"),
    pytest.param(situation(nodes=(*DOWN, cordoned("c3")), jobs=waits()), "clients_closed", id="down ones and a closed one"),
    pytest.param(situation(jobs=waits(), shortages=[CPU]), "full_cpu", id="full by cpu"),
    pytest.param(situation(jobs=waits(), shortages=[MEMORY]), "full_memory", id="full by memory"),
    pytest.param(situation(jobs=waits(), shortages=[NAMED]), "wrong_constraint", id="wrong constraint"),
    pytest.param(situation(jobs=waits(), paused=True, version="1.11.3"), "paused_broker", id="paused broker"),
    pytest.param(situation(nodes=(), paused=True, version="1.11.3"), "paused_broker", id="paused broker, no clients"),
    pytest.param(situation(jobs=(RUNS,)), "nothing_waits", id="nothing waits"),
    pytest.param(situation(), "nothing_waits", id="nothing is there"),
    pytest.param(situation(nodes=None, jobs=None), "cannot_see", id="a token that may see nothing"),
    pytest.param(situation(jobs=None), "cannot_see", id="a token that may not see jobs"),
    pytest.param(situation(nodes=None, jobs=()), "cannot_see", id="a token that may not see clients"),
    pytest.param(situation(jobs=None, paused=True), "cannot_see", id="blind comes before all"),
    pytest.param(situation(jobs=waits(3), shortages=[MEMORY, CPU, MEMORY]), "full_memory", id="what holds for most"),
    pytest.param(situation(jobs=waits(2), shortages=[NAMED, MEMORY]), "full_memory", id="room before fit where as many wait"),
    pytest.param(situation(jobs=waits()), "no_evaluation", id="forgotten"),
]


@pytest.mark.parametrize(("picture", "verdict"), TABLE)
def test_verdicts(picture: Picture, verdict: str) -> None:
    found = said(picture)
    assert found["verdict"] == verdict
    assert found["reason"] and found["evidence"] and found["next_act"] == NEXT[verdict]


def test_every_reason_has_a_next_act_and_no_two_the_same() -> None:
    assert set(NEXT) == set(REASONS) | {"nothing_waits", "cannot_see"}
    assert len(set(NEXT.values())) == len(NEXT)


def test_the_sentence_counts() -> None:
    assert said(situation(jobs=waits(), shortages=[MEMORY]))["reason"] == "1 job waits: 3 of 3 clients that fit are full: memory"
    found = said(situation(jobs=waits(3), shortages=[MEMORY, CPU, MEMORY]))
    assert found["reason"] == "3 jobs wait, 2 of them because 3 of 3 clients that fit are full: memory"
    assert said(situation(nodes=(), jobs=waits(2)))["reason"] == "no client is registered; 2 jobs wait"


def test_the_evidence_line_by_line() -> None:
    found = said(situation(nodes=(*OPEN, ours("c4")), jobs=(RUNS, *waits(2)), shortages=[MEMORY, MEMORY, CPU]))
    assert found["evidence"] == [
        "clients: 4; 4 ready, 3 open, 1 draining, 0 cordoned, 0 not ready",
        "jobs: 2 pending, 1 running, 0 dead",
        "full_cpu: waits-1; 3 of 3 clients that fit are full: cpu",
        "full_memory: waits-0; 3 of 3 clients that fit are full: memory",
        f"closed by serverops.circleci (drained, since {SINCE}): c4",
    ]


def test_what_is_not_seen_is_said_to_be_so() -> None:
    assert said(situation(nodes=None, jobs=None))["evidence"] == ["clients: not to be seen with this token", "jobs: not to be seen with this token"]


def test_who_closed_the_clients() -> None:
    assert closed_by(CLOSED, server("1.1.2")) == [
        f"closed by {OTHER} (drained, since {SINCE}): c2",
        f"closed by serverops.circleci (drained, since {SINCE}): c1",
        "closed by somebody who left no mark: c3",
    ]
    assert closed_by((draining("c1"),), server("0.5.6")) == ["closed by somebody (this Nomad keeps no mark of who): c1"]
    assert closed_by((*OPEN, ours("c9")._replace(status="down")), server("1.1.2")) == []


def test_a_mark_of_a_drain_that_was_lifted_since_names_nobody() -> None:
    stale: Node = cordoned("c1")._replace(last_drain=mark(), reopened=True)
    assert closed_by((stale,), server("1.1.2")) == ["closed by somebody who left no mark: c1"]


def test_many_names_are_cut() -> None:
    nodes = tuple(ours(f"c{number}") for number in range(1, 9))
    assert closed_by(nodes, server("1.1.2")) == [f"closed by serverops.circleci (drained, since {SINCE}): c1, c2, c3, c4, c5 and 3 more"]
