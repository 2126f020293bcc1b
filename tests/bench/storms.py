# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints how many of the storms of the fault tests end in a false verdict. Usage: storms.py FIRST RUNS."""

from __future__ import annotations

import sys

from faults.test_seeds import check


def is_false(seed: int) -> bool:
    try:
        check(seed)
    except AssertionError:
        return True
    return False


if __name__ == "__main__":
    first, runs = map(int, sys.argv[1:])
    false = sum(is_false(seed) for seed in range(first, first + runs))
    print(f"\n{false}")  # behind what a failing storm tells of itself
