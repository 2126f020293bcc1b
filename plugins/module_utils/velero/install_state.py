# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What velero_install sees and does: its objects beside what is wanted, the server, the agents, the location; and its two orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

DEPLOYMENT, AGENTS, LOCATION = "deployment", "agents", "location"


@dataclass(frozen=True)
class Seen:
    """One wanted object. `changes` is what differs, for people; `foreign` whose fields would have to be taken over; `fault` why the API will not have it."""

    item: str
    stage: int
    there: bool = False
    changes: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    fault: str = ""
    established: bool = True  # of a CustomResourceDefinition

    @property
    def is_as_wanted(self) -> bool:
        return self.there and not self.changes


@dataclass(frozen=True)
class Pod:
    """A pod of Velero's. `trouble` is why it does not run, in words; `started` is when its server began (epoch seconds)."""

    name: str
    node: str = ""
    ready: bool = False
    trouble: str = ""
    started: Optional[float] = None


@dataclass(frozen=True)
class Rollout:
    """How far a Deployment or DaemonSet is. `current`: its controller has seen the newest wish, and no pod of an older one is left."""

    there: bool = False
    current: bool = False
    wanted: int = 1
    ready: int = 0
    pods: tuple[Pod, ...] = ()

    @property
    def is_done(self) -> bool:
        return self.there and self.current and self.ready >= self.wanted

    @property
    def troubles(self) -> tuple[str, ...]:
        return tuple(f"pod {pod.name}{f' on {pod.node}' if pod.node else ''}: {pod.trouble}" for pod in self.pods if pod.trouble)


@dataclass(frozen=True)
class Place:
    """The default location as the server told last. `fresh`: told by a server that began after our last change."""

    phase: str = ""
    message: str = ""
    fresh: bool = False
    cause: str = ""

    @property
    def is_available(self) -> bool:
        return self.fresh and self.phase == "Available"


@dataclass(frozen=True)
class InstallState:
    """All that the decisions see. `stale` are the agents' DaemonSets that are not wanted, and whether they are there; `password` a word of password.py."""

    objects: Mapping[str, Seen]
    server: Rollout = field(default_factory=Rollout)
    agents: Rollout = field(default_factory=Rollout)
    stale: Mapping[str, bool] = field(default_factory=dict)
    location: Optional[Place] = None
    missing_rights: str = ""
    refusals: tuple[str, ...] = ()
    password: str = ""
    warnings: tuple[str, ...] = ()
    adopted: bool = False


@dataclass(frozen=True)
class ApplyObject:
    """Make one object as wanted. What it changes is in the diff."""

    item: str
    creates: bool = False

    def describe(self) -> Json:
        return {"step": "create" if self.creates else "change", "id": self.item}


@dataclass(frozen=True)
class DeleteAgents:
    """Remove the DaemonSet of agents that are no longer wanted."""

    item: str
    name: str

    def describe(self) -> Json:
        return {"step": "delete", "id": f"DaemonSet {self.name}"}
