# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of nomad_node_drain: its words and its code agree, its result is whole, and bad input changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.rights import LEAST
from unit.plugins.modules.indoors import Room, check_options, module, process, returned

from lab.nomad.lab import Lab

PROFILES = ("0.5.6", "1.1.2")
CANARY = "cafecafe-0000-4000-8000-00000000cafe"
every = pytest.mark.parametrize("profile", PROFILES)


@pytest.fixture
def profile() -> str:
    return "1.1.2"


@pytest.fixture
def room(profile: str, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Three clients; c1 runs two builds."""
    lab = Lab(profile, clients=3)
    lab.build("build-1", "c1", seconds=20)
    lab.build("build-2", "c1", seconds=45)
    lab.clock.sleep(2)
    lab.journal.clear()
    return Room(lab, monkeypatch)


# -- words and code ---------------------------------------------------------------------------------


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options("nomad_node_drain", {**module("nomad_node_drain").DOOR.options, **door.WAIT_OPTIONS})


def check_result(result: dict[str, Any]) -> None:
    told = returned("nomad_node_drain")
    assert set(result) == {*told, "changed", "diff"}
    assert result["nodes"]
    for node in result["nodes"]:
        assert set(node) == set(told["nodes"]["contains"])


@every
def test_a_success_has_every_key_that_is_told(room: Room) -> None:
    result, failure = room.drain(nodes=["c1"])
    assert failure == "" and result["summary"] == {"drained": 1} and result["nodes"][0]["finished"] == 2
    check_result(result)


@every
def test_a_failure_has_the_same_keys(room: Room) -> None:
    result, failure = room.drain(nodes=["c1"], wait_timeout=5.0)
    assert "wait_timeout" in failure and result["summary"] == {"unfinished": 1}
    check_result(result)


@every
def test_out_of_sight_has_the_same_keys(room: Room) -> None:
    room.lab.clock.after(5.0, room.lab.kill_server)
    result, failure = room.drain(nodes=["c1"], wait_timeout=60.0)
    assert failure and result["summary"] == {"unknown": 1}
    check_result(result)


@every
def test_check_mode_has_the_same_keys_and_writes_nothing(room: Room) -> None:
    result, failure = room.drain(check=True, nodes=["c1", "c2"])
    assert failure == "" and result["changed"] and [step["step"] for step in result["steps"]] == ["drain", "drain"]
    check_result(result)
    assert room.writes == []


@every
def test_check_mode_predicts_the_real_run_and_the_second_is_quiet(room: Room) -> None:
    said, _failure = room.drain(check=True, nodes=["c1"])
    done, _failure = room.drain(nodes=["c1"])
    again, failure = room.drain(nodes=["c1"])
    assert (said["steps"], said["changed"]) == (done["steps"], done["changed"])
    assert (again["steps"], again["changed"], failure) == ([], False, "")


@every
def test_every_build_ends_by_itself(room: Room) -> None:
    room.drain(nodes=["c1", "c2"])
    assert {build["how"] for build in room.lab.truth()["builds"]} == {"itself"}


@every
def test_without_waiting_what_is_due_is_done_once_and_nothing_fails(room: Room) -> None:
    result, failure = room.drain(nodes=["c1", "c2"], wait=False)
    assert failure == "" and result["summary"] == {"drained": 1, "unfinished": 1}
    assert len(room.writes) == (1 if room.lab.profile.version == "0.5.6" else 2)


def test_what_goes_from_slice_to_slice_is_no_part_of_a_result(room: Room) -> None:
    result, _failure = room.drain(nodes=["c1"])
    assert "_run" not in result and "_partial" not in result


def test_the_drain_of_a_client_that_was_cordoned_after_a_killing_drain_was_undone(room: Room) -> None:
    """Builds that an earlier, undone drain killed are not this task's to report."""
    room.drain(nodes=["c1"], deadline=1.0, allow_killing_builds=True)
    room.drain(nodes=["c1"], state="eligible")
    room.send(f"/v1/node/{room.lab.node_id('c1')}/eligibility", {"Eligibility": "ineligible"})
    result, failure = room.drain(nodes=["c1"])
    assert (failure, result["summary"]) == ("", {"drained": 1})


def undone(room: Room) -> None:
    """Our drain of c1 was undone by its order, and then somebody cordoned it."""
    room.drain(nodes=["c1"])
    room.drain(nodes=["c1"], state="eligible")
    room.lab.clock.sleep(3)
    room.send(f"/v1/node/{room.lab.node_id('c1')}/eligibility", {"Eligibility": "ineligible"})


def test_a_mark_that_was_undone_is_not_shown_for_drained(room: Room) -> None:
    undone(room)
    assert room.drain(nodes=["c1"])[0]["nodes"][0]["mark"] is None


def test_a_mark_that_was_undone_is_not_shown_for_cordoned(room: Room) -> None:
    undone(room)
    assert room.drain(nodes=["c1"], state="cordoned")[0]["nodes"][0]["mark"] is None


def test_check_mode_of_eligible_predicts_the_real_run_while_a_build_winds_up(room: Room) -> None:
    room.lab.build("slow", "c2", seconds=600, stop_seconds=4)
    room.lab.build("long", "c2", seconds=900)
    room.lab.clock.sleep(2)
    room.drain(nodes=["c2"], wait=False)
    room.lab.cancel("slow")
    room.lab.clock.sleep(1)
    said, _failure = room.drain(check=True, nodes=["c2"], state="eligible")
    done, failure = room.drain(nodes=["c2"], state="eligible")
    assert failure == "" and [step["step"] for step in done["steps"]] == ["lift_drain"]
    assert said["steps"] == done["steps"]


def test_a_deadline_is_sent_once(room: Room) -> None:
    wanted = {"nodes": ["c1"], "deadline": 8.2, "allow_killing_builds": True, "wait": False}
    room.drain(**wanted)
    assert room.drain(**wanted)[0]["steps"] == []


# -- bad input --------------------------------------------------------------------------------------

BAD: list[Any] = [
    pytest.param({"nodes": []}, ["nodes is empty", "give an id"], id="no clients"),
    pytest.param({"nodes": [""]}, ["nodes", "empty selector"], id="an empty selector"),
    pytest.param(
        {"nodes": ["[c1", "c2]"]},
        ["nodes", "JSON"],
        id="a survey's list that is no JSON",
    ),
    pytest.param({"nodes": ["c9"]}, ["nodes", "'c9'", "no such client", "give an id"], id="an unknown name"),
    pytest.param({"nodes": ["11111"]}, ["nodes", "'11111'", "8 or more"], id="a prefix too short"),
    pytest.param({"nodes": ["name=c1"]}, ["nodes", "'name=c1'", "class="], id="an unknown field"),
    pytest.param({"nodes": ["class="]}, ["nodes", "'class='"], id="a field without a value"),
    pytest.param({"nodes": ["class=windows"]}, ["nodes", "'class=windows'", "nomad_node_info"], id="a class of nobody"),
    pytest.param({"nodes": ["status=down"]}, ["nodes", "'status=down'", "nomad_node_info"], id="a status of nobody"),
    pytest.param({"nodes": ["i-0000000000000000f"]}, ["nodes", "i-0000000000000000f"], id="an unknown instance"),
    pytest.param({"nodes": ["c1", "c9"]}, ["nodes", "'c9'"], id="one good and one bad"),
    pytest.param({"nodes": ["twin"]}, ["nodes", "'twin'", "2 clients", "whole id"], id="a name of two"),
    pytest.param({"deadline": 60.0}, ["deadline is 60", "allow_killing_builds"], id="a deadline without consent"),
    pytest.param({"deadline": 0.0, "allow_killing_builds": True}, ["deadline is 0", "more than 0"], id="a deadline of nothing"),
    pytest.param({"deadline": -5.0, "allow_killing_builds": True}, ["deadline is -5", "more than 0"], id="a negative deadline"),
    pytest.param({"deadline": 60.0, "allow_killing_builds": True, "state": "cordoned"}, ["deadline is 60", "state is cordoned"], id="a deadline for a cordon"),
    pytest.param({"deadline": float("nan"), "allow_killing_builds": True}, ["deadline"], id="a deadline that is no number"),
    pytest.param({"deadline": float("inf"), "allow_killing_builds": True}, ["deadline"], id="an endless deadline"),
    pytest.param({"deadline": 1e-10, "allow_killing_builds": True}, ["deadline"], id="a deadline below a nanosecond"),
    pytest.param({"deadline": 1e12, "allow_killing_builds": True}, ["deadline"], id="a deadline beyond 64 bits"),
    pytest.param({"max_in_flight": -1}, ["max_in_flight is -1", "0 or more"], id="negative slots"),
    pytest.param({"min_ready": -1}, ["min_ready is -1", "0 or more"], id="negative reserve"),
    pytest.param({"min_ready": 3}, ["min_ready is 3", "only 2 clients", "min_ready: 0"], id="more left than there are"),
    pytest.param({"nodes": ["all"]}, ["min_ready is 1", "only 0 clients", "min_ready: 0"], id="all clients at once"),
    pytest.param({"max_build_time": 0.0}, ["max_build_time is 0", "more than 0"], id="no time for a build"),
    pytest.param({"max_build_time": float("nan")}, ["max_build_time"], id="a build time that is no number"),
    pytest.param({"wait_timeout": 0.0}, ["wait_timeout is 0", "more than 0"], id="no time to wait"),
    pytest.param({"wait_timeout": -1.0}, ["wait_timeout is -1", "more than 0"], id="a negative time to wait"),
    pytest.param({"wait_timeout": float("nan")}, ["wait_timeout"], id="a time to wait that is no number"),
    pytest.param({"owner": " "}, ["owner is empty", "name who"], id="an empty owner"),
    pytest.param({"nomad_timeout": 0.0}, ["nomad_timeout is 0", "more than 0"], id="no time for an answer"),
    pytest.param({"nomad_timeout": float("nan")}, ["nomad_timeout"], id="an answer's time that is no number"),
    pytest.param({"nomad_url": ""}, ["nomad_url", "http(s)://host:port"], id="an empty address"),
    pytest.param({"nomad_url": "ftp://nomad:4646"}, ["nomad_url is ftp://nomad", "http(s)://host:port"], id="a wrong scheme"),
    pytest.param({"nomad_url": "http://nomad:port"}, ["nomad_url", "nomad:port", "http(s)://host:port"], id="a port that is none"),
    pytest.param({"nomad_url": f"http://me:{CANARY}@nomad:4646"}, ["nomad_url", "nomad_token"], id="a password in the address"),
    pytest.param({"nomad_url": f"http://nomad:4646/?token={CANARY}"}, ["nomad_url", "query", "http(s)://host:port"], id="a query in the address"),
    pytest.param({"nomad_ca_path": "/nowhere/ca.pem"}, ["nomad_ca_path is /nowhere/ca.pem", "no readable file"], id="a CA that is not there"),
    pytest.param({"nomad_client_cert": "/nowhere/c.pem"}, ["nomad_client_key is missing", "together"], id="a certificate without a key"),
    pytest.param({"nomad_client_key": "/nowhere/k.pem"}, ["nomad_client_cert is missing", "together"], id="a key without a certificate"),
    pytest.param({"nomad_client_cert": "/nowhere/c", "nomad_client_key": "/nowhere/k"}, ["nomad_client_cert is /nowhere/c"], id="files that are not there"),
    pytest.param({"nomad_token": CANARY + "\u2603"}, ["nomad_token"], id="a token that no header carries"),
]


@pytest.mark.parametrize(("params", "words"), BAD)
@pytest.mark.parametrize("check", [False, True])
def test_bad_input_is_one_sentence_and_changes_nothing(room: Room, params: dict[str, Any], words: list[str], check: bool) -> None:
    room.lab.add_client("twin", instance_id="i-1", node_id="71111111-2222-4333-8444-555555555557")
    room.lab.machines["other"] = room.lab.machines.pop("twin")
    room.lab.add_client("twin", instance_id="i-2", node_id="81111111-2222-4333-8444-555555555558")
    if params.get("min_ready") or params.get("nodes") == ["all"]:
        for node in ("71111111-2222-4333-8444-555555555557", "81111111-2222-4333-8444-555555555558"):
            room.send(f"/v1/node/{node}/eligibility", {"Eligibility": "ineligible"})
    result, failure = room.drain(check=check, **{"nodes": ["c1"], "wait_timeout": 120.0, **params})
    assert all(word in failure for word in words), failure
    assert "\n" not in failure and CANARY not in failure and "Traceback" not in failure
    assert result == {} and room.writes == []


@pytest.mark.parametrize(
    ("profile", "params", "words"),
    [
        pytest.param("0.5.6", {"state": "cordoned"}, ["state is cordoned", "0.5.6", "drained"], id="a cordon below 0.8"),
        pytest.param("0.5.6", {"deadline": 60.0, "allow_killing_builds": True}, ["deadline is 60", "0.5.6", "leave it out"], id="a deadline below 0.8"),
        pytest.param("1.1.2", {"nomad_region": "mars"}, ["nomad_region", "leave it out"], id="an unknown region"),
    ],
)
def test_what_only_the_servers_can_tell_is_refused_too(room: Room, params: dict[str, Any], words: list[str]) -> None:
    result, failure = room.drain(nodes=["c1"], **params)
    assert all(word in failure for word in words), failure
    assert result == {} and room.writes == []


@pytest.mark.parametrize("kind", ["client", "drain-only", "drain-and-read", "read-only", None])
def test_a_token_that_proves_nothing_is_refused_before_any_write(room: Room, kind: str | None) -> None:
    room.lab.acl(True, {CANARY: kind} if kind else {})
    result, failure = room.drain(nodes=["c1"], nomad_token=CANARY)
    assert "nomad_token" in failure and CANARY not in failure and "\n" not in failure
    assert result == {} and room.writes == []


def test_a_management_token_drains(room: Room) -> None:
    room.lab.acl(True, {CANARY: "management"})
    result, failure = room.drain(nodes=["c1"], nomad_token=CANARY)
    assert failure == "" and result["summary"] == {"drained": 1} and CANARY not in str(result)


def test_a_least_policy_drains_and_its_proof_goes_to_the_next_slice(room: Room) -> None:
    room.lab.acl(True, {CANARY: {"policies": ["drainer"]}}, {"drainer": LEAST})
    result, failure = room.drain(nodes=["c1"], nomad_token=CANARY, wait=False)
    assert failure == "" and CANARY not in str(result)
    made = module("nomad_node_drain").DOOR
    task = Task(run="run-1", memory={"targets": {}, "token": ["drainer:h:1"]})
    params = {**{name: option.get("default") for name, option in made.options.items()}, "nodes": ["c1"], "nomad_token": CANARY}
    assert made.port(params, made.spec(params), task, room.lab.clock).proof == ("drainer:h:1",)


# -- as a process -----------------------------------------------------------------------------------


def test_a_process_refuses_a_choice_that_is_none() -> None:
    found = process("nomad_node_drain", nodes=["c1"], state="gone")
    assert found["failed"] and "state" in found["msg"] and "drained, cordoned, eligible" in found["msg"]


def test_a_process_prints_one_sentence_and_no_secret() -> None:
    found = process("nomad_node_drain", nodes=["c1"], nomad_token=CANARY, nomad_url=f"http://me:{CANARY}@127.0.0.1:9")
    assert found["failed"] and found["msg"].startswith("nomad_url holds a user or password") and CANARY not in found["msg"]
    assert found["invocation"]["module_args"]["nomad_token"] != CANARY


def test_a_process_takes_the_environment_only_where_the_option_is_not_set(tmp_path: Path) -> None:
    environment = {"NOMAD_ADDR": "ftp://environment", "NOMAD_CACERT": str(tmp_path / "absent.pem"), "NOMAD_TOKEN": CANARY}
    found = process("nomad_node_drain", environment, nodes=["c1"])
    assert "absent.pem" in found["msg"] and "nomad_ca_path" in found["msg"]
    there = tmp_path / "ca.pem"
    there.write_text("x")
    found = process("nomad_node_drain", environment, nodes=["c1"], nomad_ca_path=str(there))
    assert "ftp://environment" in found["msg"]
    found = process("nomad_node_drain", environment, nodes=["c1"], nomad_ca_path=str(there), nomad_url="ftp://option")
    assert "ftp://option" in found["msg"] and CANARY not in str(found)
