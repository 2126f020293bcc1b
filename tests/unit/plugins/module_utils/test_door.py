# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door: parameters in, one result or one sentence out, through a real AnsibleModule."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.serverops.circleci.plugins.module_utils import door, info_door
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.handing import packed, unpacked
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import InfoDoor
from unit.toy.subjects import CANARY
from unit.toy.world import DOOR, ToyWorld

Play = Callable[..., tuple[Json, int]]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> ToyWorld:
    made = ToyWorld()
    monkeypatch.setattr(door, "SystemClock", lambda: made.clock)
    return made


@pytest.fixture
def play(world: ToyWorld, capfd: pytest.CaptureFixture[str]) -> Play:
    """Runs a door as Ansible would: arguments in, JSON on stdout, an exit code."""

    def run(subject: Door | InfoDoor = DOOR, check: bool = False, **arguments: Any) -> tuple[Json, int]:
        arguments = {**arguments, "_ansible_check_mode": check}
        with patch_module_args(arguments), world.open(), pytest.raises(SystemExit) as left:
            info_door.run_info_door(subject) if isinstance(subject, InfoDoor) else door.run_door(subject)
        return json.loads(capfd.readouterr().out), int(left.value.code or 0)

    return run


KEYS = {"things", "summary", "changed", "steps", "run", "diff", "invocation"}


def test_success_and_failure_have_the_same_keys(play: Play, world: ToyWorld) -> None:
    good, code = play(items=["set-a", "long-b"])
    assert (set(good), code) == (KEYS, 0)
    world.blocked["set-bad"] = "out of order"
    bad, code = play(items=["set-bad"])
    assert (set(bad) - {"failed", "msg"}, code) == (KEYS, 1)
    assert (bad["failed"], bad["msg"]) == (True, "set-bad can never settle: out of order")


def test_changed_is_that_there_were_steps(play: Play) -> None:
    first, _code = play(items=["set-a"])
    second, _code = play(items=["set-a"])
    assert (first["changed"], first["steps"]) == (True, [{"step": "set", "id": "set-a", "value": "on"}])
    assert (second["changed"], second["steps"]) == (False, [])


def test_a_failure_tells_whether_something_was_changed(play: Play, world: ToyWorld) -> None:
    world.blocked["set-bad"] = "out of order"
    result, _code = play(items=["set-a", "set-bad"])
    assert (result["failed"], result["changed"]) == (True, True)


def test_the_diff_is_the_first_view_against_the_last(play: Play) -> None:
    result, _code = play(items=["set-a"])
    assert (result["diff"]["before"]["set-a"]["value"], result["diff"]["after"]["set-a"]["value"]) == ("off", "on")


def test_check_mode_changes_nothing_and_predicts(play: Play, world: ToyWorld) -> None:
    result, code = play(check=True, items=["set-a", "long-b"])
    assert (result["changed"], code, world.sent) == (True, 0, [])
    assert set(result) == KEYS


def test_an_expected_failure_before_the_first_look_is_one_sentence(play: Play, world: ToyWorld) -> None:
    world.cut_off(60.0)
    result, code = play(items=["set-a"])
    assert (result["msg"], code) == ("read the toy: toy:1 is cut off", 1)
    assert "exception" not in result
    assert result["steps"] == [], "told from a crash by that"


@pytest.mark.parametrize("bound", [0, -5])
def test_a_wait_timeout_of_zero_or_less_is_refused(play: Play, bound: float) -> None:
    result, _code = play(items=["set-a"], wait_timeout=bound)
    assert result["msg"] == f"wait_timeout is {float(bound)}, but it must be more than 0"


def test_a_spec_that_cannot_be_is_refused_before_a_port_is_made(play: Play, world: ToyWorld) -> None:
    def spec(_params: Any) -> Any:
        raise BadInput("value is odd")

    result, _code = play(DOOR._replace(spec=spec), items=["set-a"])
    assert result["msg"] == "value is odd"
    assert world.tap.points == []


def test_an_unexpected_failure_stays_a_traceback(world: ToyWorld) -> None:
    def spec(_params: Any) -> Any:
        raise KeyError("a bug of ours")

    with patch_module_args({"items": ["set-a"]}), world.open(), pytest.raises(KeyError):
        door.run_door(DOOR._replace(spec=spec))


def test_a_library_that_is_missing_is_named(play: Play) -> None:
    result, code = play(DOOR._replace(libraries=("json", "no_such_library")), items=["set-a"])
    assert code == 1
    assert "no_such_library" in result["msg"]


def test_options_of_a_dict_fall_back_on_their_environment_variables_too() -> None:
    inner = {"color": {"type": "str", "env": "TOY_COLOR"}, "size": {"type": "int", "default": 3}}
    made = info_door._argument({"type": "dict", "options": inner})
    assert set(made) == {"type", "options"} and made["options"]["color"]["fallback"][1] == ["TOY_COLOR"]
    assert "env" not in made["options"]["color"] and made["options"]["size"] == {"type": "int", "default": 3}


def test_an_option_falls_back_on_its_environment_variable(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**DOOR.options, "value": {"type": "str", "default": "on", "env": "TOY_VALUE"}}
    monkeypatch.setenv("TOY_VALUE", "blue")
    told, _code = play(DOOR._replace(options=options), items=["set-a"])
    said, _code = play(DOOR._replace(options=options), items=["set-b"], value="red")
    assert (told["steps"][0]["value"], said["steps"][0]["value"]) == ("blue", "red")


def test_a_secret_option_shows_in_nothing_that_the_module_prints(play: Play) -> None:
    result, _code = play(items=["set-a"], token=CANARY)
    assert CANARY not in json.dumps(result)
    assert result["invocation"]["module_args"]["token"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


# -- slices ---------------------------------------------------------------------------------------------------


RUN = packed({"run": "r-1"})


def test_a_run_that_is_no_slice_hands_nothing_on(play: Play, world: ToyWorld) -> None:
    world.plans["long-b"] = [("ended", 200.0)]
    result, _code = play(items=["long-b"])
    assert set(result) == KEYS


def test_a_slice_hands_on_a_run_that_the_next_one_takes_up(play: Play, world: ToyWorld) -> None:
    world.plans["long-b"] = [("ended", 40.0)]
    first, code = play(items=["long-b"], _run=RUN)
    assert (first["_partial"], first["_said"], first["run"], code) == (True, "0 of 1 done", "r-1", 0)
    assert set(first) == KEYS | {"_partial", "_said", "_run"}
    second, _code = play(items=["long-b"], _run=first["_run"])
    assert (second["run"], second["changed"]) == ("r-1", True)
    assert "_partial" not in second and "_run" not in second
    assert len(world.log) == 1
    assert second["diff"]["before"] == first["diff"]["before"]


def test_what_is_handed_on_holds_no_secret(play: Play, world: ToyWorld) -> None:
    world.plans["long-b"] = [("ended", 90.0)]
    world.blocked["set-bad"] = f"it said {CANARY}"
    first, _code = play(items=["long-b", "set-bad"], _run=RUN, token=CANARY)
    assert CANARY not in json.dumps(first) and CANARY not in json.dumps(unpacked(first["_run"]))
    assert "it said ****" in json.dumps(unpacked(first["_run"]))


@pytest.mark.parametrize("secret", ["1", "0", "4", "r", "true", "60"])
def test_a_very_short_secret_spoils_nothing_that_is_handed_on(play: Play, world: ToyWorld, secret: str) -> None:
    world.plans["long-b"] = [("ended", 90.0)]
    first, _code = play(items=["long-b"], _run=RUN, token=secret)
    second, _code = play(items=["long-b"], _run=first["_run"], token=secret)
    handed = unpacked(second["_run"])
    assert handed["run"] == "r-1" and isinstance(handed["spent"], float) and handed["spent"] > 60
    last, code = play(items=["long-b"], _run=second["_run"], token=secret)
    assert (code, "_run" in last, len(world.log)) == (0, False, 1)


def test_a_slice_tells_what_holds_should_nothing_more_be_heard(play: Play, world: ToyWorld) -> None:
    world.plans["long-b"] = [("ended", 90.0)]
    first, _code = play(items=["set-a", "long-b"], _run=RUN)
    assert {thing["id"]: thing["verdict"] for thing in first["things"]} == {"set-a": "settled", "long-b": "unknown"}
    assert [thing["verdict"] for thing in unpacked(first["_run"])["last"]["things"]] == ["settled", "unfinished"], "what is handed on is what was seen"


def test_check_mode_is_one_slice(play: Play, world: ToyWorld) -> None:
    world.hide("set-a", 200.0)
    result, _code = play(check=True, items=["set-a"], _run=RUN)
    assert "_partial" not in result
    assert result["steps"] != []


def test_every_task_has_a_run_id_of_its_own(play: Play) -> None:
    runs = {play(items=["set-a"])[0]["run"] for _turn in range(3)}
    assert len(runs) == 3


# -- reading ---------------------------------------------------------------------------------------------------


def test_a_reading_never_says_changed(play: Play) -> None:
    result, code = play(InfoDoor(options={"name": {"type": "str"}}, read=lambda params, _clock: {"told": params["name"]}), name="x")
    assert (result["changed"], result["told"], code) == (False, "x", 0)


@pytest.mark.parametrize("check", [False, True])
def test_a_reading_is_the_same_in_check_mode(play: Play, check: bool) -> None:
    result, _code = play(InfoDoor(options={}, read=lambda _params, _clock: {"told": 1}), check=check)
    assert (result["told"], result["changed"]) == (1, False)


def test_a_reading_that_gets_no_answer_fails_with_one_sentence(play: Play) -> None:
    def read(_params: Any, _clock: Any) -> Json:
        with doing("read the list"):
            raise Unreachable("toy:1 is cut off")

    result, code = play(InfoDoor(options={}, read=read))
    assert (result["msg"], code) == ("read the list: toy:1 is cut off", 1)
