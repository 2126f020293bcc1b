# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An output of Telegraf on the Services machine: its file is as wanted, Telegraf started after it was changed, and names it among its outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret, passwords_in
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import AccessWish

LOADED = re.compile(r"I! Loaded outputs:(.*)")
PATIENCE = 60.0  # s for Telegraf to name its outputs
OLD = 600.0  # s after which the log of a start may be gone
# No mode by itself: Telegraf may run under a user of its container's own, who has no name here.
BARE = "it holds a password or a token, and every user of the host may read it; give a mode, such as '0640', with owner and group by which Telegraf may read it"
SECRET_NAMES = re.compile(r"passw|passphrase|secret|token|api_?key|access_?key|private_?key|credential", re.IGNORECASE)
ELSEWHERE = re.compile(r"\$\{?\w+\}?|@\{[^}]*\}")  # a variable, or an entry of a secret store


@dataclass(frozen=True)
class TelegrafSpec:
    """What is wanted of one file; `content` is None where it shall not be there.

    `outputs`, `warnings` and `secret` (it holds one) come from what the text says.
    """

    path: str
    content: Optional[Secret]
    outputs: tuple[str, ...] = ()
    container: str = "telegraf"
    restart: bool = True
    access: AccessWish = AccessWish()
    warnings: tuple[str, ...] = ()
    secret: bool = False


@dataclass(frozen=True)
class Container:
    """Telegraf as Docker tells of it; `stale`: it started before the file was changed. `loaded` are the outputs it named, None where its log does not tell."""

    running: bool
    stale: bool
    uptime: float = field(default=0.0, compare=False)
    loaded: Optional[tuple[str, ...]] = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class TelegrafState:
    """The file and Telegraf. `container` is None where there is none; `outputs` are those of the file as it is, None where it is no TOML.

    `open_to_all`: every user of the host may read it, or will, and nobody asked for a mode.
    """

    there: bool
    as_wanted: bool
    outputs: Optional[tuple[str, ...]] = None
    hindrance: str = ""
    container: Optional[Container] = None
    open_to_all: bool = False


@dataclass(frozen=True)
class WriteOutput:
    """Bring the file about, or take it away."""

    item: str
    absent: bool

    def describe(self) -> Json:
        return {"step": "remove" if self.absent else "write", "id": self.item}


@dataclass(frozen=True)
class RestartTelegraf:
    """Nobody waits for Telegraf: it loses the metrics of a second."""

    item: str
    container: str

    def describe(self) -> Json:
        return {"step": "restart", "id": self.item, "container": self.container}


TelegrafLook = Look[TelegrafSpec, TelegrafState]


def loaded_outputs(log: str) -> Optional[tuple[str, ...]]:
    """What the last start in a log named; None where it named nothing yet. Newer Telegraf counts: influxdb (2x)."""
    found = LOADED.findall(log)
    return tuple(word for word in found[-1].split() if not word.startswith("(")) if found else None


def error_lines(log: str) -> tuple[str, ...]:
    """The last of what Telegraf calls errors."""
    return tuple(line[:300] for line in log.splitlines() if " E! " in f" {line}")[-3:]


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: TelegrafLook) -> list[str]:
    """What stands in the way before anything is changed."""
    if look.state.hindrance and not look.state.as_wanted:
        return [look.state.hindrance]
    if look.spec.restart and look.state.container is None:
        return [f"there is no container {look.spec.container} on this host; run this on the Services machine while the app runs, or set restart to false"]
    return []


def decide(look: TelegrafLook) -> dict[str, Decision]:
    """Write, restart where Telegraf is older than the change, then believe its log alone."""
    return {look.spec.path: _decision(look)}


def _decision(look: TelegrafLook) -> Decision:
    spec, state = look.spec, look.state
    refused = refusals(look)
    if refused:
        return stuck(refused[0])
    if not state.as_wanted:
        # In one go with the restart, so that both are done also where nobody waits for what Telegraf says.
        restart = [RestartTelegraf(spec.path, spec.container)] if spec.restart else []
        return act("the file differs", WriteOutput(spec.path, spec.content is None), *restart)
    if not spec.restart or state.container is None:
        return settled("as wanted; Telegraf was not asked")
    if state.container.stale:
        return act("Telegraf started before the file was changed", RestartTelegraf(spec.path, spec.container))
    return _running(look, state.container)


def _running(look: TelegrafLook, container: Container) -> Decision:
    spec, told = look.spec, f": {'; '.join(container.errors)}" if container.errors else ""
    if not container.running:
        return stuck(f"{spec.container} does not run{told}", confirm=2.0)
    if container.loaded is None:
        if container.uptime > OLD:
            return settled("as wanted; the log no longer goes back to Telegraf's start, so what it loaded is not known")
        if look.phases.get(spec.path, 0.0) > PATIENCE:
            return stuck(f"{spec.container} runs but names no outputs in its log{told}")
        return waiting(f"{spec.container} has not named its outputs yet", phase="loading", recheck=1.0)
    missing = [name for name in spec.outputs if name not in container.loaded]
    if missing:
        return stuck(f"{spec.container} loaded {', '.join(container.loaded) or 'no outputs'}, but not {', '.join(missing)}{told}")
    return settled("as wanted")


def effect(state: TelegrafState, step: Union[WriteOutput, RestartTelegraf]) -> TelegrafState:
    """After a step; a restarted Telegraf is taken to load what the file says."""
    if isinstance(step, WriteOutput):
        container = state.container and replace(state.container, stale=True)
        return replace(state, there=not step.absent, as_wanted=True, container=container)
    return replace(state, container=Container(running=True, stale=False))


def assume(look: TelegrafLook, _item: str) -> TelegrafState:
    """Telegraf loads what the file says."""
    return replace(look.state, container=Container(running=True, stale=False, loaded=look.spec.outputs))


def remember(look: TelegrafLook) -> Json:
    """Nothing."""
    return look.memory


def facts(look: TelegrafLook) -> dict[str, Json]:
    """The file and whether Telegraf has it."""
    return {look.spec.path: _facts(look)}


def _facts(look: TelegrafLook) -> Json:
    """Where the file is as wanted its outputs are those of the wish."""
    spec, state = look.spec, look.state
    outputs = spec.outputs if state.as_wanted else state.outputs
    return {"exists": state.there, "as_wanted": state.as_wanted, "outputs": None if outputs is None else list(outputs), "loaded": _loaded(spec, state)}


def _loaded(spec: TelegrafSpec, state: TelegrafState) -> Optional[bool]:
    """Whether what stands in the file is what Telegraf runs with; None where nobody knows."""
    container = state.container
    if container is None or not spec.restart:
        return None
    if not state.as_wanted or container.stale or not container.running:
        return False
    return None if container.loaded is None else set(spec.outputs) <= set(container.loaded)


def view(look: TelegrafLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    output = {"path": look.spec.path, **_facts(look), "reason": decisions[look.spec.path].reason}
    bare = [f"{look.spec.path}: {BARE}"] if look.spec.secret and look.state.open_to_all else []
    return {"output": output, "warnings": [*look.spec.warnings, *bare]}


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(look: TelegrafLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[look.spec.path].reason


def holds_secret(data: Any, name: str = "") -> bool:
    """Whether one of the settings is a password, a token or a key by its name, or an address with a password."""
    if isinstance(data, Mapping):
        return any(holds_secret(value, str(key)) for key, value in data.items())
    if isinstance(data, list):
        return any(holds_secret(value, name) for value in data)
    if not isinstance(data, str) or not data or ELSEWHERE.fullmatch(data):
        return False
    return bool(SECRET_NAMES.search(name) or list(passwords_in(data)))


def spec_warnings(data: Mapping[str, Any]) -> tuple[str, ...]:
    """What Telegraf would take and not heed."""
    outputs = data.get("outputs")
    influx = outputs.get("influxdb") if isinstance(outputs, Mapping) else None
    entries = influx if isinstance(influx, list) else [influx]
    old = any(isinstance(one, Mapping) and "url" in one and "urls" not in one for one in entries)
    return ("outputs.influxdb has url, which newer Telegraf does not know; write urls = [...]",) if old else ()
