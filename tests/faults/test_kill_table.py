# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kill table: struck at every request, step and wait of a drain, before and after it took effect, and run again (F42, F44)."""

from __future__ import annotations

from typing import Any

import pytest
from faults.operators import Operator, Struck, assert_drained, both_profiles, both_ways, ends, is_closed, writes

from lab.nomad.lab import Lab

TARGETS = ("c1", "c2", "c3")
PAUSES = (0.0, 0.3, 2.0, 9.0, 40.0)  # s until somebody runs it again


def site(profile: str) -> Lab:
    """Builds on two of the clients that are to be drained, the third idle; a fourth stays open."""
    lab = Lab(profile, clients=4)
    lab.build("build-1", "c1", seconds=20)
    lab.build("build-2", "c1", seconds=33)
    lab.build("build-3", "c2", seconds=12)
    lab.clock.sleep(1)
    return lab


class Striker:
    """Dies at the n-th request, before it leaves or after it was done."""

    def __init__(self, number: int, moment: str, dying: type[BaseException] = Struck) -> None:
        self.number, self.moment, self.dying = number, moment, dying
        self.seen = 0
        self.struck = ""

    def __call__(self, moment: str, method: str, path: str) -> None:
        if moment == "before":
            self.seen += 1
        if moment == self.moment and self.seen == self.number and not self.struck:
            self.struck = f"{moment} {method} {path}"
            raise self.dying


def requests_of_a_whole_run(profile: str, sliced: bool, **options: Any) -> int:
    counter = Striker(0, "before")
    lab = site(profile)
    assert_drained(lab, Operator(lab, sliced, counter).drain(*TARGETS, **options), *TARGETS)
    return counter.seen


@both_profiles
@both_ways
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("options", [{}, {"max_in_flight": 1}], ids=["at-once", "one-by-one"])
def test_F42_killed_at_any_request_and_run_again_all_clients_are_drained_and_all_builds_ended_by_themselves(
    profile: str, sliced: bool, moment: str, options: dict[str, Any]
) -> None:
    total = requests_of_a_whole_run(profile, sliced, **options)
    assert total > 15
    for number in range(1, total + 1):
        lab, striker = site(profile), Striker(number, moment)
        with pytest.raises(Struck):
            Operator(lab, sliced, striker).drain(*TARGETS, **options)
        lab.clock.sleep(PAUSES[number % len(PAUSES)])
        where = f"killed at request {number} of {total}: {striker.struck}"
        print(where)  # shown when the test fails
        assert_drained(lab, Operator(lab, sliced).drain(*TARGETS, **options), *TARGETS)
        assert set(ends(lab).values()) == {"itself"}, where
        again = Operator(lab, sliced).drain(*TARGETS, **options)
        assert not again["changed"] and not again["steps"], where


@both_profiles
@both_ways
def test_F44_ctrl_c_at_any_request_leaves_marks_and_both_going_on_and_undoing_work(profile: str, sliced: bool) -> None:
    total = requests_of_a_whole_run(profile, sliced)
    for number in range(1, total + 1, 3):
        lab, striker = site(profile), Striker(number, "after", KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            Operator(lab, sliced, striker).drain(*TARGETS)
        print(striker.struck)
        if profile == "1.1.2":
            for entry in writes(lab, "/drain"):
                assert "serverops_run" in entry["body"], "no client is closed without a mark that names its run"
        opened = Operator(lab, sliced).drain(*TARGETS, state="eligible", take_over=profile == "0.5.6")
        assert not opened["failed"], opened["msg"]
        assert not any(is_closed(lab, name) for name in TARGETS)
        lab.clock.sleep(60)
        assert set(ends(lab).values()) == {"itself"}
        assert_drained(lab, Operator(lab, sliced).drain(*TARGETS), *TARGETS)


@both_profiles
@both_ways
def test_F42_killed_again_and_again_a_run_is_finished_by_the_last(profile: str, sliced: bool) -> None:
    lab = site(profile)
    for number in (2, 7, 9, 11, 12, 13, 14, 15, 5):
        try:
            Operator(lab, sliced, Striker(number, "after")).drain(*TARGETS)
        except Struck:
            lab.clock.sleep(1)
    assert_drained(lab, Operator(lab, sliced).drain(*TARGETS), *TARGETS)


@both_profiles
@both_ways
def test_F42_release_killed_at_any_request_and_run_again_opens_all_clients(profile: str, sliced: bool) -> None:
    options = {"state": "eligible", "take_over": profile == "0.5.6"}
    counter = Striker(0, "before")
    lab = site(profile)
    Operator(lab).drain(*TARGETS)
    assert not Operator(lab, sliced, counter).drain(*TARGETS, **options)["failed"]
    for number in range(1, counter.seen + 1):
        for moment in ("before", "after"):
            lab = site(profile)
            Operator(lab).drain(*TARGETS)
            with pytest.raises(Struck):
                Operator(lab, sliced, Striker(number, moment)).drain(*TARGETS, **options)
            opened = Operator(lab, sliced).drain(*TARGETS, **options)
            assert not opened["failed"], opened["msg"]
            assert not any(is_closed(lab, name) for name in TARGETS), f"killed {moment} request {number}"
