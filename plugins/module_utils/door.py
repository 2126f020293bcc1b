# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of a module that brings about a state: parameters in, the kernel in between, one result or one sentence out."""

from __future__ import annotations

import uuid
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock, SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import positive
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Outcome, Reconciliation, Task, Terms
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Port, Rules
from ansible_collections.serverops.circleci.plugins.module_utils.info_door import Options, Params, failing, opened

__all__ = ["WAIT_OPTIONS", "Door", "Options", "Params", "reconcile", "result_of", "run_door"]

WAIT_OPTIONS: Options = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "float", "default": 18000.0},
}


class Door(NamedTuple):
    """A module that brings about a state: its options, and how its parameters become a spec and a port.

    One that `waits` for nothing goes on to its end whatever `wait` says: several rounds of its own steps are no waiting.
    """

    options: Options
    rules: Rules[Any, Any]
    spec: Callable[[Params], Any]
    port: Callable[[Params, Any, Task, Clock], Port[Any]]
    libraries: tuple[str, ...] = ()
    result: str = ""
    waits: bool = True


def run_door(door: Door) -> None:
    """main() of a module that brings about a state."""
    module = opened({**door.options, **WAIT_OPTIONS}, door.libraries)
    with failing(module, steps=[]):  # what fails without a view fails before the first step
        outcome = reconcile(door, {**module.params, "_run": module.handed}, module.check_mode)
        result = result_of(outcome)
        if outcome.failure:
            module.fail_json(msg=outcome.failure, **result)
        module.exit_json(**result)


def reconcile(door: Door, params: Params, check: bool, clock: Optional[Clock] = None) -> Outcome:
    """What a door does between its parameters and its result."""
    clock = clock or SystemClock()
    positive(wait_timeout=params["wait_timeout"])
    spec = door.spec(params)
    handed = params.get("_run") or {}
    task = Task(**handed) if handed.get("run") else Task(run=str(uuid.uuid4()))
    terms = Terms(wait=params["wait"] or not door.waits, wait_timeout=params["wait_timeout"], check=check, slice=bool(handed) and not check)
    return Reconciliation(door.rules, door.port(params, spec, task, clock), clock).run(spec, terms, task)


def result_of(outcome: Outcome) -> Json:
    """The result: same keys on success and failure. A slice adds what the action plugin takes out again."""
    result: Json = {
        **outcome.view,
        "changed": bool(outcome.steps),
        "steps": outcome.steps,
        "run": outcome.task["run"],
        "diff": {"before": outcome.before, "after": outcome.after},
    }
    return {**result, "_partial": True, "_run": outcome.task} if outcome.partial else result
