# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a network load balancer, and what each makes of the state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.balancer.model import Balancer, BalancerState, Check, Group, Listener, Target, Wish
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json


@dataclass(frozen=True)
class MakeBalancer:
    """Make it, in these subnets and behind these security groups."""

    item: str
    scheme: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]

    def describe(self) -> Json:
        return {"step": "make_load_balancer", "id": self.item, "scheme": self.scheme}


@dataclass(frozen=True)
class SetSubnets:
    """Have it in all of these subnets."""

    item: str
    subnets: tuple[str, ...]

    def describe(self) -> Json:
        return {"step": "set_subnets", "id": self.item, "subnets": list(self.subnets)}


@dataclass(frozen=True)
class SetSecurityGroups:
    """Have it behind exactly these security groups."""

    item: str
    security_groups: tuple[str, ...]

    def describe(self) -> Json:
        return {"step": "set_security_groups", "id": self.item, "security_groups": list(self.security_groups)}


@dataclass(frozen=True)
class MakeGroup:
    """Make a target group."""

    item: str
    group: str
    protocol: str
    port: int
    check: Check

    def describe(self) -> Json:
        return {"step": "make_target_group", "id": self.item, "group": self.group, "health_check": self.check.words(self.port)}


@dataclass(frozen=True)
class SetGroup:
    """Change the health check of a target group, and what targets see of clients."""

    item: str
    group: str
    port: int
    check: Check
    preserve: bool

    def describe(self) -> Json:
        told = {"health_check": self.check.words(self.port), "preserve_client_ip": self.preserve}
        return {"step": "set_target_group", "id": self.item, "group": self.group, **told}


@dataclass(frozen=True)
class Register:
    """Take machines into a target group."""

    item: str
    group: str
    port: int
    targets: tuple[str, ...]

    def describe(self) -> Json:
        return {"step": "register", "id": self.item, "group": self.group, "port": self.port, "targets": list(self.targets)}


@dataclass(frozen=True)
class Deregister:
    """Take machines out of a target group of ours."""

    item: str
    group: str
    targets: tuple[tuple[str, int], ...]

    def describe(self) -> Json:
        return {"step": "deregister", "id": self.item, "group": self.group, "targets": [f"{one}:{port}" for one, port in self.targets]}


@dataclass(frozen=True)
class SetListener:
    """Make a listener, or change the one that is on its port. `was` says what it was."""

    item: str
    wish: Wish
    was: str = ""

    def describe(self) -> Json:
        told = {"port": self.wish.port, "protocol": self.wish.protocol, "certificate": self.wish.certificate, "target_port": self.wish.target_port}
        return {"step": "change_listener" if self.was else "make_listener", "id": self.item, **told, **({"was": self.was} if self.was else {})}


@dataclass(frozen=True)
class MakeTrial:
    """Make a listener on a spare port that leads where `wish` shall lead: AWS checks the health of no group that no listener leads to."""

    item: str
    port: int
    wish: Wish

    def describe(self) -> Json:
        return {"step": "make_trial_listener", "id": self.item, "port": self.port, "group": self.wish.group(self.item)}


@dataclass(frozen=True)
class RemoveListener:
    """Take a listener away: one of ours that is no longer wanted, or any other with purge_listeners."""

    item: str
    port: int
    was: str

    def describe(self) -> Json:
        return {"step": "remove_listener", "id": self.item, "port": self.port, "was": self.was}


@dataclass(frozen=True)
class RemoveGroup:
    """Take away a target group of ours that no listener leads to."""

    item: str
    group: str

    def describe(self) -> Json:
        return {"step": "remove_target_group", "id": self.item, "group": self.group}


# -- what they do ----------------------------------------------------------------------------------------------


def effect(state: BalancerState, step: Any) -> BalancerState:
    """The state after a step, when all goes well."""
    if isinstance(step, MakeBalancer):
        made = Balancer(step.item, scheme=step.scheme, state="provisioning", subnets=frozenset(step.subnets), security_groups=frozenset(step.security_groups))
        return replace(state, balancer=made)
    if isinstance(step, SetSubnets) and state.balancer:
        return replace(state, balancer=replace(state.balancer, subnets=frozenset(step.subnets)))
    if isinstance(step, SetSecurityGroups) and state.balancer:
        return replace(state, balancer=replace(state.balancer, security_groups=frozenset(step.security_groups)))
    if isinstance(step, (SetListener, MakeTrial, RemoveListener)):
        return _with_listener(state, step)
    return _with_group(state, step)


def _with_listener(state: BalancerState, step: Any) -> BalancerState:
    port = step.wish.port if isinstance(step, SetListener) else step.port
    others = tuple(one for one in state.listeners if one.port != port)
    if isinstance(step, RemoveListener):
        return replace(state, listeners=others)
    wish = step.wish
    made = Listener(port, wish.protocol, wish.group(step.item), wish.certificate, wish.policy)
    return replace(state, listeners=tuple(sorted((*others, made), key=lambda one: one.port)))


def _with_group(state: BalancerState, step: Any) -> BalancerState:
    others = tuple(one for one in state.groups if one.name != step.group)
    if isinstance(step, RemoveGroup):
        return replace(state, groups=others)
    if isinstance(step, MakeGroup):
        vpc = state.balancer.vpc if state.balancer else ""
        return _sorted(state, (*others, Group(step.group, step.protocol, step.check, preserve=False, vpc=vpc)))
    group = state.group(step.group)
    return _sorted(state, (*others, _changed(group, step))) if group else state


def _sorted(state: BalancerState, groups: tuple[Group, ...]) -> BalancerState:
    return replace(state, groups=tuple(sorted(groups, key=lambda one: one.name)))


def _changed(group: Group, step: Any) -> Group:
    if isinstance(step, SetGroup):
        return replace(group, check=step.check, preserve=step.preserve)
    if isinstance(step, Register):
        new = tuple(Target(one, step.port) for one in step.targets)
        kept = tuple(one for one in group.targets if (one.id, one.port) not in {(new_one.id, new_one.port) for new_one in new})
        return replace(group, targets=kept + new)
    return replace(group, targets=tuple(one for one in group.targets if (one.id, one.port) not in step.targets))
