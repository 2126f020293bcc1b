# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of action plugins for long waits: runs the module again and again in short slices and says what is waited for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any, Optional

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

Json = dict[str, Any]


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
        handed: Json = {"run": str(uuid.uuid4())}
        began = time.monotonic()
        said = ""
        while True:
            result = self._one(handed, task_vars)
            if not result.get("_partial"):
                return result
            handed = {**result["_run"], "spent": time.monotonic() - began}
            if handed["progress"] != said:
                said = handed["progress"]
                self._say(f"{said}, {_duration(handed['spent'])} of {_duration(self._bound())}")

    def _one(self, handed: Optional[Json], task_vars: Json) -> Json:
        arguments = {key: value for key, value in self._task.args.items() if key != "_run"}
        if handed is not None:
            arguments["_run"] = handed
        found: Json = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=bool(self._task.async_val))
        return found

    def _bound(self) -> float:
        return float(self._task.args.get("wait_timeout") or 18000)

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


def _cleaned(result: Json) -> Json:
    """The result without what is handed from slice to slice."""
    kept = {key: value for key, value in result.items() if key not in ("_run", "_partial")}
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
