# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only file that knows AnsibleModule: parameters in, the kernel or a reading in between, one result or one sentence out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Optional

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock, SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import positive
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import passwords_in
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Port, Rules

if TYPE_CHECKING:
    from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Outcome, Task

Params = Mapping[str, Any]
Options = dict[str, dict[str, Any]]

WAIT_OPTIONS: Options = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "float", "default": 18000.0},
}


@dataclass(frozen=True)
class Door:
    """A module that brings about a state: its options, and how its parameters become a spec and a port."""

    options: Options
    rules: Rules[Any, Any]
    spec: Callable[[Params], Any]
    port: Callable[[Params, Any, Task, Clock], Port[Any]]
    libraries: tuple[str, ...] = ()
    result: str = ""


@dataclass(frozen=True)
class InfoDoor:
    """A module that reads: its options, and how its parameters become the result."""

    options: Options
    read: Callable[[Params, Clock], Json]
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProbeDoor:
    """A module that tries something out and leaves it as it was: its options, and how its parameters, and whether it is only to look, become the result.

    `failure` in the result is the sentence by which the module fails, empty where it does not.
    """

    options: Options
    probe: Callable[[Params, bool, Clock], Json]
    libraries: tuple[str, ...] = ()


def run_door(door: Door) -> None:
    """main() of a module that brings about a state."""
    module = _module({**door.options, **WAIT_OPTIONS}, door.libraries)
    with _failing(module, steps=[]):  # what fails without a view fails before the first step
        outcome = reconcile(door, {**module.params, "_run": module.handed}, module.check_mode)
        result = result_of(outcome)
        if outcome.failure:
            module.fail_json(msg=outcome.failure, **result)
        module.exit_json(**result)


def run_info_door(door: InfoDoor) -> None:
    """main() of an _info module."""
    module = _module(door.options, door.libraries)
    with _failing(module):
        module.exit_json(changed=False, **door.read(module.params, SystemClock()))


def run_probe_door(door: ProbeDoor) -> None:
    """main() of a module that tries something out."""
    module = _module(door.options, door.libraries)
    with _failing(module, steps=[]):
        result = door.probe(module.params, module.check_mode, SystemClock())
        failure = result.pop("failure")
        if failure:
            module.fail_json(msg=failure, **result)
        module.exit_json(**result)


def reconcile(door: Door, params: Params, check: bool, clock: Optional[Clock] = None) -> Outcome:
    """What a door does between its parameters and its result."""
    # Not at the top: an _info module starts without the kernel.
    from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Reconciliation, Task, Terms

    clock = clock or SystemClock()
    positive(wait_timeout=params["wait_timeout"])
    spec = door.spec(params)
    handed = params.get("_run") or {}
    task = Task(**handed) if handed.get("run") else Task(run=str(uuid.uuid4()))
    terms = Terms(wait=params["wait"], wait_timeout=params["wait_timeout"], check=check, slice=bool(handed) and not check)
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


class SlicedModule(AnsibleModule):  # type: ignore[misc]
    """Takes out what a slice hands to the next (`_run`, set by the action plugin alone) before the options are checked: it is none of them."""

    def _load_params(self) -> None:
        super()._load_params()
        self.handed = self.params.pop("_run", None)


class _failing:
    """Expected failures become one sentence; all others stay tracebacks."""

    def __init__(self, module: AnsibleModule, **more: Any) -> None:
        self._module, self._more = module, more

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: Any, _trace: Any) -> None:
        if isinstance(error, CollectionError):
            self._module.fail_json(msg=str(error), **self._more)


def _module(options: Options, libraries: tuple[str, ...]) -> SlicedModule:
    module = SlicedModule(argument_spec={name: _argument(option) for name, option in options.items()}, supports_check_mode=True)
    # What an option says is no secret may look like an address with a password in it: serviceAccount:NAME@PROJECT.
    open_ = {name for name, option in options.items() if option.get("no_log") is False}
    module.no_log_values.update(passwords_in({name: value for name, value in module.params.items() if name not in open_}))
    for library in libraries:
        try:
            __import__(library)
        except ImportError:
            module.fail_json(msg=missing_required_lib(library))
    return module


def _argument(option: Mapping[str, Any]) -> dict[str, Any]:
    """An option of ours as AnsibleModule takes it: `env` names the environment variable to fall back on. Options of a dict likewise."""
    argument = {key: value for key, value in option.items() if key != "env"}
    if "options" in option:
        argument["options"] = {name: _argument(inner) for name, inner in option["options"].items()}
    if "env" in option:
        argument["fallback"] = (env_fallback, [option["env"]])
    return argument
