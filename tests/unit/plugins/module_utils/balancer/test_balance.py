# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done next about a network load balancer: a table of states, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.balancer.balance import decide, refusals
from ansible_collections.serverops.circleci.plugins.module_utils.balancer.model import (
    Balancer,
    BalancerSpec,
    BalancerState,
    Check,
    Group,
    Listener,
    Target,
    Wish,
)
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look

SPEC = BalancerSpec("ci", "eu-west-1", ("subnet-1",), (Wish(443, 443),), ("i-1",), ("sg-1",))
BALANCER = Balancer("ci", subnets=frozenset({"subnet-1"}), security_groups=frozenset({"sg-1"}), vpc="vpc-1")
LISTENER = Listener(443, "TCP", "ci-443-tcp")
GROUP = Group("ci-443-tcp", "TCP", Check(), targets=(Target("i-1", 443, "healthy"),), vpc="vpc-1")
GOOD = BalancerState(BALANCER, (LISTENER,), (GROUP,))
ILL = replace(GROUP, targets=(Target("i-1", 443, "unhealthy", "Target.FailedHealthChecks: Health checks failed"),))
OTHER = Target("i-0", 443, "healthy")
ELSEWHERE = Listener(443, "TCP", "theirs", ours=False)
UNUSED = replace(GROUP, targets=(Target("i-1", 443, "unused", "Target.NotInUse"),))
TRIAL = Listener(64534, "TCP", GROUP.name)
MADE = ["make_target_group", "set_target_group", "register"]
LEFT = Group("ci-80-tcp", "TCP", Check(), vpc="vpc-1")
GIVEN_UP = replace(GOOD, listeners=(Listener(80, "TCP", LEFT.name), ELSEWHERE, TRIAL), groups=(ILL, replace(LEFT, targets=GROUP.targets)))


def look(state: BalancerState, **spec: Any) -> Look[BalancerSpec, BalancerState]:
    return Look(replace(SPEC, **spec), state)


def due(state: BalancerState, **spec: Any) -> list[str]:
    return [step.describe()["step"] for step in decide(look(state, **spec))["ci"].steps]


@pytest.mark.parametrize(
    ("state", "spec", "kind", "steps"),
    [
        (GOOD, {}, "settled", []),
        (BalancerState(), {}, "steps", ["make_load_balancer"]),
        (replace(GOOD, balancer=replace(BALANCER, state="provisioning")), {}, "waiting", []),
        (replace(GOOD, balancer=replace(BALANCER, state="failed", why="no address is left")), {}, "stuck", []),
        (replace(GOOD, balancer=replace(BALANCER, state="active_impaired")), {}, "settled", []),
        (BalancerState(BALANCER), {}, "steps", ["make_target_group", "set_target_group", "register", "make_listener"]),
        (replace(GOOD, listeners=()), {}, "steps", ["make_listener"]),
        (replace(GOOD, listeners=(replace(LISTENER, group="other"),)), {}, "steps", ["change_listener"]),
        (GOOD, {"listeners": (Wish(443, 443, check=Check("HTTPS", "/h")),)}, "steps", ["set_target_group"]),
        (GOOD, {"preserve_client_ip": True}, "steps", ["set_target_group"]),
        (GOOD, {"targets": ("i-2",)}, "steps", ["register"]),
        (GOOD, {"listeners": (Wish(443, 444),)}, "steps", ["register"]),
        (GOOD, {"subnets": ("subnet-2",)}, "steps", ["set_subnets"]),
        (GOOD, {"security_groups": ("sg-2",)}, "steps", ["set_security_groups"]),
        (GOOD, {"security_groups": ()}, "settled", []),
        (replace(GOOD, groups=(ILL,)), {}, "waiting", []),
        (replace(GOOD, groups=(replace(GROUP, targets=(OTHER, *GROUP.targets)),)), {}, "steps", ["deregister"]),
        (replace(GOOD, groups=(replace(ILL, targets=(OTHER, *ILL.targets)),)), {}, "waiting", []),
        (replace(GOOD, groups=(replace(GROUP, targets=(replace(OTHER, state="draining"), *GROUP.targets)),)), {}, "settled", []),
        (replace(GOOD, listeners=(LISTENER, Listener(80, "TCP", LEFT.name)), groups=(GROUP, LEFT)), {}, "steps", ["remove_listener", "remove_target_group"]),
        (replace(GOOD, listeners=(LISTENER, Listener(80, "TCP", LEFT.name, ours=False)), groups=(GROUP, LEFT)), {}, "settled", []),
        (replace(GOOD, listeners=(LISTENER, Listener(80, "TCP", "theirs", ours=False))), {"purge_listeners": True}, "steps", ["remove_listener"]),
        (replace(GOOD, groups=(GROUP, LEFT)), {}, "steps", ["remove_target_group"]),
        (replace(GOOD, groups=(GROUP, replace(LEFT, ours=False))), {}, "settled", []),
        (replace(GOOD, listeners=(ELSEWHERE,), groups=(UNUSED,)), {"take_over": True}, "steps", ["make_trial_listener"]),
        (replace(GOOD, listeners=(ELSEWHERE,), groups=()), {"take_over": True}, "steps", [*MADE, "make_trial_listener"]),
        (replace(GOOD, listeners=(ELSEWHERE, TRIAL), groups=(ILL,)), {"take_over": True}, "waiting", []),
        (replace(GOOD, listeners=(ELSEWHERE, TRIAL)), {"take_over": True}, "steps", ["change_listener"]),
        (replace(GOOD, listeners=(LISTENER, TRIAL)), {}, "steps", ["remove_listener"]),
        (GIVEN_UP, {"listeners": (Wish(80, 443),)}, "steps", ["remove_listener", "remove_target_group"]),
        (replace(GOOD, listeners=(replace(LISTENER, ours=False),), groups=(ILL,)), {"take_over": True}, "steps", ["change_listener"]),
        (replace(GOOD, listeners=(replace(LISTENER, policy="old"),), groups=(ILL,)), {}, "steps", ["change_listener"]),
        (replace(GOOD, listeners=(replace(LISTENER, ours=False),)), {}, "stuck", []),
        (replace(GOOD, listeners=(replace(LISTENER, ours=False),)), {"take_over": True}, "steps", ["change_listener"]),
    ],
)
def test_what_is_done_next(state: BalancerState, spec: dict[str, Any], kind: str, steps: list[str]) -> None:
    assert decide(look(state, **spec))["ci"].kind == kind
    assert due(state, **spec) == steps


def test_trial_listeners_have_ports_of_their_own() -> None:
    wishes = (Wish(443, 443), Wish(80, 80), Wish(64533, 64533))
    state = replace(GOOD, listeners=(ELSEWHERE, replace(ELSEWHERE, port=80), replace(ELSEWHERE, port=64534)), groups=())
    steps = [step.describe() for step in decide(look(state, listeners=wishes, take_over=True))["ci"].steps]
    assert [(one["port"], one["group"]) for one in steps if one["step"] == "make_trial_listener"] == [(64532, "ci-443-tcp"), (64531, "ci-80-tcp")]


def test_security_groups_of_others_load_balancer_are_kept() -> None:
    theirs = replace(BALANCER, ours=False, security_groups=frozenset({"sg-9"}))
    [step] = decide(look(replace(GOOD, balancer=theirs)))["ci"].steps
    assert step.describe()["security_groups"] == ["sg-1", "sg-9"]


def test_the_failing_check_is_named() -> None:
    wish = Wish(80, 8080, check=Check("HTTP", "/health-check"))
    state = replace(GOOD, listeners=(Listener(80, "TCP", "ci-80-tcp"),), groups=(replace(ILL, name="ci-80-tcp", check=wish.check),))
    ill = replace(state, groups=(replace(state.groups[0], targets=(Target("i-1", 8080, "unhealthy", "Target.ResponseCodeMismatch"),)),))
    words = "port 80: the health check HTTP:8080/health-check of i-1 says unhealthy (Target.ResponseCodeMismatch)"
    assert decide(look(ill, listeners=(wish,)))["ci"].reason == words


@pytest.mark.parametrize(
    ("state", "spec", "words"),
    [
        (replace(GOOD, balancer=replace(BALANCER, kind="application")), {}, "is of the kind application, and AWS cannot change that; give another name"),
        (replace(GOOD, balancer=replace(BALANCER, scheme="internet-facing")), {}, "is internet-facing, but scheme is internal"),
        (replace(GOOD, balancer=replace(BALANCER, security_groups=frozenset())), {}, "was made without security groups"),
        (replace(GOOD, listeners=(replace(LISTENER, ours=False),)), {}, "set take_over: true to have it changed"),
        (replace(GOOD, groups=(replace(GROUP, ours=False),)), {}, "target group ci-443-tcp is not of this collection's making"),
        (replace(GOOD, groups=(replace(GROUP, vpc="vpc-2"),)), {}, "target group ci-443-tcp is in vpc-2"),
    ],
)
def test_what_is_refused_before_the_first_step(state: BalancerState, spec: dict[str, Any], words: str) -> None:
    [refusal] = refusals(look(state, **spec))
    assert words in refusal
    assert refusals(look(GOOD)) == []
