# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network load balancer in words: the diff's facts, the result, a line for who waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.balancer.model import LEAVING, BalancerSpec, BalancerState, Group, Listener, Target, check_view
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look

ViewLook = Look[BalancerSpec, BalancerState]


def remember(look: ViewLook) -> Json:
    """Nothing: all of it can be read again."""
    return look.memory


def facts(look: ViewLook) -> dict[str, Json]:
    """What is there, without the ids that AWS gives."""
    found = look.state.balancer
    if found is None:
        return {look.spec.name: {}}
    own = {"scheme": found.scheme, "state": found.state, "subnets": sorted(found.subnets), "security_groups": sorted(found.security_groups)}
    return {look.spec.name: {**own, "listeners": _listeners(look.state)}}


def view(look: ViewLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    found = look.state.balancer
    balancer = None
    if found:
        own = {key: getattr(found, key) for key in ("name", "scheme", "state", "arn", "dns_name", "zone_id")}
        balancer = {**own, "subnets": sorted(found.subnets), "security_groups": sorted(found.security_groups)}
    told = {"reason": decisions[look.spec.name].reason, "warnings": left(look.state)}
    return {"load_balancer": balancer, "listeners": _listeners(look.state), **told}


def left(state: BalancerState) -> list[str]:
    """What could not be taken away, in words."""
    return [f"target group {one.name} is left, since AWS says that it is in use; run this again later" for one in state.groups if one.name in state.held]


def _listeners(state: BalancerState) -> list[Json]:
    return [_listener(one, state.group(one.group)) for one in sorted(state.listeners, key=lambda one: one.port)]


def _listener(one: Listener, group: Optional[Group]) -> Json:
    targets = [{"id": target.id, "port": target.port, "state": target.state, "why": target.why} for target in _present(group)]
    return {
        "port": one.port,
        "protocol": one.protocol,
        "certificate": one.certificate,
        "target_group": one.group,
        "health_check": check_view(group.check) if group else None,
        "targets": targets,
        "ours": one.ours,
    }


def _present(group: Optional[Group]) -> list[Target]:
    found = group.targets if group else ()
    return sorted((one for one in found if one.state != LEAVING), key=lambda one: (one.id, one.port))


def out_of_sight(last: Json) -> Json:
    """The last view; how the targets are is not known any more."""
    listeners = [{**one, "targets": [{**target, "state": "unknown"} for target in one["targets"]]} for one in last.get("listeners", [])]
    return {**last, "listeners": listeners}


def progress(look: ViewLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return f"{look.spec.name}: {decisions[look.spec.name].reason}"
