"""The query parameter `fields` of Google: names with commas, what is inside of one in brackets."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any


def chosen(body: dict[str, Any], fields: str) -> dict[str, Any]:
    """The body with these alone; all of it where none are named."""
    return _pick(body, _parse(fields)) if fields else body


def _parse(text: str) -> dict[str, str]:
    """Each name and what stands in its brackets."""
    found: dict[str, str] = {}
    depth, begun, name = 0, 0, ""
    for at, letter in enumerate(text + ","):
        if letter == "(":
            depth += 1
            if depth == 1:
                name, begun = text[begun:at], at + 1
        elif letter == ")":
            depth -= 1
            if depth == 0:
                found[name], begun = text[begun:at], at + 1
        elif letter == "," and depth == 0:
            if begun < at:
                found[text[begun:at]] = ""
            begun = at + 1
    return found


def _pick(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_pick(one, names) for one in value]
    return {name: _pick(value[name], _parse(inner)) if inner else value[name] for name, inner in names.items() if name in value}
