# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drop-in of systemd: the variables that its [Service] gives to the unit, each once; everything else stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.host.assignments import checked_name
from ansible_collections.serverops.circleci.plugins.module_utils.host.shell import unix

Wanted = Mapping[str, Optional[str]]
LINE = re.compile(r"(?:[^\n\\]|\\[^\n])*(?:\\\n(?:[^\n\\]|\\[^\n])*)*\\?\n?")  # a backslash at its end takes the next line along
SECTION = re.compile(r"\s*\[([^\]]*)\]\s*")
ENVIRONMENT = re.compile(r"\s*Environment\s*=(.*)", re.DOTALL)
WORD = re.compile(r"""\s*((?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\.|[^\s"'\\])+)""", re.DOTALL)
PIECE = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\\.|[^"'\\]))""", re.DOTALL)
ESCAPES = {"\\": "\\", '"': '"', "'": "'", "s": " ", "t": "\t"}


def with_environment(text: str, wanted: Wanted) -> str:
    """The drop-in with each wanted variable once and so (None: not at all). Raises BadInput or Refused."""
    lines = [line for line in LINE.findall(unix(text)) if line]
    now = environment("".join(lines))
    counted = _counts(lines)
    wrong = [name for name, value in wanted.items() if counted.get(name, 0) != (value is not None) or now.get(name) != value]
    if not wrong:
        return "".join(lines)
    kept = _without(lines, wrong)
    added = [f'Environment="{checked_name(name)}={_escaped(name, value)}"\n' for name, value in wanted.items() if name in wrong and value is not None]
    return "".join(_added(kept, added)) if added else "".join(kept)


def environment(text: str) -> dict[str, Optional[str]]:
    """What the drop-in gives to the unit; None where systemd would put something in (a specifier)."""
    found: dict[str, Optional[str]] = {}
    for _number, body in _bodies([line for line in LINE.findall(text) if line]):
        words = _words(body)
        if not words:  # an empty one takes all that came before back
            found.clear()
        for _raw, plain in words:
            name, _equals, value = (plain or "").partition("=")
            found[name] = value
    found.pop("", None)
    return found


def _counts(lines: list[str]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for _number, body in _bodies(lines):
        for raw, plain in _words(body):
            name = _name(raw, plain)
            counted[name] = counted.get(name, 0) + 1
    return counted


def _without(lines: list[str], names: list[str]) -> list[str]:
    kept: list[str] = list(lines)
    for number, body in _bodies(lines):
        words = _words(body)
        left = [raw for raw, plain in words if _name(raw, plain) not in names]
        if words and len(left) < len(words):
            kept[number] = f"Environment={' '.join(left)}\n" if left else ""
    return [line for line in kept if line]


def _added(lines: list[str], added: list[str]) -> list[str]:
    """At the end of the last [Service]; a section of its own where there is none."""
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    services = [number for number, line in enumerate(lines) if _section(line) == "Service"]
    if not services:
        return [*lines, *(["\n"] if lines else []), "[Service]\n", *added]
    end = services[-1] + 1
    while end < len(lines) and _section(lines[end]) is None:
        end += 1
    while lines[end - 1].strip() == "" and end - 1 > services[-1]:
        end -= 1
    return [*lines[:end], *added, *lines[end:]]


def _bodies(lines: list[str]) -> list[tuple[int, str]]:
    """Number and right side of each Environment= in a [Service]."""
    found = []
    section: Optional[str] = None
    for number, line in enumerate(lines):
        section = _section(line) or section
        if section == "Service" and not line.lstrip().startswith(("#", ";")):
            match = ENVIRONMENT.fullmatch(line)
            if match:
                found.append((number, match.group(1).replace("\\\n", " ").strip()))
    return found


def _section(line: str) -> Optional[str]:
    found = SECTION.fullmatch(line.strip())
    return found.group(1) if found else None


def _words(body: str) -> list[tuple[str, Optional[str]]]:
    """Each word as it is written, and what systemd makes of it."""
    found, at = [], 0
    while at < len(body.rstrip()):
        match = WORD.match(body, at)
        if match is None:
            raise Refused(f"Environment={body[:20]}... opens a quote that is never closed; systemd leaves such a line out; close it, or remove the line")
        found.append((match.group(1), _plain(match.group(1))))
        at = match.end()
    return found


def _plain(raw: str) -> Optional[str]:
    """Without quotes and escapes; None for an escape or a specifier that is not undone here."""
    inner = "".join(double or single or other for double, single, other in PIECE.findall(raw))
    if any(escape not in ESCAPES for escape in re.findall(r"\\(.)", inner, re.DOTALL)) or "%" in inner.replace("%%", ""):
        return None
    return re.sub(r"\\(.)", lambda found: ESCAPES[found.group(1)], inner, flags=re.DOTALL).replace("%%", "%")


def _name(raw: str, plain: Optional[str]) -> str:
    return (raw.lstrip("\"'") if plain is None else plain).partition("=")[0]


def _escaped(name: str, value: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise BadInput(f"the value of {name} holds a control character, which systemd does not pass on; give it without")
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
