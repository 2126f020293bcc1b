# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two lists, clients and allocations: read, kept while they cannot matter, and waited on by one blocking query at a time."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import Answer, NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, Node, Server, allocation_from_api, node_from_stub

PACE = 0.25  # s between two waits on a list: a busy cluster changes its allocations all the time
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
        self._waited = 0.0
        self._paced: dict[str, float] = {}

    def nodes(self) -> dict[str, Node]:
        """All clients by id, as the list shows them."""
        return self._client.parsed(lambda body: {node.id: node for node in map(node_from_stub, _listed(body))}, self._get("nodes").body)

    def allocations(self, server: Server, targets: Sequence[str], again: bool) -> tuple[Found, Optional[frozenset[str]]]:
        """The targets' allocations by client, and below 0.8 the jobs that exist; the former answer unless `again`."""
        if again or not self._last[0]:
            # Namespaces came to everybody with 1.0; before, "*" is taken for the name of one, and the list is empty.
            self._query["allocations"] = {"namespace": "*"} if server.version >= (1, 0, 0) else {}
            wanted: dict[str, list[Allocation]] = {item: [] for item in targets}
            for allocation in self._client.parsed(lambda body: _on(body, wanted), self._get("allocations").body):
                wanted[allocation.node].append(allocation)
            self._last = self._typed(wanted)
        return self._last

    def wait(self, name: str, seconds: float) -> None:
        """Until the list `name` changes, `seconds` at most."""
        self._clock.sleep(max(0.0, min(seconds, self._paced.get(name, 0.0) + PACE - self._clock.now())))
        index = self._index.get(name, 0)
        if not index:
            self._clock.sleep(min(seconds, POLL))
            return
        try:
            self._woken[name] = self._kept(name, self._client.watch(name, index=index, seconds=max(0.05, seconds), **self._query[name]))
        finally:
            self._waited = self._paced[name] = self._clock.now()

    def _get(self, name: str) -> Answer:
        woken = self._woken.pop(name, None)
        if self._clock.now() - self._waited > FRESH:  # an outage lies between
            woken = None
        return woken or self._kept(name, self._client.read(name, bound=self._bound, **self._query[name]))

    def _kept(self, name: str, answer: Answer) -> Answer:
        self._index[name] = answer.index  # also when it went back: a server restored from a snapshot counts anew
        return answer

    def _typed(self, wanted: dict[str, list[Allocation]]) -> tuple[Found, Optional[frozenset[str]]]:
        """Below 0.8 the list does not tell an allocation's type, nor who stopped it: the list of jobs does."""
        untold = [a for found in wanted.values() for a in found if a.job_type is None and (a.is_live or a.desired != "run")]
        if not untold:
            return {item: tuple(found) for item, found in wanted.items()}, None
        body = self._client.read("jobs", bound=self._bound).body
        types = self._client.parsed(lambda body: {job["ID"]: job.get("Type") for job in _listed(body)}, body)
        typed: Found = {item: tuple(replace(a, job_type=a.job_type or types.get(a.job)) for a in found) for item, found in wanted.items()}
        return typed, frozenset(types)


def _listed(body: Any) -> list[Any]:
    """A list, and nothing that could be taken for an empty one."""
    if not isinstance(body, list):
        raise TypeError("not a list")
    return body


def _on(body: Any, clients: Container[str]) -> list[Allocation]:
    """The allocations on these clients."""
    return [allocation_from_api(data) for data in _listed(body) if data["NodeID"] in clients]
