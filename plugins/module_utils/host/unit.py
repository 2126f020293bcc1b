# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drop-in of systemd: the variables that its [Service] gives to the unit, each once; everything else stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.host.assignments import checked_name
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import parse_time
from ansible_collections.serverops.circleci.plugins.module_utils.host.shell import unix

Wanted = Mapping[str, Optional[str]]
LINE = re.compile(r"(?:[^\n\\]|\\[^\n])*(?:\\\n(?:[^\n\\]|\\[^\n])*)*\\?\n?")  # a backslash at its end takes the next line along
SECTION = re.compile(r"\s*\[([^\]]*)\]\s*")
ENVIRONMENT = re.compile(r"\s*Environment\s*=(.*)", re.DOTALL)
WORD = re.compile(r"""\s*((?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\.|[^\s"'\\])+)""", re.DOTALL)
PIECE = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\\.|[^"'\\]))""", re.DOTALL)
PART = re.compile(r"^# (/\S+\.(?:service|conf))\n", re.MULTILINE)
ENVIRONMENT_FILE = re.compile(r"\s*EnvironmentFile\s*=(.*)", re.DOTALL)
SHOWN = ("ExecMainStartTimestamp", "ExecMainStartTimestampMonotonic", "NeedDaemonReload")
Part = tuple[str, str]  # path and text of a file that a unit is made of
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
    return {name: value for name, (value, _path) in last_words([("", text)]).items()}


# -- the unit as a whole: its own file, and the drop-ins by their names ---------------------------------------------


def parts(shown: str) -> list[Part]:
    """The files that `systemctl cat` shows, in the order in which systemd reads them."""
    found = PART.split(shown)
    return list(zip(found[1::2], found[2::2]))


def with_part(there: Iterable[Part], path: str, text: str) -> list[Part]:
    """The same with this drop-in as it is to be, also where systemd has not yet heard of it."""
    kept = [one for one in there if one[0] != path]
    mine = path.rpartition("/")[2]
    after = next((number for number, (other, _text) in enumerate(kept) if number and other.rpartition("/")[2] > mine), len(kept))
    return [*kept[:after], (path, text), *kept[after:]]


def last_words(made_of: Iterable[Part]) -> dict[str, tuple[Optional[str], str]]:
    """Each variable of the unit, and the path of the file that has the last word on it."""
    found: dict[str, tuple[Optional[str], str]] = {}
    for path, text in made_of:
        for _number, body in _bodies([line for line in LINE.findall(text) if line]):
            words = _read_words(body)
            if words == []:  # an empty one takes all that came before back
                found.clear()
            for raw, plain in words or ():
                found[_name(raw, plain)] = (None if plain is None else plain.partition("=")[2], path)
    return found


def environment_files(made_of: Iterable[Part]) -> list[str]:
    """The files of variables that the unit reads besides: what they say goes before all Environment=."""
    found: list[str] = []
    for _path, text in made_of:
        for _number, body in _bodies([line for line in LINE.findall(text) if line], ENVIRONMENT_FILE):
            found = [*found, body.lstrip("-")] if body else []
    return [path for path in found if path.startswith("/")]


def started(shown: str, wall: datetime, monotonic: float) -> Optional[datetime]:
    """When the main process of a unit started, as `systemctl show` tells it in UTC.

    None where it never did, or where systemd has yet to read the unit's files again. It is told in whole seconds; the other stamp tells the fraction,
    where nobody has set the clock since.
    """
    told = dict(line.partition("=")[::2] for line in shown.splitlines())
    stamp = re.search(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC", told.get(SHOWN[0], ""))
    if stamp is None or told.get(SHOWN[2]) != "no":
        return None
    seconds = parse_time(f"{stamp[1]}T{stamp[2]}Z")
    exact = wall - timedelta(seconds=monotonic - int(told.get(SHOWN[1]) or 0) / 1e6)
    return exact if timedelta(0) <= exact - seconds < timedelta(seconds=1) else seconds


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


def _bodies(lines: list[str], setting: re.Pattern[str] = ENVIRONMENT) -> list[tuple[int, str]]:
    """Number and right side of each Environment= (or other setting) in a [Service]."""
    found = []
    section: Optional[str] = None
    for number, line in enumerate(lines):
        section = _section(line) or section
        if section == "Service" and not line.lstrip().startswith(("#", ";")):
            match = setting.fullmatch(line)
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


def _read_words(body: str) -> Optional[list[tuple[str, Optional[str]]]]:
    """The same; None for a line that systemd leaves out."""
    try:
        return _words(body)
    except Refused:
        return None


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
