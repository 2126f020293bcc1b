# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a reading is asked again: jittered and doubled pauses, what the other side asked for, and an end."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.transport.retries import LONGEST_PAUSE, retried


class Watch:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return sum(self.slept)

    def wall(self) -> datetime:
        return datetime.fromtimestamp(self.now(), timezone.utc)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Answers:
    """Failures first, then an answer."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.asked = list(failures), 0

    def __call__(self) -> str:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return "it"


def test_pauses_are_jittered_and_doubled_up_to_the_longest() -> None:
    clock, answers = Watch(), Answers(*(Unreachable("no") for _turn in range(8)))
    assert retried(answers, clock, 1000.0) == "it" and answers.asked == 9
    wished = [0.5, 1, 2, 4, 8, 8, 8, 8]
    assert all(most / 2 <= slept <= most <= LONGEST_PAUSE for slept, most in zip(clock.slept, wished))


def test_the_other_sides_wish_is_kept() -> None:
    clock = Watch()
    assert retried(Answers(Unreachable("busy", after=7.0)), clock, 30.0) == "it" and clock.slept == [7.0]


def test_no_pause_goes_beyond_the_bound() -> None:
    clock, answers = Watch(), Answers(Unreachable("busy", after=31.0))
    with pytest.raises(Unreachable, match="busy"):
        retried(answers, clock, 30.0)
    assert answers.asked == 1 and clock.slept == []


@pytest.mark.parametrize("failure", [Unreachable("for ever", retry=False), Refused("no")])
def test_what_another_try_does_not_mend_is_asked_once(failure: Exception) -> None:
    clock, answers = Watch(), Answers(failure, failure)
    with pytest.raises(type(failure)):
        retried(answers, clock, 30.0)
    assert answers.asked == 1 and clock.slept == []
