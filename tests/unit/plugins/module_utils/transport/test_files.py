# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: read by the name of the option, written whole, for their owner alone."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.transport import files

WORD = Secret("a-password-that-nobody-sees")


def test_a_secret_is_written_for_its_owner_and_known_again(tmp_path: Path) -> None:
    path = tmp_path / "word"
    path.write_text("older")
    path.chmod(0o644)
    files.write_secret(str(path), WORD, "export")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_text() == WORD.reveal() + "\n"
    assert files.holds_secret(str(path), WORD) and not files.holds_secret(str(path), Secret("other"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["word"], "no half file is left"
    path.chmod(0o644)
    assert not files.holds_secret(str(path), WORD), "readable by others is not as it should be"
    assert not files.holds_secret(str(tmp_path / "none"), WORD)


def test_what_a_killed_write_left_is_removed_by_the_next_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "word"
    killed = """
import os, sys
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.transport import files
os.fsync = lambda _file: os.kill(os.getpid(), 9)
files.write_secret(sys.argv[1], Secret("half"), "export")
"""
    ran = subprocess.run([sys.executable, "-c", killed, str(path)], check=False)
    (left,) = files.leftovers(str(path))
    assert ran.returncode == -9 and not path.exists()
    living = tmp_path / ".word.serverops-living"
    other = tmp_path / ".words.serverops-other"
    for one in (living, other):
        one.touch()
    long_ago = time.time() - 3600
    for name in (left, str(living), str(other)):
        os.utime(name, (long_ago, long_ago))
    with living.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        files.write_secret(str(path), WORD, "export")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [living.name, other.name, "word"]


def test_what_cannot_be_written_or_read_is_told_by_its_option(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no" / "file")
    for act in (
        lambda: files.write_secret(nowhere, WORD, "export"),
        lambda: files.must_be_writable(nowhere, "export"),
        lambda: files.read_text(nowhere, "export"),
    ):
        with pytest.raises(BadInput, match="export is ") as error:
            act()
        assert WORD.reveal() not in str(error.value)
    with pytest.raises(BadInput, match="no file can be written"):
        files.must_be_writable(str(tmp_path), "export")
    files.must_be_writable(str(tmp_path / "new"), "export")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="it is no text"):
        files.read_text(str(tmp_path / "binary"), "export")


def test_files_of_a_kind_are_named_without_their_ending_and_no_folder_has_none(tmp_path: Path) -> None:
    for name in ("check-b.password", "check-a.password", "check-a.log", "restore-a.password"):
        (tmp_path / name).touch()
    assert files.stems(str(tmp_path), "check-", ".password") == ["check-a", "check-b"]
    assert files.stems(str(tmp_path / "none"), "check-", ".password") == []
