# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Velero's objects say, as values. Shapes as recorded on 1.6.3 and 1.14.0; what differs by version has one name here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import (
    NEW,
    TERMINAL,
    VOLUME_TERMINAL,
    Backup,
    BackupStorageLocation,
    DeleteBackupRequest,
    Meta,
    PodVolumeBackup,
    Repository,
    Restore,
    Schedule,
    VolumeSnapshotLocation,
)
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import epoch_of, seconds_of

__all__ = [
    "NEW",
    "TERMINAL",
    "VOLUME_TERMINAL",
    "Backup",
    "BackupStorageLocation",
    "DeleteBackupRequest",
    "Meta",
    "PodVolumeBackup",
    "Repository",
    "Restore",
    "Schedule",
    "VolumeSnapshotLocation",
    "backup_from_api",
    "delete_request_from_api",
    "location_from_api",
    "meta_from_api",
    "pod_volume_backup_from_api",
    "repository_from_api",
    "restore_from_api",
    "schedule_from_api",
    "snapshot_location_from_api",
]


def meta_from_api(data: Any) -> Meta:
    """The metadata of any object."""
    meta = data["metadata"]
    return Meta(
        name=str(meta["name"]),
        namespace=str(meta.get("namespace") or ""),
        uid=str(meta.get("uid") or ""),
        version=str(meta.get("resourceVersion") or ""),
        created=epoch_of(meta.get("creationTimestamp")),
        deleting=epoch_of(meta.get("deletionTimestamp")),
        labels=dict(meta.get("labels") or {}),
        annotations=dict(meta.get("annotations") or {}),
        finalizers=tuple(meta.get("finalizers") or ()),
    )


def backup_from_api(data: Any) -> Backup:
    """A Backup; those, and Restores and Schedules, may have no status at all."""
    spec, status = _parts(data)
    progress = status.get("progress") or {}
    return Backup(
        meta=meta_from_api(data),
        phase=str(status.get("phase") or NEW),
        location=str(spec.get("storageLocation") or ""),
        namespaces=tuple(spec.get("includedNamespaces") or ()),
        expires=epoch_of(status.get("expiration")),
        ttl=seconds_of(spec.get("ttl")),
        bad_ttl=_unreadable(spec.get("ttl")),
        items=progress.get("itemsBackedUp"),
        total_items=progress.get("totalItems"),
        snapshots_attempted=int(status.get("volumeSnapshotsAttempted") or 0) + int(status.get("csiVolumeSnapshotsAttempted") or 0),
        snapshots_completed=int(status.get("volumeSnapshotsCompleted") or 0) + int(status.get("csiVolumeSnapshotsCompleted") or 0),
        **_outcome(status),
    )


def location_from_api(data: Any) -> BackupStorageLocation:
    """A BackupStorageLocation."""
    spec, status = _parts(data)
    store, credential = spec.get("objectStorage") or {}, spec.get("credential") or {}
    return BackupStorageLocation(
        meta=meta_from_api(data),
        provider=str(spec.get("provider") or "").removeprefix("velero.io/"),
        bucket=str(store.get("bucket") or ""),
        prefix=str(store.get("prefix") or ""),
        config=dict(spec.get("config") or {}),
        credential=str(credential.get("name") or ""),
        credential_key=str(credential.get("key") or ""),
        default=bool(spec.get("default")),
        access_mode=str(spec.get("accessMode") or "ReadWrite"),
        phase=str(status.get("phase") or ""),
        message=str(status.get("message") or ""),
        validated=epoch_of(status.get("lastValidationTime")),
        synced=epoch_of(status.get("lastSyncedTime")),
    )


def snapshot_location_from_api(data: Any) -> VolumeSnapshotLocation:
    """A VolumeSnapshotLocation."""
    spec, _status = _parts(data)
    return VolumeSnapshotLocation(meta_from_api(data), str(spec.get("provider") or "").removeprefix("velero.io/"), dict(spec.get("config") or {}))


def pod_volume_backup_from_api(data: Any) -> PodVolumeBackup:
    """A PodVolumeBackup. Where the claim is not in the spec's tags, its name is unknown."""
    spec, status = _parts(data)
    meta, pod, progress = meta_from_api(data), spec.get("pod") or {}, status.get("progress") or {}
    return PodVolumeBackup(
        meta=meta,
        backup=str(meta.labels.get("velero.io/backup-name") or ""),
        phase=str(status.get("phase") or NEW),
        node=str(spec.get("node") or ""),
        pod_namespace=str(pod.get("namespace") or ""),
        pod=str(pod.get("name") or ""),
        volume=str(spec.get("volume") or ""),
        claim=str(meta.annotations.get("velero.io/pvc-name") or (spec.get("tags") or {}).get("pvc-name") or ""),
        snapshot=str(status.get("snapshotID") or ""),
        uploader=str(spec.get("uploaderType") or "restic"),
        message=str(status.get("message") or ""),
        bytes_done=progress.get("bytesDone"),
        bytes_total=progress.get("totalBytes"),
        started=epoch_of(status.get("startTimestamp")),
        completed=epoch_of(status.get("completionTimestamp")),
    )


def repository_from_api(data: Any) -> Repository:
    """A ResticRepository or a BackupRepository."""
    spec, status = _parts(data)
    return Repository(
        meta=meta_from_api(data),
        kind="ResticRepository" if data.get("kind") == "ResticRepository" else "BackupRepository",
        phase=str(status.get("phase") or NEW),
        message=str(status.get("message") or ""),
        location=str(spec.get("backupStorageLocation") or ""),
        volume_namespace=str(spec.get("volumeNamespace") or ""),
        type=str(spec.get("repositoryType") or "restic"),
        identifier=str(spec.get("resticIdentifier") or ""),
        maintained=epoch_of(status.get("lastMaintenanceTime")),
    )


def restore_from_api(data: Any) -> Restore:
    """A Restore."""
    spec, status = _parts(data)
    progress = status.get("progress") or {}
    return Restore(
        meta=meta_from_api(data),
        backup=str(spec.get("backupName") or ""),
        schedule=str(spec.get("scheduleName") or ""),
        phase=str(status.get("phase") or NEW),
        items=progress.get("itemsRestored"),
        total_items=progress.get("totalItems"),
        **_outcome(status),
    )


def schedule_from_api(data: Any) -> Schedule:
    """A Schedule. The API fills a ttl that was not given with 0s, which means Velero's own."""
    spec, status = _parts(data)
    template = spec.get("template") or {}
    return Schedule(
        meta=meta_from_api(data),
        cron=str(spec.get("schedule") or ""),
        paused=bool(spec.get("paused")),
        phase=str(status.get("phase") or NEW),
        last_backup=epoch_of(status.get("lastBackup")),
        ttl=seconds_of(template.get("ttl")) or None,
        bad_ttl=_unreadable(template.get("ttl")),
        location=str(template.get("storageLocation") or ""),
        validation_errors=tuple(status.get("validationErrors") or ()),
    )


def delete_request_from_api(data: Any) -> DeleteBackupRequest:
    """A DeleteBackupRequest."""
    spec, status = _parts(data)
    return DeleteBackupRequest(meta_from_api(data), str(spec.get("backupName") or ""), str(status.get("phase") or NEW), tuple(status.get("errors") or ()))


def _parts(data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return data.get("spec") or {}, data.get("status") or {}


def _outcome(status: Mapping[str, Any]) -> dict[str, Any]:
    """What Backups and Restores say of their end alike."""
    return {
        "started": epoch_of(status.get("startTimestamp")),
        "completed": epoch_of(status.get("completionTimestamp")),
        "errors": int(status.get("errors") or 0),
        "warnings": int(status.get("warnings") or 0),
        "failure_reason": str(status.get("failureReason") or ""),
        "validation_errors": tuple(status.get("validationErrors") or ()),
    }


def _unreadable(ttl: Any) -> str:
    """The text of a duration that Go cannot read; empty where it can, or there is none."""
    return "" if ttl is None or seconds_of(ttl) is not None else str(ttl)
