# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build that begins between a look and an order: on a far server, by long lists, with many clients to close at once.

One that begins between a client's own answer and the order that follows it is hit all the same, below 0.8: nothing there can prevent it.
"""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.modules.indoors import Room

from lab.nomad import adapter
from lab.nomad.lab import Lab

FAR = 0.1  # s a request


def far_room(profile: str, old: int, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Six idle clients and one that is not asked for, where `old` builds ended; every request takes its time."""
    lab = Lab(profile, clients=7)
    if old:
        lab.build("old", "c7", seconds=1, count=old, cpu=1, memory=1)
    lab.clock.sleep(10)
    lab.journal.clear()
    monkeypatch.setattr(adapter, "HOP", FAR)
    return Room(lab, monkeypatch)


def late(room: Room, client: str, after: float, **build: Any) -> None:
    """In so many seconds a build begins there."""
    room.lab.clock.after(after, lambda: room.lab.build("late", client, **{"seconds": 20, **build}))


def ends(room: Room) -> set[str]:
    return {build["how"] for build in room.lab.truth()["builds"]}


SIX = [f"c{number}" for number in range(1, 7)]


@pytest.mark.parametrize("at_once", [0, 2])
@pytest.mark.parametrize("old", [0, 1100])
@pytest.mark.parametrize("after", [0.59, 0.95])
def test_below_0_8_a_build_that_begins_while_others_are_drained_ends_by_itself(old: int, after: float, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    room = far_room("0.5.6", old, monkeypatch)
    late(room, "c6", after)
    result, failure = room.drain(nodes=SIX, max_in_flight=at_once)
    assert failure == "" and result["summary"] == {"drained": 6}
    assert ends(room) == {"itself"}
    assert [step["id"] for step in result["steps"]].count(room.lab.node_id("c6")) == 1, "what was not sent is not told as done"


@pytest.mark.parametrize("old", [0, 2300])
def test_a_build_that_began_between_list_and_drain_is_given_no_deadline(old: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is not read again while the closed client looks empty, and a long one is kept for longer than a drain is called hung."""
    room = far_room("1.1.2", old, monkeypatch)
    late(room, "c1", 0.35, seconds=5000)
    result, failure = room.drain(nodes=["c1"], wait_timeout=60.0)
    assert [step["step"] for step in result["steps"]] == ["drain"]
    assert "1 build left" in failure and result["summary"] == {"unfinished": 1}
