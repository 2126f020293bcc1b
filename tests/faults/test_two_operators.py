# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two operators drain overlapping sets at the same time (F43): the union is drained once, and the limit holds for the sum."""

from __future__ import annotations

import random
import threading
from datetime import datetime

import pytest
from faults.operators import Json, Operator, assert_drained, both_profiles, both_ways, ends, is_closed, writes

from lab.nomad.lab import Lab

FIRST, SECOND = ("c1", "c2", "c3", "c4"), ("c3", "c4", "c5", "c6")


class Turns:
    """One of two threads runs at a time; by seed the other comes on at a request or at a pause."""

    def __init__(self, seed: int, at_requests: bool) -> None:
        self.dice = random.Random(seed)
        self.at_requests = at_requests
        self.changed = threading.Condition()
        self.now = 0
        self.over: set[int] = set()

    def begin(self, who: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.now == who or 1 - who in self.over, 60)

    def pause(self, who: int) -> None:
        with self.changed:
            if 1 - who in self.over or self.dice.random() < 0.3:
                return
            self.now = 1 - who
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.now == who or 1 - who in self.over, 60)

    def end(self, who: int) -> None:
        with self.changed:
            self.over.add(who)
            self.now = 1 - who
            self.changed.notify_all()


class TurnsClock:
    """The lab's clock; a pause of one operator is the other's turn."""

    def __init__(self, lab: Lab, turns: Turns, who: int) -> None:
        self.lab, self.turns, self.who = lab, turns, who

    def now(self) -> float:
        return self.lab.clock.now()

    def wall(self) -> datetime:
        return self.lab.clock.wall()

    def sleep(self, seconds: float) -> None:
        self.lab.clock.sleep(seconds)
        self.turns.pause(self.who)


def together(lab: Lab, turns: Turns, limit: int) -> tuple[list[Json], int]:
    """Both results, and how many clients with builds were closed at once at most."""
    results: dict[int, Json] = {}
    most = 0

    def work(who: int, names: tuple[str, ...]) -> None:
        def hook(moment: str, method: str, path: str) -> None:
            nonlocal most
            if moment == "after" and method == "POST":
                busy = {build["client"] for build in lab.truth()["builds"] if build["ended"] is None}
                most = max(most, sum(1 for name in busy if is_closed(lab, name)))
            if moment == "before" and (turns.at_requests or "index=" in path):
                turns.pause(who)

        turns.begin(who)
        try:
            results[who] = Operator(lab, False, hook, clock=TurnsClock(lab, turns, who)).drain(*names, max_in_flight=limit)
        finally:
            turns.end(who)

    threads = [threading.Thread(target=work, args=(who, names), daemon=True) for who, names in enumerate((FIRST, SECOND))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return [results[0], results[1]], most


def site(profile: str) -> Lab:
    lab = Lab(profile, clients=8)
    for number in range(1, 7):
        lab.build(f"build-{number}", f"c{number}", seconds=15 + 7 * number)
    lab.clock.sleep(1)
    return lab


@both_profiles
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("limit", [1, 2])
def test_F43_with_turns_at_every_wait_the_union_is_drained_once_and_the_limit_holds_for_the_sum(profile: str, seed: int, limit: int) -> None:
    lab = site(profile)
    results, most = together(lab, Turns(seed, at_requests=False), limit)
    for result, names in zip(results, (FIRST, SECOND)):
        assert_drained(lab, result, *names)
    sent = [entry["path"] for entry in writes(lab, "/drain")]
    assert len(sent) == len(set(sent)) == 6, "each client is drained once"
    assert set(ends(lab).values()) == {"itself"}
    assert most <= limit


@both_profiles
@pytest.mark.parametrize("seed", range(12))
def test_F43_with_turns_at_every_request_nothing_is_lost_and_the_limit_is_passed_by_one_at_most(profile: str, seed: int) -> None:
    # Nomad has no order that holds only if nothing changed: two looks at the same moment may each close one client.
    lab = site(profile)
    results, most = together(lab, Turns(seed, at_requests=True), 2)
    for result, names in zip(results, (FIRST, SECOND)):
        assert_drained(lab, result, *names)
    assert set(ends(lab).values()) == {"itself"}
    assert most <= 3


@both_ways
def test_F43_another_owner_joins_what_the_first_drains_and_does_not_replace_its_mark(sliced: bool) -> None:
    lab = site("1.1.2")
    first = Operator(lab, sliced).drain("c1", wait=False)
    assert first["changed"]
    result = Operator(lab, sliced).drain("c1", "c2", owner="night-shift", max_in_flight=1)
    assert_drained(lab, result, "c1", "c2")
    assert [node["joined"] for node in result["nodes"]] == [True, False]
    assert [node["mark"]["owner"] for node in result["nodes"]] == ["serverops.circleci", "night-shift"]
