# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of action plugins for long waits: runs the module again and again in short slices and says what is waited for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Optional

from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.handing import packed, unpacked

Json = dict[str, Any]
RECONNECT = 5.0  # s between two tries to reach a host that was lost
OURS = ("_run", "_partial", "_said")  # keys of a slice's result that are no part of the task's
GO_ON = "what it began goes on or stays as it is: run the same task again to go on"


class SlicedAction(ActionBase):
    """One task as many short runs of its module; the result is that of one long run.

    Without slices in check mode, with `async`, and with `wait: false`: there one run does it all.
    """

    LABEL = ""
    TRANSFERS_FILES = False
    _supports_async = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Mapping[str, Any]] = None) -> Json:
        super().run(tmp, task_vars)
        asked = bool(self._task.args.get("wait", True)) and not self._task.check_mode and not self._task.async_val
        result = self._slices(dict(task_vars or {})) if asked else self._one(None, dict(task_vars or {}))
        return _cleaned(result)

    def _slices(self, task_vars: Json) -> Json:
        self._clock = SystemClock()
        self._began = self._clock.now()
        told = Told()
        with told:
            return told.completed(self._until_over(told, task_vars))
        return told.completed({"failed": True, "msg": f"the task's timeout is over, which is Ansible's own bound; {GO_ON}"})

    def _until_over(self, told: Told, task_vars: Json) -> Json:
        handed: Json = {"run": str(uuid.uuid4())}
        said = ""
        while True:
            result = self._later(handed, told, task_vars) if told.so_far else self._one(handed, task_vars)
            if not result.get("_partial"):
                return result
            told.so_far = result
            handed = unpacked(result["_run"])
            if result["_said"] != said:
                said = result["_said"]
                self._say(f"{said}, {self._time()}")

    def _later(self, handed: Json, told: Told, task_vars: Json) -> Json:
        """A slice after the first: the task may have an act half done, so a host that is lost is tried until the time is over."""
        lost = ""
        while True:
            try:
                if lost:
                    self._connection.reset()
                result = self._one({**handed, "spent": self._spent()}, task_vars)
            except AnsibleAuthenticationFailure as error:  # a password tried again and again locks the account
                return {"failed": True, "msg": f"the host does not let us in any more: {error}; {GO_ON}"}
            except AnsibleConnectionFailure as error:
                result = {"unreachable": True, "msg": str(error)}
            if not result.get("unreachable"):
                return result
            if not lost:
                self._say(f"the host is lost and tried again, {self._time()}")
            lost = told.lost = str(result.get("msg"))
            if self._spent() >= self._bound():
                return {"failed": True, "msg": f"the host was lost and did not come back within wait_timeout ({self._bound():g} s): {lost}; {GO_ON}"}
            self._clock.sleep(RECONNECT)

    def _one(self, handed: Optional[Json], task_vars: Json) -> Json:
        arguments = {key: value for key, value in self._task.args.items() if key != "_run"}
        if handed is not None:
            arguments["_run"] = packed(handed)
        found: Json = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=bool(self._task.async_val))
        return found

    def _bound(self) -> float:
        return float(self._task.args.get("wait_timeout") or 18000)

    def _spent(self) -> float:
        return self._clock.now() - self._began

    def _time(self) -> str:
        return f"{_duration(self._spent())} of {_duration(self._bound())}"

    def _say(self, words: str) -> None:
        if not self._task.no_log:
            Display().display(f"[{self.LABEL}] {words}")


class ForetellingAction(SlicedAction):
    """Looks once in check mode before it acts, and says what will end where. Whatever is wrong, the real run says."""

    def _slices(self, task_vars: Json) -> Json:
        arguments = {key: value for key, value in self._task.args.items() if key != "_run"}
        self._task.check_mode = True
        try:
            seen: Json = self._execute_module(module_args={**arguments, "wait": False}, task_vars=task_vars)
        finally:
            self._task.check_mode = False
        for one in seen.get("allocations") or [] if seen.get("changed") else []:
            self._say(f"will end: {one['allocation']} of {seen['job']} on {one['client']}, started {one['started'] or 'not yet'}")
        return super()._slices(task_vars)


class Told:
    """What the slices so far told. Ends quietly when Ansible's own bound cuts the task off after the first: its exception is another class in each version."""

    def __init__(self) -> None:
        self.so_far: Json = {}
        self.lost = ""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, _error: Any, _trace: Any) -> bool:
        return bool(self.so_far) and kind is not None and kind.__name__ == "TaskTimeoutError"

    def completed(self, result: Json) -> Json:
        """The result; where the last slice broke, with all that was done and seen until then. It knows nothing of that, while a whole one has the run."""
        if self.so_far and result.get("failed") and "run" not in result:
            result = {**self.so_far, **{key: value for key, value in result.items() if key not in ("steps", "changed")}}
        return self._with_what_was_lost(result) if self.lost else result

    def _with_what_was_lost(self, result: Json) -> Json:
        """A slice that is lost with its connection may have sent orders that nobody told: the state says whether something was changed."""
        diff = result.get("diff") or {}
        changed = bool(result.get("changed")) or diff.get("before") != diff.get("after")
        warning = f"the connection was lost for a while ({self.lost}): what was sent in that moment is not among the steps"
        return {**result, "changed": changed, "warnings": [*(result.get("warnings") or []), warning]}


def _cleaned(result: Json) -> Json:
    """The result without what is handed from slice to slice."""
    kept = {key: value for key, value in result.items() if key not in OURS}
    arguments = (kept.get("invocation") or {}).get("module_args")
    if isinstance(arguments, dict):
        arguments.pop("_run", None)
    return kept


def _duration(seconds: float) -> str:
    """Such as 45s, 12m or 5h."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole}s"
    return f"{whole // 60}m" if whole < 7200 else f"{whole // 3600}h"
