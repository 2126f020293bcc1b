# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The acts on Nomad clients, as data, and what each does to the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.mark import Mark, meta_for
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, LastDrain, Node, Server, Strategy


@dataclass(frozen=True)
class State:
    """What a drain looks at, in run `run`. `allocations` holds the targets only (None: could not be read); `jobs` (below 0.8) the jobs that still exist."""

    server: Server
    nodes: Mapping[str, Node] = field(default_factory=dict)
    allocations: Mapping[str, Optional[tuple[Allocation, ...]]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    jobs: Optional[frozenset[str]] = None
    returned: Mapping[str, str] = field(default_factory=dict)
    run: str = ""

    def with_node(self, node: Node) -> State:
        """The state with this client changed."""
        return replace(self, nodes={**self.nodes, node.id: node})


@dataclass(frozen=True)
class SetDrain:
    """Close a client and have the server watch its builds; a repeated order replaces the strategy. `deadline` in seconds, 0 none."""

    item: str
    deadline: float
    ignore_system_jobs: bool
    owner: str
    was: str
    intent: str = "drained"
    why: str = "drain"

    def describe(self) -> Json:
        return {"step": self.why, "id": self.item, "deadline": self.deadline, "ignore_system_jobs": self.ignore_system_jobs}

    def mark(self, run: str, since: str) -> Mark:
        """The mark that goes with it."""
        return Mark(self.owner, run, self.intent, since, self.was)


@dataclass(frozen=True)
class LiftDrain:
    """End a drain and let Nomad place builds again."""

    item: str

    def describe(self) -> Json:
        return {"step": "lift_drain", "id": self.item}


@dataclass(frozen=True)
class SetEligibility:
    """Cordon a client, or make it eligible again. Refused by the server while it drains."""

    item: str
    eligible: bool

    def describe(self) -> Json:
        return {"step": "make_eligible" if self.eligible else "cordon", "id": self.item}


NodeStep = Union[SetDrain, LiftDrain, SetEligibility]


def effect(state: State, step: NodeStep) -> State:
    """The state once the server has done this step."""
    node = state.nodes[step.item]
    if isinstance(step, SetEligibility):
        return state.with_node(node._replace(eligible=step.eligible))
    if isinstance(step, LiftDrain):
        return state.with_node(node._replace(eligible=True, draining=False, strategy=None))
    if not state.server.has_eligibility:
        return state.with_node(node._replace(eligible=False, draining=True, strategy=Strategy(0.0, False)))
    meta = tuple(sorted(meta_for(node, step.mark("", "")).items()))
    drain = LastDrain("draining", "", "", meta) if state.server.has_marks else None
    strategy = Strategy(step.deadline, step.ignore_system_jobs)
    return state.with_node(node._replace(eligible=False, draining=True, strategy=strategy, last_drain=drain, reopened=False))
