# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Velero's kinds as the API serves them: the same group and version from 1.5 to 1.18; repositories have two names."""

from __future__ import annotations

from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import Kind

GROUP = "velero.io"

BACKUP = Kind(GROUP, "v1", "backups", "Backup", True)
BACKUP_STORAGE_LOCATION = Kind(GROUP, "v1", "backupstoragelocations", "BackupStorageLocation", True)
VOLUME_SNAPSHOT_LOCATION = Kind(GROUP, "v1", "volumesnapshotlocations", "VolumeSnapshotLocation", True)
POD_VOLUME_BACKUP = Kind(GROUP, "v1", "podvolumebackups", "PodVolumeBackup", True)
POD_VOLUME_RESTORE = Kind(GROUP, "v1", "podvolumerestores", "PodVolumeRestore", True)
RESTORE = Kind(GROUP, "v1", "restores", "Restore", True)
SCHEDULE = Kind(GROUP, "v1", "schedules", "Schedule", True)
DELETE_BACKUP_REQUEST = Kind(GROUP, "v1", "deletebackuprequests", "DeleteBackupRequest", True)
DOWNLOAD_REQUEST = Kind(GROUP, "v1", "downloadrequests", "DownloadRequest", True)
# Until 1.9 the one, from 1.10 on the other; after an upgrade the old one may still be served.
RESTIC_REPOSITORY = Kind(GROUP, "v1", "resticrepositories", "ResticRepository", True)
BACKUP_REPOSITORY = Kind(GROUP, "v1", "backuprepositories", "BackupRepository", True)
REPOSITORIES = (RESTIC_REPOSITORY, BACKUP_REPOSITORY)
