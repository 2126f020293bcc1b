# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to Telegraf's files and to its container; TOML is read by tomlkit."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, NotPermitted, Refused, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN, Secret, passwords_in, without_passwords
from ansible_collections.serverops.circleci.plugins.module_utils.host.files_client import access_of
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import access_wish
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import parse_time
from ansible_collections.serverops.circleci.plugins.module_utils.host.telegraf import (
    Container,
    RestartTelegraf,
    TelegrafSpec,
    TelegrafState,
    error_lines,
    holds_secret,
    loaded_outputs,
    spec_warnings,
)
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands
from ansible_collections.serverops.circleci.plugins.module_utils.transport.files import stems
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import HostFiles

TABLES = ("outputs", "global_tags", "inputs", "processors", "aggregators", "agent", "secretstores")
STATE = "{{json .State.Running}} {{.State.StartedAt}}"
PATIENCE = 25.0  # s for docker
SHORTEST, TELLING = 4, 8  # letters of a value that is not shown: as a word, and anywhere


def telegraf_spec(params: Mapping[str, Any]) -> TelegrafSpec:
    """What is wanted. Raises BadInput for what Telegraf would not take, before anything is written."""
    name = params["name"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise BadInput(f"name is {name!r}; give letters, digits, - and _ only, without .conf, such as influxdb")
    path = f"{params['directory'].rstrip('/')}/{name}.conf"
    shared = {"path": path, "container": params["container"], "restart": params["restart"], "access": access_wish(params)}
    if params["state"] == "absent":
        return TelegrafSpec(content=None, **shared)
    if not (params.get("content") or "").strip():
        raise BadInput("content is needed with state present; give the tables of the output in TOML, such as [[outputs.kafka]]")
    text = re.sub(r"\r+\n", "\n", params["content"]).rstrip("\n") + "\n"
    data = _parsed(text)
    outputs = _tables(data)
    return TelegrafSpec(content=Secret(text), outputs=outputs, warnings=spec_warnings(data), secret=holds_secret(data), **shared)


def _parsed(text: str) -> dict[str, Any]:
    """Raises BadInput with the place, not with the words, which may be a password."""
    import tomlkit
    from tomlkit.exceptions import ParseError, TOMLKitError

    try:
        return dict(tomlkit.parse(text).unwrap())
    except ParseError as error:
        raise BadInput(f"content is no TOML: line {error.line}, column {error.col}; mend it there") from None
    except TOMLKitError as error:
        raise BadInput(f"content is no TOML: {type(error).__name__}; a key or table may stand there twice") from None


def _tables(data: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of outputs, each once. Raises BadInput for a table that Telegraf does not know."""
    for key in data:
        if key not in TABLES:
            near = difflib.get_close_matches(key, TABLES, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; it knows {', '.join(TABLES)}"
            raise BadInput(f"content has {key!r} at its top, which Telegraf does not know{hint}")
    outputs = data.get("outputs", {})
    bad = [name for name, one in outputs.items() if not isinstance(one, (dict, list))] if isinstance(outputs, dict) else ["outputs"]
    if bad:
        raise BadInput(f"content: {bad[0]} is no table; write [[outputs.NAME]]")
    return tuple(outputs)


class TelegrafPort:
    """The file, and Telegraf's container."""

    def __init__(self, spec: TelegrafSpec, clock: Clock) -> None:
        self._spec, self._clock, self._files = spec, clock, HostFiles()
        self._docker = commands.find_program("docker") if spec.restart else None
        if spec.restart and self._docker is None:
            raise NotFound("docker is not on PATH; run this on the Services machine, as root, or set restart to false")

    def read(self, _confirming: frozenset[str]) -> TelegrafState:
        """As it is now."""
        with doing(f"read {self._spec.path}"):
            found = self._files.look(self._spec.path)
            text = None if found.data is None else found.data.decode("utf-8", "surrogateescape")
            content = self._spec.content
            same = text is None if content is None else text == content.reveal() and found.has(access_of(self._spec.access))
            container = self._container() if self._spec.restart else None
            bare = self._spec.access.mode is None and (text is None or bool((found.access.mode or 0) & 0o004))
            return TelegrafState(text is not None, same, _outputs_of(text), found.hindrance, container, bare)

    def apply(self, step: Any) -> None:
        """Write the file, or restart Telegraf."""
        if isinstance(step, RestartTelegraf):
            with doing(f"restart {step.container}"):
                self._run("restart", step.container)
            return
        content = self._spec.content
        data = None if content is None else content.reveal().encode("utf-8", "surrogateescape")
        with doing(f"write {step.item}"):
            self._files.update(step.item, lambda _old: data, access_of(self._spec.access))

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(min(1.0, seconds))

    def _container(self) -> Optional[Container]:
        """None where there is none."""
        ran = commands.run([self._docker or "", "inspect", "--format", STATE, self._spec.container], PATIENCE)
        if ran.code != 0 and "no such" in ran.err.lower():
            return None
        running, _blank, started = ran.out.strip().partition(" ")
        if ran.code != 0 or running not in ("true", "false"):
            raise Unreachable("docker inspect does not answer; is Docker running, and are we root?")
        time = parse_time(started)
        log = self._log(started)
        return Container(
            running == "true",
            time.timestamp() <= self._changed(),
            (self._clock.wall() - time).total_seconds(),
            loaded_outputs(log),
            self._told(error_lines(log)),
        )

    def _changed(self) -> float:
        """When the file was changed, or, where it was taken away, its folder."""
        path = self._spec.path if self._spec.content is not None else os.path.dirname(self._spec.path)
        return self._files.changed(path)

    def _log(self, since: str) -> str:
        ran = commands.run([self._docker or "", "logs", "--since", since, self._spec.container], PATIENCE)
        return ran.out + ran.err

    def _told(self, lines: Sequence[str]) -> tuple[str, ...]:
        """Without the values that any of the files holds, as they stand and as this one is to be: a password, or an address with one."""
        if not lines:
            return ()
        texts = [self._spec.content.reveal()] if self._spec.content else []
        for path in self._configuration():
            with suppress(NotPermitted):  # a folder, or whatever else Telegraf does not read either
                texts.append((self._files.look(path).data or b"").decode("utf-8", "surrogateescape"))
        found = {value for text in texts for value in (*_values_of(text), *passwords_in(text)) if len(value) >= SHORTEST}
        hidden = sorted(found, key=len, reverse=True)
        return tuple(_without(hidden, line) for line in lines)

    def _configuration(self) -> list[str]:
        """All files that Telegraf reads."""
        folder = os.path.dirname(self._spec.path)
        return [f"{folder}/{stem}.conf" for stem in stems(folder, "", ".conf")]

    def _run(self, *words: str) -> None:
        ran = commands.run([self._docker or "", *words], PATIENCE)
        if ran.code != 0:
            raise Refused(f"docker {words[0]} failed: {self._told([ran.err.strip()[:200]])[0] or 'no answer in time'}")


def _values_of(text: str) -> set[str]:
    """The texts that a file holds, by line; where it is no TOML, whatever stands behind an equals sign or between quotes."""
    try:
        return {part.strip() for value in _strings(_parsed(text)) for part in value.splitlines()}
    except BadInput:
        behind = re.findall(r"=[ \t]*(.+)", text)
        return {part.strip(" \t\r\"'[]") for line in behind for part in (line, *re.split(r"[\"',]", line))}


def _without(hidden: Sequence[str], line: str) -> str:
    """The line without these values, of which the longer ones come first."""
    told = without_passwords(line)
    for value in hidden:
        word = re.escape(value)  # a short one may be a part of many words
        told = re.sub(rf"(?<!\w){word}(?!\w)" if len(value) < TELLING else word, HIDDEN, told)
    return told


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(one)


def _outputs_of(text: Optional[str]) -> Optional[tuple[str, ...]]:
    """The outputs of a file as it is; None where it is no TOML, or one that Telegraf does not take."""
    try:
        return () if text is None else _tables(_parsed(text))
    except BadInput:
        return None
