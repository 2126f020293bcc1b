# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the app runs as wanted: what was asked for, and what can be seen of it on the Services host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Look
from ansible_collections.serverops.circleci.plugins.module_utils.host.options import RESTART_NOTES
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import APP, DIRECTORY, Note, is_satisfied, time_text
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import CONTAINERS, STARTED, STOPPED, AppStatus, Container, oldest_start

RESTARTED = "restarted"
ITEM = "app"

# The parts of CircleCI 2.x that tell of their health on the host, but for vm-service, which is not on every host.
HEALTH_URLS = (
    "http://127.0.0.1:80/health-check",
    "http://127.0.0.1:8082/status",
    "http://127.0.0.1:9999/healthcheck",
    "http://127.0.0.1:8090/status",
    "http://127.0.0.1:3013/status",
    "http://127.0.0.1:3011/status",
    "http://127.0.0.1:3014/status",
    "http://127.0.0.1:4261/status",
)


@dataclass(frozen=True)
class AppSpec:
    """What is wanted."""

    state: str = STARTED
    restart_if_pending: bool = False
    allow_downtime: bool = False
    health_urls: tuple[str, ...] = HEALTH_URLS
    containers: tuple[str, ...] = CONTAINERS
    restart_notes: str = DIRECTORY


@dataclass(frozen=True)
class AppState:
    """What was read. `unhealthy` are the health URLs without a 200, looked at while the app is settled as started; `now` is the host's clock;
    `half_done` are changes that were begun and have no note yet, `others_served` notes of other restarts that were made since."""

    status: AppStatus
    containers: tuple[Container, ...]
    unhealthy: tuple[str, ...]
    notes: tuple[Note, ...]
    now: datetime
    half_done: tuple[str, ...] = ()
    others_served: tuple[Note, ...] = ()

    @property
    def started(self) -> Optional[datetime]:
        """When the oldest of the app's containers started: what was changed before that is live in all of them."""
        return oldest_start(self.containers)

    @property
    def is_up(self) -> bool:
        return self.status.is_settled and self.status.state == STARTED

    @property
    def is_down(self) -> bool:
        return self.status.is_settled and self.status.state == STOPPED

    @property
    def app_notes(self) -> tuple[Note, ...]:
        return tuple(note for note in self.notes if note.restart == APP)

    @property
    def served(self) -> tuple[Note, ...]:
        """Notes about the app that its containers have started after, and those about others."""
        started = self.started if self.is_up else None
        return (*(note for note in self.app_notes if started is not None and is_satisfied(note, started)), *self.others_served)

    @property
    def pending(self) -> tuple[Note, ...]:
        """Those that wait for a restart of the app."""
        served = self.served
        return tuple(note for note in self.app_notes if note not in served)


AppLook = Look[AppSpec, AppState]

# What every module has that may restart the app.
APP_RESTART: dict[str, dict[str, Any]] = {
    "health_urls": {"type": "list", "elements": "str", "default": list(HEALTH_URLS)},
    "containers": {"type": "list", "elements": "str", "default": list(CONTAINERS)},
    **RESTART_NOTES,
}
APP_OPTIONS: dict[str, dict[str, Any]] = {"allow_downtime": {"type": "bool", "default": False}, **APP_RESTART}


@dataclass(frozen=True)
class StopApp:
    """Stop the app: nobody is served until it is up again."""

    why: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "stop", "id": self.item, "downtime": True, "why": self.why}


@dataclass(frozen=True)
class StartApp:
    """Start the app."""

    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "start", "id": self.item}


@dataclass(frozen=True)
class ClearNotes:
    """Remove notes that a verified start has served."""

    notes: tuple[Note, ...]
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "clear", "id": self.item, "notes": [note.what for note in self.notes]}


def app_spec(params: Mapping[str, Any]) -> AppSpec:
    """What is wanted. Raises BadInput for options that do not go together."""
    if params["restart_if_pending"] and params["state"] == STOPPED:
        raise BadInput("restart_if_pending is set, but state is stopped; leave one of them out")
    for url in params["health_urls"]:
        if not str(url).startswith(("http://", "https://")):
            raise BadInput(f"health_urls holds {url!r}; give addresses that begin with http:// or https://")
    if not params["containers"]:
        raise BadInput("containers is empty; name at least one container that belongs to the app, such as frontend")
    return AppSpec(
        state=params["state"],
        restart_if_pending=params["restart_if_pending"],
        allow_downtime=params["allow_downtime"],
        health_urls=tuple(params["health_urls"]),
        containers=tuple(params["containers"]),
        restart_notes=params["restart_notes"],
    )


def after_a_start(state: AppState) -> datetime:
    """When check mode takes an app that it would start to have started: after all notes."""
    return max([state.now, *(note.time for note in state.notes)]).astimezone(timezone.utc) + timedelta(seconds=1)


def note_view(note: Note) -> Json:
    """For results."""
    return {"what": note.what, "why": note.why, "time": time_text(note.time)}
