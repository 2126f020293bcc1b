# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real restic counts, which Velero hands on as the progress of a volume: of its backup the summary, of its restore the statistics of the snapshot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Meta, PodVolumeBackup


@pytest.mark.skipif(not shutil.which("restic"), reason="needs restic")
def test_a_file_with_two_names_is_counted_twice_when_saved_and_once_when_restored(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    (folder / "wal").write_bytes(os.urandom(300_000))
    (folder / "wal.archived").hardlink_to(folder / "wal")
    (folder / "other").write_bytes(b"1" * 1000)
    environment = {**os.environ, "RESTIC_REPOSITORY": str(tmp_path / "repository"), "RESTIC_PASSWORD": "lab", "RESTIC_CACHE_DIR": str(tmp_path / "cache")}

    def restic(*words: str) -> str:
        return subprocess.run(["restic", *words], check=True, capture_output=True, text=True, env=environment, cwd=folder).stdout

    restic("init")
    saved = json.loads(restic("backup", ".", "--json").strip().splitlines()[-1])
    counted, told = saved["total_bytes_processed"], json.loads(restic("stats", saved["snapshot_id"], "--json"))["total_size"]
    assert (counted, told) == (601_000, 301_000)
    kept = PodVolumeBackup(Meta("v"), snapshot=saved["snapshot_id"], bytes_total=counted)
    assert kept.is_back(saved["snapshot_id"], told, told) and not kept.is_back(saved["snapshot_id"], 1000, told)
