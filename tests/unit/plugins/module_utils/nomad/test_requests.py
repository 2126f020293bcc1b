# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How few requests a drain takes: not one more a client than its order and its two own objects."""

from __future__ import annotations

import pytest
from unit.plugins.modules.indoors import Room

from lab.nomad.lab import Lab


@pytest.mark.parametrize("profile", ["0.5.6", "1.1.2"])
@pytest.mark.parametrize("count", [12, 100])
def test_idle_clients_take_at_most_four_and_three_each(profile: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(profile, clients=count)
    room = Room(lab, monkeypatch)
    result, failure = room.drain(nodes=["all"], min_ready=0)
    assert failure == "" and result["summary"] == {"drained": count}
    assert lab.requests["total"] <= 4 + 3 * count
    assert len(room.writes) == count


@pytest.mark.parametrize("profile", ["0.5.6", "1.1.2"])
@pytest.mark.parametrize("count", [12, 100])
def test_drained_clients_take_no_write_and_as_few(profile: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(profile, clients=count)
    room = Room(lab, monkeypatch)
    room.drain(nodes=["all"], min_ready=0)
    lab.clock.sleep(5)
    lab.journal.clear()
    result, failure = room.drain(nodes=["all"], min_ready=0)
    assert failure == "" and result["changed"] is False and room.writes == []
    assert lab.requests["total"] <= 4 + 3 * count


@pytest.mark.parametrize("profile", ["0.5.6", "1.1.2"])
def test_a_long_wait_is_blocking_queries_on_two_lists_and_never_one_a_client(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(profile, clients=12)
    for number in range(1, 12):
        lab.build(f"build-{number}", f"c{number}", seconds=3600)
    lab.clock.sleep(2)
    room = Room(lab, monkeypatch)
    result, failure = room.drain(nodes=[f"c{number}" for number in range(1, 12)])
    assert failure == "" and result["summary"] == {"drained": 11}
    asked = [entry for entry in lab.requests["last"] if "index" in entry["query"]]
    assert asked and {entry["path"] for entry in asked} <= {"/v1/nodes", "/v1/allocations"}
    assert sum(entry["path"].startswith("/v1/node/") and entry["method"] == "GET" for entry in lab.requests["last"]) <= 4 * 11
