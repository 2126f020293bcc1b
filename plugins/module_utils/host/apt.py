# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of apt's settings with the proxy, and the hosts that are asked without it; comments and other settings stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.host.shell import unix

Wanted = Mapping[str, Optional[str]]
SETTING = re.compile(r'[ \t]*([A-Za-z][^\s"{};]*)[ \t]+"([^"\n]*)"[ \t]*;[ \t]*((?://|#)[^\n]*)?\n?')
OWN = re.compile(r"acquire::https?::proxy(::.*)?")
PROXY = re.compile(r"\bproxy\b", re.IGNORECASE)


def with_proxy(text: str, wanted: Wanted) -> str:
    """The file with these settings and no other of the proxy. Raises BadInput or Refused."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", unix(text))
    left = {name.lower(): (name, value) for name, value in wanted.items() if value is not None}
    kept = []
    for number, line in enumerate(lines, 1):
        found = SETTING.fullmatch(line)
        key = found.group(1).lower() if found else ""
        if found is None:
            _no_surprise(line, number)
        elif OWN.fullmatch(key):
            if key not in left or left[key][1] != found.group(2):
                continue
            del left[key]
        kept.append(line)
    if left and kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    return "".join(kept) + "".join(f'{name} "{_checked(name, value)}";\n' for name, value in left.values())


def proxies(text: str) -> dict[str, Optional[str]]:
    """The settings of the proxy that the file makes."""
    found: dict[str, Optional[str]] = {}
    for line in re.findall(r"[^\n]*\n|[^\n]+", unix(text)):
        match = SETTING.fullmatch(line)
        if match and OWN.fullmatch(match.group(1).lower()):
            found[match.group(1)] = match.group(2)
    return found


def speaks_of_a_proxy(text: str) -> bool:
    """Whether a file of apt sets one, in whatever way."""
    return any(PROXY.search(_bare(line)) for line in unix(text).split("\n"))


def _bare(line: str) -> str:
    """A line without a comment that takes all of it."""
    return re.sub(r"^\s*(//|#).*", "", line)


def _no_surprise(line: str, number: int) -> None:
    if PROXY.search(_bare(line.rstrip("\n"))) or "{" in line and "acquire" in line.lower():
        raise Refused(f'line {number} sets a proxy in another way than Name "value"; on a line of its own; write it so, or remove it')


def _checked(name: str, value: Optional[str]) -> str:
    if value is None or not re.fullmatch(r"[!#-\[\]-~]*", value):
        raise BadInput(f"the value of {name} holds a letter that apt does not take there (a blank, a quote, a backslash, no ASCII); give it without")
    return value
