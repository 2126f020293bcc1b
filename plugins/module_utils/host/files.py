# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that belong together: all of them first, then one note for each restart that they need.

A mark "begun" stands from before the first file is written until the note is left. So a run that dies between two files, or before the note, is known
by the next one, and nobody restarts anything between two files because of us.

A note goes away once what it is about was started after it. For the app that is seen by whoever restarts it (replicated_app), for units of systemd here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import FileState, FileWish, HostSpec, HostState
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import ClearNote

HostLook = Look[HostSpec, HostState]


@dataclass(frozen=True)
class Begin:
    """Mark that files which need this restart are being changed."""

    restart: str

    @property
    def item(self) -> str:
        return restart_item(self.restart)

    def describe(self) -> Json:
        return {"step": "begin", "id": self.item}


@dataclass(frozen=True)
class Write:
    """Bring a file about, whole."""

    item: str
    names: tuple[str, ...]

    def describe(self) -> Json:
        return {"step": "write", "id": self.item, "names": list(self.names)}


@dataclass(frozen=True)
class LeaveNote:
    """Say that this restart is due, and take the mark away."""

    restart: str

    @property
    def item(self) -> str:
        return restart_item(self.restart)

    def describe(self) -> Json:
        return {"step": "note", "id": self.item}


def restart_item(restart: str) -> str:
    """How the result calls a restart."""
    return f"restart of {restart}"


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: HostLook) -> list[str]:
    """A file that must be changed and cannot be: then none of them is."""
    return [state.hindrance for state in look.state.files.values() if state.hindrance and not state.as_wanted and not state.left_alone]


def decide(look: HostLook) -> dict[str, Decision]:
    """A mark, the files, the note."""
    files = {wish.path: _file(look.state, wish) for wish in look.spec.files}
    return {**files, **{restart_item(restart): _restart(look, restart, files) for restart in look.spec.restarts}}


def _file(state: HostState, wish: FileWish) -> Decision:
    found = state.files[wish.path]
    if found.left_alone:
        return settled(found.left_alone)
    if found.as_wanted:
        return stuck(found.misread) if found.misread else settled("as wanted")
    if found.hindrance:
        return stuck(found.hindrance)
    if wish.restart and wish.restart not in state.begun:
        return waiting(f"the mark that a restart of {wish.restart} will be due comes first")
    return act("it differs", Write(wish.path, wish.names))


def _restart(look: HostLook, restart: str, files: Mapping[str, Decision]) -> Decision:
    own = [wish for wish in look.spec.files if wish.restart == restart]
    stopped = [wish.path for wish in own if files[wish.path].kind == "stuck"]
    if stopped:
        return stuck(f"no restart of {restart} is asked for, since {', '.join(stopped)} is not as wanted")
    if not all(files[wish.path].kind == "settled" for wish in own):
        return waiting("the files come first") if restart in look.state.begun else act("files differ", Begin(restart))
    if restart in look.state.begun:
        return act("the files are written", LeaveNote(restart))
    served = [note for note in look.state.served if note.restart == restart]
    if served:
        return act(f"{restart} was restarted since", *(ClearNote(note, restart_item(restart)) for note in served))
    return settled(f"a restart of {restart} is due" if restart in look.state.noted else "no restart is due")


def effect(state: HostState, step: Any) -> HostState:
    """The host after a step."""
    if isinstance(step, Begin):
        return replace(state, begun=state.begun | {step.restart})
    if isinstance(step, LeaveNote):
        served = tuple(note for note in state.served if note.restart != step.restart)
        return replace(state, begun=state.begun - {step.restart}, noted=state.noted | {step.restart}, served=served)
    if isinstance(step, ClearNote):
        served = tuple(note for note in state.served if note != step.note)
        return replace(state, noted=state.noted - {step.note.restart}, served=served)
    found = state.files[step.item]
    there = bool(found.wanted) or found.there
    done = replace(found, there=there, as_wanted=True, values=found.wanted, access={**found.access, **found.wanted_access}, remarks=found.remarks)
    return replace(state, files={**state.files, step.item: done})


def assume(look: HostLook, _item: str) -> HostState:
    """What is waited for are our own steps."""
    return look.state


def remember(look: HostLook) -> Json:
    """Nothing."""
    return look.memory


def facts(look: HostLook) -> dict[str, Json]:
    """Each file, and each restart."""
    files = {path: file_view(state) for path, state in look.state.files.items()}
    return {**files, **{restart_item(restart): {"noted": restart in look.state.noted} for restart in look.spec.restarts}}


def view(look: HostLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    files = [{"path": path, **file_view(state), "reason": decisions[path].reason} for path, state in look.state.files.items()]
    remarks = [f"{path}: {remark}" for path, state in look.state.files.items() for remark in state.remarks]
    pending = [restart for restart in look.spec.restarts if restart in look.state.noted]
    return {**look.spec.told, "files": files, "restart_required": bool(pending), "restarts": pending, "warnings": [*look.spec.warnings, *remarks]}


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(look: HostLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    left = [item for item, decision in decisions.items() if not decision.is_end]
    return f"to be done: {', '.join(left)}" if left else "all is as wanted"


def file_view(state: FileState) -> Json:
    """A file for results."""
    return {"exists": state.there, "values": dict(state.values), **state.access}
