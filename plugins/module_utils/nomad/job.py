# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs and evaluations as frozen values, and how Nomad's JSON becomes them. Facts: recordings of servers 0.5.6 to 1.11.3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import EMPTY, NANO

_DISPATCHED = re.compile(r"/dispatch-(\d{9,11})-[0-9a-f]{8}$")
NONE: Mapping[str, int] = {}


@dataclass(frozen=True)
class Job:
    """A job as `/v1/jobs` lists it.

    `children` (pending, running, dead) is told of a parent only: of a parameterized or periodic job nothing runs itself. `submitted` in seconds since
    1970, None where nothing tells it (a plain job below 0.6). `placed` counts the allocations that got a client, ended ones included.
    """

    id: str
    type: str
    status: str
    namespace: str = ""
    parent: str = ""
    children: Optional[Mapping[str, int]] = None
    stop: bool = False
    placed: int = 0
    queued: int = 0
    datacenters: tuple[str, ...] = ()
    pool: str = ""
    submitted: Optional[float] = None

    @property
    def is_parent(self) -> bool:
        """It only brings forth others."""
        return self.children is not None

    @property
    def is_waiting(self) -> bool:
        """Something of it has no client yet. A system job waits for clients, not for room; a parent for nothing."""
        if self.is_parent or self.stop or self.type == "system":
            return False
        return self.status == "pending" or (self.queued > 0 and self.status != "dead")

    @property
    def key(self) -> tuple[str, str]:
        """Ids are unique in a namespace only."""
        return self.namespace, self.id


@dataclass(frozen=True)
class Shortage:
    """Why the scheduler found no client for one group of a job: what it looked at, what it put aside and for what.

    `available` counts open clients by datacenter, `pooled` those of the node pool (None below 1.6).
    """

    evaluated: int = 0
    exhausted: int = 0
    filtered: int = 0
    dimensions: Mapping[str, int] = field(default_factory=dict)
    constraints: Mapping[str, int] = field(default_factory=dict)
    available: Mapping[str, int] = field(default_factory=dict)
    pooled: Optional[int] = None


@dataclass(frozen=True)
class Evaluation:
    """A piece of the scheduler's work. Up to 0.11 a blocked one holds no shortage: the one before it does."""

    job: str
    namespace: str
    status: str
    index: int
    shortages: tuple[Shortage, ...] = ()


def job_from_stub(data: Mapping[str, Any]) -> Job:
    """A job of the list. `JobSummary` can lag behind `Status` by a moment, and its Children may be null (a restarted 0.5.6)."""
    told: Mapping[str, Any] = data.get("JobSummary") or EMPTY
    groups: list[Mapping[str, Any]] = list((told.get("Summary") or {}).values())
    children: Mapping[str, Any] = told.get("Children") or NONE
    counts = {key.lower(): int(children.get(key) or 0) for key in ("Pending", "Running", "Dead")}
    is_parent = bool(data.get("ParameterizedJob") or data.get("Periodic") or any(counts.values()))
    placed = sum(int(count) for group in groups for state, count in group.items() if state != "Queued")
    return Job(
        id=_text(data["ID"]),
        type=data.get("Type") or "",
        status=data.get("Status") or "",
        namespace=data.get("Namespace") or told.get("Namespace") or "",
        parent=data.get("ParentID") or "",
        children=counts if is_parent else None,
        stop=bool(data.get("Stop")),
        placed=counts["running"] + counts["dead"] if is_parent else placed,
        queued=sum(int(group.get("Queued") or 0) for group in groups),
        datacenters=tuple(data.get("Datacenters") or ()),
        pool=data.get("NodePool") or "",
        submitted=_submitted(data),
    )


def jobs_from_api(data: list[Mapping[str, Any]]) -> tuple[Job, ...]:
    """The list of jobs."""
    if not isinstance(data, list):
        raise TypeError("not a list")
    return tuple(job_from_stub(entry) for entry in data)


def evaluations_from_api(data: list[Mapping[str, Any]]) -> tuple[Evaluation, ...]:
    """A list of evaluations."""
    if not isinstance(data, list):
        raise TypeError("not a list")
    return tuple(_evaluation(entry) for entry in data)


def _evaluation(data: Mapping[str, Any]) -> Evaluation:
    failed: Mapping[str, Mapping[str, Any]] = data.get("FailedTGAllocs") or {}
    return Evaluation(
        job=_text(data["JobID"]),
        namespace=data.get("Namespace") or "",
        status=data.get("Status") or "",
        index=data.get("CreateIndex") or 0,
        shortages=tuple(_shortage(metrics) for _group, metrics in sorted(failed.items())),
    )


def _shortage(data: Mapping[str, Any]) -> Shortage:
    return Shortage(
        evaluated=data.get("NodesEvaluated") or 0,
        exhausted=data.get("NodesExhausted") or 0,
        filtered=data.get("NodesFiltered") or 0,
        dimensions=data.get("DimensionExhausted") or NONE,
        constraints=data.get("ConstraintFiltered") or data.get("ClassFiltered") or NONE,
        available=data.get("NodesAvailable") or NONE,
        pooled=data.get("NodesInPool"),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no id")
    return value


def _submitted(data: Mapping[str, Any]) -> Optional[float]:
    given = data.get("SubmitTime")
    if given:
        return float(given) / NANO
    found = _DISPATCHED.search(str(data["ID"]))
    return float(found[1]) if found else None
