"""Calls about jobs, allocations and evaluations."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import TYPE_CHECKING
from urllib.parse import unquote

from lab.nomad.acl import Acl
from lab.nomad.api_dispatch import DispatchCalls
from lab.nomad.api_nodes import PUT, check_prefix
from lab.nomad.cluster import Cluster
from lab.nomad.model import Job
from lab.nomad.render import dumps, joined
from lab.nomad.wire import Answer, Blocked, Fail, Request, Response

if TYPE_CHECKING:
    from lab.nomad.api import Api


class JobCalls:
    def __init__(self, cluster: Cluster, acl: Acl, dispatches: DispatchCalls) -> None:
        self.c = cluster
        self.dispatches = dispatches
        self.acl = acl
        self._kept: tuple[tuple[int, int], bytes] = ((-1, -1), b"")

    def _answer(self, body: bytes, index: int | None) -> Answer:
        return Answer(body, index)

    # --- jobs ---
    def listed(self, request: Request) -> Answer:
        c = self.c
        sees = self.acl.view(request, "list-jobs")
        if sees is None:
            return self._answer(b"[]", 0)
        prefix = request.query.get("prefix", "")
        jobs = sorted((j for j in c.jobs.values() if j.id.startswith(prefix) and sees(j.namespace)), key=lambda j: j.id)
        return self._answer(joined([c.render.job_stub(j) for j in jobs]), max(c.tables["jobs"], c.tables["summaries"]))

    def _find(self, job_id: str, table: str) -> Job:
        job = self.c.jobs.get(job_id)
        if job is None:
            raise Fail(404, "job not found", self.c.tables[table])
        return job

    def _named(self, request: Request, job_id: str) -> str:
        """A job of that name in another namespace is another job: not there."""
        job = self.c.jobs.get(job_id)
        elsewhere = job is not None and self.c.profile.acl and job.namespace != request.query.get("namespace", "default")
        return "elsewhere/" + job_id if elsewhere else job_id

    def route(self, api: "Api", request: Request, rest: str, get: bool) -> Response | Blocked:
        rest = self._named(request, unquote(rest))
        job_id, slash, tail = rest.rpartition("/")
        job_id = self._named(request, job_id)
        if slash and tail in ("allocations", "summary", "evaluations"):
            api.only_get(get)
            return api.get(request, lambda r: getattr(self, "job_" + tail)(r, job_id))
        if slash and tail == "dispatch" and request.method in PUT:
            return api.write(request, lambda r: self.dispatches.dispatch(r, job_id))
        if request.method == "DELETE":
            return api.write(request, lambda r: self.delete(r, rest))
        if request.method in PUT:
            return api.write(request, self.register)
        api.only_get(get)
        return api.get(request, lambda r: self.read(r, rest))

    def read(self, request: Request, job_id: str) -> Answer:
        self.acl.job(request, "read-job")
        job = self._find(job_id, "jobs")
        return self._answer(self.c.render.job(job), job.modify)

    def job_allocations(self, request: Request, job_id: str) -> Answer:
        """Also of a purged job, while they are kept; index: the table's."""
        self.acl.job(request, "read-job")
        job = self.c.jobs.get(job_id)
        every = request.query.get("all") == "true"
        here = [a for a in self.c.allocations.values() if a.job.id == job_id] if job is None or every else job.allocations
        return self._answer(joined([self.c.render.allocation_stub(a) for a in sorted(here, key=lambda a: a.id)]), self.c.tables["allocs"])

    def job_summary(self, request: Request, job_id: str) -> Answer:
        self.acl.job(request, "read-job")
        job = self._find(job_id, "summaries")
        return self._answer(self.c.render.summary(job), max(job.summary_modify, job.summary_create))

    def job_evaluations(self, request: Request, job_id: str) -> Answer:
        self.acl.job(request, "read-job")
        found = sorted(self.c.of_job_evaluations.get(job_id, ()), key=lambda e: -e.create)
        return self._answer(joined([self.c.render.evaluation(e) for e in found]), self.c.tables["evals"])

    def register(self, request: Request) -> Response:
        given = request.json("api.JobRegisterRequest").get("Job")
        if not isinstance(given, dict) or not given.get("ID"):
            raise Fail(400, "Job must be specified")
        self.acl.job(request, "submit-job", given.get("Namespace") or "default")
        if not (given.get("TaskGroups") or [{}])[0].get("Tasks"):
            raise Fail(500, "Missing tasks for task group")
        pool = given.get("NodePool") or "default"
        if self.c.profile.node_pools and pool not in self.c.pools:
            raise Fail(500, f'1 error occurred:\n\t* job "{given["ID"]}" is in nonexistent node pool "{pool}"\n\n')
        job, evaluation = self.c.register_job(given, given.get("Namespace") or "default")
        body = dict(self.c.profile.shapes["register"])
        index = evaluation.create if evaluation else job.job_modify
        body.update(Index=index, JobModifyIndex=job.job_modify, EvalID=evaluation.id if evaluation else "")
        body["EvalCreateIndex"] = evaluation.create if evaluation else 0
        return Response(200, dumps(body), {"Content-Type": "application/json", "X-Nomad-Index": str(index)})

    def delete(self, request: Request, job_id: str) -> Response:
        self.acl.job(request, "submit-job")
        evaluation = self.c.deregister_job(job_id, request.query.get("purge") == "true")
        body = dict(self.c.profile.shapes["deregister"])
        if evaluation is None:
            body.update(Index=0, EvalID="", EvalCreateIndex=0, JobModifyIndex=0)
            return Response(200, dumps(body), {"Content-Type": "application/json", "X-Nomad-Index": "0"})
        body.update(Index=evaluation.create, EvalID=evaluation.id, EvalCreateIndex=evaluation.create, JobModifyIndex=evaluation.job_modify)
        return Response(200, dumps(body), {"Content-Type": "application/json", "X-Nomad-Index": str(evaluation.create)})

    # --- allocations ---
    def allocations(self, request: Request) -> Answer:
        c = self.c
        sees = self.acl.view(request, "read-job")
        if sees is None:
            return self._answer(b"[]", c.tables["allocs"])
        prefix = request.query.get("prefix", "")
        if prefix:
            check_prefix(prefix, "alloc")
        mine = request.query.get("namespace", "default")
        key = (c.tables["allocs"], c.generation)
        shared = request.rights.management and not prefix and mine in ("*", "default") and all(j.namespace == "default" for j in c.jobs.values())
        if shared and self._kept[0] == key:
            return self._answer(self._kept[1], key[0])
        here = sorted((a for a in c.allocations.values() if a.id.startswith(prefix) and sees(a.job.namespace)), key=lambda a: a.id)
        text = joined([c.render.allocation_stub(a) for a in here])
        if shared:
            self._kept = (key, text)
        return self._answer(text, key[0])

    def allocation(self, request: Request, allocation_id: str) -> Answer:
        known = self.c.allocations.get(allocation_id)
        self.acl.allocation(request, allocation_id, known.job.namespace if known else "")
        if len(allocation_id) != 36:
            raise Fail(500, "alloc lookup failed: index error: UUID must be 36 characters")
        allocation = self.c.allocations.get(allocation_id)
        if allocation is None:
            raise Fail(404, "alloc not found", self.c.tables["allocs"])
        return self._answer(self.c.render.allocation(allocation), allocation.modify)
