# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One key of a service account, kept in one file: made before Google hears of it, replaced on order, and no key of somebody else's ever touched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck, waiting

STAMP = "%Y-%m-%dT%H:%M:%SZ"
ITEM = "key"
UNSEEN = 5.0  # s between two looks for what Google has and does not list yet


@dataclass(frozen=True)
class KeySpec:
    """What is wanted. A key older than `made_after` is replaced; `removed`: keys of ours that another one has replaced are deleted."""

    email: str
    file: str
    made_after: str = ""
    removed: bool = False


@dataclass(frozen=True)
class KeptKey:
    """What a file holds, but the secret. The id is empty until Google has given one."""

    email: str
    key_id: str
    fingerprint: str
    made: str


@dataclass(frozen=True)
class GoogleKey:
    """A key that Google lists. `ours`: made by this module."""

    key_id: str
    fingerprint: str
    made: str
    ours: bool
    disabled: bool = False


@dataclass(frozen=True)
class KeyState:
    """As seen. `kept` is the file, `begun` a pair beside it that is not in use yet; `young`: the file's key is so new that Google may not list it yet.

    `sent`: this task has sent the public half of the pair, and it is not listed yet. `now` is the time by the machine's clock.
    """

    kept: Optional[KeptKey] = None
    begun: Optional[KeptKey] = None
    keys: tuple[GoogleKey, ...] = ()
    young: bool = False
    sent: bool = False
    now: str = ""

    def listed(self, key: Optional[KeptKey]) -> Optional[GoogleKey]:
        """The same key at Google."""
        return next((one for one in self.keys if key and one.fingerprint == key.fingerprint), None)

    @property
    def others(self) -> tuple[GoogleKey, ...]:
        """Keys of ours that are in neither file."""
        mine = {key.fingerprint for key in (self.kept, self.begun) if key}
        return tuple(one for one in self.keys if one.ours and one.fingerprint not in mine)


@dataclass(frozen=True)
class BeginKey:
    """Make a pair and write it beside the file, before anybody else knows of it."""

    email: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "begin_key", "id": ITEM}


@dataclass(frozen=True)
class UploadKey:
    """Tell Google the public half."""

    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "upload_key", "id": ITEM}


@dataclass(frozen=True)
class KeepKey:
    """Put the pair, with the id that Google gave it, in the place of the file."""

    key_id: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "keep_key", "id": ITEM}


@dataclass(frozen=True)
class RemoveKey:
    """Delete a key of ours that another one has replaced."""

    key: GoogleKey
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "remove_key", "id": ITEM, "key": self.key.key_id}


KeyLook = Look[KeySpec, KeyState]


def key_spec(params: Mapping[str, Any]) -> KeySpec:
    """The wish; raises BadInput with the first option that cannot be."""
    email, file = params["service_account"], params["credentials_file"]
    if not re.fullmatch(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com", email):
        raise BadInput(f"service_account is {email!r}; give the e-mail of a service account, NAME@PROJECT.iam.gserviceaccount.com")
    if not file:
        raise BadInput("credentials_file is empty; give the file in which the key is kept")
    return KeySpec(email, file, _stamp(params.get("made_after") or ""), params["superseded"] == "removed")


def _stamp(text: str) -> str:
    found = re.fullmatch(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)Z?)?", text)
    if text and not found:
        raise BadInput(f"made_after is {text!r}; give a day such as 2026-11-29, or a time in UTC such as 2026-11-29T12:00:00Z")
    if not found:
        return ""
    time = found.group(2) or "00:00:00"
    return f"{found.group(1)}T{time if len(time) == 8 else time + ':00'}Z"


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: KeyLook) -> list[str]:
    """What must not begin: another's file, a date that is yet to come, a lost secret, and deleting while a new key is not in use."""
    spec, state = look.spec, look.state
    alien = [key.email for key in (state.kept, state.begun) if key and key.email != spec.email]
    if alien:
        return [f"{spec.file} holds the key of {alien[0]}, not of {spec.email}; give another file, or move it away"]
    found = state.listed(state.kept)
    if found and found.disabled:
        return [f"key {found.key_id}, which {spec.file} holds, is disabled; enable it, or move the file away for another key"]
    if spec.made_after > state.now:
        return [f"made_after is {spec.made_after}, which is yet to come, so that no key would ever do; give a time that is over"]
    if spec.removed and not _in_use(look) and (state.others or found):
        return ["a new key is due, and superseded is removed; make it without, give it to whoever works by it, and then remove what it has replaced"]
    return _lost(look) if not state.begun and _is_due(look) else []


def decide(look: KeyLook) -> dict[str, Decision]:
    """Go on with what was begun; else see whether the file's key will do."""
    return {ITEM: stuck(refusals(look)[0]) if refusals(look) else _next(look)}


def _next(look: KeyLook) -> Decision:
    spec, state = look.spec, look.state
    if state.begun:
        found = state.listed(state.begun)
        if found:
            return act("Google has the new key", KeepKey(found.key_id))
        return waiting("Google does not list the new key yet", recheck=UNSEEN) if state.sent else act("a pair was made", UploadKey())
    if state.kept and state.young and not state.listed(state.kept):
        return waiting("Google does not list the new key yet", recheck=UNSEEN)
    if _is_due(look):
        return act("there is no key, or it is to be replaced", BeginKey(spec.email))
    if spec.removed and state.others:
        return act("keys were superseded", *(RemoveKey(one) for one in state.others))
    return settled("the key in the file is in use")


def _in_use(look: KeyLook) -> bool:
    return look.state.begun is None and not _is_due(look)


def _is_due(look: KeyLook) -> bool:
    """Whether a new pair is needed: there is none, Google has it no more, or it was made too early."""
    found = look.state.listed(look.state.kept)
    if look.state.kept and look.state.young and found is None:
        return False
    return found is None or found.made < look.spec.made_after


def _lost(look: KeyLook) -> list[str]:
    """Why no new pair may be made: there is a key of ours already that is not in the file."""
    spec, state = look.spec, look.state
    lost = [one for one in state.others if not one.disabled]
    if not lost:
        return []
    newest = max(lost, key=lambda one: one.made)
    if state.listed(state.kept):
        return [f"{spec.email} has the key {newest.key_id} besides the one that is to be replaced; remove it first (superseded: removed, no later made_after)"]
    if spec.made_after > newest.made:
        return []
    words = "whose private half is not in the file and cannot be read again"
    return [f"{spec.email} has the key {newest.key_id}, made at {newest.made}, {words}; give the file that has it, or a later made_after for another key"]


def effect(state: KeyState, step: Any) -> KeyState:
    """The state after a step."""
    if isinstance(step, BeginKey):
        return replace(state, begun=KeptKey(step.email, "", "new", state.now))
    if isinstance(step, UploadKey) and state.begun:
        return replace(state, keys=(*state.keys, GoogleKey("new", state.begun.fingerprint, state.begun.made, True)))
    if isinstance(step, KeepKey) and state.begun:
        return replace(state, kept=replace(state.begun, key_id=step.key_id), begun=None)
    return replace(state, keys=tuple(one for one in state.keys if one != step.key))


def assume(look: KeyLook, _item: str) -> KeyState:
    """Google lists the key in the end."""
    new = look.state.begun or look.state.kept
    made = GoogleKey(new.key_id or "new", new.fingerprint, new.made, True) if new else None
    return replace(look.state, keys=(*look.state.keys, *([made] if made else ())), sent=False)


def remember(look: KeyLook) -> Json:
    """Nothing."""
    return look.memory


def facts(look: KeyLook) -> dict[str, Json]:
    """The key, and those of ours besides."""
    return {ITEM: _shown(look)}


def view(look: KeyLook, decisions: Mapping[str, Decision]) -> Json:
    """The result. `foreign_keys` were not made here; they are told and left as they are."""
    foreign = [_entry(one) for one in look.state.keys if not one.ours and one != look.state.listed(look.state.kept)]
    return {**_shown(look), "foreign_keys": foreign, "credentials_file": look.spec.file, "reason": decisions[ITEM].reason}


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(look: KeyLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[ITEM].reason


def _shown(look: KeyLook) -> Json:
    found = look.state.listed(look.state.kept)
    return {"key": _entry(found) if found else None, "superseded": [_entry(one) for one in look.state.others]}


def _entry(key: GoogleKey) -> Json:
    return {"id": key.key_id, "made": key.made, "disabled": key.disabled}
