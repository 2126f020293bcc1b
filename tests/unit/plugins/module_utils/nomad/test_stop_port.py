# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to one job: which requests, in which order, and nothing but one DELETE written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.lists import FRESH, POLL
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.stop import StopJob, StopSpec
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.stop_port import StopPort
from unit.plugins.module_utils.nomad.script import Said, ok, scripted

NODES = [{"ID": "n1", "Name": "c1", "Status": "ready", "Version": "1.1.2"}]
AGENT: dict[str, Any] = {"config": {"Version": {"Version": "1.1.2"}, "Region": "global"}, "stats": {"nomad": {"leader": "true"}}}
JOB = {"ID": "j", "Type": "batch", "Status": "running", "Namespace": "two", "JobSummary": {}}
RUN = {"ID": "a", "JobID": "j", "NodeID": "n1", "ClientStatus": "running", "DesiredStatus": "run"}
FIRST = [ok(NODES, asked="GET /v1/nodes"), ok(AGENT, asked="GET /v1/agent/self")]
LOOK = [ok([JOB, {**JOB, "ID": "j-2"}], asked="GET /v1/jobs"), ok([RUN], index=40, asked="GET /v1/job/j/allocations")]


def test_a_look_is_the_job_and_its_own_allocations_in_its_namespace() -> None:
    with scripted(*FIRST, *LOOK, *LOOK) as (client, script, clock):
        port = StopPort(client, StopSpec("j", "j"), clock)
        seen = port.read(frozenset())
        port.read(frozenset(["j"]))
    assert seen.job and seen.job.id == "j" and [one.id for one in seen.allocations] == ["a"] and seen.clients == {"n1": "c1"}
    assert script.asked[2].query == {"prefix": "j", "namespace": "*"}
    assert script.asked[3].query == {"all": "true", "namespace": "two"}


def test_the_order_is_one_delete_without_purge() -> None:
    with scripted(ok({"EvalID": "e"}, asked="DELETE /v1/job/build%2Fdispatch-1-a")) as (client, script, clock):
        StopPort(client, StopSpec("build/dispatch-1-a", "x"), clock).apply(StopJob("build/dispatch-1-a", "two"))
    assert script.asked[0].query == {"namespace": "two"} and script.asked[0].body is None


def test_a_redirect_is_not_followed_with_the_token() -> None:
    away = Said("", 307, {"Location": "https://sso.example/login?token=x"})
    with scripted(away) as (client, script, clock), pytest.raises(Refused, match=r"redirect \(307\) to https://sso.example/login;"):
        StopPort(client, StopSpec("j", "j"), clock).apply(StopJob("j"))
    assert script.calls == ["DELETE /v1/job/j"]


def test_it_is_woken_by_its_own_allocations_and_takes_that_answer_as_the_next_look() -> None:
    woken = ok([{**RUN, "ClientStatus": "complete"}], index=41, asked="GET /v1/job/j/allocations")
    with scripted(*FIRST, *LOOK, woken, LOOK[0]) as (client, script, clock):
        port = StopPort(client, StopSpec("j", "j"), clock)
        port.read(frozenset())
        port.wait(10.0)
        seen = port.read(frozenset())
    assert seen.allocations[0].client == "complete"
    asked = script.asked[4].query
    assert (asked["index"], asked["namespace"], asked["all"]) == ("40", "two", "true")


@pytest.mark.parametrize(("confirming", "pause"), [(frozenset(["j"]), 0.0), (frozenset(), FRESH + 1)])
def test_what_woke_it_is_not_taken_for_a_fresh_read_where_one_is_asked_for_or_time_has_passed(confirming: frozenset[str], pause: float) -> None:
    with scripted(*FIRST, *LOOK, ok([], index=41), *LOOK) as (client, _script, clock):
        port = StopPort(client, StopSpec("j", "j"), clock)
        port.read(frozenset())
        port.wait(10.0)
        clock.sleep(pause)
        assert len(port.read(confirming).allocations) == 1


def test_without_an_index_it_polls() -> None:
    answers = [LOOK[0], ok([RUN], index=0)]
    with scripted(*FIRST, *answers) as (client, _script, clock):
        port = StopPort(client, StopSpec("j", "j"), clock)
        port.read(frozenset())
        began = clock.now()
        port.wait(10.0)
    assert clock.now() - began == POLL


def test_two_waits_are_paced() -> None:
    with scripted(*FIRST, *LOOK, ok([RUN], index=41), ok([RUN], index=42)) as (client, _script, clock):
        port = StopPort(client, StopSpec("j", "j"), clock)
        port.read(frozenset())
        port.wait(10.0)
        before = clock.now()
        port.wait(10.0)
    assert clock.now() > before
