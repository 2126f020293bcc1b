# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of the one restart: what was noted is served by one stop and start, with consent; what a start after the notes has served already, by none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import parse_time, time_text
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_model import (
    ITEM,
    RESTARTED,
    AppLook,
    AppState,
    ClearNotes,
    StartApp,
    StopApp,
    after_a_start,
    note_view,
)
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import STARTED, STOPPED, AppStatus, Container

CONFIRM = 1.0  # s; what falls over at once is seen by then


def refusals(_look: AppLook) -> list[str]:
    """Nothing keeps it from looking; a stop that nobody agreed to is where it ends."""
    return []


def decide(look: AppLook) -> dict[str, Decision]:
    """One item."""
    return {ITEM: _decide(look)}


def _decide(look: AppLook) -> Decision:
    if look.spec.state == STOPPED:
        return _stopping(look)
    status = look.state.status
    if look.state.is_up:
        return _while_up(look)
    if status.moving:
        return waiting(f"the app is {status.state}, on its way to {status.desired}", phase="moving")
    if status.has_failed and look.memory["moved"]:
        return stuck(f"the app was to be {status.desired}, but is {status.state}: {status.error or 'Replicated gives no reason'}")
    return act(f"the app is {status.state}", StartApp())


def _stopping(look: AppLook) -> Decision:
    status = look.state.status
    if look.state.is_down:
        return settled("the app is stopped")
    if status.moving:
        return waiting(f"the app is {status.state}, on its way to {status.desired}", phase="moving")
    if status.has_failed and status.desired == STOPPED and look.memory["moved"]:
        return stuck(f"the app was to stop, but is {status.state}: {status.error or 'Replicated gives no reason'}")
    return _stop(look, "state is stopped") if status.state != STOPPED else act("the app does not run, but is to", StopApp("state is stopped"))


def _while_up(look: AppLook) -> Decision:
    """Started and settled, which is not yet healthy, nor with all that was changed."""
    state, memory = look.state, look.memory
    if state.started is None:
        return waiting("none of the app's containers runs, though Replicated calls the app started", phase="moving")
    if look.spec.state == RESTARTED and state.started <= parse_time(memory["began"]):
        return _twice(look) if memory["was_down"] else _stop(look, "state is restarted")
    if look.spec.restart_if_pending and _due(look):
        return _twice(look) if memory["was_down"] else _stop(look, "; ".join(f"{note.what}: {note.why}" for note in _due(look)))
    if state.unhealthy:
        return waiting(f"the app is started, but {', '.join(state.unhealthy)} {_gives(state)} not answer with 200", phase="unhealthy")
    if state.served:
        return act("notes whose restart was made", ClearNotes(state.served))
    left = f"; {len(state.pending)} of the notes wait for the next restart" if state.pending else ""
    return settled(f"the app is started, and healthy{left}", confirm=CONFIRM)


def _due(look: AppLook) -> list[Any]:
    """Pending notes that this run is to serve: once the app was down, only those of then. What was written meanwhile waits for the next restart."""
    known = look.memory["notes"]
    return [note for note in look.state.pending if not look.memory["was_down"] or [note.name, time_text(note.time)] in known]


def _stop(look: AppLook, why: str) -> Decision:
    if look.state.half_done and look.spec.state != STOPPED:
        return stuck(_half_done(look.state.half_done))
    if not look.spec.allow_downtime:
        what = "would stop it" if look.spec.state == STOPPED else "would restart it"
        return stuck(f"the app runs, and this {what} ({why}), which means downtime for all users and builds; set allow_downtime to agree")
    return act(f"stop the app: {why}", StopApp(why))


def _half_done(whats: tuple[str, ...]) -> str:
    those = "this change" if len(whats) == 1 else "these changes"
    begun = f"{those} began and did not end, so files may be half written, which a restart would put into force: {', '.join(whats)}"
    return f"{begun}; run the play that configures again, then this"


def _twice(look: AppLook) -> Decision:
    """It was down and came up, and is still called older: another restart would not change that."""
    started = time_text(look.state.started) if look.state.started else "never"
    return stuck(f"the app was started anew, but a container of it runs since {started}, before what it is to have read; compare the clocks, and containers")


def _gives(state: AppState) -> str:
    return "does" if len(state.unhealthy) == 1 else "do"


# -- what is remembered, foreseen and shown ------------------------------------------------------------------


def effect(state: AppState, step: Any) -> AppState:
    """The state once it has come about."""
    if isinstance(step, StopApp):
        gone = tuple(replace(one, running=False) for one in state.containers)
        return replace(state, status=_standing(state.status, STOPPED), containers=gone, unhealthy=())
    if isinstance(step, StartApp):
        return _risen(state)
    left, others = (tuple(note for note in notes if note not in step.notes) for notes in (state.notes, state.others_served))
    return replace(state, notes=left, others_served=others)


def assume(look: AppLook, _item: str) -> AppState:
    """What is on its way arrives, and what is up becomes healthy."""
    state = look.state
    if state.is_up and state.started is not None:
        return replace(state, unhealthy=())
    return effect(state, StopApp("")) if state.status.desired == STOPPED else _risen(state)


def _risen(state: AppState) -> AppState:
    when = after_a_start(state)
    up = tuple(replace(one, running=True, started=when) for one in state.containers) or (Container(ITEM, True, when),)
    return replace(state, status=_standing(state.status, STARTED), containers=up, unhealthy=())


def _standing(status: AppStatus, state: str) -> AppStatus:
    return replace(status, state=state, desired=state, moving=False, error="")


def remember(look: AppLook) -> Json:
    """When the task began, whether the app moved or no container of it ran since, and the notes that were there then: whatever starts later reads them."""
    old, state = look.memory, look.state
    first, down = not old, state.started is None
    notes = [[note.name, time_text(note.time)] for note in state.app_notes] if down else old.get("notes", [])
    moved = bool(old.get("moved")) or state.status.moving or (not first and state.status.modified != old["modified"])
    return {
        "began": old.get("began") or time_text(state.now),
        "was_down": down or bool(old.get("was_down")),
        "moved": moved,
        "modified": state.status.modified if first else old["modified"],
        "notes": notes,
        "cleared": old.get("cleared", []) + _newly_gone(old, state),
        "seen": [note_view(note) for note in state.notes],
    }


def _newly_gone(old: Json, state: AppState) -> list[Json]:
    there = [note.what for note in state.notes]
    return [note for note in old.get("seen", []) if note["what"] not in there]


def facts(look: AppLook) -> dict[str, Json]:
    """The state as seen."""
    state = look.state
    return {
        ITEM: {
            "state": state.status.state,
            "healthy": state.is_up and not state.unhealthy,
            "pending": [note.what for note in state.app_notes],
            "restarted": state.started is not None and state.started > parse_time(look.memory["began"]) if look.memory else False,
        }
    }


def view(look: AppLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    state, memory = look.state, look.memory
    status = state.status
    return {
        "app": {
            "state": status.state,
            "desired_state": status.desired,
            "transitioning": status.moving,
            "error": status.error,
            "started": time_text(state.started) if state.started else None,
            "healthy": state.is_up and not state.unhealthy,
            "unhealthy": list(state.unhealthy),
        },
        "pending": [note_view(note) for note in state.pending],
        "cleared": memory.get("cleared", []),
        "other_pending": [{**note_view(note), "restart": note.restart} for note in state.notes if note not in state.app_notes],
        "reason": decisions[ITEM].reason,
        "waited": round(look.waited.get(ITEM, 0.0), 1),
    }


def out_of_sight(last: Json) -> Json:
    """The last view once no answer comes any more."""
    return {**last, "app": {**last["app"], "state": "unknown", "healthy": False}} if "app" in last else last


def progress(look: AppLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[ITEM].reason
