"""The scheduler: evaluations in, stops and placements out, by the rules of the version."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import TYPE_CHECKING, Any

from lab.nomad.model import LOST, UNKNOWN, Allocation, Evaluation, Job, Node
from lab.nomad.shortage import shortage

if TYPE_CHECKING:
    from lab.nomad.cluster import Cluster

NOT_NEEDED = "alloc not needed due to job update"
MIGRATED = "alloc is being migrated"


class Scheduler:
    """Works on one evaluation at a time, each in its own moment."""

    def __init__(self, cluster: "Cluster") -> None:
        self.cluster = cluster
        self.blocked: dict[int, Job] = {}
        self.config: dict[str, Any] = dict(cluster.profile.shapes.get("scheduler", {}).get("SchedulerConfig", {}))
        self.waiting: list[tuple[Job, Evaluation]] = []  # while the broker is paused

    def enqueue(self, job: Job, trigger: str, *, index: int | None = None, node_id: str = "") -> Evaluation:
        c = self.cluster
        index = index or c.commit("evals")
        c.tables["evals"] = max(c.tables["evals"], index)
        evaluation = Evaluation(
            c.new_id(),
            job.id,
            job.type,
            trigger,
            index,
            index,
            c.clock.nanoseconds(),
            node_id=node_id,
            job_modify=job.job_modify if trigger.startswith("job-") or c.profile.old_drain else 0,
            priority=job.priority,
        )
        evaluation.deployment = job.deployment
        c.keep_evaluation(evaluation)
        c.clock.after(c.profile.think, lambda: self.run(job, evaluation))
        return evaluation

    def configure(self, config: dict[str, Any]) -> None:
        """Pausing the broker stops all scheduling; the drainer does not notice (operator-calls)."""
        self.config = config
        if not self.paused:
            waiting, self.waiting = self.waiting, []
            for job, evaluation in waiting:
                self.cluster.clock.after(self.cluster.profile.think, lambda job=job, evaluation=evaluation: self.run(job, evaluation))

    @property
    def paused(self) -> bool:
        return bool(self.cluster.profile.paused_broker and self.config.get("PauseEvalBroker"))

    def run(self, job: Job, evaluation: Evaluation) -> None:
        c = self.cluster
        if self.paused:
            self.waiting.append((job, evaluation))
            return
        if not c.reachable:  # the broker lives in the leader: pending evaluations wait for the next one
            c.clock.after(0.2, lambda: self.run(job, evaluation))
            return
        if c.jobs.get(job.id) is not job and not job.stop:
            job = c.jobs.get(job.id, job)
        plan = Plan(c, job, evaluation.id)
        missing = plan.make()
        evaluation.counts = plan.counts(missing)
        evaluation.metrics = plan.why() if missing else None
        if plan.touched:
            index = c.commit("allocs")
            plan.apply(index)
        else:
            index = c.index
        self._block(job, evaluation, missing)
        if evaluation.status == "pending":
            evaluation.status = "complete"
            evaluation.modify = c.commit("evals")
        evaluation.queued = missing
        c.refresh_jobs([job], index)
        plan.after()
        self._hand_over([a for a in plan.touched if a.client_terminal])
        c.drainer.ended(plan.touched)

    def _block(self, job: Job, evaluation: Evaluation, missing: int) -> None:
        """What found no room waits as a blocked evaluation."""
        c = self.cluster
        if missing != job.queued:
            job.queued = missing
            job.summary_modify = c.commit("summaries")
            job.text.clear()
        if missing and not job.stop:
            evaluation.failed = True
            if job.blocked is None:
                index = c.commit("evals")
                trigger = "job-register" if c.profile.old_drain else "queued-allocs"
                text = "created to place remaining allocations"
                job.blocked = Evaluation(c.new_id(), job.id, job.type, trigger, index, index, c.clock.nanoseconds(), "blocked", text, previous=evaluation.id)
                job.blocked.job_modify, job.blocked.failed, job.blocked.metrics = evaluation.job_modify, True, evaluation.metrics
                c.keep_evaluation(job.blocked)
            if evaluation is not job.blocked:
                evaluation.blocked = job.blocked.id
            self.blocked[id(job)] = job
        elif job.blocked is not None:
            job.blocked.status = "canceled" if job.stop else "complete"
            job.blocked.text = f'evaluation "{evaluation.id}" successful' if job.stop and not c.profile.old_drain else ""
            job.blocked.queued = 0
            job.blocked.modify = c.commit("evals")
            job.blocked = None
            self.blocked.pop(id(job), None)

    def unblock(self) -> None:
        """Room appeared somewhere: blocked jobs are tried again."""
        for job in list(self.blocked.values()):
            if job.blocked is not None:
                blocked = job.blocked
                self.cluster.clock.after(
                    self.cluster.profile.think, lambda job=job, blocked=blocked: self.run(job, blocked) if job.blocked is blocked else None
                )

    def _hand_over(self, ended: list[Allocation]) -> None:
        c = self.cluster
        for allocation in ended:
            for node_id in c.waiting_for_previous.pop(allocation.id, []):
                client = c.clients.get(node_id)
                if client is not None:
                    c.clock.after(c.profile.hand_over, client.notice)

    def after_end(self, allocation: Allocation) -> None:
        """A client reported an end: room for the blocked, a start for a replacement, work if the end was not wished."""
        job = allocation.job
        self._hand_over([allocation])
        if allocation.desired == "run" and (job.type != "batch" or allocation.client == "failed"):
            self.enqueue(job, "alloc-failure" if allocation.client == "failed" else "job-register")
        self.unblock()


class Plan:
    """What one evaluation changes."""

    def __init__(self, cluster: "Cluster", job: Job, evaluation: str) -> None:
        self.c, self.job, self.evaluation = cluster, job, evaluation
        self.new: list[Allocation] = []
        self.changed: list[Allocation] = []
        self.touched: list[Allocation] = []
        self.open: dict[str, tuple[Node, int, int, int]] | None = None  # node, its live allocations, their memory and cpu

    def make(self) -> int:
        """Returns how many allocations found no place."""
        self._lost()
        if self.job.stop:
            for allocation in self.job.allocations:
                if not allocation.terminal:
                    self._stop(allocation, NOT_NEEDED)
            missing = 0
        elif self.job.system:
            missing = self._system()
        else:
            missing = self._count()
        self.touched = self.changed + self.new
        return missing

    def apply(self, index: int) -> None:
        for allocation in self.new:
            allocation.create = index
            self.c.add_allocation(allocation)
        for allocation in self.touched:
            self.c.touch_allocation(allocation, index, by_server=True)
            self.c.tell("PlanResult", index, allocation)

    def after(self) -> None:
        for allocation in self.new:
            previous = self.c.allocations.get(allocation.previous)
            if previous is not None and not previous.client_terminal:
                self.c.waiting_for_previous.setdefault(previous.id, []).append(allocation.node_id)
        self.c.tell_clients(self.touched)

    # --- stops ---
    def _stop(self, allocation: Allocation, text: str) -> None:
        allocation.desired, allocation.desired_text = "stop", text
        self.changed.append(allocation)

    def _lost(self) -> None:
        """On a node that is down or gone everything is lost; on a drained one (0.5.6) what was told to stop and has not yet.
        On a disconnected one an allocation is unknown as long as its job allows, even when the node is then called down."""
        c = self.c
        for allocation in self.job.allocations:
            if allocation.client_terminal:
                continue
            node = self.c.nodes.get(allocation.node_id)
            away = node is None or node.status == "down"
            slow = self.c.profile.marks_lost_on_drained and node is not None and node.drain and allocation.desired == "stop"
            if node is not None and node.status == "disconnected" and self.job.may_be_away and allocation.client != "unknown":
                self._unknown(allocation)
            late = allocation.unknown_since is not None and c.clock.now() >= allocation.unknown_since + self.job.may_be_away
            if (away or slow or late) and (allocation.client != "unknown" or late or node is None):
                allocation.client = "lost"
                self._stop(allocation, LOST)

    def _unknown(self, allocation: Allocation) -> None:
        c, job = self.c, self.job
        allocation.client, allocation.client_text, allocation.unknown_since = "unknown", UNKNOWN, c.clock.now()
        allocation.states.append({"Field": 0, "Time": c.stamp(), "Value": "unknown"})
        self.changed.append(allocation)
        c.clock.after(job.may_be_away + 0.01, lambda: c.scheduler.enqueue(job, "max-disconnect-timeout") if allocation.client == "unknown" else None)

    # --- batch and service ---
    def _count(self) -> int:
        c, job = self.c, self.job
        old = c.profile.old_drain
        for allocation in job.allocations:
            node = c.nodes.get(allocation.node_id)
            leaving = node is not None and node.drain and not allocation.client_terminal if old else allocation.migrate
            kept = c.profile.unknown_is_kept and allocation.client == "unknown" and node is not None and node.status == "disconnected"
            if leaving and allocation.desired == "run" and not allocation.client_terminal and not kept:
                allocation.states = [] if c.profile.unknown_is_kept else allocation.states
                self._stop(allocation, MIGRATED)
        have = 0
        for allocation in job.allocations:
            if allocation.desired == "run":
                have += 1
            elif job.type == "batch" and c.profile.done_when_complete and (self._done(allocation) or self._struck(allocation)):
                have += 1
        missing = job.count - have
        kept = c.profile.done_when_complete and job.type == "batch"
        # From 1.x on only a stop and a start of the same plan are linked (purge-busy); before, also later ones (client-killed)
        ended = job.allocations if old else self.changed
        ended = [a for a in ended if c.profile.links_lost or old or a.client != "lost"]
        replaced = [a for a in ended if a.desired != "run" and not a.next and not (kept and a.succeeded)]
        taken = {a.index for a in job.allocations if a.desired == "run"}
        while missing > 0:
            node = self._room()
            if node is None:
                break
            previous = replaced.pop(0) if replaced else None
            number = next(i for i in range(job.count + 1) if i not in taken)
            taken.add(number)
            self._place(node, number, previous)
            missing -= 1
        return max(0, missing)

    def _done(self, allocation: Allocation) -> bool:
        """A good end counts; from 1.11 on not if it was stopped because its node was lost (client-killed)."""
        wished = allocation.desired == "run" or allocation.migrate or not self.c.profile.struck_stays_away
        return allocation.succeeded and wished and allocation.unknown_since is None

    def _struck(self, allocation: Allocation) -> bool:
        """From 1.11 on a build that a drain stops is not replaced, unless its node is open again before it has ended (drain-force-then-eligible)."""
        node = self.c.nodes.get(allocation.node_id)
        away = node is not None and not node.eligible and node.status == "ready"
        return self.c.profile.struck_stays_away and allocation.migrate and not allocation.client_terminal and away

    def _room(self) -> Node | None:
        """An open node that fits, the emptiest one: ids do not matter, so the order of registration decides a tie."""
        if self.open is None:
            self.open = {}
            for node in self.c.nodes.values():
                if node.open and self.job.fits(node):
                    live = [a for a in self.c.of_node.get(node.id, ()) if not a.client_terminal]
                    self.open[node.id] = (node, len(live), sum(a.job.memory for a in live), sum(a.job.cpu for a in live))
        fitting = [entry for entry in self.open.values() if entry[2] + self.job.memory <= entry[0].memory and entry[3] + self.job.cpu <= entry[0].cpu]
        if not fitting:
            return None
        node, count, memory, cpu = min(fitting, key=lambda entry: entry[1])
        self.open[node.id] = (node, count + 1, memory + self.job.memory, cpu + self.job.cpu)
        return node

    def counts(self, missing: int) -> dict[str, int]:
        stopped = [a for a in self.changed if a.desired == "stop"]
        moved = sum(a.migrate for a in stopped)
        kept = [a for a in self.job.allocations if a.desired == "run" and not a.client_terminal and a not in self.new and a not in self.changed]
        return {"Place": max(0, len(self.new) + missing - moved), "Stop": len(stopped) - moved, "Migrate": moved, "Ignore": len(kept)}

    def why(self) -> dict[str, Any]:
        """What stood in the way (no-room, job-evaluations)."""
        profile, resources = self.c.profile, self.job.task.get("Resources") or {}
        used = {key: (entry[3], entry[2]) for key, entry in (self.open or {}).items()}
        found = shortage(self.job, self.c.nodes.values(), used, profile.old_drain)
        if profile.node_pools:  # from 1.6 datacenters without an open client are left out
            found["NodesAvailable"] = {place: count for place, count in found["NodesAvailable"].items() if count}
        lacking = {key: (0 if isinstance(value, int) else None) for key, value in resources.items()} | {"MemoryMB": self.job.memory}
        return {**found, "NodePool": self.job.pool, "ResourcesExhausted": {self.job.task["Name"]: lacking} if found["NodesExhausted"] else None}

    def _place(self, node: Node, number: int, previous: Allocation | None) -> None:
        c, job = self.c, self.job
        now = c.clock.nanoseconds()
        allocation = Allocation(c.new_id(), job, node.id, node.name, self.evaluation, 0, 0, 0, now, now, index=number)
        allocation.deployment = "" if job.deployed else job.deployment
        allocation.job_text, allocation.job_version = job.snapshot, job.version
        if previous is not None:
            allocation.previous = previous.id
            previous.next = allocation.id
            if not c.profile.old_drain and previous not in self.changed:
                self.changed.append(previous)
        self.new.append(allocation)

    # --- system ---
    def _system(self) -> int:
        c, job = self.c, self.job
        here: dict[str, list[Allocation]] = {}
        for allocation in job.allocations:
            here.setdefault(allocation.node_id, []).append(allocation)
            node = c.nodes.get(allocation.node_id)
            leaving = node is not None and node.drain if c.profile.old_drain else allocation.migrate
            if leaving and allocation.desired == "run" and not allocation.client_terminal:
                self._stop(allocation, c.profile.system_stop_text)
        for node in c.nodes.values():
            mine = here.get(node.id, [])
            once = job.type == "sysbatch" and any(a.succeeded for a in mine)
            if node.open and job.fits(node) and not once and not any(a.desired == "run" and not a.client_terminal for a in mine):
                ended = [a for a in mine if not a.next]
                self._place(node, 0, ended[-1] if ended else None)
        return 0
