# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of nomad_job_info: its words and its code agree, it never writes, and each situation of the lab has its verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.diagnosis import NEXT
from unit.plugins.modules.indoors import Room, check_options, module, process, returned

from lab.nomad.lab import Lab

NAME = "nomad_job_info"
CANARY = "cafecafe-0000-4000-8000-00000000cafe"
every = pytest.mark.parametrize("profile", ["0.5.6", "0.9.3", "0.11.3", "1.1.2", "1.7.7", "1.11.3"])


@pytest.fixture
def profile() -> str:
    return "1.1.2"


@pytest.fixture
def room(profile: str, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Three clients; one build runs, one is over, one fits nowhere."""
    lab = Lab(profile, clients=3)
    lab.build("build-1", "c1", seconds=600)
    lab.build("build-2", "c1", seconds=1)
    lab.build("waits", "nowhere")
    lab.clock.sleep(4)
    lab.journal.clear()
    return Room(lab, monkeypatch)


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


@every
def test_the_result_has_every_key_that_is_told(room: Room) -> None:
    told = returned(NAME)
    found = room.read(NAME)
    assert set(found) == set(told)
    assert [set(job) for job in found["jobs"]] == [set(told["jobs"]["contains"])] * 3
    assert set(found["diagnosis"]) == set(told["diagnosis"]["contains"])
    assert set(found["summary"]) == set(told["summary"]["sample"]) and set(found["server"]) == set(told["server"]["sample"])
    assert room.writes == []


@every
def test_why_is_nothing_placed_in_one_look(room: Room, profile: str) -> None:
    found = room.read(NAME)
    jobs = {job["id"]: job for job in found["jobs"]}
    assert {name: (job["status"], job["placed"], job["blocked_reason"]) for name, job in jobs.items()} == {
        "build-1": ("running", 1, None),
        "build-2": ("dead", 1, None),
        "waits": ("pending", 0, "wrong_constraint"),
    }
    assert found["summary"] == {"pending": 1, "running": 1, "dead": 1, "parents": 0, "blocked": {"wrong_constraint": 1}}
    assert (jobs["waits"]["age"] is None) == (profile == "0.5.6")


def _nothing(lab: Lab) -> None:
    """As the lab is."""


def _drain_all(lab: Lab) -> None:
    for name in ("c1", "c2", "c3"):
        query, body = ("?enable=true", None) if lab.profile.old_drain else ("", {"DrainSpec": {"Deadline": 0}, "Meta": {"serverops_owner": "night shift"}})
        lab.session().put(f"http://lab/v1/node/{lab.node_id(name)}/drain{query}", json=body).raise_for_status()


def _down(lab: Lab) -> None:
    for name in ("c1", "c2", "c3"):
        lab.kill_client(name, heartbeat=1.0)


def _full(**needs: int) -> Callable[[Lab], None]:
    """Every client is taken by one build, and one more of the same waits."""
    return lambda lab: [lab.build(f"big-{number}", None, seconds=None, **needs) for number in range(4)] and None


def _elsewhere(lab: Lab) -> None:
    """The clients are in a datacenter that no job asks for: the installation's older clients are in us-east-1."""
    lab.add_client(datacenter="us-east-1")


def _class(lab: Lab) -> None:
    lab.build("classy")
    job = lab.cluster.jobs["classy"]
    lab.register({**job.spec, "ID": "picky", "Constraints": [{"LTarget": "${node.class}", "RTarget": "linux-32bit", "Operand": "="}]})


SITUATIONS = [
    pytest.param(3, _full(memory=14463), None, "full_memory", id="full by memory"),
    pytest.param(3, _full(cpu=3000), None, "full_cpu", id="full by cpu"),
    pytest.param(0, _elsewhere, "c1", "wrong_datacenter", id="another datacenter"),
    pytest.param(3, _class, None, "wrong_class", id="another class"),
    pytest.param(3, _nothing, None, "nothing_waits", id="nothing waits"),
    pytest.param(3, _nothing, "nowhere", "wrong_constraint", id="wrong constraint"),
    pytest.param(0, _nothing, "c1", "no_clients", id="no clients"),
    pytest.param(3, _drain_all, None, "clients_closed", id="all closed"),
    pytest.param(3, _drain_all, "c1", "clients_closed", id="all closed, and a build waits"),
    pytest.param(3, _down, "c1", "clients_down", id="all down"),
]


@every
@pytest.mark.parametrize(("clients", "act", "build", "verdict"), SITUATIONS)
def test_verdicts_in_the_lab(profile: str, clients: int, act: Callable[[Lab], None], build: str | None, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(profile, clients=clients)
    lab.clock.sleep(1)
    act(lab)
    lab.clock.sleep(3)
    if build:
        lab.build("build", build)
    lab.clock.sleep(2)
    room = Room(lab, monkeypatch)
    lab.journal.clear()
    found = room.read(NAME)["diagnosis"]
    assert found["verdict"] == verdict and found["next_act"] == NEXT[verdict]
    assert room.writes == []
    if act is _drain_all:
        who = "somebody (this Nomad keeps no mark of who)" if profile in ("0.5.6", "0.9.3", "0.11.3") else "night shift (, since )"
        assert f"closed by {who}: c1, c2, c3" in found["evidence"]


@pytest.mark.parametrize("kind", ["client", "drain-only", None])
def test_a_token_that_cannot_see_jobs_gets_null_and_says_so(room: Room, kind: str | None) -> None:
    room.lab.acl(True, {CANARY: kind} if kind else {})
    found = room.read(NAME, nomad_token=CANARY if kind else None)
    assert found["jobs"] is None and found["summary"] is None
    assert found["diagnosis"]["verdict"] == "cannot_see" and "nomad_token" in found["diagnosis"]["reason"]
    assert CANARY not in str(found)


def test_a_management_token_sees(room: Room) -> None:
    room.lab.acl(True, {CANARY: "management"})
    assert len(room.read(NAME, nomad_token=CANARY)["jobs"]) == 3


def test_builds_of_another_namespace_are_listed_with_their_reasons(room: Room) -> None:
    room.lab.build("waits-2", "nowhere", namespace="other")
    room.lab.clock.sleep(2)
    found = [(job["namespace"], job["blocked_reason"]) for job in room.read(NAME, jobs=["waits*"])["jobs"]]
    assert found == [("default", "wrong_constraint"), ("other", "wrong_constraint")]


BAD = [
    pytest.param({"jobs": ["nope"]}, ["jobs holds 'nope'", "3 are known"], id="an id that no job has"),
    pytest.param({"jobs": [" "]}, ["jobs holds ' '", "give a job's id"], id="an empty id"),
    pytest.param({"jobs": ["a*b*"]}, ["jobs holds 'a*b*'"], id="a star in the middle"),
    pytest.param({"nomad_url": "ftp://nomad"}, ["nomad_url is ftp://nomad"], id="a wrong scheme"),
    pytest.param({"nomad_region": "mars"}, ["nomad_region", "leave it out"], id="an unknown region"),
]


@pytest.mark.parametrize(("params", "words"), BAD)
def test_bad_input_is_one_sentence(room: Room, params: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(CollectionError) as caught:
        room.read(NAME, **params)
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


def test_a_process_refuses_a_status_that_is_none() -> None:
    found = process(NAME, status=["queued"])
    assert found["failed"] and "status" in found["msg"] and "pending, running, dead" in found["msg"]


def _pause(lab: Lab) -> None:
    path = "/v1/operator/scheduler/configuration"
    config = {**lab.get(path)["SchedulerConfig"], "PauseEvalBroker": True}
    lab.session().put("http://lab" + path, json=config).raise_for_status()


@pytest.mark.parametrize("profile", ["1.7.7", "1.11.3"])
def test_a_paused_broker_is_the_verdict(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(profile, clients=3)
    lab.clock.sleep(1)
    _pause(lab)
    lab.build("build", "c1")
    lab.clock.sleep(2)
    room = Room(lab, monkeypatch)
    found = room.read(NAME)
    assert found["diagnosis"]["verdict"] == "paused_broker" and found["summary"]["blocked"] == {"paused_broker": 1}


@pytest.mark.parametrize("profile", ["1.1.2", "1.7.7", "1.11.3"])
def test_dispatched_builds_and_their_parent(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(profile, clients=1)
    lab.build("build", None, seconds=600, memory=20000)
    spec = {**lab.cluster.jobs["build"].spec, "ID": "parent", "Name": "parent", "ParameterizedJob": {"Payload": "optional"}}
    session = lab.session()
    session.put("http://lab/v1/jobs", json={"Job": spec}).raise_for_status()
    session.put("http://lab/v1/job/parent/dispatch", json={}).raise_for_status()
    lab.clock.sleep(2)
    room = Room(lab, monkeypatch)
    found = room.read(NAME)
    jobs = {job["id"]: job for job in found["jobs"]}
    child = next(name for name in jobs if name.startswith("parent/dispatch-"))
    assert jobs["parent"]["children"] == {"pending": 1, "running": 0, "dead": 0} and jobs["parent"]["blocked_reason"] is None
    assert (jobs[child]["parent"], jobs[child]["blocked_reason"]) == ("parent", "full_memory")
    assert found["summary"]["parents"] == 1 and found["summary"]["blocked"] == {"full_memory": 1}
    _result, failure = room.change("nomad_job_stop", job="parent", confirm="parent")
    assert "only brings forth others" in failure
    result, failure = room.change("nomad_job_stop", job=child, confirm=child)
    assert failure == "" and result["verdict"] == "stopped"
