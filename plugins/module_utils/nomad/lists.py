# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two lists, clients and allocations: read, kept while they cannot matter, and waited on by one blocking query at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import Answer, NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, Node, Server, allocation_from_api, node_from_stub

PACE = 0.25  # s between two waits on a list: a busy cluster changes its allocations all the time
SLOW_PACE = 1.0  # s, for a list of a thousand entries and more: an answer is the whole list
LONG = 1000  # entries; the stubs of so many allocations are 3 MB
READ_RATE = 400  # entries a second, at most, by reading a long list again and again
FRESH = 0.5  # s for which a blocking query's answer counts as a read made now
POLL = 2.0  # s, where an answer carries no index to wait on
Found = dict[str, Optional[tuple[Allocation, ...]]]


class Lists:
    """Answers of the two lists. A blocking query's answer is a fresh read: the next look takes it."""

    def __init__(self, client: NomadClient, clock: Clock, bound: float) -> None:
        self._client, self._clock, self._bound = client, clock, bound
        self._woken: dict[str, Answer] = {}
        self._index: dict[str, int] = {}
        self._query: dict[str, dict[str, str]] = {"nodes": {}, "allocations": {}}
        self._last: tuple[Found, Optional[frozenset[str]]] = ({}, None)
        self._targets: frozenset[str] = frozenset()
        self._sizes: dict[str, int] = {}
        self._read: dict[str, float] = {}
        self._waited: dict[str, float] = {}

    def nodes(self) -> dict[str, Node]:
        """All clients by id, as the list shows them."""
        return {node.id: node for node in self._get("nodes").body}

    def allocations(self, server: Server, targets: Sequence[str], again: bool) -> tuple[Found, Optional[frozenset[str]]]:
        """The targets' allocations by client, and below 0.8 the jobs that exist; the former answer unless `again`, a long one for a while even then."""
        if self._last[0] and (not again or self._is_spared()):
            return self._last
        self._query["allocations"] = server.everywhere
        self._targets = frozenset(targets)
        wanted: dict[str, list[Allocation]] = {item: [] for item in targets}
        for allocation in self._get("allocations").body:
            wanted[allocation.node].append(allocation)
        self._last = self._typed(wanted)
        return self._last

    def put(self, client: str, allocations: tuple[Allocation, ...]) -> None:
        """What the client itself told since the list was read."""
        self._last[0][client] = allocations

    def is_long(self, name: str) -> bool:
        """Whether the whole list costs too much to be read at every change."""
        return self._sizes.get(name, 0) > LONG

    def age(self) -> float:
        """Seconds since the allocations were read."""
        return self._clock.now() - self._read["allocations"]

    def is_behind(self) -> bool:
        """Whether the allocations were read before the clients, so that what ended in between is live in them."""
        return self._read["allocations"] < self._read["nodes"]

    def wait(self, name: str, seconds: float) -> None:
        """Until the list `name` changes, `seconds` at most."""
        pace = min(SLOW_PACE, max(PACE, SLOW_PACE * self._sizes.get(name, 0) / LONG))
        self._clock.sleep(max(0.0, min(seconds, self._waited.get(name, -pace) + pace - self._clock.now())))
        index = self._index.get(name, 0)
        if not index:
            self._clock.sleep(min(seconds, POLL))
            return
        try:
            answer = self._client.watch(name, index=index, seconds=max(0.05, seconds), entry=self._entry(name), **self._query[name])
            self._woken[name] = self._kept(name, answer)
        finally:
            self._waited[name] = self._clock.now()

    def _is_spared(self) -> bool:
        size = self._sizes["allocations"]
        return size > LONG and "allocations" not in self._woken and self._clock.now() < self._read["allocations"] + size / READ_RATE

    def _get(self, name: str) -> Answer:
        woken = self._woken.pop(name, None)
        if woken and self._clock.now() - self._waited[name] <= FRESH:  # else an outage lies between
            return woken
        return self._kept(name, self._client.read_list(name, self._entry(name), bound=self._bound, **self._query[name]))

    def _entry(self, name: str) -> Callable[[Any], Any]:
        """What becomes of each entry, counted."""
        make = node_from_stub if name == "nodes" else self._on_target
        self._sizes[name] = 0

        def entry(data: Any) -> Any:
            self._sizes[name] += 1
            return make(data)

        return entry

    def _on_target(self, data: Any) -> Optional[Allocation]:
        return allocation_from_api(data) if data["NodeID"] in self._targets else None

    def _kept(self, name: str, answer: Answer) -> Answer:
        self._index[name] = answer.change  # also when it went back: a server restored from a snapshot counts anew
        self._read[name] = self._clock.now()
        return answer

    def _typed(self, wanted: dict[str, list[Allocation]]) -> tuple[Found, Optional[frozenset[str]]]:
        """Below 0.8 the list does not tell an allocation's type, nor who stopped it: the list of jobs does."""
        untold = [a for found in wanted.values() for a in found if a.job_type is None and (a.is_live or a.desired != "run")]
        if not untold:
            return {item: tuple(found) for item, found in wanted.items()}, None
        types = dict(self._client.read_list("jobs", lambda job: (job["ID"], job.get("Type")), bound=self._bound).body)
        typed: Found = {item: tuple(a._replace(job_type=a.job_type or types.get(a.job)) for a in found) for item, found in wanted.items()}
        return typed, frozenset(types)
