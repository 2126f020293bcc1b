# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nomad's nouns as frozen values, and how its JSON becomes them. Facts: recordings of servers 0.5.6 to 1.11.3."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN, Unknown

NANO = 1_000_000_000
LIVE = ("pending", "running", "unknown")  # `unknown` is not terminal: a cut-off client may still run it
SECOND = len("2026-11-22T06:34:02")
EMPTY: Mapping[str, str] = {}

Version = tuple[int, int, int]


class Strategy(NamedTuple):
    """A drain that is in force. `deadline` in seconds: 0 none, below 0 at once."""

    deadline: float
    ignore_system_jobs: bool


class LastDrain(NamedTuple):
    """The newest drain that the server remembers (from 1.1): history, not state. Times are the server's texts (RFC 3339)."""

    status: str
    started: str
    updated: str
    meta: tuple[tuple[str, str], ...] = ()


class Node(NamedTuple):
    """A Nomad client. What only its own object tells is UNKNOWN when it was read from the list."""

    id: str
    name: str
    status: str
    eligible: bool
    draining: bool
    strategy: Union[Strategy, None, Unknown] = UNKNOWN
    last_drain: Optional[LastDrain] = None
    reopened: Union[bool, Unknown] = UNKNOWN  # made eligible after the last drain began
    instance_id: Union[str, None, Unknown] = UNKNOWN
    version: str = ""
    datacenter: str = ""
    node_class: str = ""
    change: int = 0  # ModifyIndex
    pool: str = ""  # from 1.6

    @property
    def is_open(self) -> bool:
        """Nomad may place builds on it."""
        return self.eligible and not self.draining

    @property
    def is_ready(self) -> bool:
        """Its agent reports to the servers."""
        return self.status == "ready"


class Allocation(NamedTuple):
    """One run of a job on a client.

    `migrate`: a drain asked it to move (never told below 0.8); `fell`: given up since its client was down, final whatever is reported later;
    `modified` in ns of the server's clock; `created` is the index of its beginning: the greater, the newer.
    """

    id: str
    job: str
    node: str
    job_type: Optional[str]
    desired: str
    client: str
    migrate: bool = False
    fell: bool = False
    started: str = ""
    modified: int = 0
    created: int = 0

    @property
    def is_live(self) -> bool:
        """Its tasks run, may run, or are about to."""
        return self.client in LIVE

    @property
    def is_stopping(self) -> bool:
        """On its way to stop. A struck one keeps the wish "run" for a moment, with Migrate set (seen 1.11.3); a drain begun then hangs too."""
        return self.is_live and (self.desired != "run" or self.migrate)

    @property
    def is_build(self) -> bool:
        """An allocation of a batch job; a type that nobody told counts as one, the careful side."""
        return self.job_type in ("batch", None)


class Grant(NamedTuple):
    """What was proved of the token where ACLs are on.

    `words`: why it is not enough for a drain, and the remedy; `proof`: the state of its policies, where it is enough; `hints`: what it may not see besides;
    `lists_all`: with `sees_all`, it is shown every job too.
    """

    writes: bool = False
    sees_all: bool = False
    words: str = "nothing is known of the token in nomad_token; give a management token"
    proof: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    lists_all: bool = False


class Server(NamedTuple):
    """The servers as one. `paused`: the evaluation broker stands still, so drains end while all goes on running."""

    version: Version
    version_text: str = ""
    region: str = ""
    acl: bool = False
    paused: bool = False
    grant: Grant = Grant()

    @property
    def sees_all(self) -> bool:
        """An empty list of allocations is empty: nothing is left out for want of a right."""
        return not self.acl or self.grant.sees_all

    @property
    def lists_all(self) -> bool:
        """An empty list of jobs is empty too."""
        return not self.acl or (self.grant.sees_all and self.grant.lists_all)

    @property
    def doubt(self) -> str:
        """Why the token may not drain; "" where it may."""
        return self.grant.words if self.acl and not (self.grant.writes and self.grant.sees_all) else ""

    @property
    def everywhere(self) -> dict[str, str]:
        """The query for all namespaces. They came to everybody with 1.0; before, "*" is taken for the name of one, and a list is empty."""
        return {"namespace": "*"} if self.version >= (1, 0, 0) else {}

    @property
    def has_eligibility(self) -> bool:
        """From 0.8: cordon, drain with a specification, deadline. Before: a drain stops everything at once."""
        return self.version >= (0, 8, 0)

    @property
    def has_marks(self) -> bool:
        """From 1.1: a drain carries Meta, kept as LastDrain."""
        return self.version >= (1, 1, 0)


def version_from_text(text: str) -> Version:
    """(1, 4, 568) from "1.4.568-abc"; (0, 0, 0) where no version is told."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", text or "")
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)


def newest_version(nodes: Iterable[Node]) -> str:
    """Of the clients' agents, as they tell it; empty where none does."""
    return max((node.version for node in nodes), key=version_from_text, default="")


def node_from_stub(data: Mapping[str, Any]) -> Node:
    """A client as `/v1/nodes` lists it. Below 0.8 there is no eligibility: what does not drain is open."""
    draining = bool(data.get("Drain"))
    return Node(
        id=_id(data),
        name=data.get("Name") or "",
        status=data.get("Status") or "",
        eligible=data.get("SchedulingEligibility", "ineligible" if draining else "eligible") == "eligible",
        draining=draining,
        strategy=UNKNOWN if draining else None,
        last_drain=_last_drain(data.get("LastDrain")),
        version=data.get("Version") or "",
        datacenter=data.get("Datacenter") or "",
        node_class=data.get("NodeClass") or "",
        change=data.get("ModifyIndex") or 0,
        pool=data.get("NodePool") or "",
    )


def node_from_api(data: Mapping[str, Any]) -> Node:
    """A client as `/v1/node/<id>` tells it, with all that the list leaves out."""
    attributes = data.get("Attributes") or EMPTY
    stub = node_from_stub({**data, "Version": data.get("Version") or attributes.get("nomad.version")})
    return Node(
        **{
            **stub._asdict(),
            "strategy": _strategy(data),
            "reopened": _is_reopened(data.get("Events") or [], stub.last_drain),
            "instance_id": attributes.get("unique.platform.aws.instance-id") or attributes.get("unique.platform.gce.id") or None,
        }
    )


def allocation_from_api(data: Mapping[str, Any]) -> Allocation:
    """An allocation from a list's stub or in full (then the job is inside, with its type)."""
    job = data.get("Job") or EMPTY
    starts = [str(task.get("StartedAt") or "") for task in (data.get("TaskStates") or {}).values()]
    created = data.get("CreateTime") or 0
    return Allocation(
        id=_id(data),
        job=data.get("JobID") or "",
        node=data.get("NodeID") or "",
        job_type=data.get("JobType") or job.get("Type"),
        desired=data.get("DesiredStatus") or "run",
        client=data.get("ClientStatus") or "pending",
        fell="lost" in (data.get("DesiredDescription") or ""),
        migrate=bool((data.get("DesiredTransition") or EMPTY).get("Migrate")),
        started=min((text for text in starts if text and not text.startswith("0001")), default=""),
        modified=data.get("ModifyTime") or created,
        created=data.get("CreateIndex") or 0,
    )


def allocations_from_api(data: list[Mapping[str, Any]]) -> tuple[Allocation, ...]:
    """A client's allocations, as it lists them itself."""
    if not isinstance(data, list):
        raise TypeError("not a list")
    return tuple(allocation_from_api(entry) for entry in data)


def _id(data: Mapping[str, Any]) -> str:
    """What has no id is nothing of Nomad's."""
    if not isinstance(data["ID"], str):
        raise TypeError("no id")
    return data["ID"]


def _strategy(data: Mapping[str, Any]) -> Optional[Strategy]:
    given = data.get("DrainStrategy")
    if given:
        return Strategy((given.get("Deadline") or 0) / NANO, bool(given.get("IgnoreSystemJobs")))
    # Below 0.8 a drain has no strategy: it is one without deadline, and it spares nothing.
    return Strategy(0.0, False) if data.get("Drain") else None


def _last_drain(given: Optional[Mapping[str, Any]]) -> Optional[LastDrain]:
    if not given:
        return None
    meta = tuple(sorted((str(key), str(value)) for key, value in (given.get("Meta") or EMPTY).items()))
    return LastDrain(given.get("Status") or "", given.get("StartedAt") or "", given.get("UpdatedAt") or "", meta)


def _is_reopened(events: list[Mapping[str, Any]], drain: Optional[LastDrain]) -> bool:
    """Whether the client was open again after the last drain was set.

    By the order of events, since StartedAt is cut to the second. "Marked as ineligible" shows it too: an order that changes nothing leaves no event.
    """
    for event in reversed(events):
        words = str(event.get("Message") or "")
        if words.startswith("Node drain strategy set"):
            return False
        if words.startswith("Node marked as"):
            return drain is None or str(event.get("Timestamp") or "")[:SECOND] >= drain.started[:SECOND]
    return False
