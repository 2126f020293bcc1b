# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a wish can be a configuration at all: keys that are there, values that their items take, secrets that can be compared. Each no is a sentence."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_model import FALSE, TRUE, Item

VALUELESS = {"label": "a line of text", "heading": "a heading", "select_many": "a group of switches without a value of its own"}


def checked_values(given: Mapping[str, Any], option: str) -> dict[str, str]:
    """The values as texts. Raises BadInput for what YAML has made of a value that was meant otherwise."""
    found: dict[str, str] = {}
    for key, value in given.items():
        name = str(key)
        if not name.strip():
            raise BadInput(f"{option} has an empty key; kots_config_info lists the keys that there are")
        if isinstance(value, bool):
            found[name] = "1" if value else "0"
        elif isinstance(value, (str, int)):
            found[name] = str(value)
        else:
            kind = "empty (null)" if value is None else f"a {type(value).__name__}"
            raise BadInput(f"{option}.{name} is {kind}, but a value is a text; put it in quotes ('' unsets it), and give a structure as JSON text")
    return found


def problems(wanted: Mapping[str, Any], items: Sequence[Item], sealed: str) -> list[str]:
    """Every reason why this is no configuration. `sealed`: why passwords cannot be opened, empty where they can."""
    by_name = {one.name: one for one in items}
    found = []
    for name, value in wanted.items():
        item = by_name.get(name)
        words = _unknown(name, items) if item is None else _unfit(item, value) or _unseen(item, sealed)
        if words:
            found.append(words)
    return found


def _unknown(name: str, items: Sequence[Item]) -> str:
    """A key that is not there, with what comes near it, by name or by title."""
    titles = {one.title.lower(): one.name for one in items if one.title}
    near = get_close_matches(name, [one.name for one in items], 3, 0.5)
    near += [titles[title] for title in get_close_matches(name.lower().replace("_", " "), list(titles), 2, 0.6) if titles[title] not in near]
    hint = f"near it: {', '.join(near[:3])}" if near else "nothing comes near it"
    return f"this version has no configuration key {name!r} ({hint}); kots_config_info lists those there are"


def _unfit(item: Item, value: Any) -> str:
    where = f"configuration key {item.name}"
    if item.type in VALUELESS:
        return f"{where} is {VALUELESS[item.type]}; nothing can be set there"
    if item.repeatable:
        return f"{where} is repeatable, a list that kotsadm changes in its console alone"
    if item.read_only:
        return f"{where} is read-only: the app works its value out by itself"
    if item.is_password and not isinstance(value, Secret):
        return f"{where} is a password; give it in secret_values, that nobody reads it in the task's log"
    return _unfit_text(item, item.text(value), where, isinstance(value, Secret) or item.is_secret)


def _unfit_text(item: Item, text: str, where: str, secret: bool) -> str:
    """`secret`: the text is not told."""
    told = "its value" if secret else repr(text)
    if not text:
        return f"{where} is required; it cannot be unset" if item.required and item.asked and not item.hidden and not item.default.reveal() else ""
    if item.type == "bool" and text not in TRUE + FALSE:
        return f"{where} is a switch, and {told} is neither true nor false"
    if item.choices and text not in item.choices:
        return f"{where} takes one of {', '.join(item.choices)}, not {told}"
    if item.type == "file" and not _is_base64(text):
        return f"{where} is a file: give its content in base64, such as by lookup('ansible.builtin.file', path) | b64encode"
    if item.pattern and _matches(item.pattern, text) is False:
        return f"{where} does not take {told}: {item.pattern_says or 'the app wants ' + item.pattern}"
    return ""


def _unseen(item: Item, sealed: str) -> str:
    """kotsadm shows passwords sealed; unknown is not equal, and sending it each time would make a version each time."""
    if item.readable:
        return ""
    return f"configuration key {item.name} cannot be compared: {sealed or 'what kotsadm holds is sealed with another key than that of its Secret'}"


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return False
    return True


def _matches(pattern: str, text: str) -> Optional[bool]:
    """Whether it matches anywhere, as Go's regexp does; None for what Python's does not know: kotsadm then says it."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return None
