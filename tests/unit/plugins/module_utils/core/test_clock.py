# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's clock: goes forward, sleeps never backwards, and tells UTC."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock


def test_now_never_goes_back() -> None:
    clock = SystemClock()
    moments = [clock.now() for _turn in range(100)]
    assert moments == sorted(moments)


def test_now_is_the_monotonic_scale_that_no_change_of_the_date_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 12.5)
    monkeypatch.setattr(time, "time", lambda: 99.0)
    assert SystemClock().now() == 12.5


@pytest.mark.parametrize(("asked", "slept"), [(1.5, 1.5), (0.0, 0.0), (-3.0, 0.0)])
def test_a_sleep_below_zero_is_none(monkeypatch: pytest.MonkeyPatch, asked: float, slept: float) -> None:
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    SystemClock().sleep(asked)
    assert naps == [slept]


def test_the_wall_shows_utc() -> None:
    assert SystemClock().wall().utcoffset() == timedelta(0)
