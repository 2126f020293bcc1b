"""The drainer of servers from 0.8 on: watches draining nodes, moves services, strikes deadlines, says when it is done."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lab.nomad.clock import Timer
from lab.nomad.model import Allocation, Job, Node, Strategy

if TYPE_CHECKING:
    from lab.nomad.cluster import Cluster


class Drainer:
    """Lives in the leader: without one nothing is moved, and a deadline strikes when the next leader looks."""

    def __init__(self, cluster: "Cluster") -> None:
        self.cluster = cluster
        self.deadlines: dict[str, Timer] = {}
        self.looking: set[str] = set()
        self.moving: set[str] = set()

    # --- requests ---
    def set(self, node: Node, deadline: int, ignore_system: bool, meta: Any, accessor: str) -> int:
        """A drain begins or is changed: every request moves ForceDeadline, StartedAt stays (drain-repeated)."""
        c = self.cluster
        known = node.strategy
        now = c.clock.now()
        force = now + deadline / 1e9 if deadline > 0 else None
        node.strategy = Strategy(deadline, ignore_system, known.started if known else now, force)
        same = known is not None and (known.deadline, known.ignore_system, known.force) == (deadline, ignore_system, force)
        node.drain = True
        node.eligible = False
        started = node.last_drain["StartedAt"] if known and node.last_drain else c.stamp(whole=True)
        node.last_drain = {"AccessorID": accessor, "Meta": meta, "StartedAt": started, "Status": "draining", "UpdatedAt": c.stamp(whole=True)}
        index = c.touch_node(node, c.profile.drain_updated_text if known else "Node drain strategy set", subsystem="Drain")
        self._plan_deadline(node)
        if not (same and c.profile.drain_watches_jobs):  # an equal one is not looked at: a drain that hangs goes on hanging
            self.begin(node)
        return index

    def begin(self, node: Node) -> None:
        """A drain began or changed, or a new leader looks: which jobs are to be watched, and is it done already?"""
        here = self.cluster.of_node.get(node.id, ())
        node.watched = {a.job.id for a in here if not a.terminal and not a.job.system and not a.job.is_plugin}
        self.look(node)

    def ended(self, allocations: Iterable[Allocation]) -> None:
        """Allocations changed. From 1.5.4 on only an end that a client reported, and only of a watched job, is looked at."""
        for allocation in allocations:
            node = self.cluster.nodes.get(allocation.node_id)
            if node is None or node.strategy is None:
                continue
            if not self.cluster.profile.drain_watches_jobs or (allocation.client_terminal and allocation.job.id in node.watched):
                self.look(node)

    def clear(self, node: Node, mark_eligible: bool, meta: Any, accessor: str) -> tuple[int, bool]:
        """A cancel. On a node that is not draining it still writes, and still makes it eligible if asked to (cli-drain)."""
        c = self.cluster
        was = node.strategy is not None
        opened = mark_eligible and not node.eligible
        if was:
            node.strategy = None
            node.drain = False
            started = node.last_drain["StartedAt"] if node.last_drain else c.stamp(whole=True)
            node.last_drain = {"AccessorID": accessor, "Meta": meta, "StartedAt": started, "Status": "canceled", "UpdatedAt": c.stamp(whole=True)}
        if mark_eligible:
            node.eligible = True
        index = c.touch_node(node, "Node drain disabled" if was else "", subsystem="Drain")
        self._plan_deadline(node)
        if opened:
            c.scheduler.unblock()
        return index, opened

    def _plan_deadline(self, node: Node) -> None:
        timer = self.deadlines.pop(node.id, None)
        if timer is not None:
            timer.cancel()
        strategy = node.strategy
        if strategy is None or strategy.deadline == 0:
            return
        c = self.cluster
        when = c.clock.now() if strategy.force is None else strategy.force
        self.deadlines[node.id] = c.clock.at(when + c.profile.drain_batch, lambda: self._strike(node, strategy))

    # --- what it does by itself ---
    def look(self, node: Node) -> None:
        """Something about the node changed: look at it in a moment."""
        if node.strategy is None or node.id in self.looking:
            return
        self.looking.add(node.id)
        self.cluster.clock.after(self.cluster.profile.drain_look, lambda: self._look(node))

    def _look(self, node: Node) -> None:
        self.looking.discard(node.id)
        c = self.cluster
        if node.strategy is None or c.nodes.get(node.id) is not node:
            return
        if not c.reachable:
            self.looking.add(node.id)
            c.clock.after(0.2, lambda: self._look(node))
            return
        if not any(self._busy(a) for a in c.of_node.get(node.id, ())):
            ignored = node.strategy.ignore_system
            rest = [a for a in c.of_node.get(node.id, ()) if not a.terminal]
            self._complete(node, None)
            self._mark([a for a in rest if not (ignored and a.job.type == "system")])
        else:
            self.services_changed([a.job for a in c.of_node.get(node.id, ()) if a.job.type == "service" and not a.terminal])

    def _busy(self, allocation: Allocation) -> bool:
        """System jobs and CSI plugins are stopped when all else is done (drain-csi-plugin)."""
        if allocation.job.type == "system" or allocation.job.is_plugin:
            return False
        if self.cluster.profile.drain_judges_by_wish:
            return not allocation.terminal
        return not allocation.client_terminal

    def _strike(self, node: Node, strategy: Strategy) -> None:
        c = self.cluster
        if node.strategy is not strategy or c.nodes.get(node.id) is not node:
            return
        if not c.reachable:
            c.clock.after(0.2, lambda: self._strike(node, strategy))
            return
        left = [a for a in c.of_node.get(node.id, ()) if not a.terminal and not (strategy.ignore_system and a.job.type == "system")]
        if not any(self._busy(a) for a in c.of_node.get(node.id, ())) and not left:
            self._complete(node, None)
            return
        self._mark(left)
        self._complete(node, {"deadline_reached": "true"})

    def _complete(self, node: Node, details: dict[str, str] | None) -> None:
        c = self.cluster
        node.strategy = None
        node.drain = False
        if node.last_drain:
            node.last_drain = {**node.last_drain, "Status": "complete", "UpdatedAt": c.stamp(whole=True)}
        c.touch_node(node, "Node drain complete", subsystem="Drain", details=details)
        timer = self.deadlines.pop(node.id, None)
        if timer is not None:
            timer.cancel()

    def _mark(self, allocations: list[Allocation]) -> None:
        """DesiredTransition.Migrate, and an evaluation per job."""
        if not allocations:
            return
        c = self.cluster
        index = c.commit("allocs", "evals")
        for allocation in allocations:
            allocation.migrate = True
            c.touch_allocation(allocation, index, by_server=False)
        for job in {id(a.job): a.job for a in allocations}.values():
            c.scheduler.enqueue(job, "node-drain", index=index)

    # --- services move one batch after another ---
    def services_changed(self, jobs: list[Job]) -> None:
        """Of a service as many are stopped at a time as `max_parallel` allows, and none that is not yet healthy."""
        for job in {id(j): j for j in jobs if j.type == "service"}.values():
            candidates = self._movable(job)
            if candidates and job.id not in self.moving:
                self.moving.add(job.id)
                self.cluster.clock.after(self.cluster.profile.drain_batch, lambda job=job: self._move(job))

    def _movable(self, job: Job) -> list[Allocation]:
        c = self.cluster
        healthy = [a for a in job.allocations if not a.terminal and a.health and a.health["Healthy"] and not a.migrate]
        parallel = (job.group.get("Migrate") or {}).get("MaxParallel") or 1
        room = len(healthy) - (job.count - parallel)
        draining = [a for a in healthy if a.node_id in c.nodes and c.nodes[a.node_id].strategy is not None]
        return sorted(draining, key=lambda a: a.id)[: max(0, room)]

    def _move(self, job: Job) -> None:
        self.moving.discard(job.id)
        if self.cluster.reachable:
            self._mark(self._movable(job))
