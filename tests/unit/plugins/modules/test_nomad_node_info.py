# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of nomad_node_info: its words and its code agree, and it never writes."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError
from unit.plugins.modules.indoors import Room, check_options, module, process, returned

from lab.nomad.lab import Lab

CANARY = "cafecafe-0000-4000-8000-00000000cafe"
every = pytest.mark.parametrize("profile", ["0.5.6", "1.1.2"])


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


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options("nomad_node_info", module("nomad_node_info").DOOR.options)


@every
@pytest.mark.parametrize("listed", [True, False])
def test_the_result_has_every_key_that_is_told(room: Room, listed: bool) -> None:
    told = returned("nomad_node_info")
    found = room.info(allocations=listed)
    assert set(found) == set(told)
    keys = set(told["nodes"]["contains"]) - (set() if listed else {"allocations"})
    assert [set(node) for node in found["nodes"]] == [keys] * 3
    assert set(found["summary"]) == set(told["summary"]["sample"]) and set(found["server"]) == set(told["server"]["sample"])


@every
@pytest.mark.parametrize("selector", ["all", "c1", "class=linux-64bit", "status=ready", "11111111", "i-00000000000000001"])
def test_every_selector_finds_the_client_and_nothing_is_written(room: Room, selector: str) -> None:
    found = room.info(nodes=[selector], allocations=True)
    node = next(node for node in found["nodes"] if node["name"] == "c1")
    assert node["builds"] == 2 and [entry["job"] for entry in node["allocations"]] == ["build-1", "build-2"]
    assert room.writes == []


def test_the_mark_of_a_drain_is_shown(room: Room) -> None:
    room.drain(nodes=["c2"])
    mark = room.info(nodes=["c2"])["nodes"][0]["mark"]
    assert set(mark) == {"owner", "run", "intent", "since", "was"} and mark["owner"] == "serverops.circleci" and mark["was"] == "eligible"
    assert room.info()["summary"] == {"ready": 3, "eligible": 2, "draining": 0, "cordoned": 1, "down": 0, "running_builds": 2}


@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param(["c2"], id="named"),
        pytest.param(["all"], id="all"),
    ],
)
def test_a_mark_that_was_undone_is_not_shown(room: Room, nodes: list[str]) -> None:
    room.drain(nodes=["c2"])
    room.drain(nodes=["c2"], state="eligible")
    room.lab.clock.sleep(3)
    room.send(f"/v1/node/{room.lab.node_id('c2')}/eligibility", {"Eligibility": "ineligible"})
    node = next(node for node in room.info(nodes=nodes)["nodes"] if node["name"] == "c2")
    assert node["eligible"] is False and node["mark"] is None


@pytest.mark.parametrize("profile", ["0.5.6"])
def test_where_there_is_no_place_for_a_mark_it_says_none(room: Room) -> None:
    assert {node["mark"] for node in room.info()["nodes"]} == {"none"}


@pytest.mark.parametrize("count", [12, 100])
def test_all_clients_take_few_requests(room: Room, count: int) -> None:
    room.lab.add_clients(count - 3)
    room.lab.journal.clear()
    assert len(room.info()["nodes"]) == count and room.lab.requests["total"] == 4


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"nodes": []}, ["nodes is empty"]),
        ({"nodes": ["c9"]}, ["'c9'", "no such client"]),
        ({"nodes": ["name=c1"]}, ["'name=c1'"]),
        ({"nomad_url": "ftp://nomad"}, ["nomad_url is ftp://nomad"]),
        ({"nomad_ca_path": "/nowhere"}, ["nomad_ca_path is /nowhere"]),
        ({"nomad_region": "mars"}, ["nomad_region"]),
        ({"nomad_timeout": -1.0}, ["nomad_timeout is -1"]),
    ],
)
def test_bad_input_is_one_sentence(room: Room, params: dict, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        room.info(**params)
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["read-only", "drain-and-read"])
def test_a_thin_token_sees_clients_and_no_false_zero(room: Room, kind: str) -> None:
    room.lab.acl(True, {CANARY: kind})
    found = room.info(nomad_token=CANARY, allocations=True)
    assert [node["builds"] for node in found["nodes"]] == [None] * 3 and found["summary"]["running_builds"] is None


def test_without_a_token_acls_say_what_is_missing(room: Room) -> None:
    room.lab.acl(True, {})
    with pytest.raises(CollectionError, match="nomad_token"):
        room.info()


def test_a_process_refuses_in_one_sentence() -> None:
    found = process("nomad_node_info", nodes=["class="])
    assert found["failed"] and "'class='" in found["msg"]


def test_all_of_an_empty_cluster_are_none_and_a_name_in_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Room(Lab("1.1.2", clients=0), monkeypatch)
    found = empty.info()
    assert found["nodes"] == [] and found["summary"]["ready"] == 0 and found["server"]["leader"]
    with pytest.raises(BadInput, match="no such client exists among 0"):
        empty.info(nodes=["c1"])
