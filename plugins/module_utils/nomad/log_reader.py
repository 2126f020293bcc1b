# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches the end of one allocation's log: from the servers, or below 0.9 from the client that holds it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import (
    BadInput,
    CollectionError,
    NotFound,
    NotPermitted,
    Refused,
    Unreachable,
    doing,
)
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import READ_BOUND, NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job import Job
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job_list import find_job, read_jobs
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.logs import (
    LogSpec,
    Tail,
    by_prefix,
    chosen,
    first_size,
    hides_refusals,
    is_forwarded,
    tail_of,
    task_for,
    tasks_of,
)
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, Server, allocation_from_api, allocations_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.servers import read_server

LOG_BOUND = 10.0  # s; a client that cannot be reached is not waited for as a leader is
# The client has collected it (recorded: 404 from 1.7, 500 on 1.1.2, 500 of the client itself on 0.5.6).
GONE = ("not found on client", "failed to list entries", "unknown allocation ID")
WHOLE = 36


def read_log(client: NomadClient, spec: LogSpec) -> Json:
    """`log` and whose it is."""
    with doing("ask the servers about themselves"):
        server = read_server(client, "", READ_BOUND)
    allocation_id, known = _named(client, server, spec)
    with doing(f"read allocation {allocation_id}"):
        told = _allocation(client, allocation_id)
        allocation = client.parsed(allocation_from_api, told)
        task = task_for(spec, allocation, client.parsed(tasks_of, told))
    with doing(f"read client {allocation.node}"):
        holder = _holder(client, allocation)
    with doing(f"read the {spec.stream} of task {task} of allocation {allocation.id} on client {holder['name']}"):
        tail = _tail(_agent(client, server, holder), allocation, task, spec)
        if not tail.text and hides_refusals(server):
            raise NotPermitted("nothing came: the log is empty, or nomad_token may not read logs (read-logs); this Nomad says the same to both")
    return _told(tail, spec.stream, task, known, {**_of(allocation), "client": holder["name"]})


def _told(tail: Tail, stream: str, task: str, known: int, allocation: Json) -> Json:
    told = {"log": tail.text, "lines": tail.lines, "truncated": not tail.whole, "stream": stream, "task": task}
    return {**told, "job": allocation.pop("job"), "allocation": allocation, "allocations": known}


def _of(one: Allocation) -> Json:
    return {"id": one.id, "job": one.job, "status": one.client, "desired": one.desired, "started": one.started or None, "client_id": one.node}


# -- which allocation ------------------------------------------------------------------------------


def _named(client: NomadClient, server: Server, spec: LogSpec) -> tuple[str, int]:
    """The id of the allocation that is meant, and of how many it was chosen."""
    if spec.job:
        return _of_job(client, server, spec.job)
    given = (spec.allocation or "").lower()
    if len(given) == WHOLE:
        return given, 1
    # Servers look ids up by whole bytes: an odd number of digits is refused with 500.
    digits = given if len(given.replace("-", "")) % 2 == 0 else given[:-1]
    query = {"prefix": digits.rstrip("-"), **server.everywhere}
    with doing("read the list of allocations"):
        found = client.parsed(allocations_from_api, client.read("allocations", bound=READ_BOUND, **query).body)
    return by_prefix(found, given).id, 1


def _of_job(client: NomadClient, server: Server, name: str) -> tuple[str, int]:
    job = find_job(client, server, name)
    if job and job.is_parent:
        raise BadInput(f"job is {name!r}, of which nothing runs itself: it only brings forth others; name one of them{_newest(client, server, job)}")
    query = {"all": "true", **({"namespace": job.namespace} if job and job.namespace else {})}
    with doing(f"read the allocations of job {name}"):
        found = client.parsed(allocations_from_api, client.read("job", quote(name, safe=""), "allocations", bound=READ_BOUND, **query).body)
    one = chosen(found)
    if one is None and job is None:
        raise NotFound(f"job is {name!r}, but the servers know no such job that nomad_token may read (ended ones are forgotten after some hours)")
    if one is None:
        raise Refused(f"job {name} is {job.status if job else ''} and never got a client, so there is no log; nomad_job_info says why it waits")
    return one.id, len(found)


def _newest(client: NomadClient, server: Server, parent: Job) -> str:
    children = [job for job in read_jobs(client, server, parent.id + "/") if job.parent == parent.id]
    newest = max(children, key=lambda job: (job.submitted or 0.0, job.id), default=None)
    return f", of {len(children)} the newest is {newest.id}" if newest else ""


def _allocation(client: NomadClient, item: str) -> Any:
    try:
        return client.read("allocation", item).body
    except (NotFound, Refused):  # to a token that may not read its job: 500 (recorded)
        raise NotFound(f"the servers know no allocation {item} that nomad_token may read (ended ones are forgotten after some hours)") from None


# -- from whom -------------------------------------------------------------------------------------


def _holder(client: NomadClient, allocation: Allocation) -> Json:
    """Name and address of the client that holds the log; its id as a name where the servers have forgotten it."""
    try:
        told = client.read("node", allocation.node).body
    except (NotFound, NotPermitted):
        return {"name": allocation.node, "address": ""}
    return client.parsed(lambda body: {"name": str(body["Name"]), "address": str(body.get("HTTPAddr") or "")}, told)


def _agent(client: NomadClient, server: Server, holder: Json) -> NomadClient:
    if is_forwarded(server):
        return client
    # Bound to every address and told to advertise none, an agent calls itself 0.0.0.0: asked from here, that is this machine.
    if not holder["address"] or holder["address"].startswith(("0.0.0.0:", "[::]:")):
        told = holder["address"] or "no address"
        raise Refused(f"Nomad {server.version_text} keeps logs on the client alone, and the servers tell {told} for it; set `advertise` on its agent")
    return client.at(holder["address"])


def _tail(agent: NomadClient, allocation: Allocation, task: str, spec: LogSpec) -> Tail:
    """Only the end is fetched: more of it only where lines are longer than guessed. Plain text: known by every version since 0.5 (recorded)."""
    size = first_size(spec.tail)
    while True:
        query = {"task": task, "type": spec.stream, "plain": "true", "origin": "end", "offset": str(size)}
        try:
            data = agent.read_bytes("client", "fs", "logs", allocation.id, bound=LOG_BOUND, **query)
        except CollectionError as error:
            raise _named_error(error, agent) from None
        found = tail_of(data, size, spec.tail)
        if found:
            return found
        size *= 4


def _named_error(error: CollectionError, agent: NomadClient) -> CollectionError:
    """What a refusal means: the client has forgotten the log, or nobody reaches the client."""
    said = str(error)
    if any(words in said for words in GONE):
        return NotFound("its log is gone: the client has collected it")
    if isinstance(error, Unreachable):
        return Unreachable(f"{said}; the log lies on the client's disk and cannot be had while the client, or the road to {agent.place}, is down")
    return error
