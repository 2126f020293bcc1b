# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many clients (F45): one connection watches them all, requests grow with the clients and not with the builds, and each verdict is still true."""

from __future__ import annotations

import random
from typing import Any

import pytest
from bench.figures import growth_exponent
from faults.operators import Operator, assert_drained

from lab.nomad.lab import Lab

BUILDS = 4
SHORTEST, LONGEST = 20.0, 50.0  # s


def site(profile: str, clients: int) -> Lab:
    """One client more than is drained; builds that end one after the other, all the time."""
    lab = Lab(profile, clients=clients + 1)
    chance = random.Random(clients)
    for number in range(1, clients + 1):
        for build in range(BUILDS):
            lab.build(f"build-{number}-{build}", f"c{number}", seconds=chance.uniform(SHORTEST, LONGEST))
    lab.clock.sleep(1)
    return lab


def drained(profile: str, clients: int) -> tuple[Lab, dict[str, Any]]:
    lab = site(profile, clients)
    names = [f"c{number}" for number in range(1, clients + 1)]
    lab.journal.clear()
    result = Operator(lab).drain(*names)
    assert_drained(lab, result, *names)
    assert sum(node["finished"] for node in result["nodes"]) == BUILDS * clients
    return lab, result


@pytest.mark.parametrize("profile", ["1.1.2"])
def test_F45_a_thousand_clients_take_few_reads_of_the_lists_and_five_requests_each(profile: str) -> None:
    lab, result = drained(profile, 1000)
    counts = lab.requests["counts"]
    seconds = max(node["waited"] for node in result["nodes"])
    assert counts["POST /v1/node/<id>/drain"] == 1000, "no order is sent twice"
    assert counts["GET /v1/nodes"] <= 2.5 * seconds and counts["GET /v1/allocations"] <= 2 + seconds / 10
    assert sum(counts.values()) <= 5 * 1000 + 4 * seconds


@pytest.mark.soak
def test_requests_grow_with_the_clients() -> None:
    sizes = [50, 100, 200, 400]
    totals = [float(drained("1.1.2", size)[0].requests["total"]) for size in sizes]
    assert growth_exponent(sizes, totals) <= 1.05, totals
