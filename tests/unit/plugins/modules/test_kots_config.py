# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of kots_config: wanted keys alone, one version, deployed when it may be, and no secret in any word of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils import door
from unit.laws.kots_world import Installation
from unit.laws.running import InProcessAction, module_run
from unit.laws.server_addresses import AddressesWorld
from unit.laws.server_world import CANARY as TOKEN
from unit.laws.server_world import PARAMS
from unit.plugins.modules.indoors import check_options, module, process, returned
from unit.plugins.modules.kots_doors import change
from unit.plugins.modules.kots_keys import CANARY, keyed

from lab.kots import vault
from lab.kots.model import Answer, Check, Version
from lab.kubernetes.state import Rule, User

NAME = "kots_config"
MAKE = ("POST", "/api/v1/app/circleci-server/config/values")


@pytest.fixture
def world() -> Installation:
    return keyed()


def played(world: Installation, sliced: bool, **params: Any) -> dict[str, Any]:
    """A whole task, with its slices or without."""
    given = {**PARAMS, "wait_timeout": 900.0, **params}
    return InProcessAction(module(NAME).DOOR, world, given).play() if sliced else module_run(module(NAME).DOOR, world, given)  # type: ignore[arg-type]


def values_of(world: Installation) -> dict[str, str]:
    """What the deployed version has, opened."""
    version = world.app.version(world.app.current)
    assert version is not None
    return {name: vault.opened(text) for name, text in version.values.items()}


def test_documentation_and_code_tell_the_same_options() -> None:
    from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS

    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


def test_a_change_is_one_version_that_is_deployed_and_then_left_alone(world: Installation) -> None:
    wish = {"values": {"workers": 6, "domain": "ci.example.com"}, "secret_values": {"secret": CANARY}}
    result, failure = change(world, NAME, **wish)
    assert failure == "" and result["changed"]
    assert [step["step"] for step in result["steps"]] == ["version", "deploy"] and result["steps"][0]["keys"] == ["workers", "secret"]
    assert (result["sequence"], result["deployed_sequence"], result["deployed"], result["keys_changed"]) == (1, 1, True, ["workers", "secret"])
    assert result["config"]["workers"] == {"had": "4", "wanted": "6", "secret": False, "state": "as wanted"}
    assert result["config"]["secret"] == {"had": None, "wanted": None, "secret": True, "state": "as wanted"}
    assert values_of(world)["workers"] == "6" and values_of(world)["secret"] == CANARY and values_of(world)["domain"] == "ci.example.com"
    assert set(result) - {"changed", "diff"} == set(returned(NAME))
    world.told.clear()
    again, failure = change(world, NAME, **wish)
    assert failure == "" and not again["changed"] and world.writes() == [] and again["keys_changed"] == []
    assert CANARY not in json.dumps([result, again])


def test_check_mode_tells_it_and_sends_nothing(world: Installation) -> None:
    predicted, failure = change(world, NAME, check=True, values={"workers": 6}, secret_values={"secret": CANARY})
    assert failure == "" and predicted["changed"] and world.writes() == []
    real, _failure = change(world, NAME, values={"workers": 6}, secret_values={"secret": CANARY})
    assert predicted["steps"] == real["steps"] and predicted["diff"] == real["diff"]
    assert real["diff"] == {
        "before": {"config": {"sequence": 0, "values": {"workers": "4", "secret": "differs"}}},
        "after": {"config": {"sequence": 1, "values": {"workers": "6", "secret": "as wanted"}}},
    }


EQUAL = [
    pytest.param({"workers": 4}, id="the default"),
    pytest.param({"workers": "4"}, id="the default as text"),
    pytest.param({"autoscale": False}, id="a switch that is off"),
    pytest.param({"autoscale": "false"}, id="off as a word"),
    pytest.param({"provider": "none"}, id="a choice by default"),
    pytest.param({"notes": ""}, id="unset"),
]


@pytest.mark.parametrize("values", EQUAL)
def test_what_the_app_gets_already_is_no_change(world: Installation, values: dict[str, Any]) -> None:
    result, failure = change(world, NAME, values=values)
    assert failure == "" and not result["changed"] and world.writes() == []


REFUSED = [
    pytest.param({"values": {"domian": "x"}}, ["'domian'", "domain"], id="a key misspelt"),
    pytest.param({"values": {"most_clients": "9"}}, ["autoscale_max"], id="a key by its title"),
    pytest.param({"values": {"xyzzy": "9"}}, ["nothing comes near"], id="a key like no other"),
    pytest.param({"values": {"secret": "open"}}, ["secret_values"], id="a password for all to read"),
    pytest.param({"values": {"autoscale": "maybe"}}, ["autoscale", "neither true nor false"], id="no switch"),
    pytest.param({"values": {"provider": "azure"}}, ["none, aws, gcp"], id="no choice"),
    pytest.param({"values": {"workers": "many"}}, ["workers", "a number"], id="against the pattern"),
    pytest.param({"values": {"domain": ""}}, ["domain", "required"], id="a required one unset"),
    pytest.param({"values": {"words": "x"}}, ["words", "a line of text"], id="a label"),
    pytest.param({"values": {"generated": "x"}}, ["generated", "read-only"], id="read-only"),
    pytest.param({"values": {"hosts": "x"}}, ["hosts", "repeatable"], id="repeatable"),
    pytest.param({"secret_values": {"ca": "not base64!"}}, ["ca", "base64"], id="no file"),
    pytest.param({"values": {"workers": 3.10}}, ["values.workers", "quotes"], id="a number that YAML changed"),
    pytest.param({"values": {"workers": None}}, ["values.workers", "null"], id="nothing"),
    pytest.param({"values": {"workers": [1]}}, ["values.workers", "list"], id="a list"),
    pytest.param({}, ["values", "secret_values"], id="no key"),
    pytest.param({"values": {"notes": "a"}, "secret_values": {"notes": "b"}}, ["both hold notes"], id="a key twice"),
    pytest.param({"values": {"workers": 5}, "app": "nobody"}, ["nobody"], id="no such app"),
    pytest.param({"values": {"workers": 5}, "namespace": "a_b"}, ["namespace"], id="no namespace"),
]


@pytest.mark.parametrize(("params", "words"), REFUSED)
@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
def test_what_cannot_be_is_refused_and_nothing_sent(world: Installation, params: dict[str, Any], words: list[str], check: bool) -> None:
    result, failure = change(world, NAME, check=check, **params)
    assert all(word in failure for word in words), failure
    assert result == {} and world.writes() == [] and "\n" not in failure


def test_all_that_is_wrong_is_told_at_once(world: Installation) -> None:
    _result, failure = change(world, NAME, values={"domian": "x", "provider": "azure", "workers": 5})
    assert "domian" in failure and "azure" in failure and world.writes() == []


def test_a_secret_that_is_refused_is_not_told(world: Installation) -> None:
    _result, failure = change(world, NAME, secret_values={"provider": CANARY, "ca": CANARY + "!", "nope": CANARY})
    assert failure and CANARY not in failure and "provider" in failure and "ca" in failure


def test_what_was_given_as_a_secret_is_one_whatever_its_key_is_called(world: Installation) -> None:
    """Also what is handed from slice to slice."""
    change(world, NAME, secret_values={"notes": CANARY})
    made = module(NAME).DOOR
    full = {key: option.get("default") for key, option in {**made.options, **door.WAIT_OPTIONS}.items()}
    with world.open():
        outcome = door.reconcile(made, {**full, "_run": {"run": "1"}, "secret_values": {"notes": "another"}, "values": {"workers": 6}}, False, world.clock)
    told = json.dumps([door.result_of(outcome), outcome.task])
    assert outcome.failure == "" and CANARY not in told and "another" not in told and values_of(world)["notes"] == "another"


def test_a_secret_is_hidden_by_its_name_too(world: Installation) -> None:
    text = "-----BEGIN PRIVATE KEY-----\nabc\n"
    result, failure = change(world, NAME, values={"nomad_server_key": text})
    assert failure == "" and values_of(world)["nomad_server_key"] == text
    assert result["config"]["nomad_server_key"]["secret"] and "abc" not in json.dumps(result)


def test_passwords_that_cannot_be_opened_are_not_guessed_at(world: Installation) -> None:
    """Unknown is not equal; and sending it each time would make a version each time."""
    change(world, NAME, secret_values={"secret": CANARY})
    world.told.clear()
    world.state.remove("secrets", "circleci-server", vault.SECRET)
    result, failure = change(world, NAME, secret_values={"secret": CANARY})
    assert "secret cannot be compared" in failure and vault.SECRET in failure and result == {} and world.writes() == []
    other, failure = change(world, NAME, values={"workers": 7})
    assert failure == "" and other["changed"], "what can be compared is not held up"


def test_a_password_sealed_with_another_key_is_unknown(world: Installation) -> None:
    world.app.versions[0].values["secret"] = "A" * 40 + "AAA="
    _result, failure = change(world, NAME, secret_values={"secret": CANARY})
    assert "sealed with another key" in failure and world.writes() == []


def test_an_update_of_the_vendor_that_waits_is_not_brought_along(world: Installation) -> None:
    world.app.versions.append(Version(1, "3.4.1", world.state.stamp(), cursor="1", values=dict(world.app.versions[0].values)))
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and result["deployed_sequence"] == 2
    deployed = world.app.version(2)
    assert deployed is not None and deployed.label == "3.4.0", "a setting was changed, the application not upgraded"


def test_base_newest_consents_to_the_update(world: Installation) -> None:
    world.app.versions.append(Version(1, "3.4.1", world.state.stamp(), cursor="1", values=dict(world.app.versions[0].values)))
    result, failure = change(world, NAME, values={"workers": 6}, base="newest")
    deployed = world.app.version(result["deployed_sequence"])
    assert failure == "" and deployed is not None and (deployed.label, deployed.values["workers"]) == ("3.4.1", "6")


def test_an_old_kotsadm_that_would_bring_the_update_along_is_refused() -> None:
    world = keyed("1.40.0", ("3.4.0", "3.4.1"))
    result, failure = change(world, NAME, values={"workers": 6})
    assert "3.4.1" in failure and "base: newest" in failure and result == {} and world.writes() == []


def test_an_old_kotsadm_with_nothing_ahead_takes_it() -> None:
    world = keyed("1.40.0", ("3.4.0", "3.4.1"))
    world.app.versions.pop()
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and result["deployed_sequence"] == 1 and values_of(world)["workers"] == "6"


def test_somebody_elses_change_that_waits_is_let_alone_and_told(world: Installation) -> None:
    world.app.versions.append(Version(1, "3.4.0", world.state.stamp(), source="Config Change", values={**world.app.versions[0].values, "notes": "theirs"}))
    check, failure = change(world, NAME, check=True, values={"workers": 6})
    assert failure == "" and check["steps"][-1]["sequence"] == 2
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and result["deployed_sequence"] == 2 and values_of(world)["notes"] == ""


def test_somebody_elses_change_with_ours_in_it_is_not_taken_for_ours(world: Installation) -> None:
    """It has what is wanted, and more: deploying it would bring that along."""
    theirs = {**world.app.versions[0].values, "notes": "theirs", "workers": "6"}
    world.app.versions.append(Version(1, "3.4.0", world.state.stamp(), source="Config Change", values=theirs))
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and result["deployed_sequence"] == 2 and (values_of(world)["notes"], values_of(world)["workers"]) == ("", "6")


def test_a_version_that_an_earlier_run_made_is_deployed_and_no_second_made(world: Installation) -> None:
    first, failure = change(world, NAME, values={"workers": 6}, wait=False)
    assert failure == "" and [step["step"] for step in first["steps"]] == ["version"] and world.app.current == 0
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and [step["step"] for step in result["steps"]] == ["deploy"] and len(world.app.versions) == 2


def test_without_deploy_a_version_is_left_for_somebody(world: Installation) -> None:
    result, failure = change(world, NAME, values={"workers": 6}, deploy=False)
    assert failure == "" and result["changed"] and (result["sequence"], result["deployed_sequence"], result["deployed"]) == (1, 0, False)
    again, failure = change(world, NAME, values={"workers": 6}, deploy=False)
    assert failure == "" and not again["changed"] and len(world.app.versions) == 2


def test_an_app_of_which_nothing_is_deployed_is_left_to_its_installation(world: Installation) -> None:
    world.app.current = -1
    world.app.versions[0].status = "pending_config"
    result, failure = change(world, NAME, values={"workers": 6})
    assert "no version of the app is deployed yet" in failure and result == {} and world.writes() == []


def test_a_deploy_of_somebody_else_is_waited_for_first(world: Installation) -> None:
    world.app.deploy_seconds = 30.0
    theirs = Version(1, "3.4.0", world.state.stamp(), source="Config Change", values={**world.app.versions[0].values, "notes": "theirs"})
    world.app.versions.append(theirs)
    world.console.call("POST", "/api/v1/app/circleci-server/sequence/1/deploy", {})
    world.settle_in()
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and result["steps"][0]["built_on"] == 1 and (values_of(world)["notes"], values_of(world)["workers"]) == ("theirs", "6")


def test_a_deploy_that_fails_is_told_and_not_tried_for_ever(world: Installation) -> None:
    world.app.refuses.add(1)
    result, failure = change(world, NAME, values={"workers": 6})
    assert "its deploy failed" in failure and not result["deployed"] and world.writes().count(MAKE) == 1
    again, failure = change(world, NAME, values={"workers": 6})
    assert "its deploy failed" in failure and not again["changed"]
    mended, failure = change(world, NAME, values={"workers": 7})
    assert failure == "" and mended["deployed_sequence"] == 2


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
def test_failed_preflights_are_told_and_the_version_not_deployed(world: Installation, strict: bool) -> None:
    world.app.preflights = (Check("Kubernetes", "1.33 is too new", fails=True, strict=strict), Check("Nodes", "enough"))
    result, failure = change(world, NAME, values={"workers": 6})
    assert "1.33 is too new" in failure and "enough" not in failure and world.app.current == 0 and not result["deployed"]
    assert result["failed_preflights"] == [{"title": "Kubernetes", "message": "1.33 is too new"}]
    assert ("strict" in failure) == strict
    again, failure = change(world, NAME, values={"workers": 6}, continue_with_failed_preflights=True)
    assert bool(failure) == strict and world.app.current == (0 if strict else 1) and len(world.app.versions) == 2
    assert again["deployed"] is not strict


def test_preflights_are_waited_for(world: Installation) -> None:
    world.app.preflights = (Check("Nodes", "enough"),)
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and result["deployed"] and result["failed_preflights"] == []


def test_pods_that_are_not_ready_are_waited_for_and_named(world: Installation) -> None:
    pod = world.state.add_pod("circleci-server", "frontend-1", {"app": "frontend", "kots.io/app-slug": "circleci-server"})
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    world.state.put("pods", "circleci-server", "frontend-1", pod)
    result, failure = change(world, NAME, values={"workers": 6}, wait_timeout=60.0)
    assert "pod frontend-1" in failure and result["not_ready"] == ["pod frontend-1"] and result["deployed"]
    assert result["deployed_sequence"] == 1


def test_an_answer_that_is_lost_makes_no_second_version(world: Installation) -> None:
    world.console.fault("POST .*config/values", Answer(0, close=True), count=1, apply=True)
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and result["deployed"] and world.writes().count(MAKE) == 1


@pytest.mark.parametrize("sliced", [False, True], ids=["one slice", "slices"])
def test_a_kotsadm_that_takes_longer_than_an_answer_may_is_asked_once(world: Installation, sliced: bool) -> None:
    """The order times out after 15 s, and the version comes up after 100."""
    world.app.render_seconds = 100.0
    result = played(world, sliced, values={"workers": 6})
    assert not result.get("failed"), result["msg"]
    assert [step["step"] for step in result["steps"]] == ["version", "deploy"] and result["deployed"]
    assert world.console.requests.count(MAKE) == 1 and len(world.app.versions) == 2 and values_of(world)["workers"] == "6"


@pytest.mark.parametrize("sliced", [False, True], ids=["one slice", "slices"])
def test_a_version_that_never_comes_is_not_ordered_again_and_the_task_says_where_to_look(world: Installation, sliced: bool) -> None:
    world.app.render_seconds = 4000.0
    result = played(world, sliced, values={"workers": 6})
    assert result["failed"] and "see the log of the pod kotsadm" in result["msg"] and "5 minutes" in result["msg"]
    assert world.console.requests.count(MAKE) == 1 and [step["step"] for step in result["steps"]] == ["version"]


def test_a_time_out_while_a_version_is_made_tells_what_is_waited_for(world: Installation) -> None:
    world.app.render_seconds = 4000.0
    result = played(world, False, values={"workers": 6}, wait_timeout=60.0)
    assert result["failed"] and "is still at it" in result["msg"] and "done: version" in result["msg"]


def test_an_answer_that_is_lost_while_kotsadm_goes_on_makes_no_second_version(world: Installation) -> None:
    """It renders for a while before the version can be seen."""
    real, late = world.console.ask, []

    def slow(method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if method == "POST" and path.endswith("/config/values") and not late:
            late.append(body)
            world.clock.after(6.0, lambda: real(method, path, headers, body))
            return Answer(0, close=True)
        return real(method, path, headers, body)

    world.console.ask = slow  # type: ignore[method-assign]
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and result["deployed"] and world.writes().count(MAKE) == 1 and len(world.app.versions) == 2


def test_an_order_that_never_arrived_is_sent_again(world: Installation) -> None:
    world.console.fault("POST .*config/values", Answer(0, close=True), count=1)
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and result["deployed"] and world.writes().count(MAKE) == 2 and len(world.app.versions) == 2


def test_a_console_that_restarts_while_it_deploys(world: Installation) -> None:
    world.console.fault("POST .*deploy$", Answer(0, close=True), count=1, apply=True)
    world.console.fault("GET .*/app/circleci-server$", Answer(502, "<html>"), count=0)
    result, failure = change(world, NAME, values={"workers": 6})
    assert failure == "" and result["deployed"] and len(world.app.versions) == 2


def test_what_kotsadm_refuses_is_said_in_its_words_and_not_sent_for_ever(world: Installation) -> None:
    """A key of the release that the stored values do not have yet: 500 without more (recorded)."""
    for version in world.app.versions:
        del version.values["notes"]
    result, failure = change(world, NAME, values={"notes": "x"})
    assert "failed to create new config" in failure and not result["changed"] and world.writes().count(MAKE) <= 2


def test_a_value_that_kotsadm_keeps_otherwise_makes_one_version_not_many(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.kots import deploys

    real = deploys._add
    monkeypatch.setattr(deploys, "_add", lambda world, app, base, values: real(world, app, base, {**values, "workers": "60"}))
    _result, failure = change(world, NAME, values={"workers": 6})
    assert "not what is wanted" in failure and world.writes().count(MAKE) == 1 and world.app.current == 0


def test_what_other_keys_switch_on_is_asked_for(world: Installation) -> None:
    _result, failure = change(world, NAME, values={"autoscale": True})
    assert "fields are required" in failure and "Most clients" in failure
    result, failure = change(world, NAME, values={"autoscale": True, "autoscale_max": 9})
    assert failure == "" and result["deployed"]


def test_a_process_says_what_it_needs() -> None:
    found = process(NAME, host="http://127.0.0.1:9", values={"workers": 1.5})
    assert found["failed"] and "values.workers" in found["msg"]


def test_it_waits_until_what_the_change_rolls_is_made_anew_and_ready() -> None:
    """The old pods are ready all the while, and the new ones take their time."""
    world = AddressesWorld()
    world.app.rolls = ("output-processor",)
    world.control.images.set("registry.example/circleci/output-processor", ready_after=40.0)
    before = set(world.pods_of("output-processor"))
    result, failure = change(world, NAME, **PARAMS, values={"domain": "new.example.com"})  # type: ignore[arg-type]
    assert failure == "" and result["deployed"] and result["not_ready"] == []
    assert world.pods_of("output-processor") and not before & set(world.pods_of("output-processor")) and world.made.unready() == []


def test_what_rolls_and_does_not_become_ready_is_named() -> None:
    world = AddressesWorld()
    world.app.rolls = ("output-processor",)
    world.control.images.set("registry.example/circleci/output-processor", ready_after=None)
    result, failure = change(world, NAME, **PARAMS, values={"domain": "new.example.com"}, wait_timeout=120.0)  # type: ignore[arg-type]
    assert "Deployment output-processor" in failure and any(one.startswith("pod output-processor-") for one in result["not_ready"])
    assert result["deployed"] and [step["step"] for step in result["steps"]] == ["version", "deploy"]


def test_rights_that_are_missing_are_told() -> None:
    world = AddressesWorld()
    world.state.users[TOKEN] = User("reader", (Rule(("pods",), ("get", "list")),))
    result, failure = change(world, NAME, **PARAMS, values={"domain": "new.example.com"})  # type: ignore[arg-type]
    assert result == {} and "secrets" in failure and world.console.requests == []
