# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step lost_builds of a recovery by itself: what a restored database believes in is listed, and ended only on request (F67)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from integration.playing import Played, play

from lab.site.canary import Front

TOKEN = "canary-token-cafecafe"
ROLE = {"name": "serverops.circleci.kots_disaster_recovery", "tasks_from": "lost_builds.yml"}
BOOK = [
    {
        "name": "One step",
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {"name": "Play it", "ansible.builtin.include_role": ROLE},
            {"name": "Tell", "ansible.builtin.debug": {"msg": "told {{ kots_disaster_recovery_told | to_json }}"}},
        ],
    }
]


@pytest.fixture
def front() -> Iterator[Front]:
    """Two builds began before the restore, one of them in a workflow; a third one lives."""
    whole = SimpleNamespace(unready=lambda: [], pods=lambda: ["one"])
    site = SimpleNamespace(installation=whole, state=SimpleNamespace(news=threading.RLock()))
    made = Front(SimpleNamespace(site=site, nomad=None), TOKEN)  # type: ignore[arg-type]
    made.believed(7, "2026-01-01T10:00:00.000Z", "5f0c1c1e-0000-4000-8000-000000000001")
    made.believed(8, "2026-01-01T10:05:00.000Z")
    made.believed(9, "2026-11-29T07:00:01.000Z", "5f0c1c1e-0000-4000-8000-000000000002")
    yield made
    made.stop()


def went(front: Front, home: Path, want: str, *options: str, token: str = TOKEN) -> tuple[str, Played]:
    """The state that the step tells."""
    book = home / "book.yml"
    book.write_text(json.dumps(BOOK))
    given: dict[str, Any] = {"canary": {"url": front.url, "project": "gh/example/canary", "token": token}, "ahead": False, "lost_builds": want}
    given |= {"restored_at": "2026-11-29T07:00:00Z", "poll": 1, "canary_timeout": 3}
    played = play(str(book), {f"kots_disaster_recovery_{key}": value for key, value in given.items()}, home / "home", *options)
    assert token not in played.output
    told = played.output.partition("told ")[2]
    return told.partition('\\"state\\": \\"')[2].partition("\\")[0], played


def running(front: Front) -> list[int]:
    return [one["build_num"] for one in front.recorded if one["lifecycle"] == "running"]


def test_they_are_listed_and_left(front: Front, tmp_path: Path) -> None:
    state, played = went(front, tmp_path, "listed")
    assert state == "by_hand" and running(front) == [7, 8, 9] and "changed=0" in played.output
    assert "app/8, http" in played.output and "app/7" in played.output and "app/9" not in played.output


def test_they_are_ended_on_request_and_then_there_are_none(front: Front, tmp_path: Path) -> None:
    state, played = went(front, tmp_path, "canceled", "--check")
    assert state == "foretold" and running(front) == [7, 8, 9]
    state, played = went(front, tmp_path, "canceled")
    assert state == "done" and running(front) == [9]
    state, played = went(front, tmp_path, "canceled")
    assert state == "there" and "changed=0" in played.output


def test_one_that_is_still_shown_is_not_called_canceled(front: Front, tmp_path: Path) -> None:
    front._canceled = lambda chosen, status: (status, {"message": "Accepted."})  # type: ignore[method-assign]
    state, played = went(front, tmp_path, "canceled")
    assert played.code == 2 and "still shown as running" in played.output and "were answered 202, 200" in " ".join(played.output.split())


def test_nobody_is_asked_where_that_is_not_wanted(front: Front, tmp_path: Path) -> None:
    assert went(front, tmp_path, "ignored", token="wrong-token")[0] == "not_wanted"


def test_an_answer_that_is_none_is_no_empty_list(front: Front, tmp_path: Path) -> None:
    state, played = went(front, tmp_path, "listed", token="wrong-token")
    assert played.code == 2 and "answered 401 when it was asked for builds that are lost" in " ".join(played.output.split())


def test_an_account_that_follows_no_project_sees_none_and_that_is_no_success(front: Front, tmp_path: Path) -> None:
    front.followed.clear()
    state, played = went(front, tmp_path, "canceled")
    assert played.code == 2 and "follows no project, so nobody can be asked" in " ".join(played.output.split())


@pytest.mark.soak
def test_older_ones_behind_many_that_live_are_found_once_each(front: Front, tmp_path: Path) -> None:
    for number in range(100, 295):
        front.believed(number, "2026-11-29T08:00:00.000Z")
    state, played = went(front, tmp_path, "canceled")
    assert state == "done" and [number for number in running(front) if number < 100] == [9] and len(running(front)) == 196, played.output
