# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that are to be made again: which, of which workload, and what stands for them since. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Look
from ansible_collections.serverops.circleci.plugins.module_utils.server.model import Owner, Pod, Workload
from ansible_collections.serverops.circleci.plugins.module_utils.server.pods import check_choice, is_named

NEW = "(new)"


@dataclass(frozen=True)
class RestartSpec:
    """Which pods are to be made again: by name (theirs, or their workload's), or by label selector."""

    namespace: str
    names: tuple[str, ...] = ()
    selector: str = ""


def restart_spec(params: Mapping[str, Any]) -> RestartSpec:
    """The wish from the module's parameters; raises BadInput with the first option that cannot be."""
    spec = spec_from_params(RestartSpec, params)
    check_choice(spec.namespace, spec.names)
    if not spec.names and not spec.selector.strip():
        raise BadInput("neither names nor selector is given; say which pods to restart: names of pods or of their workloads, or a label selector")
    return spec


@dataclass(frozen=True)
class RestartState:
    """All pods of the namespace, the uids that the selector means, what keeps pods there, the API server's time, and the rights that are missing, in words."""

    pods: tuple[Pod, ...]
    selected: frozenset[str]
    workloads: tuple[Workload, ...]
    now: float
    missing_rights: str = ""

    def workload(self, owner: Optional[Owner]) -> Optional[Workload]:
        """What keeps the owner's pods there."""
        return next((one for one in self.workloads if one.owner == owner), None)

    def of(self, owner: Optional[Owner]) -> tuple[Pod, ...]:
        """The owner's pods."""
        return tuple(pod for pod in self.pods if owner is not None and pod.owner == owner)

    def by_uid(self, uid: str) -> Optional[Pod]:
        """The very pod, if it is still there."""
        return next((pod for pod in self.pods if pod.uid == uid), None)


@dataclass(frozen=True)
class Target:
    """A pod that was there when the task began (uid "": it was gone by then). What it keeps travels as JSON."""

    name: str
    uid: str
    owner: Owner
    stateful: bool

    def to_memory(self) -> Json:
        """For `remember`."""
        return {"uid": self.uid, "kind": self.owner.kind, "owner": self.owner.name, "stateful": self.stateful}


RestartLook = Look[RestartSpec, RestartState]


def named(spec: RestartSpec, pods: Sequence[Pod]) -> list[Pod]:
    """Pods that `names` means."""
    return [pod for pod in pods if spec.names and is_named(pod, spec.names)]


def meant(spec: RestartSpec, state: RestartState) -> list[Pod]:
    """Pods that names or selector mean, but for those whose work is done."""
    by_name = {pod.uid for pod in named(spec, state.pods)}
    return [pod for pod in state.pods if (pod.uid in by_name or pod.uid in state.selected) and not pod.is_completed]


def absent(spec: RestartSpec, pods: Sequence[Pod]) -> list[str]:
    """Names that mean no pod that is there now."""
    return [name for name in spec.names if not any(is_named(pod, (name,)) for pod in pods)]


def owner_of_gone(state: RestartState, name: str) -> Optional[Owner]:
    """Whose pod it was, or what was meant, where nothing of that name is there now: as after a run that was killed between a pod and the next."""
    family = name.rpartition("-")[0]
    for pod in state.pods:
        if pod.generated == f"{family}-" and pod.owner:
            return pod.owner
    for one in state.workloads:
        if one.wanted and _may_be_of(one.owner, name, one.wanted):
            return one.owner
    return None


def _may_be_of(owner: Owner, name: str, wanted: int) -> bool:
    if name == owner.name:
        return True
    rest = name[len(owner.name) + 1 :]
    if not name.startswith(f"{owner.name}-"):
        return False
    if owner.kind == "StatefulSet":
        return rest.isdigit() and int(rest) < wanted
    return re.fullmatch(r"[a-z0-9]{6,10}-[a-z0-9]{5}" if owner.kind == "Deployment" else r"[a-z0-9]{5}", rest) is not None


def targets(memory: Json) -> list[Target]:
    """Those of the first look, in the order in which they are restarted: workload by workload, stateful ones last."""
    found = [Target(name, one["uid"], Owner(one["kind"], one["owner"]), one["stateful"]) for name, one in memory["targets"].items()]
    return sorted(found, key=lambda one: (one.stateful, one.owner.kind, one.owner.name, one.name))


def successors(memory: Json, state: RestartState, owner: Owner) -> list[Pod]:
    """Pods of the workload that were made since the task began: by the API server's time, and none that was there before."""
    fresh = [pod for pod in state.of(owner) if pod.uid not in memory["known"] and pod.created >= memory["began"] and pod.ends is None]
    return sorted(fresh, key=lambda pod: (pod.created, pod.name))


def successor(memory: Json, state: RestartState, target: Target) -> Optional[Pod]:
    """The pod that stands for this one now: of the same name where the workload gives names, else the next of those that came."""
    fresh = successors(memory, state, target.owner)
    if target.owner.kind == "StatefulSet":
        return next((pod for pod in fresh if pod.name == target.name), None)
    gone = [one for one in targets(memory) if one.owner == target.owner and is_gone(state, one)]
    order = sorted(gone, key=lambda one: one.name)
    place = order.index(target) if target in order else len(order)
    return fresh[place] if place < len(fresh) else None


def is_gone(state: RestartState, target: Target) -> bool:
    """The old pod is there no more."""
    return state.by_uid(target.uid) is None
