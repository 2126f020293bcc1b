# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only file that knows AnsibleModule, and the doors of modules that read or try out: parameters in, one result or one sentence out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock, SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.core.handing import unpacked
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import passwords_in

Params = Mapping[str, Any]
Options = dict[str, dict[str, Any]]
Result = dict[str, Any]


class InfoDoor(NamedTuple):
    """A module that reads: its options, and how its parameters become the result."""

    options: Options
    read: Callable[[Params, Clock], Result]
    libraries: tuple[str, ...] = ()


class ProbeDoor(NamedTuple):
    """A module that tries something out and leaves it as it was: its options, and how its parameters, and whether it is only to look, become the result.

    `failure` in the result is the sentence by which the module fails, empty where it does not.
    """

    options: Options
    probe: Callable[[Params, bool, Clock], Result]
    libraries: tuple[str, ...] = ()


def run_info_door(door: InfoDoor) -> None:
    """main() of an _info module."""
    module = opened(door.options, door.libraries)
    with failing(module):
        module.exit_json(changed=False, **door.read(module.params, SystemClock()))


def run_probe_door(door: ProbeDoor) -> None:
    """main() of a module that tries something out."""
    module = opened(door.options, door.libraries)
    with failing(module, steps=[]):
        result = door.probe(module.params, module.check_mode, SystemClock())
        failure = result.pop("failure")
        if failure:
            module.fail_json(msg=failure, **result)
        module.exit_json(**result)


class SlicedModule(AnsibleModule):  # type: ignore[misc]
    """Takes out what a slice hands to the next (`_run`, set by the action plugin alone) before the options are checked: it is none of them."""

    def _load_params(self) -> None:
        super()._load_params()
        handed = self.params.pop("_run", None)
        self.handed = unpacked(handed) if handed else None


class failing:
    """Expected failures become one sentence; all others stay tracebacks."""

    def __init__(self, module: AnsibleModule, **more: Any) -> None:
        self._module, self._more = module, more

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: Any, _trace: Any) -> None:
        if isinstance(error, CollectionError):
            self._module.fail_json(msg=str(error), **self._more)


def opened(options: Options, libraries: tuple[str, ...]) -> SlicedModule:
    """The module that Ansible started, its parameters checked and its libraries there; fails it where they are not."""
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
