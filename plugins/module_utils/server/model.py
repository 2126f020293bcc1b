# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Kubernetes API says of an installation's pods, their events and their workloads, as values. Times are epoch seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional

HASH = "pod-template-hash"  # the deployment controller gives it to every pod, and ends the replica set's name with it
WORKLOADS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")  # those that make a pod again


@dataclass(frozen=True)
class Owner:
    """What made the pod, as people know it: for a Deployment's pod the Deployment, not its replica set."""

    kind: str
    name: str

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Termination:
    """How a run of a container ended."""

    exit_code: int
    reason: str
    finished: str


@dataclass(frozen=True)
class Container:
    """A container; `state` is waiting, running or terminated, `last` its run before."""

    name: str
    image: str
    ready: bool
    restarts: int
    state: str
    reason: str = ""
    message: str = ""
    ended: Optional[Termination] = None
    last: Optional[Termination] = None
    init: bool = False


@dataclass(frozen=True)
class Condition:
    """A condition that the pod has, or has not."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Pod:
    """A pod. `claims` are its persistent volume claims, `ends` when its grace is over if it is on its way out."""

    name: str
    uid: str
    created: float
    phase: str
    reason: str = ""
    message: str = ""
    node: str = ""
    ends: Optional[float] = None
    owner: Optional[Owner] = None
    generated: str = ""
    claims: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    containers: tuple[Container, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether it serves: by its condition, not by its phase; one on its way out does not count."""
        return self.ends is None and any(one.type == "Ready" and one.status == "True" for one in self.conditions)

    @property
    def is_completed(self) -> bool:
        """It has done what it was for."""
        return self.phase == "Succeeded"

    @property
    def is_over(self) -> bool:
        """Nothing runs in it, and never will again."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def is_stateful(self) -> bool:
        """It keeps data: a StatefulSet's, or one with a persistent volume claim."""
        return bool(self.claims) or (self.owner is not None and self.owner.kind == "StatefulSet")

    @property
    def restarts(self) -> int:
        """Of all its containers."""
        return sum(one.restarts for one in self.containers)


@dataclass(frozen=True)
class Event:
    """What a part of the cluster told about a pod."""

    pod: str
    uid: str
    type: str
    reason: str
    message: str
    count: int
    time: str


@dataclass(frozen=True)
class Workload:
    """What keeps so many pods there."""

    owner: Owner
    wanted: int
    deleting: bool = False


def pods_from_api(items: Sequence[Any]) -> tuple[Pod, ...]:
    """The pods of a list, by name. Raises KeyError, TypeError or ValueError for what is none."""
    return tuple(sorted(map(_pod, items), key=lambda pod: pod.name))


def _pod(data: Any) -> Pod:
    meta, spec, status = data["metadata"], data.get("spec") or {}, data.get("status") or {}
    init = [_container(one, True) for one in status.get("initContainerStatuses") or ()]
    claims = [(one.get("persistentVolumeClaim") or {}).get("claimName") for one in spec.get("volumes") or ()]
    return Pod(
        name=meta["name"],
        uid=meta["uid"],
        created=epoch(meta["creationTimestamp"]),
        phase=status.get("phase") or "Unknown",
        reason=status.get("reason") or "",
        message=status.get("message") or "",
        node=spec.get("nodeName") or "",
        ends=epoch(meta["deletionTimestamp"]) if meta.get("deletionTimestamp") else None,
        owner=_owner(meta),
        generated=meta.get("generateName") or "",
        claims=tuple(one for one in claims if one),
        conditions=tuple(_condition(one) for one in status.get("conditions") or ()),
        containers=(*init, *(_container(one, False) for one in status.get("containerStatuses") or ())),
    )


def _owner(meta: Any) -> Optional[Owner]:
    found = next((one for one in meta.get("ownerReferences") or () if one.get("controller")), None)
    if found is None:
        return None
    mark = (meta.get("labels") or {}).get(HASH)
    if found["kind"] == "ReplicaSet" and mark and found["name"].endswith(f"-{mark}"):
        return Owner("Deployment", found["name"][: -len(mark) - 1])
    return Owner(found["kind"], found["name"])


def _condition(data: Any) -> Condition:
    return Condition(data["type"], data["status"], data.get("reason") or "", data.get("message") or "")


def _container(data: Any, init: bool) -> Container:
    state = data.get("state") or {}
    name = next(iter(state), "waiting")
    told = state.get(name) or {}
    return Container(
        name=data["name"],
        image=data.get("image") or "",
        ready=bool(data.get("ready")),
        restarts=int(data.get("restartCount") or 0),
        state=name,
        reason=told.get("reason") or "",
        message=told.get("message") or "",
        ended=_termination(state),
        last=_termination(data.get("lastState") or {}),
        init=init,
    )


def _termination(state: Any) -> Optional[Termination]:
    found = state.get("terminated")
    return Termination(int(found.get("exitCode") or 0), found.get("reason") or "", found.get("finishedAt") or "") if found else None


def events_from_api(items: Sequence[Any]) -> tuple[Event, ...]:
    """What was told of pods, the newest last. Events of the new kind have eventTime, the others lastTimestamp (recorded)."""
    return tuple(sorted(map(_event, items), key=lambda event: event.time))


def _event(data: Any) -> Event:
    about = data.get("involvedObject") or {}
    time = data.get("lastTimestamp") or data.get("eventTime") or data["metadata"].get("creationTimestamp") or ""
    words = " ".join(str(data.get("message") or "").split())
    return Event(about.get("name") or "", about.get("uid") or "", data.get("type") or "", data.get("reason") or "", words, int(data.get("count") or 1), time)


def workload_from_api(data: Any) -> Workload:
    """A Deployment, ReplicaSet, StatefulSet or DaemonSet; a DaemonSet wants what its status says."""
    meta, spec = data["metadata"], data.get("spec") or {}
    if data["kind"] == "DaemonSet":
        wanted = int((data.get("status") or {}).get("desiredNumberScheduled") or 0)
    else:
        wanted = 1 if spec.get("replicas") is None else int(spec["replicas"])
    return Workload(Owner(data["kind"], meta["name"]), wanted, bool(meta.get("deletionTimestamp")))


def epoch(text: str) -> float:
    """A time of the API, to the second."""
    return datetime.fromisoformat(text[:19] + "+00:00").timestamp()
