# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was when: the clients' stands and the builds' ends as the looks saw them, bounded, and silent in what check mode imagines."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.fold import fold
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import drain
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.history import BOUND, history_view, stand, stands
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation, Node
from unit.plugins.module_utils.nomad.values import (
    ALL,
    MARKED,
    NEW,
    OLD,
    blind,
    build,
    cordoned,
    draining,
    ended,
    opened,
    ours,
    see,
    state,
    struck,
    told,
    winding_up,
)


def seen(version: str, *looks: tuple[float, Node | None, tuple[Allocation, ...]]) -> Any:
    """The last of these looks: time, the client, its allocations."""
    look = None
    for now, node, allocations in looks:
        look = see(state(version, *([node] if node else []), allocations=allocations), after=look, now=now)
    return look


def ends(look: Any) -> dict[str, tuple[Any, ...]]:
    return {entry["job"]: (entry["from"], entry["until"], entry["end"]) for entry in told(look)["builds"]}


@pytest.mark.parametrize(
    ("node", "word"),
    [
        (opened(), "open"),
        (cordoned(), "closed"),
        (ours(), "draining"),
        (opened(status="down"), "down"),
        (ours(status="disconnected"), "unknown"),
        (None, "gone"),
    ],
)
def test_one_word_for_how_a_client_stands(node: Node | None, word: str) -> None:
    assert stand(node) == word


@pytest.mark.parametrize("version", MARKED)
def test_a_client_s_stands_are_told_with_the_times_of_the_looks_that_saw_them_first(version: str) -> None:
    look = seen(version, (0.04, opened(), ()), (0.31, ours(), ()), (7.0, ours(), ()), (9.06, cordoned(), ()))
    assert told(look)["history"] == [{"t": 0.0, "is": "open"}, {"t": 0.3, "is": "draining"}, {"t": 9.1, "is": "closed"}]


@pytest.mark.parametrize("version", ALL)
def test_a_build_is_told_from_the_first_look_that_saw_it_to_the_first_that_saw_it_ended(version: str) -> None:
    first, second = build(started="2026-11-23T08:00:01Z"), build("b2")
    look = seen(version, (0.0, opened(), (first,)), (5.0, opened(), (first, second)), (8.0, opened(), (ended(), second)), (11.0, opened(), (ended(), second)))
    assert told(look)["builds"] == [
        {"job": "b1", "allocation": "a-b1", "started": "2026-11-23T08:00:01Z", "from": 0.0, "until": 8.0, "end": "finished"},
        {"job": "b2", "allocation": "a-b2", "started": None, "from": 5.0, "until": None, "end": None},
    ]


@pytest.mark.parametrize("version", ALL)
def test_a_failed_build_ended_by_itself_too(version: str) -> None:
    assert ends(seen(version, (0.0, opened(), (build(),)), (3.0, opened(), (ended(client="failed"),)))) == {"b1": (0.0, 3.0, "finished")}


@pytest.mark.parametrize("version", NEW)
def test_a_build_called_off_by_a_person_is_neither_killed_nor_finished(version: str) -> None:
    look = seen(version, (0.0, ours(), (build(),)), (2.0, ours(), (winding_up(),)), (4.0, ours(), (winding_up(client="complete"),)))
    assert ends(look) == {"b1": (0.0, 4.0, "cancelled")}


@pytest.mark.parametrize("version", NEW)
def test_a_struck_build_is_killed_once_it_has_stopped(version: str) -> None:
    stopping = (2.0, ours(), (struck(client="running"),))
    assert ends(seen(version, (0.0, ours(), (build(),)), stopping)) == {"b1": (0.0, None, None)}
    assert ends(seen(version, (0.0, ours(), (build(),)), stopping, (9.0, ours(), (struck(),)))) == {"b1": (0.0, 9.0, "killed")}


@pytest.mark.parametrize("version", OLD)
def test_before_0_8_a_stop_whose_job_remains_is_a_kill(version: str) -> None:
    assert ends(seen(version, (0.0, draining(), (build(),)), (6.0, draining(), (struck(migrate=False),)))) == {"b1": (0.0, 6.0, "killed")}


@pytest.mark.parametrize("version", ALL)
def test_a_build_on_a_client_that_is_down_is_lost_until_it_is_seen_alive_again(version: str) -> None:
    fallen = [(0.0, opened(), (build(),)), (4.0, opened(status="down"), (build(),)), (5.0, opened(status="down"), (build(),))]
    assert ends(seen(version, *fallen)) == {"b1": (0.0, 4.0, "lost")}
    assert ends(seen(version, *fallen, (8.0, opened(), (build(),)))) == {"b1": (0.0, None, None)}


@pytest.mark.parametrize("version", ALL)
def test_a_build_that_the_servers_no_longer_list_is_forgotten_and_one_that_could_not_be_read_is_left_as_it_was(version: str) -> None:
    assert ends(seen(version, (0.0, opened(), (build(),)), (4.0, opened(), ()))) == {"b1": (0.0, 4.0, "forgotten")}
    first = seen(version, (0.0, opened(), (build(),)))
    assert ends(see(state(version, opened(), **blind("c1")), after=first, now=4.0)) == {"b1": (0.0, None, None)}


@pytest.mark.parametrize("version", ALL)
def test_check_mode_tells_what_was_seen_and_nothing_of_what_it_imagines(version: str) -> None:
    end = fold(drain, see(state(version, opened(), allocations=(build(),)), now=0.4), True)
    shown = drain.view(end.look, end.decisions)["nodes"][0]
    assert shown["verdict"] == "drained"
    assert shown["history"] == [{"t": 0.4, "is": "open"}]
    assert [(entry["from"], entry["until"], entry["end"]) for entry in shown["builds"]] == [(0.4, None, None)]


def test_what_is_told_of_one_client_is_bounded_to_the_newest() -> None:
    past: list[list[Any]] = []
    for number in range(3 * BOUND):
        past = stands(past, opened() if number % 2 else cordoned(), float(number))
    shown = history_view({"history": past, "builds": {str(n): [f"b{n}", "", float(n), None, None] for n in range(3 * BOUND)}})
    assert len(shown["history"]) == len(shown["builds"]) == BOUND
    assert shown["history"][-1]["t"] == shown["builds"][-1]["from"] == 3 * BOUND - 1
