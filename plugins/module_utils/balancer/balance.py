# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of a network load balancer: made, healthy, led to the targets; then what is superseded goes. What others made of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ansible_collections.serverops.circleci.plugins.module_utils.balancer.balance_view import facts, left, out_of_sight, progress, remember, view
from ansible_collections.serverops.circleci.plugins.module_utils.balancer.model import LEAVING, Balancer, BalancerSpec, BalancerState, Listener, Target, Wish
from ansible_collections.serverops.circleci.plugins.module_utils.balancer.steps import (
    Deregister,
    MakeBalancer,
    MakeGroup,
    MakeTrial,
    Register,
    RemoveGroup,
    RemoveListener,
    SetGroup,
    SetListener,
    SetSecurityGroups,
    SetSubnets,
    effect,
)
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Look, Step, act, settled, stuck, waiting

__all__ = ["assume", "decide", "effect", "facts", "out_of_sight", "progress", "refusals", "remember", "view"]

BalancerLook = Look[BalancerSpec, BalancerState]
UP = ("active", "active_impaired")
# Trial listeners have ports from here downwards. The guide opens 64535-65535 to everybody, also on load balancers that have no listeners there.
TRIALS = 64534


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: BalancerLook) -> list[str]:
    """What AWS cannot change, and what is somebody else's: told before the first step."""
    found, spec, state = look.state.balancer, look.spec, look.state
    return (_immutable(spec, found) if found else []) + _of_others(spec, state)


def _immutable(spec: BalancerSpec, found: Balancer) -> list[str]:
    if found.kind != "network":
        return [f"load balancer {spec.name} is of the kind {found.kind}, and AWS cannot change that; give another name"]
    if found.scheme != spec.scheme:
        return [
            f"load balancer {spec.name} is {found.scheme}, but scheme is {spec.scheme}, which AWS cannot change; give scheme: {found.scheme} or another name"
        ]
    if spec.security_groups and not found.security_groups:
        return [f"load balancer {spec.name} was made without security groups, and AWS lets it have none later; give another name, or no security_groups"]
    return []


def _of_others(spec: BalancerSpec, state: BalancerState) -> list[str]:
    found = []
    for wish in spec.listeners:
        listener, group = state.listener(wish.port), state.group(wish.group(spec.name))
        if listener and not listener.ours and not spec.take_over:
            words = f"port {wish.port} of load balancer {spec.name} has a listener that is not of this collection's making ({_words(listener)})"
            found.append(f"{words}; leave the port out of listeners, or set take_over: true to have it changed")
        if group and not group.ours:
            found.append(f"target group {group.name} is not of this collection's making; rename it, or give the load balancer another name")
        elif group and state.balancer and group.vpc != state.balancer.vpc:
            found.append(f"target group {group.name} is in {group.vpc}, and load balancer {spec.name} is not; remove that group, or give another name")
    return found


def decide(look: BalancerLook) -> dict[str, Decision]:
    """What is to be done now."""
    return {look.spec.name: _decision(look)}


def _decision(look: BalancerLook) -> Decision:
    spec, state = look.spec, look.state
    if state.balancer is None:
        step = MakeBalancer(spec.name, spec.scheme, spec.subnets, tuple(sorted(spec.security_groups)))
        return act("there is no such load balancer", step)
    wrong = refusals(look)
    if wrong:
        return stuck("; ".join(wrong))
    if state.balancer.state == "provisioning":
        return waiting("AWS makes the load balancer", phase="provisioning")
    if state.balancer.state not in UP:
        return stuck(f"load balancer {spec.name} is {state.balancer.state}: {state.balancer.why or 'AWS does not say why'}; remove it and run this again")
    steps = _own(spec, state.balancer) + _groups(spec, state)
    steps += _registrations(spec, state) + _listeners(spec, state)
    if steps:
        return act("it is not as wanted", *steps)
    ill = unhealthy(spec, state)
    if ill:
        return waiting("; ".join(ill + _not_yet_led(spec, state)), phase="unhealthy")
    steps = superseded(spec, state)
    return act("what is superseded goes", *steps) if steps else settled("; ".join(["all listeners are as wanted, and their targets healthy", *left(state)]))


def _own(spec: BalancerSpec, found: Balancer) -> list[Step]:
    """Subnets are added, never taken. Security groups are exactly those that are wanted where the load balancer is ours, else added too."""
    steps: list[Step] = []
    subnets, groups = found.subnets | set(spec.subnets), frozenset(spec.security_groups) | (frozenset() if found.ours else found.security_groups)
    if subnets != found.subnets:
        steps.append(SetSubnets(spec.name, tuple(sorted(subnets))))
    if spec.security_groups and groups != found.security_groups:
        steps.append(SetSecurityGroups(spec.name, tuple(sorted(groups))))
    return steps


def _groups(spec: BalancerSpec, state: BalancerState) -> list[Step]:
    steps: list[Step] = []
    for wish in spec.listeners:
        name = wish.group(spec.name)
        group = state.group(name)
        if group is None:
            steps.append(MakeGroup(spec.name, name, wish.protocol, wish.target_port, wish.check))
        if (group.preserve if group else None) != spec.preserve_client_ip or (group and group.check != wish.check):
            steps.append(SetGroup(spec.name, name, wish.target_port, wish.check, spec.preserve_client_ip))
    return steps


def _registrations(spec: BalancerSpec, state: BalancerState) -> list[Step]:
    """Before the listeners, so that none ever leads nowhere."""
    steps: list[Step] = []
    for wish in spec.listeners:
        group = state.group(wish.group(spec.name))
        there = {(one.id, one.port) for one in group.targets if one.state != LEAVING} if group else set()
        missing = tuple(one for one in spec.targets if (one, wish.target_port) not in there)
        if missing:
            steps.append(Register(spec.name, wish.group(spec.name), wish.target_port, missing))
    return steps


def _listeners(spec: BalancerSpec, state: BalancerState) -> list[Step]:
    """One that leads somewhere else waits until a trial listener has shown the new targets healthy: what it leads to now may serve people."""
    steps: list[Step] = []
    spare = _spare_ports(spec, state)
    for wish in spec.listeners:
        found = state.listener(wish.port)
        seen = (found.protocol, found.certificate, found.policy, found.group, found.ours) if found else None
        if found and _must_wait(spec, state, wish):
            if wish.group(spec.name) not in {one.group for one in state.listeners}:
                steps.append(MakeTrial(spec.name, next(spare), wish))
        elif seen != (wish.protocol, wish.certificate, wish.policy, wish.group(spec.name), True):
            steps.append(SetListener(spec.name, wish, _words(found) if found else ""))
    return steps


def _must_wait(spec: BalancerSpec, state: BalancerState, wish: Wish) -> bool:
    """Whether a listener is there that leads to another group, while the new one's targets are not seen healthy."""
    found = state.listener(wish.port)
    return bool(found and found.group != wish.group(spec.name) and _ill(spec, state, wish))


def _spare_ports(spec: BalancerSpec, state: BalancerState) -> Iterator[int]:
    """Ports that no listener has or shall have."""
    taken = {one.port for one in state.listeners} | {wish.port for wish in spec.listeners}
    return (port for port in range(TRIALS, 0, -1) if port not in taken)


def _not_yet_led(spec: BalancerSpec, state: BalancerState) -> list[str]:
    """Listeners that are left as they were."""
    left = [found for found in (state.listener(wish.port) for wish in spec.listeners if _must_wait(spec, state, wish)) if found]
    return [f"until all are healthy, listener {one.port} stays as it was ({_words(one)})" for one in left]


def unhealthy(spec: BalancerSpec, state: BalancerState) -> list[str]:
    """Which health check fails on which target, and what AWS says of it."""
    return [words for wish in spec.listeners for words in _ill(spec, state, wish)]


def _ill(spec: BalancerSpec, state: BalancerState, wish: Wish) -> list[str]:
    group, check = state.group(wish.group(spec.name)), wish.check.words(wish.target_port)
    targets = {(one.id, one.port): one for one in group.targets} if group else {}
    wanted = [targets.get((name, wish.target_port), Target(name, wish.target_port, "not registered")) for name in spec.targets]
    sick = [one for one in wanted if one.state != "healthy"]
    return [f"port {wish.port}: the health check {check} of {one.id} says {one.state} ({one.why or 'no reason given'})" for one in sick]


def superseded(spec: BalancerSpec, state: BalancerState) -> list[Step]:
    """Listeners first, then machines, then groups. What is not ours stays, unless all listeners that are not wanted are to go."""
    ports, names = {wish.port for wish in spec.listeners}, {wish.group(spec.name): wish for wish in spec.listeners}
    gone = [one for one in state.listeners if one.port not in ports and (one.ours or spec.purge_listeners)]
    steps: list[Step] = [RemoveListener(spec.name, one.port, _words(one)) for one in gone]
    kept = {one.group for one in state.listeners if one not in gone}
    for group in state.groups:
        wish = names.get(group.name)
        there = [(one.id, one.port) for one in group.targets if one.state != LEAVING]
        stale = tuple(one for one in there if wish and (one[0] not in spec.targets or one[1] != wish.target_port))
        if stale:
            steps.append(Deregister(spec.name, group.name, stale))
        if not wish and group.ours and group.name not in kept | state.held:
            steps.append(RemoveGroup(spec.name, group.name))
    return steps


def _words(one: Listener) -> str:
    certificate = f" with {one.certificate}" if one.certificate else ""
    return f"{one.protocol}{certificate} to {one.group or 'no single target group'}"


def assume(look: BalancerLook, _item: str) -> BalancerState:
    """AWS makes it, and the targets become healthy."""
    state = look.state
    balancer = replace(state.balancer, state="active") if state.balancer else None
    groups = tuple(replace(group, targets=tuple(replace(one, state="healthy", why="") for one in group.targets)) for group in state.groups)
    return replace(state, balancer=balancer, groups=groups)
