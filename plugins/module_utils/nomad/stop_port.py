# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way one job is read and stopped: its own allocations, and a blocking query on them to be woken by."""

from __future__ import annotations

from typing import Any, Optional
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import doing
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import READ_BOUND, Answer, NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.job_list import find_job
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.lists import FRESH, PACE, POLL, Lists
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Server, allocations_from_api, newest_version
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.servers import read_server
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.stop import StopJob, StopSpec, StopState


class StopPort:
    """One slice's way to the job."""

    def __init__(self, client: NomadClient, spec: StopSpec, clock: Clock) -> None:
        self._client, self._spec, self._clock = client, spec, clock
        self._path = ("job", quote(spec.job, safe=""))  # the slash of a dispatched job's id is no path
        self._names: dict[str, str] = {}
        self._server: Optional[Server] = None
        self._namespace: dict[str, str] = {}
        self._woken: Optional[Answer] = None
        self._index = 0
        self._waited = float("-inf")

    def read(self, confirming: frozenset[str]) -> StopState:
        """The job and its allocations, always by its own objects."""
        server = self._known_server()
        job = find_job(self._client, server, self._spec.job)
        if job:
            self._namespace = {"namespace": job.namespace} if job.namespace else {}
        with doing(f"read the allocations of job {self._spec.job}"):
            found = self._client.parsed(allocations_from_api, self._allocations(bool(confirming)).body)
        return StopState(server, job, found, self._names)

    def apply(self, step: StopJob) -> None:
        """Send the order. The job is kept, not purged: its logs and its history stay."""
        self._woken = None
        with doing(f"stop job {step.item}"):
            self._client.remove(*self._path, **({"namespace": step.namespace} if step.namespace else {}))

    def wait(self, seconds: float) -> None:
        """Until an allocation changes."""
        self._clock.sleep(max(0.0, min(seconds, self._waited + PACE - self._clock.now())))
        if not self._index:
            self._clock.sleep(min(seconds, POLL))
            return
        try:
            self._woken = self._client.watch(*self._path, "allocations", index=self._index, seconds=max(0.05, seconds), **self._query)
            self._index = self._woken.change
        finally:
            self._waited = self._clock.now()

    @property
    def _query(self) -> dict[str, Any]:
        return {"all": "true", **self._namespace}

    def _allocations(self, again: bool) -> Answer:
        woken, self._woken = self._woken, None
        if woken and not again and self._clock.now() - self._waited <= FRESH:
            return woken
        answer = self._client.read(*self._path, "allocations", bound=READ_BOUND, **self._query)
        self._index = answer.change
        return answer

    def _known_server(self) -> Server:
        if self._server is None:
            with doing("read the list of clients"):
                nodes = Lists(self._client, self._clock, READ_BOUND).nodes()
            self._names = {node.id: node.name for node in nodes.values()}
            with doing("ask the servers about themselves"):
                self._server = read_server(self._client, newest_version(nodes.values()), READ_BOUND)
        return self._server
