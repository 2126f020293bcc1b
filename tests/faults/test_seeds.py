# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drains in a storm of faults, by seed: never a false `drained`, and when the storm is over the next run finishes."""

from __future__ import annotations

import random

import pytest
from faults.operators import Json, Operator, assert_drained, assert_true, ends, reasons, verdicts

from lab.nomad.lab import Lab

BANDS = ("0.5.6", "1.1.2", "1.7.7", "1.11.3")  # one version for each way in which drains differ
KINDS = ("reset", "close", "refuse", "truncate", "stall", "500", "429", "html", "stale", "no_leader_text")
# What the faults may strike: anything, the watches, one client's own objects, the orders.
MATCHES = (".", ".", "GET /v1/(nodes|allocations)", "GET /v1/node/", "POST ")


class Storm:
    """One seed: a site, a task on 1 to 3 of its clients, and what happens to them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.profile = BANDS[seed % len(BANDS)]
        self.sliced = bool(seed // len(BANDS) % 2)
        self.lab = Lab(self.profile, clients=5, seed=seed)
        self.targets = [f"c{number}" for number in range(1, self.dice.randint(1, 3) + 1)]
        self.fallen = False
        self.first_look = 0.0
        self.told: list[str] = []
        for number in range(self.dice.randint(0, 3 * len(self.targets))):
            length = self.dice.uniform(2, 70)
            stop = self.dice.choice([0, 0, 3])
            self.lab.build(f"build-{number}", self.dice.choice(self.targets), seconds=length, stop_seconds=stop)
        self.lab.clock.sleep(1)
        for _turn in range(self.dice.randint(1, 4)):
            self._plan(self.dice.choice([0.001, 0.004, 0.3, 1.0]) if self.dice.random() < 0.4 else self.dice.uniform(0, 80))

    def _plan(self, second: float) -> None:
        what = self.dice.choice(["fault"] * 5 + ["kill_server", "lose_leader", "kill_client", "restore"])
        if what == "fault":
            kind, count, match = self.dice.choice(KINDS), self.dice.choice([1, 1, 2, 4, 9]), self.dice.choice(MATCHES)
            fields = {"count": count, "match": match, "apply": self.dice.random() < 0.5, "rate": self.dice.choice([1.0, 0.4]), "seed": self.seed}
            self._later(second, f"{kind} {fields}", lambda: self.lab.fault(kind, **fields))
        elif what == "restore":
            self._later(second, what, self.lab.restore_server)
        elif what == "kill_client":
            self._kill_client(second)
        else:
            away = self.dice.uniform(1, 25)
            self._later(second, f"{what} for {away:.1f} s", lambda: getattr(self.lab, what)(away))

    def _kill_client(self, second: float) -> None:
        name, builds, away = self.dice.choice(self.targets), self.dice.choice(["live", "die"]), self.dice.uniform(1, 60)
        self.fallen = True
        self._later(second, f"{name} falls, its builds {builds}", lambda: self.lab.kill_client(name, builds))
        if self.dice.random() < 0.6:
            self._later(second + away, f"{name} returns", lambda: self.lab.return_client(name))

    def _later(self, second: float, words: str, action: object) -> None:
        self.told.append(f"{second:7.3f} {words}")
        self.lab.clock.after(second, action)  # type: ignore[arg-type]

    def run(self, **options: object) -> Json:
        operator = Operator(self.lab, self.sliced)
        result = operator.drain(*self.targets, **options)
        self.first_look = operator.first_look
        return result


def check(seed: int) -> None:
    random.seed(seed)  # the jitter of retries
    storm = Storm(seed)
    lab = storm.lab
    try:
        result = storm.run(wait_timeout=storm.dice.choice([40, 400, 4000]))
        assert_true(lab, result, storm.first_look)
        assert result["failed"] or set(verdicts(result).values()) == {"drained"}, reasons(result)
        lab.clock.sleep(180)
        lab.clear_faults()
        last = storm.run(wait_timeout=4000)
        assert_true(lab, last, storm.first_look)
        if not storm.fallen:
            assert_drained(lab, last, *storm.targets)
            assert set(ends(lab).values()) <= {"itself"}, ends(lab)
    except BaseException:
        print(f"seed {seed}: {storm.profile}, {'sliced' if storm.sliced else 'whole'}, {storm.targets}; repeat with check({seed})")
        print("\n".join(sorted(storm.told)))
        for build in lab.truth()["builds"]:
            print(build)
        raise


@pytest.mark.parametrize("first", range(0, 200, 10))
def test_seeded_runs_have_no_false_drained(first: int) -> None:
    for seed in range(first, first + 10):
        check(seed)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1000, 11000, 250))
def test_ten_thousand_seeded_runs_have_no_false_drained(first: int) -> None:
    for seed in range(first, first + 250):
        check(seed)
