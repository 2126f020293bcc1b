# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the app of a Services host: its state, its containers, its health, and the notes; orders are followed until they have begun."""

from __future__ import annotations

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.host import systemd_client
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_model import AppSpec, AppState, ClearNotes, StopApp
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.client import ReplicatedClient
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import STARTED, STOPPED
from ansible_collections.serverops.circleci.plugins.module_utils.transport import health

BEGINS = 20.0  # s within which a task that was ordered shows in the app's state
LOOK = 1.0
PAUSE = 3.0  # s between two looks at a host that tells of no changes


class AppPort:
    """One Services host, ours."""

    def __init__(self, client: ReplicatedClient, spec: AppSpec, clock: Clock) -> None:
        self._client, self._spec, self._clock = client, spec, clock
        self.notes = PendingRestarts(spec.restart_notes)

    def read(self, _confirming: frozenset[str]) -> AppState:
        """Notes first: one that is written while we look is not served by what we see."""
        notes, now = self.notes.notes(), self._clock.wall()
        status = self._client.status()
        up = status.is_settled and status.state == STARTED
        containers = self._client.containers(self._spec.containers)
        codes = health.answers(self._spec.health_urls) if up else {}
        unhealthy = tuple(url for url, code in codes.items() if code != 200)
        return AppState(status, containers, unhealthy, notes, now, self.notes.half_done(), systemd_client.served(notes, self._clock))

    def apply(self, step: Any) -> None:
        """Order it, and stay until it has begun: asked at once, Replicated still tells the state of before."""
        if isinstance(step, ClearNotes):
            self.notes.settle(step.notes)
            return
        before = self._client.status()
        wanted = STOPPED if isinstance(step, StopApp) else STARTED
        if before.moving and before.desired == wanted:
            return
        (self._client.stop if isinstance(step, StopApp) else self._client.start)()
        ends = self._clock.now() + BEGINS
        while self._client.status() == before and self._clock.now() < ends:
            self._clock.sleep(LOOK)

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(min(PAUSE, seconds))
