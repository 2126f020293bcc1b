# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of nomad_job_stop: its words and its code agree, nothing is stopped by mistake, and what dies is told before."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.modules.indoors import Room, check_options, module, process, returned

from lab.nomad.lab import Lab

NAME = "nomad_job_stop"
CANARY = "cafecafe-0000-4000-8000-00000000cafe"
every = pytest.mark.parametrize("profile", ["0.5.6", "0.9.3", "0.11.3", "1.1.2", "1.7.7", "1.11.3"])
BUILD = {"job": "build", "confirm": "build"}


@pytest.fixture
def profile() -> str:
    return "1.1.2"


@pytest.fixture
def room(profile: str, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Three clients; `build` runs on two of them and takes its time to stop, `other` runs beside it."""
    lab = Lab(profile, clients=3)
    lab.build("build", "c1|c2", seconds=None, count=2, stop_seconds=8.0, kill_timeout=30.0)
    lab.build("other", "c3", seconds=600)
    lab.clock.sleep(3)
    lab.journal.clear()
    return Room(lab, monkeypatch)


def hows(room: Room) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for build in room.lab.truth()["builds"]:
        found.setdefault(build["job"], set()).add(build["how"])
    return found


def test_documentation_and_code_tell_the_same_options() -> None:
    made = module(NAME).DOOR
    from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS

    check_options(NAME, {**made.options, **WAIT_OPTIONS})


@every
def test_it_stops_the_job_and_waits_until_all_of_it_has_ended(room: Room) -> None:
    result, failure = room.change(NAME, **BUILD)
    assert failure == "" and result["changed"] is True
    assert (result["verdict"], result["stopped"], result["by_us"], result["left"]) == ("stopped", True, True, 0)
    assert [(one["client"], one["status"]) for one in sorted(result["allocations"], key=lambda one: one["client"])] == [("c1", "complete"), ("c2", "complete")]
    assert result["waited"] >= 8.0, "the allocations take 8 s to stop"
    assert hows(room) == {"build": {"cancelled"}, "other": {"running"}}
    assert [(write["method"], write["path"]) for write in room.writes] == [("DELETE", "/v1/job/build")]
    assert set(result) - {"changed", "diff"} == set(returned(NAME))


@every
def test_check_mode_and_diff_tell_what_would_die_and_where(room: Room) -> None:
    result, failure = room.change(NAME, check=True, **BUILD)
    assert failure == "" and result["changed"] is True and result["steps"] == [{"step": "stop", "id": "build"}]
    ids = {one["allocation"]: one["client"] for one in result["allocations"]}
    assert sorted(ids.values()) == ["c1", "c2"]
    assert result["diff"]["before"]["build"] == {"status": "running", "running": sorted(f"{item} on {client}" for item, client in ids.items())}
    assert result["diff"]["after"]["build"]["running"] == []
    assert room.writes == [] and hows(room)["build"] == {"running"}


@every
def test_stopped_before_is_told_apart_and_quiet(room: Room, profile: str) -> None:
    room.change(NAME, **BUILD)
    room.lab.journal.clear()
    result, failure = room.change(NAME, **BUILD)
    assert failure == "" and result["changed"] is False and room.writes == []
    assert (result["verdict"], result["stopped"], result["by_us"], result["allocations"]) == ("was_stopped", True, False, [])


@every
def test_a_job_that_nobody_knows_is_quiet(room: Room) -> None:
    result, failure = room.change(NAME, job="gone", confirm="gone")
    assert failure == "" and result["changed"] is False and (result["verdict"], result["by_us"]) == ("absent", False)
    assert room.writes == []


@every
def test_without_waiting_it_says_what_is_left(room: Room) -> None:
    result, failure = room.change(NAME, wait=False, **BUILD)
    assert failure == "" and result["changed"] is True
    again, _failure = room.change(NAME, wait=False, **BUILD)
    assert (again["verdict"], again["left"]) == ("unfinished", 2) and again["changed"] is False


def test_a_client_that_goes_down_with_it_is_no_success(room: Room) -> None:
    room.change(NAME, wait=False, **BUILD)
    room.lab.kill_client("c1", heartbeat=1.0)
    result, failure = room.change(NAME, **BUILD)
    assert "may still run there" in failure and "c1" in failure
    assert (result["verdict"], result["stopped"]) == ("lost", False)


@every
@pytest.mark.parametrize("kind", ["reset", "close", "500", "503", "html", "truncate"])
@pytest.mark.parametrize("apply", [True, False])
def test_an_order_whose_answer_is_lost_is_looked_for_and_sent_again_only_where_it_took_no_effect(room: Room, kind: str, apply: bool) -> None:
    room.lab.fault(kind, match="DELETE", count=1, apply=apply)
    result, failure = room.change(NAME, **BUILD)
    assert failure == "" and (result["verdict"], result["by_us"]) == ("stopped", True)
    assert result["steps"] == [{"step": "stop", "id": "build"}]
    took_effect = apply or kind == "truncate"  # cut off behind its beginning
    assert len([write for write in room.writes if write["method"] == "DELETE"]) == (1 if took_effect else 2)


@every
def test_a_server_that_dies_in_between_is_waited_for(room: Room) -> None:
    room.lab.clock.after(4.0, lambda: room.lab.kill_server(20.0))
    result, failure = room.change(NAME, **BUILD)
    assert failure == "" and result["verdict"] == "stopped" and result["waited"] > 15


@pytest.mark.parametrize("kind", ["service", "system"])
def test_a_job_of_the_installation_only_with_its_name(room: Room, kind: str) -> None:
    room.lab.build("output-processor", None if kind == "system" else "c3", seconds=None, type=kind)
    room.lab.clock.sleep(2)
    for confirm in ("yes", "true", "output"):
        _result, failure = room.change(NAME, job="output-processor", confirm=confirm)
        assert f"confirm is '{confirm}', but job is 'output-processor'" in failure and room.writes == []
    result, failure = room.change(NAME, job="output-processor", confirm="output-processor")
    assert failure == "" and result["verdict"] == "stopped" and result["type"] == kind


BAD = [
    pytest.param({"confirm": "other"}, ["confirm is 'other', but job is 'build'"], id="another name"),
    pytest.param({"confirm": "BUILD"}, ["confirm is 'BUILD'"], id="other letters"),
    pytest.param({"job": "", "confirm": ""}, ["job is empty"], id="no name"),
    pytest.param({"wait_timeout": 0.0}, ["wait_timeout is 0"], id="no time"),
    pytest.param({"nomad_url": "http://nomad:port"}, ["nomad_url", "nomad:port"], id="a port that is none"),
    pytest.param({"nomad_region": "mars"}, ["nomad_region", "leave it out"], id="an unknown region"),
]


@pytest.mark.parametrize(("params", "words"), BAD)
@pytest.mark.parametrize("check", [False, True])
def test_bad_input_is_one_sentence_and_stops_nothing(room: Room, params: dict[str, Any], words: list[str], check: bool) -> None:
    result, failure = room.change(NAME, check=check, **{**BUILD, "wait_timeout": 120.0, **params})
    assert all(word in failure for word in words), failure
    assert "\n" not in failure and result == {} and room.writes == []
    assert hows(room)["build"] == {"running"}


@pytest.mark.parametrize("kind", ["client", "drain-only", "drain-and-read", "read-only", None])
def test_a_token_that_proves_nothing_is_refused_before_any_write(room: Room, kind: str | None) -> None:
    room.lab.acl(True, {CANARY: kind} if kind else {})
    result, failure = room.change(NAME, nomad_token=CANARY, **BUILD)
    assert "nomad_token" in failure and CANARY not in failure and "\n" not in failure
    assert result == {} and room.writes == []


def test_a_management_token_stops(room: Room) -> None:
    room.lab.acl(True, {CANARY: "management"})
    result, failure = room.change(NAME, nomad_token=CANARY, **BUILD)
    assert failure == "" and result["verdict"] == "stopped"


def test_a_process_wants_both_names() -> None:
    found = process(NAME, job="build")
    assert found["failed"] and "confirm" in found["msg"]
