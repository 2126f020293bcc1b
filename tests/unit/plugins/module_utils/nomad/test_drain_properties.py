# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the drain's law whatever the state: hypothesis looks for the table row that nobody thought of."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.fold import fold
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import drain
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import DrainSpec, case_for
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.drain import UNSTICK_DEADLINE
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, LastDrain, Node, Strategy
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import LiftDrain, SetDrain, SetEligibility, State
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.plugins.module_utils.nomad.values import ALL, NO_MARK, OLD, OTHER, SINCE_NS, mark, see, server

TARGETS = ("c1", "c2")
VERDICTS = {"drained", "cordoned", "eligible", "unfinished", "killed", "lost", "gone", "reopened", "unknown"}
many = settings(max_examples=int(os.environ.get("NOMAD_DRAIN_EXAMPLES", "80")), deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)


@st.composite
def allocations(draw: Any, node: str, old: bool) -> tuple[Allocation, ...]:
    found = []
    for number in range(draw(st.integers(0, 3))):
        desired = draw(st.sampled_from(["run", "stop"]))
        found.append(
            Allocation(
                f"{node}-{number}",
                f"job-{number}",
                node,
                draw(st.sampled_from(["batch", "batch", "service", "system", "sysbatch", None])),
                desired,
                draw(st.sampled_from(["pending", "running", "unknown", "complete", "failed", "lost"])),
                migrate=not old and draw(st.booleans()),
                fell=desired == "stop" and not draw(st.integers(0, 4)),
                modified=SINCE_NS + draw(st.integers(-1, 1)),
            )
        )
    return tuple(found)


@st.composite
def nodes(draw: Any, name: str, version: str) -> Node:
    how = draw(st.sampled_from(["open", "open", "cordoned", "draining"]))
    status = draw(st.sampled_from(["ready"] * 5 + ["down", "disconnected", "initializing"]))
    marks: list[LastDrain | None] = [None] if version < "1.1" else [None, NO_MARK, mark(), mark(was="ineligible"), mark(OTHER)]
    fields: dict[str, Any] = {"last_drain": draw(st.sampled_from(marks)), "reopened": draw(st.booleans()), "instance_id": None, "strategy": None}
    if version in OLD:
        is_open = how == "open"
        return Node(name, name, status, is_open, not is_open, **{**fields, "strategy": None if is_open else Strategy(0.0, False)})
    if how == "draining":
        strategy = Strategy(draw(st.sampled_from([0.0, -1.0, 600.0, UNSTICK_DEADLINE])), draw(st.booleans()))
        fields.update(strategy=draw(st.sampled_from([strategy] * 5 + [UNKNOWN])), reopened=False)
    return Node(name, name, status, how == "open", how == "draining", **fields)


@st.composite
def states(draw: Any, version: str) -> State:
    known = {name: draw(nodes(name, version)) for name in (*TARGETS, "c8", "c9") if draw(st.integers(0, 9))}
    found = {item: draw(st.none()) if not draw(st.integers(0, 9)) else draw(allocations(item, version in OLD)) for item in TARGETS}
    jobs = draw(st.sampled_from([None, frozenset({"job-0", "job-1"})])) if version in OLD else None
    return State(server(version), known, found, TARGETS, jobs)


@st.composite
def specs(draw: Any, version: str) -> DrainSpec:
    old = version in OLD
    wanted = draw(st.sampled_from(["drained", "drained", "eligible"] if old else ["drained", "drained", "cordoned", "eligible"]))
    deadline = 600.0 if wanted == "drained" and not old and draw(st.booleans()) else None
    return DrainSpec(
        TARGETS,
        wanted,
        deadline,
        deadline is not None or draw(st.booleans()),
        draw(st.booleans()),
        draw(st.integers(0, 2)),
        draw(st.sampled_from([None, 60.0])),
        draw(st.integers(0, 1)),
        take_over=draw(st.booleans()),
    )


@st.composite
def looks(draw: Any) -> Any:
    """A look at a random cluster, with the memory of a former, unrelated one: the world may do anything in between."""
    version = draw(st.sampled_from(ALL))
    spec = draw(specs(version))
    times = {"still": draw(st.sampled_from([0.0, 4.9, 5.0, 60.0])), "phase": draw(st.sampled_from([0.0, 60.0]))}
    before = see(draw(states(version)), spec) if draw(st.booleans()) else None
    return see(draw(states(version)), spec, after=before, **times)


@many
@given(looks())
def test_every_target_gets_one_decision_and_a_known_verdict(look: Any) -> None:
    decisions = drain.decide(look)
    assert tuple(decisions) == TARGETS
    assert all(decision.reason for decision in decisions.values())
    assert {node["verdict"] for node in drain.view(look, decisions)["nodes"]} <= VERDICTS
    assert drain.progress(look, decisions)


@many
@given(looks())
def test_no_step_for_a_client_whose_allocations_are_unknown(look: Any) -> None:
    for item, decision in drain.decide(look).items():
        if look.state.allocations[item] is None and look.spec.state != "cordoned":
            assert decision.steps == ()


@many
@given(looks())
def test_a_deadline_is_sent_only_when_wished_or_to_wake_a_drain_with_nothing_busy(look: Any) -> None:
    for item, decision in drain.decide(look).items():
        for step in decision.steps:
            if isinstance(step, SetDrain) and step.deadline:
                wished = look.spec.deadline == step.deadline and look.spec.allow_killing_builds
                assert wished or (step.why == "unstick" and step.deadline > 0 and not case_for(look, item).busy)


@many
@given(looks())
def test_a_drain_is_never_sent_below_0_8_while_a_build_lives(look: Any) -> None:
    for item, decision in drain.decide(look).items():
        if not look.state.server.has_eligibility and any(isinstance(step, SetDrain) for step in decision.steps):
            assert case_for(look, item).builds == ()


@many
@given(looks())
def test_drained_is_never_settled_with_anything_live_that_counts(look: Any) -> None:
    for item, decision in drain.decide(look).items():
        if look.spec.state == "drained" and decision.kind == "settled":
            case = case_for(look, item)
            assert case.node is not None and case.node.is_ready and not case.node.is_open and case.allocations is not None
            assert case.busy == () and case.lost == () and decision.confirm > 0
            assert case.node.strategy is None or not look.state.server.has_eligibility


@many
@given(looks())
def test_a_settled_drain_names_every_build_that_was_killed(look: Any) -> None:
    decisions = drain.decide(look)
    for item, decision in decisions.items():
        if look.spec.state == "drained" and decision.kind == "settled" and not look.spec.allow_killing_builds:
            assert case_for(look, item).killed == ()


@many
@given(looks())
def test_what_this_task_saw_closed_is_never_closed_again(look: Any) -> None:
    for item, decision in drain.decide(look).items():
        node = look.state.nodes.get(item)
        if node is not None and node.is_open and look.memory["targets"][item]["closed"]:
            assert not any(isinstance(step, SetDrain) or step == SetEligibility(item, False) for step in decision.steps)


@many
@given(looks())
def test_a_drain_is_lifted_only_where_one_is_in_force(look: Any) -> None:
    for item, decision in drain.decide(look).items():
        for step in decision.steps:
            if isinstance(step, LiftDrain):
                assert look.spec.state == "eligible" and look.state.nodes[item].draining


@many
@given(looks())
def test_only_so_many_are_closed_at_once(look: Any) -> None:
    decisions = drain.decide(look)
    closing = [item for item, decision in decisions.items() if decision.steps and look.state.nodes[item].is_open and look.spec.state == "drained"]
    if look.spec.max_in_flight:
        assert len(closing) <= 1


@many
@given(looks())
def test_check_mode_always_finds_an_end(look: Any) -> None:
    end = fold(drain, replace(look, memory={}, still={}, phases={}), True)
    assert end.unknown or all(decision.is_end for decision in end.decisions.values())


@many
@given(looks())
def test_the_same_state_looked_at_twice_gives_the_same_decisions(look: Any) -> None:
    again = replace(look, memory=drain.remember(look))
    assert drain.decide(again) == drain.decide(look) and again.memory == look.memory
