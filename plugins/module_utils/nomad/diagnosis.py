# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One verdict on the queue, with evidence and the next act: the first cause that explains why builds wait, or would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job import Job
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.mark import NO_PLACE, mark_of
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Node, Server
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.queue import REASONS, Blocked, Picture, clients_state

NAMED = 5  # names in one line of evidence
NEXT = {
    "cannot_see": "give nomad_token a token that may read clients and the jobs of every namespace, and run this again",
    "paused_broker": "unpause it: set PauseEvalBroker to false in the scheduler configuration (/v1/operator/scheduler/configuration)",
    "no_clients": "start clients; if machines run, look at their agents' log for a refused connection, token or certificate",
    "clients_down": "look at the machines and at the agents on them: they run but do not reach the servers, or they do not run",
    "clients_closed": "open those that may take builds again: ansible-playbook serverops.circleci.release -e nomad_drain_nodes=...; or start others",
    "full_cpu": "add clients, or wait until builds end; a job that asks for more cpu than a client has never starts",
    "full_memory": "add clients, or wait until builds end; a job that asks for more memory than a client has never starts",
    "full_disk": "free disk on the clients, or add clients with more of it",
    "full_other": "add clients that have free what is named",
    "wrong_datacenter": "start clients in that datacenter, or set `datacenter` of the clients' agents to what the jobs ask for",
    "wrong_pool": "start clients in that node pool, or set `node_pool` of the clients' agents to what the jobs ask for",
    "wrong_class": "start clients of that class, or set `node_class` of the clients' agents to what the jobs ask for",
    "wrong_version": "upgrade the clients' agents to the version that is asked for",
    "missing_driver": "repair the driver on the clients (for builds: Docker must run) and look at the agents' log",
    "wrong_constraint": "start clients that meet the constraint, or call the job off with nomad_job_stop",
    "no_evaluation": "have the servers evaluate the job anew (POST /v1/job/<id>/evaluate), or start the build again",
    "not_evaluated": "wait a minute and run this again; if it stays, the open clients have no room or do not fit: add some, and look at the servers' log",
    "unknown": "look at the job's evaluations (/v1/job/<id>/evaluations) and at the servers' log",
    "nothing_waits": "nothing here; if builds are queued all the same, they have not reached Nomad: look at what hands them over",
}


def diagnose(picture: Picture, found: Mapping[tuple[str, str], Blocked]) -> Json:
    """The verdict: a word of NEXT, a sentence, the evidence line by line, and what to do next. `found` holds the waiting jobs."""
    verdict, reason = _verdict(picture, found)
    return {"verdict": verdict, "reason": reason, "evidence": _evidence(picture, found), "next_act": NEXT[verdict]}


def _verdict(picture: Picture, found: Mapping[tuple[str, str], Blocked]) -> tuple[str, str]:
    if picture.is_blind:
        return "cannot_see", "nomad_token is not known to see every client and every job, so nothing can be said about the queue"
    waits = f"{len(found)} {'job waits' if len(found) == 1 else 'jobs wait'}"
    if picture.server.paused:
        return "paused_broker", f"the evaluation broker is paused, so nothing is placed; {waits}"
    state = clients_state(picture.nodes or ())
    if state:
        return state.reason, f"{state.words}; {waits}"
    if not found:
        return "nothing_waits", "no job waits for a client"
    counts = Counter(one.reason for one in found.values())
    word = min(counts, key=lambda reason: (-counts[reason], REASONS.index(reason)))
    words = next(one.words for _key, one in sorted(found.items()) if one.reason == word)
    return word, f"{waits}, {counts[word]} of them because {words}" if counts[word] < len(found) else f"{waits}: {words}"


def _evidence(picture: Picture, found: Mapping[tuple[str, str], Blocked]) -> list[str]:
    lines = [_clients_line(picture.nodes), _jobs_line(picture.jobs)]
    by_reason: dict[str, list[tuple[str, Blocked]]] = {}
    for (_namespace, job), one in sorted(found.items()):
        by_reason.setdefault(one.reason, []).append((job, one))
    for reason in sorted(by_reason, key=REASONS.index):
        held = by_reason[reason]
        lines.append(f"{reason}: {_names([job for job, _one in held])}; {held[0][1].words}")
    return lines + closed_by(picture.nodes or (), picture.server)


def _clients_line(nodes: Optional[Sequence[Node]]) -> str:
    if nodes is None:
        return "clients: not to be seen with this token"
    ready = [node for node in nodes if node.is_ready]
    numbers = {
        "ready": len(ready),
        "open": sum(node.is_open for node in ready),
        "draining": sum(node.draining for node in nodes),
        "cordoned": sum(not node.eligible and not node.draining for node in nodes),
        "not ready": len(nodes) - len(ready),
    }
    return f"clients: {len(nodes)}; " + ", ".join(f"{count} {word}" for word, count in numbers.items())


def _jobs_line(jobs: Optional[Sequence[Job]]) -> str:
    if jobs is None:
        return "jobs: not to be seen with this token"
    numbers = Counter(job.status for job in jobs if not job.is_parent)
    return "jobs: " + ", ".join(f"{numbers[status]} {status}" for status in ("pending", "running", "dead"))


def closed_by(nodes: Sequence[Node], server: Server) -> list[str]:
    """Who closed the closed clients, by their marks: one line an owner."""
    owners: dict[str, list[str]] = {}
    for node in sorted(nodes, key=lambda one: one.name):
        if node.is_ready and not node.is_open:
            owners.setdefault(_closer(node, server), []).append(node.name)
    return [f"closed by {owner}: {_names(names)}" for owner, names in sorted(owners.items())]


def _closer(node: Node, server: Server) -> str:
    mark = mark_of(node) if server.has_marks else NO_PLACE
    if mark == NO_PLACE:
        return "somebody (this Nomad keeps no mark of who)"
    if mark is None:
        return "somebody who left no mark"
    return f"{mark.owner} ({mark.intent}, since {mark.since})"  # type: ignore[union-attr]


def _names(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
