# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Velero's objects that a backup of KOTS is judged by, and the names of its agents."""

from __future__ import annotations

from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import Kind

BACKUP = Kind("velero.io", "v1", "backups", "Backup")
LOCATION = Kind("velero.io", "v1", "backupstoragelocations", "BackupStorageLocation")
POD_VOLUME_BACKUP = Kind("velero.io", "v1", "podvolumebackups", "PodVolumeBackup")
BACKUP_REPOSITORY = Kind("velero.io", "v1", "backuprepositories", "BackupRepository")
RESTIC_REPOSITORY = Kind("velero.io", "v1", "resticrepositories", "ResticRepository")  # before 1.10
AGENTS = ("node-agent", "restic")
