# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which log is meant, and what of it is told."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import logs
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.logs import LogSpec, Tail, by_prefix, chosen, log_spec, tail_of, task_for, tasks_of
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Allocation
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils.nomad.recorded_answers import VERSIONS, bodies
from unit.plugins.module_utils.nomad.values import server


def one(name: str, created: int, client: str = "running", **fields: Any) -> Allocation:
    return Allocation(name, "j", "n", "batch", fields.pop("desired", "run"), client, created=created, **fields)


@pytest.mark.parametrize(
    ("allocations", "name"),
    [
        ([], None),
        ([one("a", 1)], "a"),
        ([one("a", 1), one("b", 2)], "b"),
        ([one("b", 2), one("a", 1)], "b"),
        ([one("a", 1), one("b", 2, "complete")], "a"),
        ([one("a", 1, "failed"), one("b", 2, "complete")], "b"),
        ([one("a", 1, "lost"), one("b", 2, "pending")], "b"),
        ([one("a", 1, "unknown"), one("b", 2, "failed")], "a"),
        ([one("a", 1), one("b", 2, desired="stop"), one("c", 3, "complete")], "b"),
    ],
)
def test_the_newest_live_one_else_the_newest(allocations: list[Allocation], name: Optional[str]) -> None:
    found = chosen(allocations)
    assert (found.id if found else None) == name


def test_a_prefix_names_one_or_is_refused() -> None:
    found = [one("aaaaaaaa-1", 1), one("aaaaaaaa-2", 2)]
    assert by_prefix(found, "aaaaaaaa-2").created == 2
    with pytest.raises(BadInput, match="begins the ids of 2 allocations"):
        by_prefix(found, "aaaaaaaa")
    with pytest.raises(BadInput, match="no allocation whose id begins so"):
        by_prefix(found, "bbbbbbbb")


# -- tasks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_the_task_of_a_recorded_allocation(version: str) -> None:
    assert tasks_of(bodies(version, "allocation", "")[0]) == ("task",)


def test_tasks_are_those_of_its_own_group() -> None:
    groups = [{"Name": "a", "Tasks": [{"Name": "x"}, {"Name": "y"}]}, {"Name": "b", "Tasks": [{"Name": "z"}]}]
    assert tasks_of({"TaskGroup": "a", "Job": {"TaskGroups": groups}}) == ("x", "y")
    assert tasks_of({"TaskGroup": "b", "Job": {"TaskGroups": groups}}) == ("z",)
    assert tasks_of({"TaskStates": {"only": {}}}) == ("only",)


def test_the_task_that_is_meant() -> None:
    runs = one("a", 1)
    assert task_for(LogSpec(job="j"), runs, ["x"]) == "x"
    assert task_for(LogSpec(job="j", task="y"), runs, ["x", "y"]) == "y"
    with pytest.raises(BadInput, match="task is missing.*x, y"):
        task_for(LogSpec(job="j"), runs, ["x", "y"])
    with pytest.raises(BadInput, match="task is 'z'.*has x"):
        task_for(LogSpec(job="j", task="z"), runs, ["x"])
    with pytest.raises(Refused, match="has not started yet"):
        task_for(LogSpec(job="j"), one("a", 1, "pending"), ["x"])
    with pytest.raises(Refused, match="has no task"):
        task_for(LogSpec(job="j"), runs, [])


# -- versions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "forwarded"), [("0.5.6", False), ("0.8.7", False), ("0.9.0", True), ("0.11.3", True), ("1.11.3", True)])
def test_who_is_asked(version: str, forwarded: bool) -> None:
    assert logs.is_forwarded(server(version)) is forwarded


def test_only_old_servers_with_acls_hide_a_refusal() -> None:
    assert logs.hides_refusals(server("0.9.3", acl=True))
    assert not logs.hides_refusals(server("0.9.3"))
    assert not logs.hides_refusals(server("0.11.3", acl=True))


# -- tails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "asked", "lines", "tail"),
    [
        (b"", 100, 3, Tail("", 0, True)),
        (b"one\ntwo\nthree\n", 100, 3, Tail("one\ntwo\nthree\n", 3, True)),
        (b"one\ntwo\nthree\n", 100, 2, Tail("two\nthree\n", 2, False)),
        (b"one\ntwo\nthr", 100, 2, Tail("two\nthr", 2, False)),
        (b"ne\ntwo\nthree\n", 13, 2, Tail("two\nthree\n", 2, False)),
        (b"ne\ntwo\nthree\n", 13, 3, None),
        (b"a long line that has no end", 27, 1, None),
        (b"10 %\r50 %\r100 %\ndone\n", 100, 2, Tail("10 %\r50 %\r100 %\ndone\n", 2, True)),
        ("\u2603 snow\n".encode()[1:], 100, 1, Tail("\ufffd\ufffd snow\n", 1, True)),
    ],
)
def test_the_end_of_a_log(data: bytes, asked: int, lines: int, tail: Optional[Tail]) -> None:
    assert tail_of(data, asked, lines) == tail


def test_a_line_longer_than_all_that_is_fetched_is_cut() -> None:
    data = b"x" * logs.MOST_BYTES
    found = tail_of(data, logs.MOST_BYTES, 5)
    assert found is not None and found.lines == 1 and not found.whole and len(found.text) == logs.MOST_BYTES


@given(st.lists(st.text(alphabet="ab\u00e9", max_size=9), min_size=1, max_size=40), st.integers(1, 50), st.integers(1, 400))
def test_whatever_part_came_the_lines_are_the_last_ones(rows: list[str], lines: int, asked: int) -> None:
    whole = "".join(row + "\n" for row in rows).encode()
    found = tail_of(whole[-asked:], asked, lines)
    if found is None:
        assert len(whole) >= asked
        return
    wanted = "".join(row + "\n" for row in rows[-lines:])
    assert found.text == wanted and (found.whole is False or len(rows) <= lines)


def test_the_first_guess_is_bounded() -> None:
    assert logs.first_size(1) == logs.LEAST
    assert logs.first_size(1000) == 1000 * logs.LINE
    assert logs.first_size(logs.MOST_LINES) == logs.MOST_BYTES


# -- the wish ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "neither job nor allocation"),
        ({"job": "j", "allocation": "aaaaaaaa"}, "both job and allocation"),
        ({"job": ""}, "neither job nor allocation"),
        ({"allocation": "aaaa"}, "allocation is 'aaaa'.*8 or more hex digits"),
        ({"allocation": "not-a-uuid"}, "allocation is 'not-a-uuid'"),
        ({"allocation": "../../jobs"}, "which is no id"),
        ({"job": "j", "tail": 0}, "tail is 0.*from 1 to 100000"),
        ({"job": "j", "tail": -3}, "tail is -3"),
        ({"job": "j", "tail": 100001}, "tail is 100001"),
    ],
)
def test_bad_input_is_one_sentence(params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        log_spec(params)


def test_a_good_wish() -> None:
    assert log_spec({"allocation": "AAAAAAAA"}) == LogSpec(allocation="AAAAAAAA")
