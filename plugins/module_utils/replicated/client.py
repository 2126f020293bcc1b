# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to Replicated and Docker on the Services host that we run on: their programs, without a terminal, secrets on stdin only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Refused, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN, Secret
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import (
    READY,
    AppStatus,
    Container,
    Held,
    Item,
    merged_items,
    parse_containers,
    parse_export,
    parse_form,
    parse_status,
    parse_system,
)
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands

PLACES = ("replicatedctl", "/usr/local/bin/replicatedctl")  # sudo's PATH may lack the second's folder
PATIENCE = 25.0
LONGEST_ERROR = 300
INSPECT = "{{.Name}} {{.State.Running}} {{.State.StartedAt}}"  # nothing else: the environment holds secrets


def status_argv() -> list[str]:
    return ["app", "status", "-o", "json"]


def system_argv() -> list[str]:
    return ["system", "status", "-q"]


def start_argv() -> list[str]:
    return ["app", "start", "-q"]


def stop_argv() -> list[str]:
    return ["app", "stop", "-q"]


def export_argv() -> list[str]:
    return ["app-config", "export", "--hidden", "-o", "json"]


def view_argv() -> list[str]:
    return ["app-config", "view", "-o", "json"]


def import_argv() -> list[str]:
    """The items come on stdin, never as `app-config set` takes them: that would show them in the process list."""
    return ["app-config", "import"]


def inspect_argv(names: Iterable[str]) -> list[str]:
    return ["inspect", "--format", INSPECT, *names]


class ReplicatedClient:
    """Replicated on this host. Verdicts come from what is read, never from an exit code alone."""

    def __init__(self) -> None:
        self._program, self._docker = commands.find_program(*PLACES), commands.find_program("docker")

    def status(self) -> AppStatus:
        """The app's state."""
        with doing("read the state of the app"):
            return parse_status(self._read(status_argv()))

    def is_ready(self) -> bool:
        """Whether Replicated itself is."""
        with doing("read the state of Replicated"):
            return parse_system(self._read(system_argv())) == READY

    def start(self) -> None:
        """Have the app start; it is a task of Replicated's own."""
        self._order(start_argv(), "start the app")

    def stop(self) -> None:
        """Have the app stop."""
        self._order(stop_argv(), "stop the app")

    def items(self) -> tuple[Item, ...]:
        """The settings as they are stored: those of the live app once it was started after the last import."""
        with doing("read the settings"):
            return merged_items(parse_form(self._read(view_argv())), self.held())

    def held(self) -> dict[str, Held]:
        """What each setting holds, for whom its form does not matter: one call instead of two."""
        with doing("read the settings"):
            return parse_export(self._read(export_argv()))

    def import_items(self, items: Mapping[str, Held]) -> None:
        """Store these items, leave the others. They take effect when the app starts. Read them again: some are passed over without a word."""
        text = Secret(json.dumps({name: held.to_api() for name, held in items.items()}))
        secrets = [secret for held in items.values() for secret in (held.value, held.data, *held.values, *held.datas)]
        self._order(import_argv(), "import the settings", text, secrets)

    def containers(self, names: Iterable[str]) -> tuple[Container, ...]:
        """Those of the names that there are."""
        if self._docker is None:
            raise NotFound("docker is not on PATH; run this on the Services host, as root")
        ran = commands.run([self._docker, *inspect_argv(names)], PATIENCE)
        missing = [line for line in ran.err.splitlines() if "No such object" in line or "No such container" in line]
        if ran.code is None or len(missing) < len(ran.err.strip().splitlines()):
            raise Unreachable(f"docker inspect does not answer: {_words(ran.err)}")
        return parse_containers(ran.out)

    def _read(self, argv: list[str]) -> str:
        ran = commands.run([self._path(), *argv], PATIENCE)
        if ran.code != 0:
            raise Unreachable(f"replicatedctl {' '.join(argv[:2])} does not answer: {_words(ran.err)}")
        return ran.out

    def _order(self, argv: list[str], act: str, fed: Optional[Secret] = None, secrets: Iterable[Secret] = ()) -> None:
        ran = commands.run([self._path(), *argv], PATIENCE, fed)
        with doing(act):
            if ran.code is None:
                raise Unreachable("replicatedctl did not answer")
            if ran.code != 0:
                raise Refused(f"replicatedctl refuses: {_words(ran.err, secrets)}")

    def _path(self) -> str:
        if self._program is None:
            raise NotFound("replicatedctl is neither on PATH nor in /usr/local/bin; run this on the Services host of a 2.x installation, as root")
        return self._program


def _words(text: str, secrets: Iterable[Secret] = ()) -> str:
    """A program's last words in one line, without the secrets."""
    for secret in sorted({one.reveal() for one in secrets if one.reveal()}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return " ".join(text.split())[:LONGEST_ERROR] or "it says nothing"
