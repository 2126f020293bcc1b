# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of nomad_job_log: its words and its code agree, and it shows the log that is meant."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from unit.plugins.modules.indoors import Room, check_options, module, process, returned

from lab.nomad.lab import Lab

NAME = "nomad_job_log"
CANARY = "cafecafe-0000-4000-8000-00000000cafe"
every = pytest.mark.parametrize("profile", ["0.5.6", "0.9.3", "0.11.3", "1.1.2", "1.7.7", "1.11.3"])


@pytest.fixture
def profile() -> str:
    return "1.1.2"


@pytest.fixture
def room(profile: str, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Three clients; `build` runs on c2, `waits` fits nowhere."""
    lab = Lab(profile, clients=3)
    lab.build("build", "c2", seconds=600, stdout="one\ntwo\nthree\n", stderr="oops\n")
    lab.build("waits", "nowhere")
    lab.clock.sleep(2)
    lab.journal.clear()
    return Room(lab, monkeypatch)


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


@every
def test_the_log_of_a_job_and_every_key_that_is_told(room: Room) -> None:
    found = room.read(NAME, job="build")
    assert set(found) == set(returned(NAME))
    assert set(found["allocation"]) == set(returned(NAME)["allocation"]["sample"])
    assert (found["log"], found["lines"], found["truncated"], found["stream"], found["task"]) == ("oops\n", 1, False, "stderr", "task")
    assert (found["allocation"]["client"], found["allocation"]["status"], found["allocations"]) == ("c2", "running", 1)
    assert room.writes == []


@every
def test_a_tail_of_the_other_stream_by_allocation(room: Room) -> None:
    item = room.read(NAME, job="build")["allocation"]["id"]
    for given in (item, item[:8], item[:11], item.upper()):
        found = room.read(NAME, allocation=given, stream="stdout", tail=2)
        assert (found["log"], found["truncated"], found["job"]) == ("two\nthree\n", True, "build")


@every
def test_of_a_build_that_was_started_twice_the_live_one(room: Room) -> None:
    """Its first client went down; what nomad logs -job takes is any of the two."""
    room.lab.build("twice", "c1|c3", seconds=600, stderr="once more\n")
    room.lab.clock.sleep(2)
    first = room.read(NAME, job="twice")["allocation"]
    room.lab.kill_client(first["client"], heartbeat=1.0)
    room.lab.clock.sleep(10)
    found = room.read(NAME, job="twice")
    assert found["allocations"] == 2 and found["allocation"]["id"] != first["id"]
    assert found["allocation"]["client"] != first["client"] and found["log"] == "once more\n"


@every
def test_a_log_on_a_client_that_is_down_is_a_named_error(room: Room, profile: str) -> None:
    room.lab.kill_client("c2", heartbeat=1.0)
    room.lab.clock.sleep(5)
    with pytest.raises(CollectionError) as caught:
        room.read(NAME, job="build")
    assert "on client c2" in str(caught.value) and "on the client's disk" in str(caught.value)
    if profile == "0.5.6":
        assert "the road to 127.0.0.1:23020" in str(caught.value)


@every
def test_of_a_stopped_job_the_log_is_still_there(room: Room) -> None:
    result, failure = room.change("nomad_job_stop", job="build", confirm="build")
    assert failure == "" and result["verdict"] == "stopped"
    assert room.read(NAME, job="build")["log"] == "oops\n"


BAD = [
    pytest.param({}, ["neither job nor allocation"], id="nothing named"),
    pytest.param({"job": "build", "allocation": "11111111"}, ["both job and allocation"], id="both named"),
    pytest.param({"allocation": "build"}, ["allocation is 'build'", "8 or more hex digits"], id="an id that is none"),
    pytest.param({"allocation": "00000000"}, ["allocation is '00000000'", "no allocation whose id begins so"], id="a beginning of none"),
    pytest.param({"allocation": "99999999-2222-4333-8444-555555555559"}, ["know no allocation 99999999"], id="an id that nobody knows"),
    pytest.param({"job": "nope"}, ["job is 'nope'", "no such job"], id="a job that nobody knows"),
    pytest.param({"job": "buil"}, ["job is 'buil'", "no such job"], id="the beginning of a job"),
    pytest.param({"job": "waits"}, ["never got a client", "nomad_job_info"], id="a job that waits"),
    pytest.param({"job": "build", "task": "nope"}, ["task is 'nope'", "has task"], id="a task that is none"),
    pytest.param({"job": "build", "tail": 0}, ["tail is 0"], id="no lines"),
    pytest.param({"job": "build", "nomad_region": "mars"}, ["nomad_region", "leave it out"], id="an unknown region"),
]


@every
@pytest.mark.parametrize(("params", "words"), BAD)
def test_bad_input_is_one_sentence(room: Room, params: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(CollectionError) as caught:
        room.read(NAME, **params)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["client", "drain-only", "drain-and-read", "read-only", None])
def test_a_token_that_may_not_read_logs_is_named(room: Room, kind: str | None) -> None:
    item = room.read(NAME, job="build")["allocation"]["id"]
    room.lab.acl(True, {CANARY: kind} if kind else {})
    for named in ({"job": "build"}, {"allocation": item}):
        with pytest.raises(CollectionError) as caught:
            room.read(NAME, nomad_token=CANARY, **named)
        assert "nomad_token" in str(caught.value) and CANARY not in str(caught.value)


def test_a_process_refuses_a_stream_that_is_none() -> None:
    found = process(NAME, job="build", stream="both")
    assert found["failed"] and "stream" in found["msg"] and "stderr, stdout" in found["msg"]
