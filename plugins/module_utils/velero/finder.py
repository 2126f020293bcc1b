# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an installation: every problem that what was seen tells, each with cause, evidence and remedy. Pure: the time is handed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.velero import versions
from ansible_collections.serverops.circleci.plugins.module_utils.velero.causes import CAUSES, cause_of, evidence
from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_state import Rollout
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import Backup, BackupStorageLocation, Repository, Schedule

STALE = 300.0  # s; a server looks once a minute, and once more may be under way
YOUNG = 120.0  # s for which a new location may be without a phase
ROOM = "no node has room"
ERROR_LINE = re.compile(r"level=(error|fatal)|\"level\":\"(error|fatal)\"")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `evidence` is what was seen, without secrets."""

    cause: str
    object: str
    evidence: str

    def told(self) -> Json:
        """For the result."""
        cause = CAUSES[self.cause]
        return {
            "cause": self.cause,
            "what": cause.what,
            "object": self.object,
            "evidence": self.evidence,
            "remedy": cause.remedy,
            "stops_backups": cause.is_certain,
        }


@dataclass(frozen=True)
class Scene:
    """All that was seen. `now` is the API server's time; `bare_nodes` are schedulable ones without an agent; `log` is None where it was not read."""

    now: float
    image: str = ""
    plugins: tuple[str, ...] = ()
    server: Rollout = Rollout()
    agents: Optional[Rollout] = None
    bare_nodes: tuple[str, ...] = ()
    locations: tuple[BackupStorageLocation, ...] = ()
    secrets: frozenset[str] = frozenset()
    mounts_credentials: bool = False
    repositories: tuple[Repository, ...] = ()
    backups: tuple[Backup, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    default_password: Optional[bool] = None
    kots: str = ""
    log: Optional[str] = None


def problems(scene: Scene) -> tuple[Problem, ...]:
    """Every one, what stops all backups first."""
    if not scene.server.there:
        return (Problem("server_missing", "Deployment velero", "there is no Deployment velero"),)
    finders = (_server, _versions, _locations, _agents, _unreadable, _stalled, _schedules, _repositories, _password, _log)
    found = dict.fromkeys(problem for finder in finders for problem in finder(scene))
    return tuple(sorted(found, key=lambda one: not CAUSES[one.cause].is_certain))


def _server(scene: Scene) -> Iterator[Problem]:
    server = scene.server
    if not server.is_done:
        why = "; ".join(server.troubles) or f"{server.ready} of {server.wanted} pods are ready"
        yield Problem("server_not_ready", "Deployment velero", why)
    elif not server.wanted:
        yield Problem("server_not_ready", "Deployment velero", "it is scaled to 0: no pod is wanted, so nobody works on backups")
    if scene.mounts_credentials and "cloud-credentials" not in scene.secrets:
        yield Problem("secret_missing", "Secret cloud-credentials", "the server mounts it, but it is not there")


def _versions(scene: Scene) -> Iterator[Problem]:
    version = versions.image_version(scene.image)
    if version is None or not versions.is_known(version):
        yield Problem("version_unknown", "Deployment velero", f"its image is {scene.image}")
        return
    for image in scene.plugins:
        fault = versions.plugin_fault(image, version[1]) if versions.plugin_provider(image) or versions.CSI_PLUGIN in image else ""
        if fault:
            yield Problem("plugin_version", "Deployment velero", fault)
    fault = versions.kots_fault(versions.version_of(scene.kots), version[1])
    if fault:
        yield Problem("kots_version", "Deployment velero", fault)


def _locations(scene: Scene) -> Iterator[Problem]:
    if not any(one.default or one.meta.name == "default" for one in scene.locations):
        yield Problem("location_missing", "BackupStorageLocation default", f"{len(scene.locations)} other locations")
    for location in scene.locations:
        yield from _location(scene, location)


def _location(scene: Scene, location: BackupStorageLocation) -> Iterator[Problem]:
    what = f"BackupStorageLocation {location.meta.name}"
    providers = {versions.plugin_provider(image) for image in scene.plugins}
    unknown = any(not provider for provider in (versions.plugin_provider(image) for image in scene.plugins))
    if location.provider not in providers and not unknown:
        yield Problem("plugin_missing", what, f"its provider is {location.provider}; plugins: {', '.join(scene.plugins) or 'none'}")
    if location.credential and location.credential not in scene.secrets:
        yield Problem("secret_missing", what, f"it names Secret {location.credential}")
    if location.access_mode == "ReadOnly":
        yield Problem("location_read_only", what, "accessMode is ReadOnly")
    if location.phase == "Unavailable":
        yield Problem(cause_of(location.message, "location_unavailable"), what, evidence(location.message) or "Unavailable, without a message")
    yield from _last_look(scene, location, what)


def _last_look(scene: Scene, location: BackupStorageLocation, what: str) -> Iterator[Problem]:
    if location.validated is None:
        age = scene.now - (location.meta.created or scene.now)
        if age > YOUNG:
            yield Problem("location_unseen", what, f"made {age:.0f} s ago, and never looked at")
    elif scene.now - location.validated > STALE and location.phase:
        yield Problem("location_stale", what, f"{location.phase} since a look {scene.now - location.validated:.0f} s ago")


def _agents(scene: Scene) -> Iterator[Problem]:
    if scene.agents is None:
        return
    crowded = [pod for pod in scene.agents.pods if ROOM in pod.trouble]
    if crowded:
        yield Problem("agents_pending", "agents", f"pods {', '.join(pod.name for pod in crowded)}: {crowded[0].trouble}")
    others = [f"{pod.name} on {pod.node}: {pod.trouble}" for pod in scene.agents.pods if pod.trouble and ROOM not in pod.trouble]
    if others:
        yield Problem("agents_not_ready", "agents", "; ".join(others[:5]))
    if scene.bare_nodes:
        yield Problem("agents_missing", "agents", f"nodes without an agent: {', '.join(scene.bare_nodes)}")


def _unreadable(scene: Scene) -> Iterator[Problem]:
    for kind, name, ttl in (
        *(("Backup", one.meta.name, one.bad_ttl) for one in scene.backups),
        *(("Schedule", one.meta.name, one.bad_ttl) for one in scene.schedules),
    ):
        if ttl:
            yield Problem("bad_ttl", f"{kind} {name}", f"its ttl is {ttl!r}")


def _stalled(scene: Scene) -> Iterator[Problem]:
    began = max((pod.started for pod in scene.server.pods if pod.ready and pod.started is not None), default=None)
    for backup in scene.backups:
        if began is not None and backup.phase not in ("New", "Deleting") and backup.is_running and backup.started is not None and backup.started < began:
            yield Problem("stalled_backup", f"Backup {backup.meta.name}", f"{backup.phase}, begun {began - backup.started:.0f} s before the server")


def _schedules(scene: Scene) -> Iterator[Problem]:
    for schedule in scene.schedules:
        if schedule.phase == "FailedValidation":
            yield Problem("schedule_invalid", f"Schedule {schedule.meta.name}", "; ".join(schedule.validation_errors) or schedule.cron)


def _repositories(scene: Scene) -> Iterator[Problem]:
    for one in scene.repositories:
        if one.phase == "NotReady":
            known = cause_of(one.message)
            cause = known if known.startswith("repository_") else "repository_not_ready"
            yield Problem(cause, f"{one.kind} {one.meta.name}", evidence(one.message) or "NotReady, without a message")


def _password(scene: Scene) -> Iterator[Problem]:
    if scene.default_password:
        yield Problem("default_password", "Secret velero-repo-credentials", "it holds Velero's own password")


def _log(scene: Scene) -> Iterator[Problem]:
    """Causes that the server's last errors tell; old versions write nothing of them into the location."""
    if not scene.log or all(one.is_available for one in scene.locations):
        return
    seen = {}
    for line in scene.log.splitlines():
        cause = cause_of(line) if ERROR_LINE.search(line) else ""
        if cause:
            seen[cause] = line
    for cause, line in seen.items():
        yield Problem(cause, "log of the server", evidence(line))
