# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of action plugins: one task as many short runs of its module, and one line when the words change."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleAuthenticationFailure, AnsibleConnectionFailure
from ansible_collections.serverops.circleci.plugins.module_utils.core.handing import packed, unpacked
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.plugin_utils import slices
from ansible_collections.serverops.circleci.plugins.plugin_utils.slices import RECONNECT, ForetellingAction, SlicedAction
from unit.laws.running import InProcessAction
from unit.toy.world import DOOR, ToyWorld

from lab.nomad.clock import VirtualClock


class Scripted(SlicedAction):
    """The action with answers of the module written down; notes what it was asked."""

    LABEL = "drain"

    def __init__(self, *answers: Json | BaseException, check: bool = False, async_val: int = 0, no_log: bool = False, **args: Any) -> None:
        self._task = SimpleNamespace(args=args, check_mode=check, async_val=async_val, no_log=no_log, action="toy")
        self.resets: list[float] = []
        self._connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"), reset=lambda: self.resets.append(self._clock.now()))
        self.answers, self.asked, self.wrapped = list(answers), [], []

    def _execute_module(self, module_args: Json, wrap_async: bool = False, **_kwargs: Any) -> Json:
        given = json.loads(json.dumps(module_args))
        self.asked.append({**given, "_run": unpacked(given["_run"])} if "_run" in given else given)
        self.wrapped.append(wrap_async)
        if hasattr(self, "_clock"):
            self._clock.sleep(SLICE)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return {**answer, "invocation": {"module_args": dict(module_args)}}


def partial(progress: str, **task: Any) -> Json:
    """What a slice tells: all that holds should it be the last that is heard, and what the next one needs."""
    told = {"changed": True, "steps": [{"step": "stop"}], "nodes": [{"id": "c1", "verdict": "unknown"}], "run": "r-1", "diff": {}}
    return {**told, "_partial": True, "_said": progress, "_run": packed({"run": "r-1", "progress": progress, "spent": 1.0, **task})}


DONE: Json = {"changed": True, "steps": [{"step": "set"}], "nodes": [], "run": "r-1"}
SLICE = 50.0  # s that a slice takes


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is displayed, on a clock of its own."""
    lines: list[str] = []
    monkeypatch.setattr(slices, "Display", lambda: SimpleNamespace(display=lines.append))
    clock = VirtualClock()
    monkeypatch.setattr(slices, "SystemClock", lambda: clock)
    return lines


def test_it_runs_the_module_until_a_slice_is_not_partial(said: list[str]) -> None:
    action = Scripted(partial("a"), partial("b"), DONE, nodes=["c1"])
    result = action.run()
    assert len(action.asked) == 3
    assert all(asked["nodes"] == ["c1"] for asked in action.asked)
    assert (result["changed"], result["steps"]) == (True, [{"step": "set"}])


def test_every_slice_gets_the_run_of_the_one_before_and_the_time_of_all(said: list[str]) -> None:
    action = Scripted(partial("a", memory={"x": 1}), partial("b"), DONE)
    action.run()
    first, second, third = (asked["_run"] for asked in action.asked)
    assert set(first) == {"run"}
    assert (second["memory"], second["spent"], third["spent"]) == ({"x": 1}, 50.0, 100.0)


def test_what_is_handed_on_is_stripped_from_the_result_and_from_its_invocation(said: list[str]) -> None:
    for action in (Scripted(partial("a"), DONE), Scripted({**DONE, "_run": "", "_partial": False})):
        result = action.run()
        assert not set(result) & {"_run", "_partial", "_said"}
        assert "_run" not in result["invocation"]["module_args"]


def test_a_failure_is_handed_on_as_it_is(said: list[str]) -> None:
    failed = {"failed": True, "msg": "c1 is gone", "changed": False, "steps": [], "nodes": [{"id": "1"}], "run": "r-1"}
    result = Scripted(partial("a"), failed).run()
    assert {key: value for key, value in result.items() if key != "invocation"} == failed


# -- slices that break ----------------------------------------------------------------------------------

CRASHED: Json = {"failed": True, "msg": "MODULE FAILURE", "rc": 1, "module_stderr": "Killed"}
REFUSED: Json = {"failed": True, "msg": "nomad_ca_path is /ca.pem, no readable file", "changed": False, "steps": []}
GONE = AnsibleConnectionFailure("ssh: connect to host: no route")
KNOWN = {"changed": True, "steps": [{"step": "stop"}], "nodes": [{"id": "c1", "verdict": "unknown"}], "run": "r-1"}


class TaskTimeoutError(BaseException):
    """What Ansible cuts a task off with, by its name."""


@pytest.mark.parametrize("broken", [CRASHED, REFUSED, TaskTimeoutError(60)], ids=["crashed", "refused", "cut off"])
def test_a_later_slice_that_breaks_tells_what_was_done_before_it_and_is_not_run_again(said: list[str], broken: Any) -> None:
    action = Scripted(partial("a"), partial("b"), broken, DONE)
    result = action.run()
    assert {key: result[key] for key in KNOWN} == KNOWN and result["failed"] is True
    assert result["msg"] == broken["msg"] if isinstance(broken, dict) else "the task's timeout is over" in result["msg"]
    assert len(action.asked) == 3 and not set(result) & {"_run", "_partial", "_said"}


@pytest.mark.parametrize("broken", [CRASHED, REFUSED, {"unreachable": True, "msg": "no route"}], ids=["crashed", "refused", "unreachable"])
def test_a_first_slice_that_breaks_is_handed_on_as_it_is(said: list[str], broken: Json) -> None:
    action = Scripted(broken, DONE)
    result = action.run()
    assert {key: value for key, value in result.items() if key != "invocation"} == broken
    assert len(action.asked) == 1


@pytest.mark.parametrize("broken", [GONE, TaskTimeoutError(60), KeyError("a bug of ours")], ids=lambda broken: type(broken).__name__)
def test_what_a_first_slice_raises_is_ansibles_to_tell(said: list[str], broken: BaseException) -> None:
    with pytest.raises(type(broken)):
        Scripted(broken, DONE).run()


def test_a_bug_of_ours_in_a_later_slice_stays_one(said: list[str]) -> None:
    with pytest.raises(KeyError):
        Scripted(partial("a"), KeyError("a bug of ours")).run()


@pytest.mark.parametrize("lost", [GONE, {"unreachable": True, "msg": "no route"}], ids=["raised", "told"])
def test_a_host_lost_in_a_later_slice_is_tried_again_with_what_the_last_one_handed_on(said: list[str], lost: Any) -> None:
    action = Scripted(partial("a", memory={"x": 1}), lost, lost, partial("b"), DONE)
    result = action.run()
    assert (result["steps"], result.get("failed")) == (DONE["steps"], None)
    runs = [asked["_run"] for asked in action.asked[1:4]]
    assert [run["memory"] for run in runs] == [{"x": 1}] * 3
    assert [run["spent"] for run in runs] == [SLICE, 2 * SLICE + RECONNECT, 3 * SLICE + 2 * RECONNECT]
    assert len(action.resets) == 2
    (warning,) = result["warnings"]
    assert "no route" in warning and "not among the steps" in warning
    assert said[1:] == ["[drain] the host is lost and tried again, 100s of 5h", "[drain] b, 3m of 5h"]


def test_what_a_lost_slice_alone_has_done_is_seen_by_the_state(said: list[str]) -> None:
    quiet = {**DONE, "changed": False, "steps": []}
    for after, changed in (({"app": "started"}, True), ({"app": "stopped"}, False)):
        ended = {**quiet, "diff": {"before": {"app": "stopped"}, "after": after}}
        assert Scripted(partial("a"), GONE, ended).run()["changed"] is changed
        assert not Scripted(partial("a"), ended).run()["changed"]


def test_a_reset_that_fails_is_a_try_too(said: list[str]) -> None:
    action = Scripted(partial("a"), GONE, DONE)

    def reset() -> None:
        action.resets.append(0.0)
        if len(action.resets) == 1:
            raise GONE

    action._connection.reset = reset
    assert action.run()["steps"] == DONE["steps"] and len(action.resets) == 2


def test_a_host_that_stays_lost_fails_with_all_that_is_known_once_the_time_is_over(said: list[str]) -> None:
    action = Scripted(partial("a"), *[GONE] * 9, DONE, wait_timeout=400)
    result = action.run()
    assert {key: result[key] for key in KNOWN} == KNOWN
    assert result["failed"] and "unreachable" not in result, "a failure runs a rescue, an unreachable host runs nothing"
    assert "no route" in result["msg"] and "wait_timeout (400 s)" in result["msg"] and "run the same task again" in result["msg"]
    assert 400 <= action._clock.now() <= 400 + SLICE + RECONNECT


def test_a_password_that_is_refused_now_is_not_tried_again(said: list[str]) -> None:
    action = Scripted(partial("a"), AnsibleAuthenticationFailure("Invalid/incorrect password"), DONE)
    result = action.run()
    assert result["failed"] and "incorrect password" in result["msg"] and result["steps"] == KNOWN["steps"]
    assert len(action.asked) == 2


# -- one run, and what is said --------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{"check": True}, {"async_val": 600}, {"wait": False}], ids=["check mode", "async", "wait false"])
def test_check_mode_async_and_not_waiting_are_one_run_without_slices(said: list[str], how: dict[str, Any]) -> None:
    action = Scripted(DONE, **how)
    result = action.run()
    assert len(action.asked) == 1
    assert "_run" not in action.asked[0]
    assert action.wrapped == [bool(how.get("async_val"))]
    assert result["steps"] == DONE["steps"]
    assert said == []


def test_a_run_that_the_user_gives_is_not_taken(said: list[str]) -> None:
    for how in ({"wait": False}, {}):
        action = Scripted(DONE, _run={"run": "forged", "steps": [1]}, **how)
        action.run()
        assert (action.asked[0].get("_run") or {}).get("run") != "forged"


def test_a_line_is_printed_only_when_the_words_change(said: list[str]) -> None:
    words = ["0 of 2 drained, 3 builds left", "0 of 2 drained, 3 builds left", "1 of 2 drained, 1 build left", "1 of 2 drained, 1 build left"]
    Scripted(*(partial(word) for word in words), DONE).run()
    assert said == ["[drain] 0 of 2 drained, 3 builds left, 50s of 5h", "[drain] 1 of 2 drained, 1 build left, 2m of 5h"]


def test_the_line_names_the_bound_that_was_asked_for(said: list[str]) -> None:
    Scripted(partial("waits"), DONE, wait_timeout="600").run()
    assert said == ["[drain] waits, 50s of 10m"]


def test_a_bound_that_is_null_is_the_modules_default(said: list[str]) -> None:
    Scripted(partial("waits"), DONE, wait_timeout=None).run()
    assert said == ["[drain] waits, 50s of 5h"]


def test_it_is_silent_under_no_log(said: list[str]) -> None:
    Scripted(partial("a"), partial("b"), DONE, no_log=True).run()
    assert said == []


def test_nothing_is_printed_when_the_first_slice_is_the_last(said: list[str]) -> None:
    Scripted(DONE).run()
    assert said == []


def test_the_users_arguments_are_left_alone(said: list[str]) -> None:
    action = Scripted(partial("a"), DONE, nodes=["c1"])
    action.run()
    assert action._task.args == {"nodes": ["c1"]}


def test_async_is_supported() -> None:
    assert SlicedAction._supports_async is True
    action = Scripted(DONE, async_val=60)
    action._supports_async = False
    with pytest.raises(AnsibleActionFail):  # what Ansible's own base does where it is not
        action.run()


@pytest.mark.parametrize(("seconds", "words"), [(0.0, "0s"), (45.9, "45s"), (119.9, "119s"), (120.0, "2m"), (7199.0, "119m"), (7200.0, "2h"), (18000.0, "5h")])
def test_a_duration_is_said_in_its_natural_unit(seconds: float, words: str) -> None:
    assert slices._duration(seconds) == words


def test_with_the_real_kernel_the_words_of_each_slice_differ_from_the_last_said(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ToyWorld()
    world.plans = {"long-b": [("ended", 30.0)], "long-c": [("ended", 200.0)], "long-d": [("ended", 400.0)]}
    action = InProcessAction(DOOR, world, {"items": ["long-b", "long-c", "long-d"]})
    result = action.play()
    assert not result.get("failed")
    counts = [line.partition(" done")[0] for line in action.said]
    assert counts == ["0 of 3", "1 of 3", "2 of 3"]
    assert action.runs > len(counts), "slices of a minute went by without a new word"


# -- what is told before the act --------------------------------------------------------------------


class Foretelling(Scripted, ForetellingAction):
    """Notes in which mode it was asked."""

    def _execute_module(self, module_args: Json, wrap_async: bool = False, **kwargs: Any) -> Json:
        self.modes = [*getattr(self, "modes", []), self._task.check_mode]
        return super()._execute_module(module_args, wrap_async, **kwargs)


FORESEEN: Json = {"changed": True, "job": "j", "allocations": [{"allocation": "a", "client": "c1", "started": None}]}


def test_what_will_end_is_said_before_the_first_slice(said: list[str]) -> None:
    action = Foretelling(FORESEEN, {**DONE, "job": "j"}, job="j", confirm="j")
    assert action.run()["steps"] == [{"step": "set"}]
    assert said == ["[drain] will end: a of j on c1, started not yet"]
    assert action.modes == [True, False] and action.asked[0] == {"job": "j", "confirm": "j", "wait": False}
    assert action.asked[1]["_run"]["run"] and "wait" not in action.asked[1]


@pytest.mark.parametrize("foreseen", [{"failed": True, "msg": "no"}, {**FORESEEN, "changed": False}, {"changed": True}])
def test_where_nothing_will_end_nothing_is_said_and_the_real_run_tells(said: list[str], foreseen: Json) -> None:
    action = Foretelling(foreseen, {"failed": True, "msg": "no"}, job="j")
    assert action.run()["msg"] == "no" and said == []


def test_a_secret_task_foretells_nothing_and_check_mode_looks_once(said: list[str]) -> None:
    Foretelling(FORESEEN, DONE, no_log=True, job="j").run()
    assert said == []
    action = Foretelling(FORESEEN, check=True, job="j")
    action.run()
    assert action.modes == [True] and said == []
