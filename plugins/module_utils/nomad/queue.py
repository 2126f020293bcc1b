# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a job waits: one word and one sentence for each, from the clients as they are now and what the scheduler said when it gave up.

What the clients are now comes first: the scheduler's words are as old as its last try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job import Evaluation, Job, Shortage
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Node, Server

# The order decides which of two that hold for as many jobs is told first.
REASONS = (
    "paused_broker",
    "no_clients",
    "clients_down",
    "clients_closed",
    "full_cpu",
    "full_memory",
    "full_disk",
    "full_other",
    "wrong_datacenter",
    "wrong_pool",
    "wrong_class",
    "wrong_version",
    "missing_driver",
    "wrong_constraint",
    "no_evaluation",
    "not_evaluated",
    "unknown",
)
# What a constraint's text tells of its kind; texts as the scheduler writes them ("${node.class} = linux-32bit").
KINDS = (
    ("${node.datacenter}", "wrong_datacenter"),
    ("${node.pool}", "wrong_pool"),
    ("${node.class}", "wrong_class"),
    ("nomad.version", "wrong_version"),
    ("missing drivers", "missing_driver"),
)
DIMENSIONS = ("cpu", "memory", "disk")  # below 0.9 with " exhausted" behind


@dataclass(frozen=True)
class Picture:
    """The queue as it was read. `nodes` or `jobs` are None where the token may not see all of them: an empty list would be a lie."""

    server: Server
    nodes: Optional[tuple[Node, ...]]
    jobs: Optional[tuple[Job, ...]]
    evaluations: Mapping[tuple[str, str], Sequence[Evaluation]] = field(default_factory=dict)

    @property
    def is_blind(self) -> bool:
        """Something that matters could not be seen."""
        return self.nodes is None or self.jobs is None


@dataclass(frozen=True)
class Blocked:
    """Why one job waits: a word of REASONS, and a sentence."""

    reason: str
    words: str


def blocked(job: Job, picture: Picture) -> Optional[Blocked]:
    """Why the job waits; None where it does not."""
    if not job.is_waiting:
        return None
    if picture.server.paused:
        return Blocked("paused_broker", "the evaluation broker is paused, so nothing is placed")
    evaluations = sorted(picture.evaluations.get(job.key) or (), key=lambda one: -one.index)
    shortage = _newest_shortage(evaluations)
    if job.status != "pending" and not any(one.status in ("blocked", "pending") for one in evaluations):
        return None  # placed, and nothing on the servers' list: the summary's count of queued ones is left over
    return _clients(job, shortage, picture.nodes or ()) or _by_shortage(shortage) or _by_evaluations(evaluations)


def clients_state(nodes: Sequence[Node]) -> Optional[Blocked]:
    """What is wrong with clients that could take a job, if it is not the job itself; None where one is open and ready."""
    if not nodes:
        return Blocked("no_clients", "no client is registered")
    ready = [node for node in nodes if node.is_ready]
    if not ready:
        return Blocked("clients_down", f"none of {len(nodes)} clients is ready")
    if not any(node.is_open for node in ready):
        return Blocked("clients_closed", f"each of the {len(ready)} ready clients is draining or ineligible")
    return None


def _clients(job: Job, shortage: Optional[Shortage], nodes: Sequence[Node]) -> Optional[Blocked]:
    """Whether any client that could take the job by its datacenter and pool is there, ready and open."""
    if not nodes:
        return clients_state(nodes)
    pool = [node for node in nodes if job.pool in ("", "all", node.pool)]
    if not pool:
        return Blocked("wrong_pool", f"no client is in its node pool {job.pool}")
    wanted = job.datacenters or tuple(shortage.available if shortage else ())  # below 0.10 only the scheduler's words tell them
    near = [node for node in pool if not wanted or any(fnmatchcase(node.datacenter, one) for one in wanted)]
    if not near:
        there = ", ".join(sorted({node.datacenter for node in pool}))
        return Blocked("wrong_datacenter", f"no client is in its datacenter {', '.join(wanted)}; they are in {there}")
    return clients_state(near)


def _newest_shortage(evaluations: Sequence[Evaluation]) -> Optional[Shortage]:
    return next((one.shortages[0] for one in evaluations if one.shortages), None)


def _by_shortage(shortage: Optional[Shortage]) -> Optional[Blocked]:
    """What the scheduler said. A client that fits and is full weighs more than one that does not fit: it is the one to wait for."""
    if shortage is None:
        return None
    if shortage.exhausted:
        what = _most(shortage.dimensions) or "something unnamed"
        word = next((one for one in DIMENSIONS if what.startswith(one)), "other")
        fitting = shortage.evaluated - shortage.filtered
        return Blocked(f"full_{word}", f"{shortage.exhausted} of {max(fitting, shortage.exhausted)} clients that fit are full: {what}")
    if shortage.filtered:
        rule = _most(shortage.constraints) or "an unnamed constraint"
        kind = next((word for text, word in KINDS if text in rule), "wrong_constraint")
        return Blocked(kind, f"{shortage.filtered} of {shortage.evaluated} clients do not fit: {rule}")
    return None


def _by_evaluations(evaluations: Sequence[Evaluation]) -> Blocked:
    """What is left when the scheduler named no shortage, or one that is over by now."""
    states = {one.status for one in evaluations}
    if "pending" in states:
        return Blocked("not_evaluated", "its evaluation is still to be worked on")
    if "blocked" in states:
        known = any(one.shortages for one in evaluations)
        # A try that fails again leaves the words of the first: they may be older than the last try.
        over = "no client was open when the scheduler said why it waits, and one is now: it has not tried since, or does not say why it failed again"
        words = over if known else "its evaluation is blocked, and the servers do not say by what"
        return Blocked("not_evaluated" if known else "unknown", words)
    return Blocked("no_evaluation", "no evaluation of it is blocked or pending: the servers have forgotten that it waits")


def _most(counts: Mapping[str, int]) -> str:
    return min(counts, key=lambda key: (-counts[key], key), default="")
