"""The state of one Nomad cluster: what is written, under which index, and who is told."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import random
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from lab.nomad.clock import Clock
from lab.nomad.drainer import Drainer
from lab.nomad.model import Allocation, Evaluation, Job, Node, complete_spec
from lab.nomad.profile import Profile
from lab.nomad.render import Renderer
from lab.nomad.scheduler import Scheduler

if TYPE_CHECKING:
    from lab.nomad.client import Client
    from lab.nomad.intro import Applicant


class Cluster:
    """One region with one server. Everything happens under `lock`; `news` wakes those who wait for an index."""

    def __init__(self, profile: Profile, clock: Clock, seed: int = 1) -> None:
        self.profile = profile
        self.clock = clock
        self.random = random.Random(seed)
        self.lock = clock.lock
        self.news = threading.Condition(self.lock)
        self.index = 1
        self.tables = dict.fromkeys(("nodes", "allocs", "jobs", "evals", "summaries"), 1)
        self.nodes: dict[str, Node] = {}
        self.jobs: dict[str, Job] = {}
        self.allocations: dict[str, Allocation] = {}
        self.of_node: dict[str, list[Allocation]] = {}
        self.evaluations: dict[str, Evaluation] = {}
        self.of_job_evaluations: dict[str, list[Evaluation]] = {}
        self.clients: dict[str, Client] = {}  # by node id
        self.pools: dict[str, dict[str, Any]] = {pool["Name"]: pool for pool in profile.shapes.get("node_pools", ()) if pool["Name"] in ("all", "default")}
        self.server_up = True
        self.has_leader = True
        self.epoch = 0  # counts deaths of the server: a held connection of an earlier one is cut
        self.generation = 0  # counts restores: the same index may then stand for something else
        self.past: dict[str, Any] | None = None  # what reads show while a restarted 0.5.6 applies its log
        self.tell: Callable[[str, int, Node | Allocation], None] = lambda kind, index, thing: None  # the event stream's ear
        self.admits: Callable[[Applicant], bool] = lambda client: True  # introduction tokens
        self.spaces: dict[str, int] = {}  # namespaces beside "default" -> index
        self.waiting_for_previous: dict[str, list[str]] = {}
        self.render = Renderer(self)
        self.scheduler = Scheduler(self)
        self.drainer = Drainer(self)

    # --- the log ---
    def new_id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    @property
    def reachable(self) -> bool:
        return self.server_up and self.has_leader

    def commit(self, *tables: str) -> int:
        """One entry of the raft log."""
        self.index += 1
        for table in tables:
            self.tables[table] = self.index
        self.wake()
        return self.index

    def stamp(self, when: float | None = None, whole: bool = False) -> str:
        """A time as Nomad writes it: nanoseconds without trailing zeros, or whole seconds."""
        moment = self.clock.base + timedelta(seconds=self.clock.now() if when is None else when)
        text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        fraction = f".{moment.microsecond:06d}".rstrip("0")
        return text + ("" if whole or fraction == "." else fraction) + "Z"

    def epoch_second(self) -> int:
        return int(self.clock.wall().timestamp())

    def namespaces(self) -> list[str]:
        return sorted({"default", *self.spaces, *(job.namespace for job in self.jobs.values())})

    def namespace_of(self, job_id: str) -> str:
        job = self.jobs.get(job_id)
        return job.namespace if job else "default"

    def keep_pool(self, name: str, description: str = "") -> int:
        """A pool is made by a call, or by the first client that joins it."""
        index = self.commit()
        known = self.pools.get(name) or {**self.pools["default"], "CreateIndex": index}
        self.pools[name] = {**known, "Name": name, "Description": description, "ModifyIndex": index}
        return index

    # --- nodes ---
    def touch_node(self, node: Node, message: str = "", *, subsystem: str = "Cluster", details: dict[str, str] | None = None, whole: bool = False) -> int:
        """Write a changed node, with an event if the version has them."""
        index = self.commit("nodes")
        node.modify = index
        node.status_at = self.epoch_second()
        if message and self.profile.node_events:
            node.events.append({"CreateIndex": index, "Details": details, "Message": message, "Subsystem": subsystem, "Timestamp": self.stamp(whole=whole)})
            del node.events[: -self.profile.keep_events]
        node.text.clear()
        self.tell("NodeEvent" if not message or message.startswith(("Node heartbeat", "Node re")) else "NodeDrain", index, node)
        return index

    def register_node(self, node: Node) -> None:
        known = self.nodes.get(node.id)
        if self.profile.node_pools and node.pool not in self.pools:
            self.keep_pool(node.pool)
        if known is None:
            node.create = node.modify = self.commit("nodes")
            node.status_at = self.epoch_second()
            if self.profile.node_events:
                node.events = [{"CreateIndex": 0, "Details": None, "Message": "Node registered", "Subsystem": "Cluster", "Timestamp": self.stamp(whole=True)}]
            self.nodes[node.id] = node
            self.of_node.setdefault(node.id, [])
            node.text.clear()
            self.tell("NodeRegistration", node.create, node)
        else:
            was_down = known.was_down = known.status == "down"
            known.status = "initializing"
            self.touch_node(known, "Node re-registered" if was_down and self.profile.says_reregistered else "", whole=True)

    def node_status(self, node: Node, status: str, message: str = "") -> None:
        """The heartbeat's news; a change to ready or down is work for the scheduler."""
        if node.status == status:
            return
        node.status = status
        self.touch_node(node, message)
        if status in ("ready", "down", "disconnected"):
            self.evaluate_node(node, "node-update")
        if status == "ready":
            self.scheduler.unblock()
        if not self.profile.drain_watches_jobs:
            self.drainer.look(node)

    def evaluate_node(self, node: Node, trigger: str) -> tuple[int, list[Evaluation]]:
        """An evaluation for each job with an allocation here, and for each system job; and their index, 0 if there is no such job."""
        jobs = {allocation.job.id: allocation.job for allocation in self.of_node.get(node.id, ())}
        for job in self.jobs.values():
            if job.type == "system" and not job.stop and job.fits(node):
                jobs.setdefault(job.id, job)
        jobs = {key: job for key, job in jobs.items() if key in self.jobs}
        if not jobs:
            return 0, []
        index = self.commit("evals")
        live = {a.job.id for a in self.of_node.get(node.id, ()) if not a.client_terminal}
        wanted = [job for job in jobs.values() if self.profile.evaluates_ended or job.type == "system" or job.id in live]
        return index, [self.scheduler.enqueue(job, trigger, index=index, node_id=node.id) for job in wanted]

    def forget_node(self, node: Node) -> tuple[int, list[Evaluation]]:
        """Purge: the record goes with its drain; what runs there is lost as soon as the scheduler looks."""
        del self.nodes[node.id]
        self.tell("NodeDeregistration", self.commit("nodes"), node)
        evaluations = self.evaluate_node(node, "node-update")
        client = self.clients.get(node.id)
        if client is not None:
            client.forgotten()
        return evaluations

    # --- jobs ---
    def register_job(self, given: dict[str, Any], namespace: str = "default") -> tuple[Job, Evaluation | None]:
        spec = complete_spec(given, self.profile.shapes)
        if spec.get("ParameterizedJob") and not self.profile.keeps_empty:
            spec["ParameterizedJob"] = {key: value or None for key, value in spec["ParameterizedJob"].items()}
        index = self.commit("jobs", "summaries")
        known = self.jobs.get(spec["ID"])
        job = Job(
            id=spec["ID"],
            spec=spec,
            type=spec["Type"],
            count=int(spec["TaskGroups"][0].get("Count") or 1),
            create=known.create if known else index,
            modify=index,
            job_modify=index,
            submit=self.clock.nanoseconds(),
            namespace=namespace,
            priority=int(spec.get("Priority") or 50),
            version=known.version + 1 if known else 0,
            summary_create=known.summary_create if known else index,
            summary_modify=index,
        )
        if known:
            job.allocations = known.allocations
            for allocation in job.allocations:
                allocation.job = job
        if self.profile.deployments and self.profile.deploys_unasked and (job.type == "service" or (job.type == "system" and self.profile.system_deployments)):
            job.deployment = self.new_id()
        self.jobs[job.id] = job
        job.children = known.children if known else []
        if job.parameterized:
            job.status = "running"
            return job, None
        job.snapshot = self.render.job(job)
        return job, self.scheduler.enqueue(job, "job-register")

    def dispatch_job(self, parent: Job, payload: str | None, meta: dict[str, Any], token: str) -> tuple[Job, Evaluation]:
        """A child of a parameterized job: the same job, dispatched, with its payload."""
        name = f"{parent.id}/dispatch-{self.epoch_second()}-{self.random.getrandbits(32):08x}"
        index = self.commit("jobs", "summaries")
        spec = {**parent.spec, "ID": name, "Name": name, "ParentID": parent.id, "Dispatched": True, "Payload": payload, "Meta": meta or None}
        if "DispatchIdempotencyToken" in spec:
            spec["DispatchIdempotencyToken"] = token
        child = Job(
            name, spec, parent.type, parent.count, index, index, index, self.clock.nanoseconds(), parent.namespace, parent.priority, parent=parent, token=token
        )
        child.summary_create = child.summary_modify = parent.summary_modify = index
        parent.children.append(child)
        parent.text.clear()
        self.jobs[name] = child
        child.snapshot = self.render.job(child)
        return child, self.scheduler.enqueue(child, "job-register")

    def deregister_job(self, job_id: str, purge: bool) -> Evaluation | None:
        """Stop a job. Below 0.6 it is forgotten at once; an unknown job gets an evaluation all the same, later versions do nothing."""
        if job_id not in self.jobs and not self.profile.unknown_job_evaluates:
            return None
        index = self.commit("jobs", "summaries")
        job = self.jobs.get(job_id)
        if job is None:
            evaluation = Evaluation(self.new_id(), job_id, "service", "job-deregister", index, index, self.clock.nanoseconds(), "complete", job_modify=index)
            self.keep_evaluation(evaluation)
            return evaluation
        job.stop = True
        job.version += 0 if self.profile.dereg_purges else 1
        job.modify = job.job_modify = index
        job.text.clear()
        if purge or self.profile.dereg_purges:
            self.jobs.pop(job_id, None)
            job.purged = self.profile.purge_takes_allocations
            self._drop_purged(job.allocations)
        evaluation = self.scheduler.enqueue(job, "job-deregister", index=index)
        evaluation.type = self.profile.deregister_type or job.type
        return evaluation

    def _drop_purged(self, allocations: Iterable[Allocation]) -> None:
        gone = [a for a in allocations if a.job.purged and a.client_terminal and a.id in self.allocations]
        for allocation in gone:
            self._drop(allocation)
        if gone:
            self.tables["allocs"] = self.index

    def _drop(self, allocation: Allocation) -> None:
        del self.allocations[allocation.id]
        self.of_node.get(allocation.node_id, []).remove(allocation)
        if allocation in allocation.job.allocations:
            allocation.job.allocations.remove(allocation)

    def keep_evaluation(self, evaluation: Evaluation) -> None:
        self.evaluations[evaluation.id] = evaluation
        self.of_job_evaluations.setdefault(evaluation.job_id, []).append(evaluation)

    # --- allocations ---
    def add_allocation(self, allocation: Allocation) -> None:
        self.allocations[allocation.id] = allocation
        self.of_node.setdefault(allocation.node_id, []).append(allocation)
        allocation.job.allocations.append(allocation)

    def touch_allocation(self, allocation: Allocation, index: int, *, by_server: bool) -> None:
        allocation.modify = index
        allocation.modify_time = self.clock.nanoseconds()
        if by_server:
            allocation.alloc_modify = index
        allocation.text.clear()
        allocation.job.summary_modify = index
        allocation.job.text.clear()
        self.tables["summaries"] = index

    def refresh_jobs(self, jobs: Iterable[Job], index: int) -> None:
        """The job's status follows its allocations."""
        for job in {id(job): job for job in jobs}.values():
            if job.stop:
                status = "dead"
            elif any(not a.client_terminal for a in job.allocations) or (job.type == "system"):
                status = "running"
            elif job.blocked is not None or not job.allocations:
                status = "pending"
            else:
                status = "dead"
            if job.type == "system" and not job.stop and not job.allocations:
                status = "pending"
            if status != job.status:
                job.status = status
                job.modify = index
                job.text.clear()
                self.tables["jobs"] = max(self.tables["jobs"], index)
                if job.parent is not None:
                    job.parent.summary_modify = index
                    job.parent.text.clear()

    def client_update(self, changes: list[Allocation]) -> None:
        """A client's batch has been applied: one index for all."""
        index = self.commit("allocs")
        ended = []
        for allocation in changes:
            self.touch_allocation(allocation, index, by_server=False)
            self.tell("AllocationUpdated", index, allocation)
            if allocation.client_terminal:
                ended.append(allocation)
        self.refresh_jobs([a.job for a in changes], index)
        for allocation in ended:
            self.scheduler.after_end(allocation)
        self.drainer.ended(changes)
        self.drainer.services_changed([a.job for a in changes])
        for job in {a.job.id: a.job for a in changes if a.health}.values():
            self._deployed(job)
        self._drop_purged(ended)

    def _deployed(self, job: Job) -> None:
        """A second after the last one is healthy the deployment is called successful (drain-migrate-block)."""
        healthy = [a for a in job.allocations if a.desired == "run" and a.health and a.health["Healthy"]]
        if len(healthy) >= job.count and not job.deployed:
            self.clock.after(1.05, lambda: self._successful(job))

    def _successful(self, job: Job) -> None:
        if not job.deployed:
            job.deployed = True
            self.scheduler.enqueue(job, "deployment-watcher")

    def tell_clients(self, allocations: Iterable[Allocation]) -> None:
        for allocation in allocations:
            client = self.clients.get(allocation.node_id)
            if client is not None:
                client.notice()

    # --- housekeeping ---
    def collect(self) -> None:
        """PUT /v1/system/gc: dead jobs with their allocations, ended evaluations, and all down nodes, drain and all."""
        for job in [j for j in self.jobs.values() if j.status == "dead" and all(a.client_terminal for a in j.allocations)]:
            if job.stop or job.type == "batch":
                self.jobs.pop(job.id, None)
                self.commit("jobs", "summaries")
        gone = [a for a in self.allocations.values() if a.client_terminal and (a.job.id not in self.jobs or a.job.stop)]
        for allocation in gone:
            self._drop(allocation)
        if gone:
            self.commit("allocs", "evals")
        for node in [n for n in self.nodes.values() if n.status == "down" and all(a.terminal for a in self.of_node.get(n.id, ()))]:
            del self.nodes[node.id]
            self.commit("nodes")

    def wake(self) -> None:
        with self.lock:
            self.news.notify_all()

    def visible_node(self, node_id: str) -> Node | None:
        nodes: dict[str, Node] = self.nodes if self.past is None else self.past.get("nodes", self.nodes)
        return nodes.get(node_id)

    def visible_on(self, node_id: str) -> list[Allocation]:
        here: dict[str, list[Allocation]] = self.of_node if self.past is None else self.past.get("alloc_of_node", self.of_node)
        return here.get(node_id, [])
