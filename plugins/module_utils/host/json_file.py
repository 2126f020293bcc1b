# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A JSON file of settings (Docker's, Replicated's): texts at given places, each key once, the order of the others kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused

Wanted = Mapping[str, Optional[str]]  # by place, such as /proxies/default/httpProxy


def with_members(text: str, wanted: Wanted) -> str:
    """The file with each text in its place (None: not there, and no empty object left for it). Raises Refused where it is no JSON object."""
    data, twice = _loaded(text)
    before = json.dumps(data)
    for place, value in wanted.items():
        _put(data, place.strip("/").split("/"), value)
    if not twice and json.dumps(data) == before:
        return text
    found = re.search(r"\n([ \t]+)\S", text)
    return json.dumps(data, indent=found.group(1) if found else 2, ensure_ascii=False) + "\n"


def members(text: str, places: Iterable[str]) -> dict[str, Optional[str]]:
    """What stands at these places; those that are not there are left out."""
    data, _twice = _loaded(text)
    found: dict[str, Optional[str]] = {}
    for place in places:
        here: Any = data
        for key in place.strip("/").split("/"):
            here = here.get(key) if isinstance(here, dict) else None
        if here is not None:
            found[place] = here if isinstance(here, str) else None
    return found


def _loaded(text: str) -> tuple[dict[str, Any], bool]:
    """The object, and whether it holds a key twice: the last one counts then."""
    twice = False

    def paired(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        twice = twice or len(dict(pairs)) < len(pairs)
        return dict(pairs)

    try:
        data = json.loads(text, object_pairs_hook=paired) if text.strip() else {}
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise Refused(f"it is no JSON (line {line}), so whoever reads it fails or leaves it out; mend or remove it") from None
    if not isinstance(data, dict):
        raise Refused("it is JSON but no object; mend or remove it")
    return data, twice


def _put(data: dict[str, Any], keys: list[str], value: Optional[str]) -> None:
    """In its place; raises Refused where something else than an object is in the way."""
    if len(keys) == 1:
        if value is None:
            data.pop(keys[0], None)
        else:
            data[keys[0]] = value
        return
    if value is None and keys[0] not in data:
        return
    inner = data.setdefault(keys[0], {})
    if not isinstance(inner, dict):
        raise Refused(f"{keys[0]} is no object there; mend or remove it")
    _put(inner, keys[1:], value)
    if not inner and value is None:
        del data[keys[0]]
