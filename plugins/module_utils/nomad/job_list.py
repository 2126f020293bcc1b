# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as a list for people: read once, each with why it waits, and one verdict on the queue. Never changes anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, NotPermitted, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Unknown
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import READ_BOUND, NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.diagnosis import diagnose
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job import Evaluation, Job, evaluations_from_api, jobs_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.lists import Lists
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.mark import mark_of
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Node, Server, newest_version, node_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.queue import Blocked, Picture, blocked
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.servers import read_server

STATUSES = ("pending", "running", "dead")
SECOND_LOOK = 1.0  # s; a job read before its evaluation was written looks forgotten
Found = Mapping[tuple[str, str], Blocked]


@dataclass(frozen=True)
class JobListSpec:
    """Which jobs: ids, or beginnings of ids with `*` behind; and in which status. Empty: all."""

    jobs: tuple[str, ...] = ()
    status: tuple[str, ...] = ()


def job_list_spec(params: Mapping[str, Any]) -> JobListSpec:
    """The wish from the module's parameters; raises BadInput with the first entry that cannot name anything."""
    spec = spec_from_params(JobListSpec, params)
    for text in spec.jobs:
        if not text.strip() or "*" in text[:-1]:
            raise BadInput(f"jobs holds {text!r}, which is no job; give a job's id, or the beginning of one with * behind it")
    for text in spec.status:
        if text not in STATUSES:
            raise BadInput(f"status holds {text!r}, which no job has; give some of {', '.join(STATUSES)}")
    return spec


def read_job_list(client: NomadClient, spec: JobListSpec, clock: Clock) -> Json:
    """`jobs`, `summary`, `diagnosis` and `server` of the result."""
    lists = Lists(client, clock, READ_BOUND)
    picture = _chosen(_picture(client, lists), spec)
    found = _blocked(picture)
    if any(one.reason == "no_evaluation" for one in found.values()):
        clock.sleep(SECOND_LOOK)
        picture = _chosen(_picture(client, lists), spec)
        found = _blocked(picture)
    now = clock.wall().timestamp()
    listed = None if picture.is_blind else [_view(job, found, now) for job in picture.jobs or () if not spec.status or job.status in spec.status]
    return {
        "jobs": listed,
        "summary": None if picture.is_blind else summary(picture.jobs or (), found),
        "diagnosis": diagnose(picture, found),
        "server": {"version": picture.server.version_text, "region": picture.server.region},
    }


def summary(jobs: Sequence[Job], found: Found) -> Json:
    """How many jobs are in each status, and how many wait for each reason. Parents are none of them: nothing runs in one."""
    counts = Counter(job.status for job in jobs if not job.is_parent)
    by_reason = Counter(one.reason for one in found.values())
    return {**{status: counts[status] for status in STATUSES}, "parents": sum(job.is_parent for job in jobs), "blocked": dict(sorted(by_reason.items()))}


def read_jobs(client: NomadClient, server: Server, prefix: str = "") -> tuple[Job, ...]:
    """The jobs of all namespaces whose id begins with `prefix`."""
    query = {**({"prefix": prefix} if prefix else {}), **server.everywhere}
    with doing("read the list of jobs"):
        return client.parsed(jobs_from_api, client.read("jobs", bound=READ_BOUND, **query).body)


def find_job(client: NomadClient, server: Server, name: str) -> Optional[Job]:
    """The job of this id, in whatever namespace; None where the servers know none. Raises BadInput where several namespaces have one."""
    found = [job for job in read_jobs(client, server, name) if job.id == name]
    if len(found) > 1:
        places = ", ".join(job.namespace for job in found)
        raise BadInput(f"job is {name!r}, which is a job in each of the namespaces {places}; which one is meant cannot be told")
    return found[0] if found else None


# -- reading ---------------------------------------------------------------------------------------


def _picture(client: NomadClient, lists: Lists) -> Picture:
    nodes: Optional[tuple[Node, ...]] = None
    try:
        with doing("read the list of clients"):
            nodes = tuple(lists.nodes().values())
    except NotPermitted:
        pass
    with doing("ask the servers about themselves"):
        server = read_server(client, newest_version(nodes or ()), READ_BOUND)
    if nodes is None or not server.lists_all:
        return Picture(server, nodes, None)
    jobs = read_jobs(client, server)
    return Picture(server, _marked(client, nodes), jobs, _evaluations(client, server, [job for job in jobs if job.is_waiting]))


def _marked(client: NomadClient, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The clients; where none is open, the marked ones by their own objects, since whether a mark still holds their events tell."""
    if any(node.is_open and node.is_ready for node in nodes):
        return nodes
    return tuple(_own(client, node) if isinstance(node.reopened, Unknown) and mark_of(node) else node for node in nodes)


def _own(client: NomadClient, node: Node) -> Node:
    try:
        with doing(f"read client {node.name}"):
            return client.parsed(node_from_api, client.read("node", node.id).body)._replace(pool=node.pool)
    except NotFound:  # gone since the list was read
        return node


def _evaluations(client: NomadClient, server: Server, jobs: Sequence[Job]) -> dict[tuple[str, str], list[Evaluation]]:
    """The waiting jobs' evaluations. One namespace at a time: "*" gives an empty list on 1.1 (recorded, with a management token)."""
    wanted: dict[tuple[str, str], list[Evaluation]] = {job.key: [] for job in jobs}
    # Up to 1.5 a wish for a status is not known to be heard (ignored by 1.1.2): there all come, here the job's id decides.
    states: tuple[dict[str, str], ...] = ({"status": "blocked"}, {"status": "pending"}) if server.version >= (1, 6, 0) else ({},)
    for namespace in sorted({job.namespace for job in jobs}):
        for state in states:
            query = {**state, **({"namespace": namespace} if namespace else {})}
            with doing("read the list of evaluations"):
                listed = client.parsed(evaluations_from_api, client.read("evaluations", bound=READ_BOUND, **query).body)
            for one in listed:
                wanted.get((namespace, one.job), []).append(one)
    return wanted


# -- telling ---------------------------------------------------------------------------------------


def _chosen(picture: Picture, spec: JobListSpec) -> Picture:
    """The picture with the named jobs only. Raises NotFound for an id that no job has."""
    if picture.jobs is None or not spec.jobs:
        return picture
    for text in spec.jobs:
        if not text.endswith("*") and not any(job.id == text for job in picture.jobs):
            raise NotFound(f"jobs holds {text!r}, but the servers know no such job (ended ones are forgotten after some hours); {len(picture.jobs)} are known")
    return replace(picture, jobs=tuple(job for job in picture.jobs if any(_names(text, job.id) for text in spec.jobs)))


def _names(text: str, job: str) -> bool:
    return job.startswith(text[:-1]) if text.endswith("*") else job == text


def _blocked(picture: Picture) -> dict[tuple[str, str], Blocked]:
    told = {job.key: blocked(job, picture) for job in picture.jobs or ()}
    return {key: one for key, one in told.items() if one}


def _view(job: Job, found: Found, now: float) -> Json:
    why = found.get(job.key)
    return {
        "id": job.id,
        "namespace": job.namespace or None,
        "type": job.type,
        "status": job.status,
        "parent": job.parent or None,
        "children": dict(job.children) if job.children is not None else None,
        "placed": job.placed,
        "queued": job.queued,
        "blocked_reason": why.reason if why else None,
        "blocked_words": why.words if why else None,
        "age": None if job.submitted is None else max(0.0, round(now - job.submitted, 1)),
    }
