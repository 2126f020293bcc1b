# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Velero's objects become our nouns: what servers 1.6.3 and 1.14.0 wrote, and what a version leaves out."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import (
    NEW,
    TERMINAL,
    backup_from_api,
    delete_request_from_api,
    location_from_api,
    pod_volume_backup_from_api,
    repository_from_api,
    restore_from_api,
    schedule_from_api,
    snapshot_location_from_api,
)
from unit.plugins.module_utils.velero.recorded import VERSIONS, named, objects

every = pytest.mark.parametrize("version", VERSIONS)


@every
def test_every_recorded_backup_is_read_with_its_phase(version: str) -> None:
    found = [(one, backup_from_api(one)) for one in objects(version, "Backup")]
    assert len(found) > 20
    for raw, backup in found:
        assert backup.phase == ((raw.get("status") or {}).get("phase") or NEW)
        assert backup.is_terminal == (backup.phase in TERMINAL)
    assert {backup.phase for _raw, backup in found} >= {NEW, "InProgress", "Completed", "PartiallyFailed", "Failed", "FailedValidation", "Deleting"}


@every
def test_a_backup_that_ended_tells_how_long_it_took_and_what_failed(version: str) -> None:
    slow = next(b for b in map(backup_from_api, named(version, "Backup", "hook-continues")) if b.phase == "PartiallyFailed")
    assert slow.errors == 1 and slow.seconds is not None and 0 <= slow.seconds < 60
    assert slow.ttl == 720 * 3600 and slow.bad_ttl == "" and slow.location == "default" and slow.namespaces == ("app",)
    assert (slow.items, slow.total_items) == (7, 7)
    assert not slow.is_running


@every
def test_the_ttl_that_stops_velero_is_seen(version: str) -> None:
    poison = [b for b in map(backup_from_api, objects(version, "Backup")) if b.bad_ttl]
    assert poison and {(b.bad_ttl, b.ttl, b.phase) for b in poison} == {("30d", None, NEW)}


@pytest.mark.parametrize(
    ("phase", "terminal", "running"),
    [
        ("", False, True),
        ("New", False, True),
        ("Queued", False, True),
        ("WaitingForPluginOperationsPartiallyFailed", False, True),
        ("NeverHeardOf", False, True),
        ("Deleting", False, False),
        *[(phase, True, False) for phase in sorted(TERMINAL)],
    ],
)
def test_an_unknown_phase_is_running_and_never_an_end(phase: str, terminal: bool, running: bool) -> None:
    backup = backup_from_api({"metadata": {"name": "b"}, "status": {"phase": phase}})
    assert (backup.is_terminal, backup.is_running) == (terminal, running)
    assert restore_from_api({"metadata": {"name": "r"}, "status": {"phase": phase}}).is_terminal == terminal


def test_locations() -> None:
    seen = [location_from_api(one) for one in objects("1.14.0", "BackupStorageLocation")]
    assert {one.phase for one in seen} == {"", "Available", "Unavailable"}
    assert all(one.message for one in seen if one.phase == "Unavailable")
    default = next(one for one in seen if one.meta.name == "default" and one.is_available and one.synced)
    assert (default.provider, default.bucket, default.default, default.access_mode) == ("aws", "lab-bucket", True, "ReadWrite")
    assert default.config["region"] == "us-east-1" and default.validated
    assert next(one for one in seen if one.meta.name == "readonly").access_mode == "ReadOnly"
    assert next(one for one in seen if one.meta.name == "no-credential").credential == "no-such-secret"


def test_1_6_leaves_locations_without_phase_and_message() -> None:
    seen = [location_from_api(one) for one in objects("1.6.3", "BackupStorageLocation")]
    assert all(one.message == "" for one in seen)
    assert {one.phase for one in seen if one.meta.name == "no-plugin"} == {""}
    assert not any(one.is_available for one in seen if one.phase == "")


def test_repositories_schedules_and_the_rest() -> None:
    old = next(one for one in map(repository_from_api, objects("1.6.3", "ResticRepository")) if one.phase == "NotReady")
    assert old.kind == "ResticRepository" and old.volume_namespace == "app" and "executable file not found" in old.message and not old.is_ready
    schedules = {(one.phase, one.cron): one for one in map(schedule_from_api, objects("1.14.0", "Schedule"))}
    assert schedules["FailedValidation", "every day"].validation_errors and schedules["Enabled", "@every 20s"].ttl is None
    restores = {one.phase for one in map(restore_from_api, objects("1.14.0", "Restore"))}
    assert restores >= {"Completed", "PartiallyFailed", "Failed", "FailedValidation", "InProgress", "Finalizing"}
    requests = [delete_request_from_api(one) for one in objects("1.6.3", "DeleteBackupRequest")]
    assert any(one.is_processed and one.errors for one in requests)
    assert snapshot_location_from_api(objects("1.14.0", "VolumeSnapshotLocation")[0]).config == {"region": "us-east-1"}


@pytest.mark.parametrize(
    ("status", "done", "terminal"),
    [
        ({}, None, False),
        ({"phase": "Completed", "progress": {"bytesDone": 5, "totalBytes": 5}}, 5, True),
        ({"phase": "Accepted"}, None, False),
        ({"phase": "Canceled"}, None, True),
    ],
)
def test_a_volume_says_its_bytes_or_that_it_does_not_know(status: dict[str, Any], done: Any, terminal: bool) -> None:
    raw = {
        "metadata": {"name": "b-x", "labels": {"velero.io/backup-name": "b"}, "annotations": {"velero.io/pvc-name": "data"}},
        "spec": {"node": "n1", "pod": {"namespace": "app", "name": "db-0"}, "volume": "data", "uploaderType": "kopia"},
        "status": status,
    }
    volume = pod_volume_backup_from_api(raw)
    assert (volume.backup, volume.pod, volume.claim, volume.uploader) == ("b", "db-0", "data", "kopia")
    assert (volume.bytes_done, volume.is_terminal) == (done, terminal)
