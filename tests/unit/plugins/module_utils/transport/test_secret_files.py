# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold a secret are read where they are there, and removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.transport.secret_files import remove_secret, secret_text


def test_a_file_is_read_and_one_that_is_not_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("canary")
    (tmp_path / "empty").write_text("")
    found = secret_text(str(tmp_path / "s"), "credentials_file")
    assert found is not None and found.reveal() == "canary" and "canary" not in repr(found)
    assert secret_text(str(tmp_path / "none"), "credentials_file") is None
    assert secret_text(str(tmp_path / "empty"), "credentials_file") is None


def test_what_cannot_be_read_is_told_by_the_option(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"\xff\xfe")
    for path in (tmp_path, tmp_path / "s"):
        with pytest.raises(BadInput, match="credentials_file is .*cannot be read"):
            secret_text(str(path), "credentials_file")


def test_a_file_is_removed_once_and_twice(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("canary")
    for _time in range(2):
        remove_secret(str(tmp_path / "s"))
    assert list(tmp_path.iterdir()) == []
