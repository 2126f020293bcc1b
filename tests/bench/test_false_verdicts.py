# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B06: how many of 1,000 runs in a storm of faults call a client drained that is not; the storms of the fault tests, on their virtual clock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench.figures import Board, Figure

pytestmark = pytest.mark.bench

FIRST, RUNS = 20_000, 1000
STORMS = Path(__file__).with_name("storms.py")


def test_false_verdicts(board: Board) -> None:
    # A process of its own: it imports the collection as any package, after which Ansible's own loader finds no module of it here.
    environment = {**os.environ, "PYTHONPATH": str(STORMS.parents[1])}
    command = [sys.executable, str(STORMS), str(FIRST), str(RUNS)]
    told = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True, timeout=1800).stdout
    false = int(told.split()[-1])
    board.add(Figure("B06", f"false verdicts in {RUNS} runs with faults at random moments, four bands of versions", "runs", [false], value=false, goal=0))
