# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Velero's nouns as frozen values: what its objects say, whatever the version. Made by model.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

NEW = "New"  # also an object without a phase
TERMINAL = frozenset({"Completed", "PartiallyFailed", "Failed", "FailedValidation"})
VOLUME_TERMINAL = frozenset({"Completed", "Failed", "Canceled"})


@dataclass(frozen=True)
class Meta:
    """Who an object is. `created` and `deleting` are epoch seconds; a uid is what tells a new object of the same name from the old one."""

    name: str
    namespace: str = ""
    uid: str = ""
    version: str = ""
    created: Optional[float] = None
    deleting: Optional[float] = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    finalizers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backup:
    """A Backup. Times are epoch seconds, `ttl` seconds; `bad_ttl` is the text of a ttl that Go cannot read: it stops all of Velero."""

    meta: Meta
    phase: str = NEW
    location: str = ""
    namespaces: tuple[str, ...] = ()
    started: Optional[float] = None
    completed: Optional[float] = None
    expires: Optional[float] = None
    ttl: Optional[float] = None
    bad_ttl: str = ""
    errors: int = 0
    warnings: int = 0
    items: Optional[int] = None
    total_items: Optional[int] = None
    failure_reason: str = ""
    validation_errors: tuple[str, ...] = ()
    snapshots_attempted: int = 0
    snapshots_completed: int = 0

    @property
    def is_terminal(self) -> bool:
        """It ended, well or badly. A phase never heard of is one of a running backup."""
        return self.phase in TERMINAL

    @property
    def is_running(self) -> bool:
        """It has not ended, or not begun; Deleting is neither running nor an end to wait for."""
        return not self.is_terminal and self.phase != "Deleting"

    @property
    def seconds(self) -> Optional[float]:
        """How long it took; None while it has no end."""
        return None if self.started is None or self.completed is None else self.completed - self.started


@dataclass(frozen=True)
class BackupStorageLocation:
    """Where backups are kept. An empty phase: the server has not looked yet (1.6: it may never, for a plugin that it has not)."""

    meta: Meta
    provider: str = ""
    bucket: str = ""
    prefix: str = ""
    config: Mapping[str, str] = field(default_factory=dict)
    credential: str = ""
    credential_key: str = ""
    default: bool = False
    access_mode: str = "ReadWrite"
    phase: str = ""
    message: str = ""
    validated: Optional[float] = None
    synced: Optional[float] = None

    @property
    def is_available(self) -> bool:
        """As the server saw it last, which says nothing of now where the server is dead: see `validated`."""
        return self.phase == "Available"


@dataclass(frozen=True)
class VolumeSnapshotLocation:
    """Where snapshots of volumes are made."""

    meta: Meta
    provider: str = ""
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PodVolumeBackup:
    """One volume's files in a backup. `bytes` is None where the object does not say; `uploader` is restic before 1.10."""

    meta: Meta
    backup: str = ""
    phase: str = NEW
    node: str = ""
    pod_namespace: str = ""
    pod: str = ""
    volume: str = ""
    claim: str = ""
    snapshot: str = ""
    uploader: str = "restic"
    message: str = ""
    bytes_done: Optional[int] = None
    bytes_total: Optional[int] = None
    started: Optional[float] = None
    completed: Optional[float] = None

    @property
    def is_terminal(self) -> bool:
        """It ended, well or badly."""
        return self.phase in VOLUME_TERMINAL

    def is_back(self, snapshot: str, done: int, total: int) -> bool:
        """Whether a restore of `snapshot` that counted so many bytes brought all of it back.

        By the snapshot, where it is told: restic counts a file with two names twice when it saves it, and once when it tells what a snapshot holds.
        """
        same = snapshot == self.snapshot if snapshot and self.snapshot else total >= (self.bytes_total or 0)
        return same and done >= total and (total > 0 or not self.bytes_total)


@dataclass(frozen=True)
class Repository:
    """The repository of one namespace's volumes: a ResticRepository before 1.10, a BackupRepository from then on (`kind` tells which)."""

    meta: Meta
    kind: str = "BackupRepository"
    phase: str = NEW
    message: str = ""
    location: str = ""
    volume_namespace: str = ""
    type: str = "restic"
    identifier: str = ""
    maintained: Optional[float] = None

    @property
    def is_ready(self) -> bool:
        return self.phase == "Ready"


@dataclass(frozen=True)
class Restore:
    """A Restore."""

    meta: Meta
    backup: str = ""
    schedule: str = ""
    phase: str = NEW
    started: Optional[float] = None
    completed: Optional[float] = None
    errors: int = 0
    warnings: int = 0
    items: Optional[int] = None
    total_items: Optional[int] = None
    failure_reason: str = ""
    validation_errors: tuple[str, ...] = ()

    @property
    def is_terminal(self) -> bool:
        """It ended, well or badly."""
        return self.phase in TERMINAL


@dataclass(frozen=True)
class Schedule:
    """A Schedule; `bad_ttl` as of a Backup."""

    meta: Meta
    cron: str = ""
    paused: bool = False
    phase: str = NEW
    last_backup: Optional[float] = None
    ttl: Optional[float] = None
    bad_ttl: str = ""
    location: str = ""
    validation_errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeleteBackupRequest:
    """An order to delete a backup with its files. Processed without errors: it goes away together with its backup."""

    meta: Meta
    backup: str = ""
    phase: str = NEW
    errors: tuple[str, ...] = ()

    @property
    def is_processed(self) -> bool:
        return self.phase == "Processed"
