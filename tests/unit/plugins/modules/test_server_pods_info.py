# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of server_pods_info, against the lab's installation: well, sick, filtered, with logs, with fewer rights."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import yaml
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError
from unit.laws.server_world import CANARY, PARAMS, ServerWorld
from unit.laws.subject import Reading

from lab.kubernetes.state import Rule, User

MODULE = import_module("ansible_collections.serverops.circleci.plugins.modules.server_pods_info")
Json = dict[str, Any]


@pytest.fixture
def world() -> ServerWorld:
    return ServerWorld().settle_in()


def read(world: ServerWorld, **params: Any) -> Json:
    with world.open():
        return Reading("", MODULE.DOOR, lambda: world, {**PARAMS, **params}, CANARY).read(world.clock)


def test_a_well_installation(world: ServerWorld) -> None:
    result = read(world)
    assert set(result) == set(yaml.safe_load(MODULE.RETURN)) and result["ready"] is True and result["problems"] == []
    assert result["counts"] == {"expected": 7, "ready": 7, "not_ready": 0, "completed": 0, "ending": 0}
    pods = {pod["name"]: pod for pod in result["pods"]}
    assert set(pods["vault-0"]) == set(yaml.safe_load(MODULE.RETURN)["pods"]["contains"])
    assert (pods["vault-0"]["stateful"], pods["vault-0"]["claims"], pods["vault-0"]["owner"]) == (
        True,
        ["data-vault-0"],
        {"kind": "StatefulSet", "name": "vault"},
    )
    assert sum(pod["owner"] == {"kind": "Deployment", "name": "frontend"} for pod in result["pods"]) == 2
    assert {event["reason"] for event in pods["vault-0"]["events"]} >= {"Scheduled", "Started"} and len(world.journal) == 2


def causes(result: Json) -> dict[str, str]:
    return {one["pod"].split("-")[0]: one["cause"] for one in result["problems"]}


def test_a_sick_one_says_cause_evidence_and_remedy(world: ServerWorld) -> None:
    images = world.control.images
    images.set("registry.example/circleci/dispatcher", run_for=1.0, exit_code=3, log=("one", "two", "three"))
    images.set("registry.example/circleci/frontend", ready_after=None)
    images.set("registry.example/circleci/nomad-server", pull_error="manifest unknown")
    world.state.end_pod(world.made.namespace, world.pods_of("nomad-server")[0], 0)
    world.clock.sleep(60)
    result = read(world, logs=2)
    assert causes(result) == {"dispatcher": "crashes", "frontend": "not_ready", "nomad": "image"} and not result["ready"]
    assert result["counts"]["not_ready"] == 4 and all(one["evidence"] and one["remedy"] for one in result["problems"])
    crashed = next(pod for pod in result["pods"] if pod["name"].startswith("dispatcher"))
    assert crashed["restarts"] >= 2 and crashed["containers"][0]["last_termination"]["exit_code"] == 3
    assert crashed["logs"] == [{"container": "dispatcher", "previous": True, "lines": ["two", "three"], "reason": None}]
    assert "code 3" in next(one["evidence"] for one in result["problems"] if one["cause"] == "crashes")
    assert "manifest unknown" in next(one["evidence"] for one in result["problems"] if one["cause"] == "image")


def test_no_room_and_out_of_memory(world: ServerWorld) -> None:
    world.control.images.set("registry.example/circleci/dispatcher", run_for=1.0, oom=True)
    for name in ("node-1", "node-2", "node-3"):
        node = world.state.get("nodes", "", name) or {}
        world.state.put("nodes", "", name, {**node, "status": {**node["status"], "allocatable": {"cpu": "10m", "memory": "1Gi", "pods": "110"}}})
    world.state.end_pod(world.made.namespace, world.pods_of("nomad-server")[0], 0)
    world.clock.sleep(60)
    result = read(world)
    assert causes(result) == {"dispatcher": "out_of_memory", "nomad": "no_room"}
    assert "3 Insufficient cpu" in next(one["evidence"] for one in result["problems"] if one["cause"] == "no_room")


def test_a_node_that_is_lost(world: ServerWorld) -> None:
    world.control.scheduler.silence("node-1")
    world.clock.sleep(60)
    lost = read(world)
    assert {one["cause"] for one in lost["problems"]} == {"node"} and not lost["ready"]
    world.clock.sleep(500)
    assert "ends_too_long" in {one["cause"] for one in read(world)["problems"]}


def test_names_and_selector(world: ServerWorld) -> None:
    assert [pod["name"] for pod in read(world, names=["vault", "mongodb-0"])["pods"]] == ["mongodb-0", "vault-0"]
    assert len(read(world, selector="app=frontend")["pods"]) == 2
    assert read(world, selector="app=frontend", names=["vault"])["missing"] == ["vault"]
    nothing = read(world, names=["nope", "vault-0"])
    assert nothing["missing"] == ["nope"] and nothing["ready"] is False, "what is missing is not ready"
    assert read(world, namespace="elsewhere")["ready"] is False, "nothing is not ready"


def test_what_has_done_its_work_is_not_missing(world: ServerWorld) -> None:
    world.control.images.set("x", run_for=1.0)
    spec = {"template": {"metadata": {"labels": {"app": "once"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}]}}}
    world.state.put("jobs.batch", world.made.namespace, "once", {"metadata": {}, "spec": spec})
    world.clock.sleep(10)
    result = read(world)
    assert result["ready"] is True and result["counts"]["completed"] == 1 and result["problems"] == []


def test_events_that_may_not_be_read_are_null_and_the_rest_is_told(world: ServerWorld) -> None:
    world.state.users[CANARY] = User("some", (Rule(("pods",), ("list",)),))
    result = read(world)
    assert result["ready"] is True and all(pod["events"] is None for pod in result["pods"])


def test_a_log_that_cannot_be_read_says_why(world: ServerWorld) -> None:
    world.state.users[CANARY] = User("some", (Rule(("pods", "events"), ("list",)),))
    world.control.images.set("registry.example/circleci/frontend", ready_after=None)
    world.clock.sleep(5)
    told = [log for pod in read(world, logs=3)["pods"] for log in pod["logs"]]
    assert len(told) == 2 and all(log["lines"] is None and "pods/log" in log["reason"] for log in told)


def test_no_rights_is_one_sentence(world: ServerWorld) -> None:
    world.state.users[CANARY] = User("nobody")
    with pytest.raises(CollectionError, match="does not grant us list on pods in namespace circleci-server") as failure:
        read(world)
    assert CANARY not in str(failure.value)


@pytest.mark.parametrize(
    ("params", "words"),
    [({"logs": -1}, "logs is -1"), ({"logs": 1001}, "logs is 1001"), ({"namespace": ""}, "namespace is empty"), ({"names": [" x"]}, "names holds ' x'")],
)
def test_bad_input(world: ServerWorld, params: Json, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read(world, **params)
    assert world.journal == []
