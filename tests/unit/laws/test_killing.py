# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the law of sudden death kills: beside every write, and evenly between."""

from __future__ import annotations

import pytest
from unit.laws.killing import Tap

WRITES_AT = (7, 30)


def tap() -> Tap:
    """Forty points; the writes come between points 6 and 7 and between 29 and 30."""
    made = Tap()
    made.count = lambda: sum(len(made.points) > at for at in WRITES_AT)
    for contact in range(20):
        with made.around(f"contact {contact}"):
            pass
    return made


@pytest.mark.parametrize("first", [0, 1])
def test_no_death_beside_a_write_is_left_out(first: int) -> None:
    chosen = tap().moments(5, first)
    assert {6, 7, 8, 29, 30, 31} <= set(chosen) and chosen == sorted(set(chosen))
    assert 4 <= len(set(chosen) - {6, 7, 8, 29, 30, 31}) <= 5


def test_two_beginnings_kill_at_other_points_between() -> None:
    assert set(tap().moments(5, 0)) & set(tap().moments(5, 1)) == {6, 7, 8, 29, 30, 31}


def test_everywhere_is_everywhere() -> None:
    assert tap().moments(1_000, 1) == list(range(40))
