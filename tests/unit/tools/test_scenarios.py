# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios on hosts are left out only where there can be none, and then all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenarios import LONG, ROOT, command, long_commands, on_hosts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in (("api", "provisioner: {}\n"), ("host", "playbooks:\n  prepare: ../hosts/prepare.yml\n"), ("other", "prepare: ../hosts/prepare.yml\n")):
        (tmp_path / "molecule" / name).mkdir(parents=True)
        (tmp_path / "molecule" / name / "molecule.yml").write_text(text)
    return tmp_path


def test_scenarios_that_start_hosts_are_known_by_it(root: Path) -> None:
    assert on_hosts(root) == ["host", "other"]


@pytest.mark.parametrize(("reason", "more"), [("", []), ("no podman here", ["--exclude", "host", "--exclude", "other"])])
def test_all_are_played_but_those_that_cannot(root: Path, reason: str, more: list[str]) -> None:
    assert command(root, reason) == ["molecule", "test", "--all", *(word for name in LONG for word in ("--exclude", name)), *more]


def test_those_of_minutes_are_there_and_are_played_by_themselves() -> None:
    assert all((ROOT / "molecule" / name / "molecule.yml").exists() for name in LONG)
    assert [argv[-1] for argv in long_commands()] == list(LONG)
