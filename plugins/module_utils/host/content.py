# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a file as it is wanted, made from the content that is there: one way in for every kind of file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN, without_passwords
from ansible_collections.serverops.circleci.plugins.module_utils.host import apt, assignments, hosts, json_file, unit
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import FileWish
from ansible_collections.serverops.circleci.plugins.module_utils.host.shell import unix

Values = Mapping[str, Optional[str]]
JVM = "JVM_OPTS"
SHELL_KINDS = ("exports", "environment")
WRITERS: dict[str, Callable[[str, Values], str]] = {
    "exports": lambda text, wanted: assignments.with_variables(text, wanted, assignments.EXPORTS),
    "environment": lambda text, wanted: assignments.with_variables(text, wanted, assignments.ENVIRONMENT),
    "env_file": assignments.with_entries,
    "unit": unit.with_environment,
    "json": json_file.with_members,
    "apt": apt.with_proxy,
    "hosts": hosts.with_names,
}


def rendered(wish: FileWish, text: str) -> str:
    """The file's text as wanted. Raises BadInput for a value that cannot stand there, Refused for a text that cannot be understood."""
    return WRITERS[wish.kind](text, _wanted(wish, text))


def found(wish: FileWish, text: str) -> dict[str, Optional[str]]:
    """What the file's reader gets for the names of the wish (for apt, of all proxies); what is not there is left out."""
    if wish.kind == "json":
        return json_file.members(text, wish.values)
    if wish.kind == "apt":
        return apt.proxies(text)
    readers = {"env_file": assignments.entries, "unit": unit.environment, "hosts": hosts.addresses}
    values = readers.get(wish.kind, assignments.variables)(text)
    by_name = {name: name.lower() if wish.kind == "hosts" else name for name in wish.names}
    return {name: values[key] for name, key in by_name.items() if key in values}


def shown(wish: FileWish, text: str) -> dict[str, Optional[str]]:
    """The same for people: no password, nothing that is hidden but whether it is as wanted."""
    wanted = _wanted(wish, text)
    values: dict[str, Optional[str]] = {}
    for name, value in found(wish, text).items():
        if name in wish.hidden:
            values[name] = f"{HIDDEN} ({'as' if value == wanted.get(name) else 'not as'} wanted)"
        else:
            values[name] = value if value is None else without_passwords(value)
    return values


def _wanted(wish: FileWish, text: str) -> dict[str, Optional[str]]:
    values: dict[str, Optional[str]] = {name: value.reveal() if value else None for name, value in wish.values.items()}
    if wish.own_flags:
        values[JVM] = _with_flags(assignments.variables(unix(text)), wish)
    return values


def _with_flags(there: Mapping[str, Optional[str]], wish: FileWish) -> Optional[str]:
    """Java's options that are there, but ours, and then ours; None where none are left."""
    now = there.get(JVM, "")
    if now is None:
        raise Refused(f"{JVM} is made of other variables or of a command there, so it cannot be added to; write it out")
    kept = [word for word in now.split() if not word.startswith(wish.own_flags)]
    ours = [word for word in now.split() if word.startswith(wish.own_flags)]
    if ours == list(wish.flags):
        return now or None  # in whatever order they stand
    return " ".join((*kept, *wish.flags)) or None
