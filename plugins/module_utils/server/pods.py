# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods of an installation as people ask for them: which are meant, how each is told, and how many are ready. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.server.model import Container, Event, Pod, Termination
from ansible_collections.serverops.circleci.plugins.module_utils.server.problems import problem_of

MOST_LINES = 1000
NEWEST = 10  # events of each pod that are told


@dataclass(frozen=True)
class PodsSpec:
    """Which pods: by name (theirs, or their workload's), by label selector; none given: all. `logs` is a number of lines."""

    namespace: str
    names: tuple[str, ...] = ()
    selector: str = ""
    logs: int = 0


def pods_spec(params: Mapping[str, Any]) -> PodsSpec:
    """The wish from the module's parameters; raises BadInput with the first option that cannot be."""
    spec = spec_from_params(PodsSpec, params)
    check_choice(spec.namespace, spec.names)
    if not 0 <= spec.logs <= MOST_LINES:
        raise BadInput(f"logs is {spec.logs}; give a number of lines from 0 (none) to {MOST_LINES}")
    return spec


def check_choice(namespace: str, names: Sequence[str]) -> None:
    """Raises BadInput for a namespace or a name that nothing can have."""
    if not namespace.strip():
        raise BadInput("namespace is empty; give the namespace of the installation, such as circleci-server")
    for name in names:
        if not name.strip() or "/" in name or name != name.strip():
            raise BadInput(f"names holds {name!r}, which no pod has; give names of pods, or of their Deployments, StatefulSets or DaemonSets")


def is_named(pod: Pod, names: Sequence[str]) -> bool:
    """By its own name, or its workload's."""
    return pod.name in names or (pod.owner is not None and pod.owner.name in names)


def chosen(pods: Sequence[Pod], names: Sequence[str]) -> tuple[Pod, ...]:
    """Those that the names mean; all if there are none."""
    return tuple(pod for pod in pods if not names or is_named(pod, names))


def missing(pods: Sequence[Pod], names: Sequence[str]) -> list[str]:
    """Names that mean no pod."""
    return [name for name in names if not any(is_named(pod, (name,)) for pod in pods)]


def counts(pods: Sequence[Pod]) -> Json:
    """`expected` are those that should serve: all but what has done its work, and what is on its way out."""
    expected = [pod for pod in pods if not pod.is_completed and pod.ends is None]
    ready = sum(pod.is_ready for pod in expected)
    return {
        "expected": len(expected),
        "ready": ready,
        "not_ready": len(expected) - ready,
        "completed": sum(pod.is_completed for pod in pods),
        "ending": sum(pod.ends is not None for pod in pods),
    }


def pod_view(pod: Pod, events: Optional[Sequence[Event]], logs: Sequence[Json]) -> Json:
    """A pod for the result; `events` None: we may not read them."""
    mine = None if events is None else [_event(event) for event in events if event.uid == pod.uid][-NEWEST:]
    return {
        "name": pod.name,
        "ready": pod.is_ready,
        "phase": pod.phase,
        "ending": pod.ends is not None,
        "node": pod.node or None,
        "owner": {"kind": pod.owner.kind, "name": pod.owner.name} if pod.owner else None,
        "stateful": pod.is_stateful,
        "claims": list(pod.claims),
        "restarts": pod.restarts,
        "conditions": [{"type": one.type, "status": one.status, "reason": one.reason or None, "message": one.message or None} for one in pod.conditions],
        "containers": [_container(one) for one in pod.containers],
        "events": mine,
        "logs": list(logs),
    }


def _container(one: Container) -> Json:
    return {
        "name": one.name,
        "init": one.init,
        "image": one.image,
        "ready": one.ready,
        "state": one.state,
        "reason": one.reason or None,
        "message": one.message or None,
        "restarts": one.restarts,
        "last_termination": _termination(one.last or one.ended),
    }


def _termination(end: Optional[Termination]) -> Optional[Json]:
    return {"exit_code": end.exit_code, "reason": end.reason or None, "finished": end.finished or None} if end else None


def _event(event: Event) -> Json:
    return {"type": event.type, "reason": event.reason, "message": event.message, "count": event.count, "time": event.time}


def to_log(pod: Pod) -> tuple[tuple[str, bool], ...]:
    """Containers of a pod that is not ready whose log tells something: name, and whether it is the log of the run before."""
    if pod.is_ready or pod.is_completed or not pod.node:
        return ()
    found = []
    for one in pod.containers:
        if one.init and one.ready or not one.init and one.ready:
            continue
        if one.state == "waiting" and one.last:
            found.append((one.name, True))
        elif one.state != "waiting":
            found.append((one.name, False))
    return tuple(found)


def problems(pods: Sequence[Pod], events: Sequence[Event], now: float) -> list[Json]:
    """What keeps each from being ready."""
    found = [(pod, problem_of(pod, events, now)) for pod in pods]
    return [problem.view(pod.name) for pod, problem in found if problem]
