# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python is found where people have theirs, and only one that works."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pythons import candidates, find, works

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def real(file: Path) -> Path:
    return put(file, f'exec {sys.executable} "$@"')


@pytest.mark.parametrize(
    "below",
    [
        f".pyenv/versions/{HERE}.4",
        f".asdf/installs/python/{HERE}.4",
        f".local/share/mise/installs/python/{HERE}",
        f".local/share/uv/python/cpython-{HERE}.4-linux",
    ],
)
def test_the_usual_folders_are_looked_through(tmp_path: Path, below: str) -> None:
    there = real(tmp_path / below / f"bin/python{HERE}")
    assert find([HERE], {"PATH": "", "HOME": str(tmp_path)}) == there


def test_a_manager_s_folder_may_be_moved_by_its_variable(tmp_path: Path) -> None:
    there = real(tmp_path / "moved/versions" / f"{HERE}.1" / f"bin/python{HERE}")
    assert find([HERE], {"PATH": "", "HOME": "/nowhere", "PYENV_ROOT": str(tmp_path / "moved")}) == there


def test_path_comes_first_and_a_shim_without_a_python_is_passed_over(tmp_path: Path) -> None:
    shim = put(tmp_path / "shims" / f"python{HERE}", "echo 'command not found' >&2; exit 127")
    there = real(tmp_path / ".pyenv/versions" / f"{HERE}.9" / f"bin/python{HERE}")
    env = {"PATH": str(shim.parent), "HOME": str(tmp_path)}
    assert list(candidates(HERE, env)) == [shim, there]
    assert find([HERE], env) == there


def test_one_that_is_not_what_its_name_says_is_none(tmp_path: Path) -> None:
    other = real(tmp_path / "python3.99")
    assert not works(other, "3.99")
    assert works(other, HERE)


def test_the_first_of_several_versions_is_taken_and_none_is_none(tmp_path: Path) -> None:
    there = real(tmp_path / f"python{HERE}")
    env = {"PATH": str(tmp_path), "HOME": "/nowhere"}
    assert find(["3.99", HERE], env) == there
    assert find(["3.99"], env) is None
