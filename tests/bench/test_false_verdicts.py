# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""B06: how many of 1,000 runs in a storm of faults call a client drained that is not; the storms of the fault tests, on their virtual clock."""

from __future__ import annotations

import pytest
from bench.figures import Board, Figure
from faults.test_seeds import BANDS, check

pytestmark = pytest.mark.bench

FIRST, RUNS = 20_000, 1000


def is_false(seed: int) -> bool:
    try:
        check(seed)
    except AssertionError:
        return True
    return False


def test_false_verdicts(board: Board) -> None:
    false = sum(is_false(seed) for seed in range(FIRST, FIRST + RUNS))
    what = f"false verdicts in {RUNS} runs with faults at random moments, Nomad {', '.join(BANDS)}"
    board.add(Figure("B06", what, "runs", [false], value=false, goal=0))
