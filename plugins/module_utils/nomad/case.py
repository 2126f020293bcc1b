# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One client as a drain sees it: what runs there, how it ended, whose drain it is. All derived, nothing decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import not_negative, positive, spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN, Json, Look
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.history import build_over, build_seen, stands
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.mark import Mark, mark_of
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import NANO, Allocation, Node, Server, Strategy
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.selectors import check_selectors
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import State

Builds = tuple[Allocation, ...]


@dataclass(frozen=True)
class DrainSpec:
    """What is wanted of which clients. Times in seconds."""

    nodes: tuple[str, ...]
    state: str = "drained"
    deadline: Optional[float] = None
    allow_killing_builds: bool = False
    ignore_system_jobs: bool = True
    max_in_flight: int = 0
    max_build_time: Optional[float] = None
    min_ready: int = 1
    owner: str = "serverops.circleci"
    take_over: bool = False


def drain_spec(params: Mapping[str, Any]) -> DrainSpec:
    """The wish from the module's parameters; raises BadInput with the first option that cannot be."""
    spec = spec_from_params(DrainSpec, params)
    check_selectors(spec.nodes)
    not_negative(max_in_flight=spec.max_in_flight, min_ready=spec.min_ready)
    positive(deadline=spec.deadline, max_build_time=spec.max_build_time)
    if spec.deadline is not None and spec.deadline < 0.001:
        raise BadInput(f"deadline is {spec.deadline:g}, which Nomad cannot tell from none; give a second or more")
    if spec.deadline is not None and not spec.allow_killing_builds:
        raise BadInput(f"deadline is {spec.deadline:g}, which kills the builds that are left then; leave it out, or set allow_killing_builds too")
    if spec.deadline is not None and spec.state != "drained":
        raise BadInput(f"deadline is {spec.deadline:g}, but state is {spec.state}; a deadline goes with drained only")
    if not spec.owner.strip():
        raise BadInput("owner is empty; name who the mark speaks for")
    return spec


class Case(NamedTuple):
    """One target client. `node` is None when the server no longer knows it; `allocations` is None when they could not be read."""

    id: str
    spec: DrainSpec
    server: Server
    node: Optional[Node]
    allocations: Optional[Builds]
    past: Json
    still: float
    phase: float
    jobs: Optional[frozenset[str]] = None
    returned_as: str = ""
    run: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return self.node.name if self.node else str(self.past.get("name") or self.id)

    @property
    def is_unknown(self) -> bool:
        """Something that the decision needs could not be read, or the client is cut off for now."""
        if self.node is None:
            return False
        return self.allocations is None or self.node.strategy is UNKNOWN or self.node.status not in ("ready", "down")

    @property
    def busy(self) -> Builds:
        """Live allocations that must be gone before the client counts as drained."""
        spare = self.spec.ignore_system_jobs and self.server.has_eligibility
        return tuple(a for a in self.allocations or () if a.is_live and not (spare and a.job_type == "system"))

    @property
    def builds(self) -> Builds:
        """Live builds."""
        return tuple(a for a in self.busy if a.is_build)

    @property
    def stopping(self) -> Builds:
        """Live allocations on their way to stop: a drain that begins now hangs on 1.6-1.11."""
        return tuple(a for a in self.allocations or () if a.is_stopping)

    @property
    def killed(self) -> Builds:
        """Builds that a drain stopped since the baseline, or since our mark."""
        spared = set(self.past.get("known") or ()) | {a.id for a in self.lost}
        return tuple(a for a in self.allocations or () if a.is_build and a.id not in spared and self.is_struck(a))

    @property
    def lost(self) -> Builds:
        """Builds that went down with their client since the baseline or our mark: live when it fell, given up, or reported lost."""
        known, seen = set(self.past.get("known") or ()), self.past.get("builds") or {}
        down = self.node is not None and self.node.status == "down"
        return tuple(a for a in self.allocations or () if a.is_build and a.id not in known and (a.fell or (down and a.is_live) or self._is_lost(a, seen, down)))

    def _is_lost(self, allocation: Allocation, seen: Json, down: bool) -> bool:
        """Reported lost; on a client that is up and was told to stop it, that is how 0.5.6 shows a build still stopping."""
        return allocation.client == "lost" and allocation.id in seen and (down or not self.is_struck(allocation))

    @property
    def finished(self) -> int:
        """How many builds that this task saw live have ended by themselves."""
        ended = {a.id: a for a in self.allocations or () if a.client in ("complete", "failed") and a.desired == "run"}
        return sum(1 for build in self.past.get("builds") or {} if build in ended)

    def ends(self, over: Collection[str]) -> dict[str, str]:
        """How these builds ended. One that the servers no longer list was forgotten."""
        killed, lost = ({a.id for a in builds} for builds in (self.killed, self.lost))
        found = {a.id: "finished" if a.desired == "run" else "cancelled" for a in self.allocations or ()}
        found.update({**dict.fromkeys(killed, "killed"), **dict.fromkeys(lost, "lost")})
        return {key: found.get(key, "forgotten") for key in over}

    @property
    def mark(self) -> Optional[Mark]:
        """The mark that holds."""
        return mark_of(self.node) if self.node else None

    @property
    def is_ours(self) -> bool:
        """The drain carries our owner's mark; where the server has no place for one: this task saw the client open."""
        if not self.server.has_marks:
            return bool(self.past.get("open"))
        return self.mark is not None and self.mark.owner == self.spec.owner

    @property
    def overruled_by(self) -> str:
        """The run that set the drain anew after this one had; "" where none did."""
        return self.mark.run if self.mark and self.past.get("set") and self.mark.run != self.run else ""

    @property
    def is_foreign(self) -> bool:
        """It drains by somebody else's order, or by nobody's that can be told."""
        return bool(self.node and self.node.draining and not self.is_ours)

    @property
    def wanted(self) -> Strategy:
        """The strategy to ask for; deadline 0 is none."""
        return Strategy(self.spec.deadline or 0.0, self.spec.ignore_system_jobs)

    def is_struck(self, allocation: Allocation) -> bool:
        """Stopped by a drain, not by a person and not by itself."""
        if allocation.desired != "stop":
            return False
        if self.server.has_eligibility:
            return allocation.migrate
        # Before 0.8 nothing tells a drain's stop from a person's but this: a person's stop removes the job.
        return self.jobs is None or allocation.job in self.jobs


def case_for(look: Look[DrainSpec, State], item: str) -> Case:
    """The case of one target."""
    state = look.state
    return Case(
        id=item,
        spec=look.spec,
        server=state.server,
        node=state.nodes.get(item),
        allocations=state.allocations.get(item),
        past=(look.memory.get("targets") or {}).get(item) or {},
        still=look.still.get(item, 0.0),
        phase=look.phases.get(item, 0.0),
        jobs=state.jobs,
        returned_as=state.returned.get(item, ""),
        run=state.run,
    )


def remember(look: Look[DrainSpec, State]) -> Json:
    """What no later read can tell: who was there, open or closed, which builds were live, which stops are older than this task."""
    targets = dict(look.memory.get("targets") or {})
    for item in look.state.targets:
        case = case_for(look, item)
        past = dict(targets.get(item) or _first(case))
        node = case.node
        if node is not None:
            past["name"] = node.name
            past["open"] = bool(past.get("open")) or node.is_open
            past["closed"] = bool(past.get("closed")) or not (node.is_open or case.is_foreign)
            past["joined"] = bool(past.get("joined")) or (case.is_foreign and not case.spec.take_over and case.spec.state == "drained")
            past["set"] = bool(past.get("set")) or bool(case.run and case.mark and case.mark.run == case.run)
            if node.instance_id is not UNKNOWN:
                past["instance"] = node.instance_id or past.get("instance") or ""
        past["builds"] = _builds(past.get("builds") or {}, case, look.now)
        past["history"] = stands(past.get("history") or [], node, look.now)
        targets[item] = past
    server = look.state.server
    return {"targets": targets, "token": list(server.grant.proof)} if server.acl else {"targets": targets}


def _builds(past: Json, case: Case, now: Optional[float]) -> Json:
    """Every build that this task saw live, and how it ended where it did."""
    lost = {a.id for a in case.lost}
    live = {a.id for a in case.builds} - lost
    seen = {**past, **{a.id: build_seen(past.get(a.id), a, now) for a in case.builds if a.id in live or a.id not in past}}
    over = set(seen) - live if case.allocations is not None else set()
    return {**seen, **{key: build_over(seen[key], how, now) for key, how in case.ends(over).items()}} if over else seen


def _first(case: Case) -> Json:
    """The baseline of one client."""
    since = _nanoseconds(case.node.last_drain.started) if case.node and case.node.last_drain and case.is_ours else None
    older = [a for a in case.allocations or () if (case.is_struck(a) or a.fell) and not a.is_live]
    known = [a.id for a in older if since is None or a.modified < since]
    is_open = case.node is not None and case.node.is_open
    return {"known": known, "builds": {}, "open": is_open, "closed": False, "joined": False, "set": False, "instance": None}


def counted(allocations: Collection[object]) -> str:
    """Such as "2 builds and 1 other allocation"."""
    builds = sum(1 for a in allocations if getattr(a, "is_build", False))
    others = len(allocations) - builds
    parts = [f"{n} {word}{'' if n == 1 else 's'}" for n, word in ((builds, "build"), (others, "other allocation")) if n]
    return " and ".join(parts) or "nothing"


def _nanoseconds(text: str) -> Optional[int]:
    """Nanoseconds since 1970 of an RFC 3339 time, to the second."""
    try:
        return int(datetime.fromisoformat(text[:19] + "+00:00").timestamp()) * NANO
    except ValueError:
        return None


def facts(look: Look[DrainSpec, State]) -> dict[str, Json]:
    """Per client the state as seen, for the diff and for "has anything changed"."""
    found: dict[str, Json] = {}
    for item in look.state.targets:
        case = case_for(look, item)
        node = case.node
        entry: dict[str, Any] = {"name": case.name, "status": node.status if node else "absent"}
        if node:
            strategy: Union[float, str, None] = None
            if node.strategy is UNKNOWN:
                strategy = "unknown"
            elif node.strategy is not None:
                strategy = node.strategy.deadline  # type: ignore[union-attr]
            entry.update(eligible=node.eligible, draining=node.draining, deadline=strategy, owner=case.mark.owner if case.mark else None)
        entry["live"] = sorted(a.id for a in case.busy) if case.allocations is not None else "unknown"
        entry["stopping"] = sorted(a.id for a in case.stopping)
        found[item] = entry
    return found
