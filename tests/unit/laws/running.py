# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a subject's module in process: at once, or in slices by the real action plugin's loop with everything made anew for each slice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.core.handing import packed, unpacked
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS, Door, reconcile, result_of
from ansible_collections.serverops.circleci.plugins.plugin_utils import slices
from unit.laws.subject import Subject, World


@dataclass(frozen=True)
class Ran:
    """What the operator gets. `slices` is how many runs of the module it took, `said` the lines of progress."""

    result: Json
    failure: str
    slices: int = 1
    said: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.result["changed"])

    @property
    def steps(self) -> list[Json]:
        return list(self.result["steps"])


def all_params(door: Door, given: Mapping[str, Any]) -> Json:
    """The parameters as AnsibleModule hands them over: every option, defaults filled in."""
    options = {**door.options, **WAIT_OPTIONS}
    unknown = set(given) - set(options) - {"_run"}
    assert not unknown, f"no such options: {unknown}"
    return {**{name: option.get("default") for name, option in options.items()}, **given}


def module_run(door: Door, world: World, params: Mapping[str, Any], check: bool = False) -> Json:
    """One run of the module as a process would make it: JSON in, JSON out, nothing kept."""
    given = json.loads(json.dumps(all_params(door, params)))
    with world.open():
        try:
            outcome = reconcile(door, given, check, world.clock)
        except CollectionError as error:
            return {"failed": True, "msg": str(error)}
    result = json.loads(json.dumps(result_of(outcome)))
    return {**result, "failed": True, "msg": outcome.failure} if outcome.failure else result


def run(subject: Subject, world: World, check: bool = False, **more: Any) -> Ran:
    """The module alone, in one slice."""
    result = module_run(subject.door, world, {**subject.params, **more}, check)
    failure = result.pop("msg", "")
    result.pop("failed", None)
    return Ran(result, failure)


def run_sliced(subject: Subject, world: World, **more: Any) -> Ran:
    """The module under its action plugin."""
    action = InProcessAction(subject.door, world, {**subject.params, **more})
    result = action.play()
    failure = result.pop("msg", "")
    result.pop("failed", None)
    return Ran(result, failure, action.runs, action.said)


def unpacked_run(module: Callable[[Json], Json], arguments: Mapping[str, Any]) -> Json:
    """What is handed from slice to slice, taken out of its text for the module and put into it again after it, as a real module's process does."""
    result = module({**arguments, "_run": unpacked(arguments["_run"])} if "_run" in arguments else dict(arguments))
    return {**result, "_run": packed(result["_run"])} if "_run" in result else result


class InProcessAction(slices.SlicedAction):
    """The real loop over slices, its module run in process, its stop-watch the world's clock."""

    LABEL = "toy"

    def __init__(self, door: Door, world: World, args: Mapping[str, Any], check: bool = False) -> None:
        self._task = SimpleNamespace(args=dict(args), check_mode=check, async_val=0, no_log=False, action="toy")
        self._connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
        self._door, self._world = door, world
        self.runs, self.said = 0, []

    def play(self) -> Json:
        with mock.patch.object(slices, "SystemClock", lambda: self._world.clock):
            return self.run()

    def _execute_module(self, module_args: Mapping[str, Any], **_kwargs: Any) -> Json:
        self.runs += 1
        return unpacked_run(lambda given: module_run(self._door, self._world, given, self._task.check_mode), module_args)

    def _say(self, words: str) -> None:
        self.said.append(words)


def stable(value: Any, volatile: tuple[str, ...]) -> Any:
    """`value` without its volatile fields, at every depth."""
    if isinstance(value, list):
        return [stable(entry, volatile) for entry in value]
    if not isinstance(value, dict):
        return value
    kept: Json = {}
    for key, entry in value.items():
        if key in volatile or key == "run":
            continue
        inner = tuple(name.partition(".")[2] for name in volatile if name.startswith(f"{key}."))
        kept[key] = stable(entry, volatile + inner)
    return kept


def by_item(steps: list[Json]) -> dict[str, list[Json]]:
    """The sequence of steps of each item."""
    found: dict[str, list[Json]] = {}
    for step in steps:
        found.setdefault(step["id"], []).append(step)
    return found
