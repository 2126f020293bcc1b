# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with a real systemd, reached over SSH, for what changes hosts. They need root; without it each test is skipped and says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.hosts.image import why_not
from lab.hosts.machines import Machines

NAMES = ("services", "client")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = why_not()
    if reason and (os.environ.get("CI") != "true" or os.geteuid() != 0):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=f"not tried on real hosts: {reason}"))


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """A Services host and a client, one pair for all tests: each test leaves what it changed to the next."""
    with Machines(tmp_path_factory.mktemp("hosts"), *NAMES) as made:
        yield made


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Machines]:
    """A Services host that nobody has worked on."""
    with Machines(tmp_path / "hosts", "services") as made:
        yield made
