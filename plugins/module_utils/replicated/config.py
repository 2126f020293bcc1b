# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of settings: only what differs is stored, with a note that a restart is due; the app reads it at its next start, now or with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import Note, merged
from ansible_collections.serverops.circleci.plugins.module_utils.replicated import app
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_model import ITEM, AppLook, AppState
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.config_model import (
    SETTINGS,
    ConfigLook,
    ConfigState,
    ImportItems,
    differing,
    wanted_items,
    with_items,
)
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import Item

LONGEST_WHY = 200


def refusals(look: ConfigLook) -> list[str]:
    """Names and values that the live host does not know, and a restart that nobody agreed to, before anything is stored."""
    try:
        due = differing(look.spec, look.state.items)
    except BadInput as error:
        return [str(error)]
    if look.spec.now and due and look.state.app.is_up and not look.spec.app.allow_downtime:
        names = ", ".join(name for name, _held in due)
        return [f"to apply {names} now would restart the app, which means downtime for all users and builds; set allow_downtime to agree, or apply to later"]
    return []


def decide(look: ConfigLook) -> dict[str, Decision]:
    """The settings; and the app, where they are to be applied now."""
    due = differing(look.spec, look.state.items)
    if due:
        step = ImportItems(due)
        found = act(f"{', '.join(step.names)} {'differs' if len(due) == 1 else 'differ'}", step)
    else:
        found = settled("the settings are stored as wanted" + (", and wait for a restart of the app" if _required(look.state) else ""))
    if not look.spec.now:
        return {SETTINGS: found}
    return {SETTINGS: found, ITEM: _applied(look) if not due else waiting("the settings come first")}


def _applied(look: ConfigLook) -> Decision:
    """The one restart, for these settings and whatever else was noted; none where nothing of ours waits."""
    if not _is_noted(look.state) and not look.memory["restarting"]:
        return settled(f"no settings wait for a restart; the app is {look.state.app.status.state}")
    return app.decide(app_look(look))[ITEM]


def _required(state: ConfigState) -> bool:
    """Whether what is stored is not live yet, as far as was noted."""
    return any(note.what == SETTINGS for note in state.app.pending)


def _is_noted(state: ConfigState) -> bool:
    """Whether there is a note at all: one that a start has served already, as of a run that died, is to be cleared when that start is whole."""
    return any(note.what == SETTINGS for note in state.app.app_notes)


def app_look(look: ConfigLook) -> AppLook:
    """The same look, as the law of the one restart takes it."""
    return Look(replace(look.spec.app, restart_if_pending=True), look.state.app, look.memory.get("app", {}), now=look.now, waited=look.waited)


# -- what is foreseen, remembered and shown -------------------------------------------------------------------


def effect(state: ConfigState, step: Any) -> ConfigState:
    """The state once it has come about."""
    if isinstance(step, ImportItems):
        return ConfigState(with_items(state.items, step.wanted), _noted(state.app, why_of(step)))
    return replace(state, app=app.effect(state.app, step))


def _noted(state: AppState, why: str) -> AppState:
    new = Note(SETTINGS, why, state.now)
    old = [note for note in state.notes if note.what == SETTINGS]
    return replace(state, notes=(*(note for note in state.notes if note.what != SETTINGS), merged(old[0], new) if old else new))


def why_of(step: ImportItems) -> str:
    """For the note: which items, never what they hold."""
    names = ", ".join(step.names)
    return f"{names if len(names) <= LONGEST_WHY else f'{len(step.names)} items'} {'was' if len(step.names) == 1 else 'were'} changed"


def assume(look: ConfigLook, item: str) -> ConfigState:
    """What the app waits for comes about."""
    return replace(look.state, app=app.assume(app_look(look), item)) if item == ITEM else look.state


def remember(look: ConfigLook) -> Json:
    """What the law of the one restart remembers, and whether that restart is ours."""
    restarting = bool(look.memory.get("restarting")) or _required(look.state)
    return {"app": app.remember(app_look(look)), "restarting": restarting}


def facts(look: ConfigLook) -> dict[str, Json]:
    """What the named items hold; of secrets only whether it is as wanted."""
    try:
        wanted = wanted_items(look.spec, look.state.items)
        due = {name for name, _held in differing(look.spec, look.state.items)}
    except BadInput:
        return {SETTINGS: {}}
    found: dict[str, Json] = {SETTINGS: {item.name: shown(item, item.name in due) for item in look.state.items if item.name in wanted}}
    return {**found, **app.facts(app_look(look))} if look.spec.now else found


def shown(item: Item, differs: bool) -> Any:
    """For the diff. A text of an item that is not secret is no secret: it may be shown."""
    if item.is_secret:
        return "differs" if differs else "as wanted"
    return [_plain(one) for one in item.held.values] if item.multiple else _plain(item.effective)


def _plain(value: Secret) -> str:
    return value.reveal()


def view(look: ConfigLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    told = app.view(app_look(look), {ITEM: decisions.get(ITEM) or decisions[SETTINGS]})
    return {
        "settings": facts(look)[SETTINGS],
        "restart_required": _required(look.state),
        "pending": told["pending"],
        "app": told["app"] if look.spec.now else None,
        "reason": "; ".join(decision.reason for decision in decisions.values()),
        "waited": round(max(look.waited.values(), default=0.0), 1),
    }


def out_of_sight(last: Json) -> Json:
    """The last view once no answer comes any more."""
    return app.out_of_sight(last) if last.get("app") else last


def progress(_look: ConfigLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return next((one.reason for one in decisions.values() if not one.is_end), "")
