# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The board of a run: filled by the tests, printed and saved at its end."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from bench.figures import Board

RESULTS = Path(__file__).resolve().parents[2] / "build" / "bench"


@pytest.fixture(scope="session")
def board() -> Iterator[Board]:
    """Where figures go."""
    board = Board()
    yield board
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    print(f"\n\n{now}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the end\n\n{board.table()}", flush=True)
    board.save(RESULTS)
