# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain values for the tables of the drain's law: clients, allocations, and looks as the kernel hands them to the rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN, Decision, Look
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import DrainSpec, remember
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.drain import decide, view
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, LastDrain, Node, Server, Strategy, version_from_text
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import State

OURS = "serverops.circleci"
OTHER = "autoscaler"
OLD = ("0.5.6",)
UNMARKED = ("0.9.3",)
MARKED = ("1.1.2", "1.7.7", "1.11.3")
NEW = UNMARKED + MARKED
ALL = OLD + NEW
SINCE = "2026-11-23T08:00:00Z"
SINCE_NS = 1_795_420_800_000_000_000


def server(version: str, **fields: Any) -> Server:
    """The servers in that version."""
    return Server(version_from_text(version), version, "global", **fields)


def mark(owner: str = OURS, was: str = "eligible", run: str = "run-1", **more: str) -> LastDrain:
    """The drain that carries this owner's mark."""
    values = {"owner": owner, "run": run, "intent": "drained", "since": SINCE, "was": was, **more}
    return LastDrain("draining", SINCE, SINCE, tuple(sorted((f"serverops_{key}", value) for key, value in values.items())))


NO_MARK = LastDrain("draining", SINCE, SINCE, ())


def opened(name: str = "c1", **fields: Any) -> Node:
    """A ready client that takes builds."""
    values: dict[str, Any] = {"status": "ready", "eligible": True, "draining": False, "strategy": None, "reopened": False, "instance_id": None, **fields}
    return Node(name, name, **values)


def cordoned(name: str = "c1", **fields: Any) -> Node:
    """A ready client that is closed, without a drain in force."""
    return opened(name, **{"eligible": False, **fields})


def draining(name: str = "c1", deadline: float = 0.0, spare: bool = True, last: Optional[LastDrain] = None, **fields: Any) -> Node:
    """A client with a drain in force."""
    return opened(name, **{"eligible": False, "draining": True, "strategy": Strategy(deadline, spare), "last_drain": last, **fields})


def ours(name: str = "c1", **fields: Any) -> Node:
    """A client with our drain in force."""
    return draining(name, **{"last": mark(), **fields})


def build(name: str = "b1", node: str = "c1", **fields: Any) -> Allocation:
    """A build that runs."""
    return Allocation(f"a-{name}", name, node, **{"job_type": "batch", "desired": "run", "client": "running", **fields})


def ended(name: str = "b1", **fields: Any) -> Allocation:
    """A build that ended by itself."""
    return build(name, **{"client": "complete", **fields})


def winding_up(name: str = "b1", **fields: Any) -> Allocation:
    """A build that a person called off, and that has not stopped yet."""
    return build(name, **{"desired": "stop", **fields})


def struck(name: str = "b1", **fields: Any) -> Allocation:
    """A build that a drain stopped."""
    return build(name, **{"desired": "stop", "client": "complete", "migrate": True, **fields})


def state(version: str, *nodes: Node, allocations: tuple[Allocation, ...] = (), targets: tuple[str, ...] = ("c1",), **fields: Any) -> State:
    """A cluster with a spare open client c9; what is in `allocations` is all that the targets have."""
    known = {node.id: node for node in (*nodes, opened("c9"))}
    found: dict[str, Optional[tuple[Allocation, ...]]] = {item: tuple(a for a in allocations if a.node == item) for item in targets}
    acl = fields.pop("server", server(version))
    return State(acl, known, {**found, **fields.pop("blind", {})}, targets, **fields)


def blind(*items: str) -> dict[str, Any]:
    """These targets' allocations could not be read."""
    return {"blind": dict.fromkeys(items)}


def wish(**fields: Any) -> DrainSpec:
    """What is wanted of c1."""
    return DrainSpec(**{"nodes": ("c1",), **fields})


def see(
    seen: State,
    spec: Optional[DrainSpec] = None,
    after: Optional[Look[DrainSpec, State]] = None,
    still: float = 0.0,
    phase: float = 0.0,
    now: Optional[float] = None,
) -> Any:
    """The look at `seen`, with what the looks before remember."""
    items = seen.targets
    memory = after.memory if after else {}
    kept = spec or (after.spec if after else wish())
    look = Look(kept, seen, memory, dict.fromkeys(items, still), dict.fromkeys(items, phase), dict.fromkeys(items, 0.0), now=now)
    return replace(look, memory=remember(look))


def decided(look: Look[DrainSpec, State], item: str = "c1") -> Decision:
    """The decision about one target."""
    return decide(look)[item]


def told(look: Look[DrainSpec, State], item: str = "c1") -> dict[str, Any]:
    """What the result would tell about one target."""
    return next(entry for entry in view(look, decide(look))["nodes"] if entry["id"] == item)


def verdict(look: Look[DrainSpec, State], item: str = "c1") -> str:
    """The word for one target."""
    return str(told(look, item)["verdict"])


def orders(decision: Decision) -> list[str]:
    """The names of the steps."""
    return [str(step.describe()["step"]) for step in decision.steps]


def unread(node: Node) -> Node:
    """The client as the list alone shows it."""
    return node._replace(strategy=UNKNOWN if node.draining else None, reopened=UNKNOWN, instance_id=UNKNOWN)
