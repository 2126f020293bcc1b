# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of server_pod_restart, against the lab's installation: order, names, refusals, rights, lost answers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import yaml
from unit.laws.running import module_run
from unit.laws.server_world import CANARY, PARAMS, LabMirror, ServerWorld

from lab.kubernetes.state import Rule, User

MODULE = import_module("ansible_collections.serverops.circleci.plugins.modules.server_pod_restart")
Json = dict[str, Any]


@pytest.fixture
def world() -> ServerWorld:
    return ServerWorld().settle_in()


def go(world: ServerWorld, check: bool = False, **params: Any) -> tuple[Json, str]:
    result = module_run(MODULE.DOOR, world, {**PARAMS, "wait_timeout": 300.0, **params}, check)
    return result, str(result.get("msg", ""))


def test_two_pods_of_a_deployment_go_one_after_the_other(world: ServerWorld) -> None:
    before = world.pods_of("frontend")
    result, failure = go(world, selector="app=frontend")
    assert failure == "" and result["changed"] and (result["restarted"], result["left"]) == (2, 0)
    assert world.least["frontend"] == 1, "never were both away"
    assert sorted(one["name"] for one in result["pods"]) == sorted(before) and not set(before) & set(world.pods_of("frontend"))
    assert sorted(one["new"] for one in result["pods"]) == sorted(world.pods_of("frontend"))
    assert [one["id"] for one in result["steps"]] == sorted(before) and len(world.writes()) == 2
    assert set(result) - {"changed", "diff"} == set(yaml.safe_load(MODULE.RETURN))


def test_stateful_ones_by_their_own_name_or_their_workloads(world: ServerWorld) -> None:
    result, failure = go(world, names=["vault-0", "mongodb"])
    assert failure == "" and [(one["name"], one["new"], one["stateful"]) for one in result["pods"]] == [
        ("mongodb-0", "mongodb-0", True),
        ("vault-0", "vault-0", True),
    ]
    assert world.made.problems() == [], "their data is as it was"


def test_a_selector_that_meets_a_stateful_pod_is_refused_naming_it(world: ServerWorld) -> None:
    result, failure = go(world, selector="layer=data")
    assert "selector 'layer=data' also means mongodb-0, vault-0, which hold data" in failure and "names" in failure and world.writes() == []
    assert set(result) == {"failed", "msg"}
    assert go(world, selector="layer=data", names=["vault", "mongodb-0"])[1] == ""


def test_check_mode_writes_nothing_and_says_what_it_would_do(world: ServerWorld) -> None:
    predicted = go(world, True, selector="app=frontend")[0]
    assert world.writes() == [] and predicted["changed"] and [one["new"] for one in predicted["pods"]] == [None, None]
    assert predicted["steps"] == go(world, selector="app=frontend")[0]["steps"]


BAD = [
    pytest.param({}, ["neither names nor selector is given"], id="nothing named"),
    pytest.param({"names": ["vault-0"], "namespace": " "}, ["namespace is empty"], id="no namespace"),
    pytest.param({"names": ["a/b"]}, ["names holds 'a/b'", "give names of pods"], id="no name"),
    pytest.param({"names": ["nope"]}, ["names holds nope", "server_pods_info"], id="an unknown name"),
    pytest.param({"selector": "app=nope"}, ["selector 'app=nope' means no pod"], id="a selector of none"),
    pytest.param({"selector": "app in"}, ["refused"], id="a selector that is none"),
    pytest.param({"names": ["vault-0"], "wait_timeout": 0.0}, ["wait_timeout is 0"], id="no time"),
    pytest.param({"names": ["vault-0"], "host": "lab"}, ["host is no http or https address"], id="a host that is none"),
]


@pytest.mark.parametrize(("params", "words"), BAD)
@pytest.mark.parametrize("check", [False, True])
def test_bad_input_is_one_sentence_and_restarts_nothing(world: ServerWorld, params: Json, words: list[str], check: bool) -> None:
    _result, failure = go(world, check, **params)
    assert all(word in failure for word in words), failure
    assert "\n" not in failure and CANARY not in failure and world.writes() == []


def test_what_nobody_makes_again_is_refused(world: ServerWorld) -> None:
    world.state.add_pod(world.made.namespace, "alone", {"app": "alone"})
    body = {"spec": {"template": {"metadata": {"labels": {"app": "once"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}]}}}}
    world.state.put("jobs.batch", world.made.namespace, "once", {"metadata": {}, **body})
    world.clock.sleep(5)
    assert "pod alone belongs to nothing that would make it again" in go(world, names=["alone"])[1]
    assert "belongs to Job once, which does not keep pods running" in go(world, selector="app=once")[1]
    assert world.writes() == []


def test_a_ready_pod_is_not_taken_where_another_has_long_been_missing(world: ServerWorld) -> None:
    first, second = world.pods_of("frontend")
    node = (world.state.get("pods", world.made.namespace, second) or {})["spec"]["nodeName"]
    world.control.scheduler.silence(node)
    world.clock.sleep(60)
    _result, failure = go(world, names=[first])
    assert f"Deployment frontend has 1 of 2 pods ready ({second} is not)" in failure and world.writes() == []
    world.control.scheduler.speak(node)
    world.clock.sleep(5)
    assert go(world, names=[first])[1] == ""


def test_one_that_does_not_come_up_stops_the_others(world: ServerWorld) -> None:
    world.control.images.set("registry.example/circleci/frontend", pull_error="manifest unknown")
    result, failure = go(world, selector="app=frontend", wait_timeout=60.0)
    assert "wait_timeout (60 s)" in failure and "is not ready yet" in failure and "ImagePullBackOff" in failure
    assert sorted(one["verdict"] for one in result["pods"]) == ["unfinished", "untouched"]
    assert len(world.writes()) == 1 and world.least["frontend"] == 1


@pytest.mark.parametrize(("verb", "resource"), [("delete", "pods"), ("watch", "pods"), ("list", "deployments"), ("list", "pods")])
def test_a_missing_right_is_named_before_anything_is_done(world: ServerWorld, verb: str, resource: str) -> None:
    pods = tuple(one for one in ("get", "list", "watch", "delete") if (one, "pods") != (verb, resource))
    rules = [Rule(("pods",), pods)] + ([Rule(("deployments",), ("list",), group="apps")] if resource == "pods" else [])
    world.state.users[CANARY] = User("some", tuple(rules))
    _result, failure = go(world, selector="app=frontend")
    assert f"{verb} on {resource}" in failure and "circleci-server" in failure and CANARY not in failure and world.writes() == []


@pytest.mark.parametrize("said", ["DELETE", "GET", "POST"])
def test_an_answer_that_is_lost_is_looked_for(world: ServerWorld, said: str) -> None:
    world.lost.append(said)
    result, failure = go(world, selector="app=frontend")
    assert failure == "" and result["restarted"] == 2 and len(world.writes()) == 2 and world.least["frontend"] == 1


def test_another_pod_that_took_the_name_is_left_alone(world: ServerWorld) -> None:
    answers: list[str] = []
    right = world.api.handle

    def handle(request: Any) -> Any:
        if request.method == "DELETE" and not answers:  # just before it, somebody else restarts the pod
            world.state.remove("pods", world.made.namespace, "vault-0")
            world.clock.sleep(30)
            answers.append(world.state.get("pods", world.made.namespace, "vault-0")["metadata"]["uid"])  # type: ignore[index]
        return right(request)

    world.api.handle = handle  # type: ignore[method-assign]
    result, failure = go(world, names=["vault-0"])
    assert failure == "" and result["restarted"] == 1 and result["steps"] == []
    assert (world.state.get("pods", world.made.namespace, "vault-0") or {})["metadata"]["uid"] == answers[0]


def test_without_waiting_it_deletes_the_first_and_says_what_is_left(world: ServerWorld) -> None:
    result, failure = go(world, selector="app=frontend", wait=False)
    assert failure == "" and result["changed"] and (result["restarted"], result["left"]) == (0, 2) and len(world.writes()) == 1


def test_a_watch_that_is_behind_the_lists_is_no_reason_to_ask_without_a_pause(world: ServerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    then = tuple(world.state.all("pods", world.made.namespace))
    monkeypatch.setattr(LabMirror, "items", lambda _self: then)
    monkeypatch.setattr(LabMirror, "wait", lambda _self, seconds: bool(world.clock.sleep(seconds)))
    world.control.images.set("registry.example/circleci/mongodb", ready_after=60.0)
    began = world.clock.now()
    failure = go(world, names=["mongodb"])[1]
    seconds = world.clock.now() - began
    assert failure == "" and seconds > 50
    assert len(world.journal) < 5 * seconds, "a few requests a second at most"


def test_requests_of_a_run(world: ServerWorld) -> None:
    go(world, names=["nomad-server"])
    assert len(world.journal) <= 18, world.journal
