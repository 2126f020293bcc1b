# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of stopping a job, as tables: what is due, what is refused, what is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job import Job
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.stop import (
    StopJob,
    StopSpec,
    StopState,
    assume,
    decide,
    effect,
    facts,
    out_of_sight,
    progress,
    refusals,
    remember,
    stop_spec,
    view,
)
from unit.plugins.module_utils.nomad.values import server

RUNS = Job("j", "batch", "running", "default", placed=1)
STOPPED = replace(RUNS, status="dead", stop=True)


def run(name: str = "a", client: str = "running", node: str = "n1", desired: str = "run") -> Allocation:
    return Allocation(name, "j", node, "batch", desired, client, started="2026-11-22T06:37:38Z")


def state(job: Optional[Job] = RUNS, *allocations: Allocation, version: str = "1.1.2", **fields: Any) -> StopState:
    return StopState(server(version, **fields), job, allocations, {"n1": "c1", "n2": "c2"})


def see(seen: StopState, *before: StopState) -> Look[StopSpec, StopState]:
    """The look at `seen`, with what the looks before remember."""
    look: Look[StopSpec, StopState] = Look(StopSpec("j", "j"), seen)
    for one in (*before, seen):
        look = replace(look, state=one)
        look = replace(look, memory=remember(look))
    return look


def told(look: Look[StopSpec, StopState]) -> dict[str, Any]:
    return view(look, decide(look))


WANTED = state(RUNS, run())
TABLE = [
    pytest.param(see(WANTED), "steps", "unfinished", id="it runs"),
    pytest.param(see(state(replace(RUNS, status="pending"))), "steps", "unfinished", id="it waits for a client"),
    pytest.param(see(state(replace(RUNS, type="service"), run())), "steps", "unfinished", id="a service"),
    pytest.param(see(state(replace(RUNS, status="dead"), run(client="complete"))), "settled", "ended", id="it ended by itself"),
    pytest.param(see(state(replace(RUNS, status="dead"), run(client="failed"))), "settled", "ended", id="it failed by itself"),
    pytest.param(see(state(STOPPED, run(client="complete", desired="stop"))), "settled", "was_stopped", id="stopped before"),
    pytest.param(see(state(STOPPED, run(desired="stop"))), "waiting", "unfinished", id="stopped before, and winding up"),
    pytest.param(see(state(STOPPED, run(client="unknown", desired="stop"))), "waiting", "unfinished", id="on a client that is cut off"),
    pytest.param(see(state(None)), "settled", "absent", id="nobody knows it"),
    pytest.param(see(state(None, run(client="complete", desired="stop"), version="0.5.6")), "settled", "was_stopped", id="forgotten by 0.5.6, over"),
    pytest.param(see(state(None, run(desired="stop"), version="0.5.6")), "waiting", "unfinished", id="forgotten by 0.5.6, winding up"),
    pytest.param(see(state(STOPPED, run(client="complete", desired="stop")), WANTED), "settled", "stopped", id="stopped by us"),
    pytest.param(see(state(STOPPED, run(desired="stop")), WANTED), "waiting", "unfinished", id="ordered by us, and winding up"),
    pytest.param(see(state(STOPPED, run()), WANTED), "waiting", "unfinished", id="ordered by us, not told to the client yet"),
    pytest.param(
        see(state(None, run(client="complete", desired="stop"), version="0.5.6"), state(RUNS, run(), version="0.5.6")), "settled", "stopped", id="0.5.6"
    ),
    pytest.param(see(state(replace(RUNS, status="dead"), run(client="complete")), WANTED), "settled", "ended", id="it ended before the order came"),
    pytest.param(see(state(STOPPED, run(client="lost", desired="stop")), WANTED), "stuck", "lost", id="its client went down"),
    pytest.param(see(state(STOPPED, run("b", "lost"), run(client="complete")), WANTED), "settled", "stopped", id="what was lost before does not count"),
]


@pytest.mark.parametrize(("look", "kind", "verdict"), TABLE)
def test_decisions_and_verdicts(look: Look[StopSpec, StopState], kind: str, verdict: str) -> None:
    decision = decide(look)["j"]
    assert decision.kind == kind and decision.reason
    assert told(look)["verdict"] == verdict
    assert told(look)["stopped"] is (verdict in ("stopped", "was_stopped", "absent"))
    assert told(look)["by_us"] is (
        verdict == "stopped" or (verdict in ("unfinished", "lost") and len(look.memory["ran"]) == 1 and look.memory["wanted"] and kind != "steps")
    )


def test_the_order_says_what_will_die_and_where() -> None:
    decision = decide(see(state(RUNS, run("a"), run("b", node="n2"), run("c", "complete"))))["j"]
    assert decision.reason == "stop job j: 2 allocations on c1, c2 end"
    assert decision.steps == (StopJob("j", "default"),)
    assert decide(see(state(RUNS, run())))["j"].reason == "stop job j: 1 allocation on c1 ends"
    assert decide(see(state(replace(RUNS, status="pending"))))["j"].reason == "stop job j: nothing of it runs"


def test_what_is_cut_off_is_never_assumed_to_have_ended() -> None:
    assert decide(see(state(STOPPED, run(client="unknown", desired="stop"))))["j"].unknown is True
    assert decide(see(state(STOPPED, run(desired="stop"))))["j"].unknown is False


def test_an_end_by_our_order_is_confirmed_and_one_that_was_there_is_not() -> None:
    over = state(STOPPED, run(client="complete", desired="stop"))
    assert decide(see(over, WANTED))["j"].confirm > 0
    assert decide(see(over))["j"].confirm == 0


def test_the_result_lists_what_ran_while_the_task_looked() -> None:
    before = state(RUNS, run("a"), run("b", node="n2"), run("old", "failed"))
    after = state(STOPPED, run("a", "complete", desired="stop"), run("b", "failed", "n2", "stop"), run("old", "failed"))
    found = told(see(after, before))
    assert [(one["allocation"], one["client"], one["status"]) for one in found["allocations"]] == [("a", "c1", "complete"), ("b", "c2", "failed")]
    assert (found["left"], found["type"]) == (0, "batch")


def test_facts_tell_the_diff() -> None:
    assert facts(see(WANTED)) == {"j": {"status": "running", "running": ["a on c1"]}}
    assert facts(see(state(STOPPED, run(client="complete", desired="stop")))) == {"j": {"status": "stopped", "running": []}}
    assert facts(see(state(None))) == {"j": {"status": "absent", "running": []}}


def test_progress_counts_and_places() -> None:
    assert progress(see(state(STOPPED, run("a", "complete"), run("b", node="n2")), state(RUNS, run("a"), run("b", node="n2"))), {}) == (
        "j: 1 of 2 allocations ended, left on c2"
    )
    assert progress(see(state(STOPPED)), {}) == "j: 0 of 0 allocations ended"


@pytest.mark.parametrize(("version", "status"), [("0.5.6", "absent"), ("0.9.3", "stopped"), ("1.11.3", "stopped")])
def test_check_mode_foresees_what_is_kept(version: str, status: str) -> None:
    look = see(state(RUNS, run(), version=version))
    ordered = replace(look, state=effect(look.state, StopJob("j")))
    assert decide(ordered)["j"].kind == "waiting"
    over = replace(ordered, state=assume(ordered, "j"))
    assert decide(over)["j"].kind == "settled" and facts(over)["j"] == {"status": status, "running": []}


# -- refusals ------------------------------------------------------------------------------------------


def test_nothing_to_object_to() -> None:
    assert refusals(see(WANTED)) == []


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (state(RUNS, run(), acl=True), "management token"),
        (state(None, acl=True), "management token"),
        (state(RUNS, run(), version="1.11.3", paused=True), "PauseEvalBroker"),
        (state(replace(RUNS, children={"pending": 0, "running": 2, "dead": 0})), "only brings forth others"),
    ],
)
def test_refusals(seen: StopState, words: str) -> None:
    found = refusals(see(seen))
    assert len(found) == 1 and words in found[0]


def test_a_paused_broker_is_no_matter_where_nothing_is_to_be_done() -> None:
    assert refusals(see(state(STOPPED, version="1.11.3", paused=True))) == []


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"job": "", "confirm": ""}, "job is empty"),
        ({"job": " ", "confirm": " "}, "job is empty"),
        ({"job": "build-1", "confirm": "build"}, "confirm is 'build', but job is 'build-1'"),
        ({"job": "build-1", "confirm": "true"}, "confirm is 'true'"),
        ({"job": "build-1", "confirm": ""}, "confirm is ''"),
        ({"job": "build-1"}, "confirm is required"),
    ],
)
def test_bad_input_is_one_sentence(params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        stop_spec(params)


def test_out_of_sight_nothing_is_claimed() -> None:
    assert out_of_sight(told(see(WANTED)))["verdict"] == "unknown"
    assert out_of_sight(told(see(state(STOPPED))))["verdict"] == "was_stopped"
