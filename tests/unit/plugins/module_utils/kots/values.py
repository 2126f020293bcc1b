# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as Velero, Kubernetes and kotsadm write them, for the tests of kots: one good installation, and what may be changed of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.kots import backup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.choice import BackupSpec, BackupState
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Agents, Server, Site, gates, ttl_gate
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import App, InstanceBackup, Licence, Settings, instance_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import Evidence
from ansible_collections.serverops.circleci.plugins.module_utils.kots.volumes import Volume
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import location_from_api, pod_volume_backup_from_api, repository_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import PodVolumeBackup, Repository

Json = dict[str, Any]
NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=timezone.utc).timestamp()
NAMESPACE = "circleci-server"


def stamp(ago: float) -> str:
    """The time `ago` seconds before NOW."""
    return datetime.fromtimestamp(NOW - ago, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def raw_backup(name: str = "instance-a", phase: str | None = "Completed", begun: float | None = 600, took: float | None = 60, **more: Any) -> Json:
    """A Backup of kotsadm's. `begun` seconds ago, ended `took` later; `status`, `meta` and `notes` are merged in."""
    notes = {
        "kots.io/instance": "true",
        "kots.io/snapshot-trigger": "manual",
        "kots.io/kotsadm-deploy-namespace": NAMESPACE,
        "kots.io/apps-sequences": '{"circleci-server": 4}',
    }
    status: Json = {"phase": phase} if phase else {}
    if begun is not None and phase not in (None, "New", "Queued", "FailedValidation"):
        status["startTimestamp"] = stamp(begun)
    if begun is not None and took is not None and phase in ("Completed", "PartiallyFailed", "Failed"):
        status |= {"completionTimestamp": stamp(begun - took), "expiration": stamp(begun - 30 * 86400)}
    meta = {
        "name": name,
        "namespace": "velero",
        "uid": f"uid-{name}",
        "creationTimestamp": stamp(begun or 0),
        "annotations": {**notes, **more.get("notes", {})},
    }
    spec = {
        "includedNamespaces": [NAMESPACE],
        "orLabelSelectors": [{"matchLabels": {"kots.io/backup": "velero"}}],
        "storageLocation": "default",
        "ttl": "720h0m0s",
    }
    return {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {**meta, **more.get("meta", {})},
        "spec": {**spec, **more.get("spec", {})},
        "status": {**status, **more.get("status", {})},
    }


def instance(name: str = "instance-a", phase: str | None = "Completed", begun: float | None = 600, took: float | None = 60, **more: Any) -> InstanceBackup:
    """The same as a value."""
    found = instance_from_api(raw_backup(name, phase, begun, took, **more))
    assert found is not None
    return found


def volume(name: str = "postgresql-0", phase: str = "Completed", total: int | None = 1000, done: int | None = None, **more: Any) -> PodVolumeBackup:
    """A volume of a backup: `data` of the pod `name`, with the claim data-<name>."""
    progress = {} if total is None else {"totalBytes": total, "bytesDone": total if done is None else done}
    meta = {"name": f"pvb-{name}", "labels": {"velero.io/backup-name": "instance-a"}, "annotations": {"velero.io/pvc-name": f"data-{name}"}}
    spec = {"pod": {"namespace": NAMESPACE, "name": name}, "volume": "data", "node": "node-1"}
    status = {"phase": phase, "progress": progress, **more}
    return pod_volume_backup_from_api({"metadata": meta, "spec": spec, "status": status})


def wanted(name: str = "postgresql-0", since: float = 86400.0, claim: str | None = None, volume: str = "data") -> Volume:
    """A volume that belongs into a backup."""
    return Volume(NAMESPACE, name, volume, f"data-{name}" if claim is None else claim, "node-1", NOW - since)


def repository(phase: str = "Ready", maintained: float | None = 3600, namespace: str = NAMESPACE, message: str = "") -> Repository:
    """The repository of a namespace's volumes."""
    status = {"phase": phase, "message": message, **({"lastMaintenanceTime": stamp(maintained)} if maintained is not None else {})}
    return repository_from_api(
        {"kind": "ResticRepository", "metadata": {"name": f"{namespace}-default-x"}, "spec": {"volumeNamespace": namespace}, "status": status}
    )


def files(name: str = "instance-a", **sizes: int | None) -> dict[str, int]:
    """What Velero keeps of a backup; None leaves a file out. Names by their ending."""
    there = {"json": "velero-backup.json", "tarball": f"{name}.tar.gz", "logs": f"{name}-logs.gz", "volumes": f"{name}-podvolumebackups.json.gz"}
    found = {there[key]: sizes.get(key, 512) for key in there}
    return {key: size for key, size in found.items() if size is not None}


def evidence(name: str = "instance-a", **changes: Any) -> Evidence:
    """All that proves a good backup."""
    good = Evidence((wanted(),), (volume(),), (), files(name), {NAMESPACE: True}, (repository(),), NOW)
    return replace(good, **changes)


def location(phase: str | None = "Available", validated: float | None = 30, **spec: Any) -> Any:
    """Velero's location."""
    status: Json = {"phase": phase} if phase else {}
    status |= {"lastValidationTime": stamp(validated)} if validated is not None else {}
    status |= {"message": spec.pop("message")} if "message" in spec else {}
    full = {"provider": "aws", "objectStorage": {"bucket": "lab-bucket"}, "default": True, **spec}
    return location_from_api({"metadata": {"name": "default", "namespace": "velero"}, "spec": full, "status": status})


def site(**changes: Any) -> Site:
    """An installation that can be backed up."""
    good = Site(
        slug="circleci-server",
        console="1.65.0",
        apps=(App("circleci-server", "CircleCI server", "ready", "prod", 4, "3.4.0", "deployed", None, "", True),),
        licence=Licence("prod", "", "Stable", True),
        settings=Settings("1.6.3", True, True),
        minimal=False,
        server=Server(True, "1.6.3", True, NOW - 86400, "velero-0 (Running)"),
        location=location(),
        agents=Agents("restic", 2, 2, frozenset({"node-1", "node-2"})),
        needed=frozenset({"node-1"}),
        now=NOW,
    )
    return replace(good, **changes)


def state(
    *backups: InstanceBackup, seen: dict[str, Evidence] | None = None, at: Site | None = None, bad: dict[str, str] | None = None, **more: Any
) -> BackupState:
    """What a port reads: by default every backup has what proves it."""
    proofs = {one.uid: evidence(one.name) for one in backups} if seen is None else {f"uid-{name}": found for name, found in seen.items()}
    read = (*gates(at or site()), ttl_gate(bad or {}))
    return BackupState(NOW, tuple(backups), proofs, read, server_started=more.pop("server_started", NOW - 86400), **more)


def look(now: BackupState, memory: Json | None = None, still: float = 0.0, asked: float = 0.0, **spec: Any) -> Look[BackupSpec, BackupState]:
    """What the kernel shows to the rules."""
    first: Look[BackupSpec, BackupState] = Look(BackupSpec(**spec), now, memory or {}, {backup.ITEM: still}, {backup.ITEM: asked})
    return replace(first, memory=backup.remember(first))


def following(name: str = "instance-a", joined: bool = False, known: tuple[str, ...] = ()) -> Json:
    """What a task remembers that follows a backup."""
    return {"began": NOW - 700, "known": [f"uid-{one}" for one in known], "uid": f"uid-{name}", "name": name, "joined": joined, "skipped": [], "gates": []}
