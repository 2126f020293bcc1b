# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of velero_info."""

from __future__ import annotations

from collections import Counter
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.velero import versions
from ansible_collections.serverops.circleci.plugins.module_utils.velero.causes import CAUSES, evidence
from ansible_collections.serverops.circleci.plugins.module_utils.velero.finder import Problem, Scene
from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_state import Rollout
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import Backup, BackupStorageLocation, Repository, Schedule
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import text_of


def told(namespace: str, scene: Scene, found: tuple[Problem, ...]) -> Json:
    """Plain values; no secret is among them."""
    version = versions.image_version(scene.image)
    return {
        "namespace": namespace,
        "installed": scene.server.there,
        "version": ".".join(map(str, version)) if version else None,
        "image": scene.image,
        "plugins": list(scene.plugins),
        "server": _rollout(scene.server),
        "agents": _rollout(scene.agents) if scene.agents else None,
        "nodes_without_agent": list(scene.bare_nodes),
        "locations": [_location(scene.now, one) for one in scene.locations],
        "repositories": [_repository(one) for one in scene.repositories],
        "schedules": [_schedule(one) for one in scene.schedules],
        "backups": _backups(scene.backups),
        "default_repository_password": scene.default_password,
        "problems": [one.told() for one in found],
        "healthy": scene.server.there and not any(CAUSES[one.cause].is_certain for one in found),
        "log_read": scene.log is not None,
    }


def _rollout(one: Rollout) -> Json:
    pods = [{"name": pod.name, "node": pod.node, "ready": pod.ready, "trouble": pod.trouble} for pod in one.pods]
    return {"wanted": one.wanted, "ready": one.ready, "up": one.is_done, "pods": pods}


def _location(now: float, one: BackupStorageLocation) -> Json:
    age: Optional[int] = None if one.validated is None else int(now - one.validated)
    return {
        "name": one.meta.name,
        "default": one.default,
        "provider": one.provider,
        "bucket": one.bucket,
        "prefix": one.prefix,
        "access_mode": one.access_mode,
        "phase": one.phase,
        "message": evidence(one.message),
        "validated": text_of(one.validated),
        "age": age,
    }


def _repository(one: Repository) -> Json:
    meant = {"name": one.meta.name, "kind": one.kind, "namespace": one.volume_namespace, "type": one.type}
    return {**meant, "phase": one.phase, "message": evidence(one.message)}


def _schedule(one: Schedule) -> Json:
    return {"name": one.meta.name, "schedule": one.cron, "phase": one.phase, "paused": one.paused, "last_backup": text_of(one.last_backup)}


def _backups(backups: tuple[Backup, ...]) -> Json:
    ended = [one for one in backups if one.phase == "Completed" and one.completed is not None]
    newest = max(ended, key=lambda one: one.completed or 0.0, default=None)
    return {
        "total": len(backups),
        "phases": dict(sorted(Counter(one.phase for one in backups).items())),
        "newest_completed": newest.meta.name if newest else None,
        "newest_completed_at": text_of(newest.completed) if newest else None,
    }
