# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a change of an app's configuration is told: the wanted keys, what they were, and nothing that is secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_choice import ConfigLook, base_items, base_of, foreign, is_right, waits_for_us
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_model import Item, shown, version_view

ITEM = "config"
WORDS = {True: "as wanted", False: "differs", None: "unknown"}


def remember(look: ConfigLook) -> Json:
    """What the keys were at first, as anybody may see them, the newest sequence, and when a version was seen to be ordered."""
    if "had" in look.memory:
        return {**look.memory, "ordered": look.now} if look.state.ordered and "ordered" not in look.memory else look.memory
    wanted = look.spec.values
    items = [one for one in base_items(look) if one.name in wanted]
    return {
        **look.memory,
        "newest": look.state.newest,
        "had": {one.name: None if _is_hidden(one, wanted[one.name]) else shown(one) for one in items},
        "changed": [one.name for one in items if one.equals(wanted[one.name]) is not True],
    }


def facts(look: ConfigLook) -> dict[str, Json]:
    """The wanted keys where they are to be: deployed, or in a version that waits to be."""
    spec, state = look.spec, look.state
    ours = None if spec.deploy else waits_for_us(spec, state)
    number = ours.sequence if ours else base_of(spec, state) if not spec.deploy else state.current
    items = state.configs.get(number, ()) if number is not None else ()
    return {ITEM: {"sequence": number, "values": {one.name: _fact(one, spec.values[one.name]) for one in items if one.name in spec.values}}}


def _fact(item: Item, given: Any) -> str:
    return WORDS[item.equals(given)] if _is_hidden(item, given) else item.effective.reveal()


def _is_hidden(item: Item, given: Any) -> bool:
    return isinstance(given, Secret) or item.is_secret


def view(look: ConfigLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    spec, state = look.spec, look.state
    ours, now = waits_for_us(spec, state), state.version(state.current)
    right = is_right(spec, state.configs.get(state.current)) if state.current is not None else False
    place = state.current if right else ours.sequence if ours else base_of(spec, state)
    items = state.configs.get(place, ()) if place is not None else ()
    tried = state.preflights.get(ours.sequence) if ours else None
    return {
        "config": {one.name: _entry(look, one) for one in items if one.name in spec.values},
        "keys_changed": list(look.memory.get("changed", ())),
        "sequence": place if right or ours else None,
        "deployed_sequence": state.current,
        "deployed": right and now is not None and now.status == "deployed",
        "not_ready": list(state.unready),
        "pending": [version_view(one) for one in foreign(look)],
        "failed_preflights": [{"title": title, "message": message} for title, message in tried.failed] if tried else [],
        "reason": decisions[ITEM].reason,
    }


def _entry(look: ConfigLook, item: Item) -> Json:
    """A key: what it was at first and what is wanted, where that is no secret."""
    given = look.spec.values[item.name]
    hidden = _is_hidden(item, given)
    had = look.memory.get("had", {}).get(item.name)
    return {"had": None if hidden else had, "wanted": None if hidden else item.text(given), "secret": hidden, "state": WORDS[item.equals(given)]}


def out_of_sight(last: Json) -> Json:
    """The last view; whether it runs is not known any more."""
    return {**last, "deployed": None} if last else last


def progress(look: ConfigLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[ITEM].reason
