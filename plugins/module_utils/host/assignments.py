# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables in files that a shell, PAM or Docker reads: each wanted one stands there once, with one value, in the way that all readers of the file take alike.

The files: overrides of CircleCI (`export NAME="value"`), /etc/environment, and Docker's env-files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.host.shell import NAME, Setting, Statement, statements, unix

Wanted = Mapping[str, Optional[str]]
KEPT_BY_SHELLS = ("UID", "EUID", "PPID", "BASHOPTS", "SHELLOPTS", "BASH_VERSINFO", "LINENO", "RANDOM", "SECONDS", "OPTIND", "PWD", "OLDPWD", "SHLVL")
PAM_LINE = 1000  # bytes: PAM before 1.3.1 reads lines of 1023
PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")


@dataclass(frozen=True)
class Dialect:
    """How a file's readers take it: `quoted` makes the word for a value, or says why it cannot; `alike` tells whether all readers take a word for it.

    `alone`: one of them takes the whole line for the value, so neither a comment nor another variable may stand on it.
    """

    quoted: Callable[[str, str], str]
    alike: Callable[[Setting, str], bool]
    export: bool = False
    alone: bool = False


def checked_name(name: str) -> str:
    """A name that every reader takes. Raises BadInput."""
    if not NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name of a variable; use letters, digits and _, a digit not first")
    if name in KEPT_BY_SHELLS:
        raise BadInput(f"{name} is kept by the shell itself and cannot be set; choose another name")
    return name


def _checked(name: str, value: str, bad: str = "") -> str:
    for letter in "\0\n\r" + bad:
        if letter in value:
            word = {"\0": "a NUL", "\n": "a line end", "\r": "a carriage return"}.get(letter, letter)
            raise BadInput(f"the value of {name} holds {word}, which not all readers of the file take alike; give it without")
    return value


def _in_double_quotes(name: str, value: str) -> str:
    return '"' + re.sub(r'([\\$`"])', r"\\\1", _checked(name, value)) + '"'


def _for_pam(name: str, value: str) -> str:
    _checked(name, value, "\"'$`\\#")
    if len(f'{name}="{value}"'.encode("utf-8", "surrogateescape")) > PAM_LINE:
        raise BadInput(f"the value of {name} is longer than {PAM_LINE} bytes, and older PAM cuts lines of /etc/environment there; shorten it")
    return value if PLAIN.fullmatch(value) else f'"{value}"'


EXPORTS = Dialect(_in_double_quotes, lambda setting, value: setting.exported and setting.value == value, export=True)
ENVIRONMENT = Dialect(_for_pam, lambda setting, value: setting.value == value and setting.raw in (value, f'"{value}"', f"'{value}'"), alone=True)


def with_variables(text: str, wanted: Wanted, dialect: Dialect) -> str:
    """The file with each wanted variable once and so (None: not at all), all else as it is. Raises BadInput or Refused."""
    text = unix(text)
    found: list[Optional[Statement]] = [part for one in statements(text) for part in (_apart(one, wanted) if dialect.alone else [one])]
    _no_surprises(found, wanted)
    added = []
    for name, value in wanted.items():
        word = None if value is None else dialect.quoted(checked_name(name), value)
        added += _placed(found, name, value, word, dialect)
    kept = "".join(one.text for one in found if one)
    if added and kept and not kept.endswith("\n"):
        kept += "\n"
    return kept + "".join(added)


def _placed(found: list[Optional[Statement]], name: str, value: Optional[str], word: Optional[str], dialect: Dialect) -> list[str]:
    """Change `found`, or return the line to be added at the end."""
    at = [number for number, one in enumerate(found) if one and any(setting.name == name for setting in one.settings)]
    own = [setting for number in at for setting in (found[number] or Statement("", 0)).settings if setting.name == name]
    if word is None or value is None:
        for number in at:
            found[number] = _without(found[number], name)
        return []
    if len(own) == 1 and dialect.alike(own[0], value) and (not dialect.alone or _is_alone(found[at[0]], own[0])):
        return []
    line = f"{'export ' if dialect.export else ''}{name}={word}"
    for number in at[:-1]:
        found[number] = _without(found[number], name)
    if not at:
        return [line + "\n"]
    last = found[at[-1]]
    left = last.without(name) if last else None
    if left is None or not left.settings:
        comment = f" {last.comment}" if last and last.comment else ""
        found[at[-1]] = Statement(f"{line}{comment}\n", 0, (Setting(name, word, value, dialect.export),), comment.strip())
    else:  # others stand in the same statement: they stay, ours gets a line of its own
        found[at[-1]] = Statement(f"{left.text}{line}\n", 0, (*left.settings, Setting(name, word, value, dialect.export)))
    return []


def _apart(statement: Statement, wanted: Wanted) -> list[Statement]:
    """A statement that sets a wanted variable, as lines of one variable each, and its comment above them."""
    if not any(setting.name in wanted for setting in statement.settings) or len(statement.settings) == 1 and not statement.comment:
        return [statement]
    comment = [Statement(f"{statement.comment}\n", statement.line)] if statement.comment else []
    return [*comment, *(Statement(f"{'export ' if one.exported else ''}{one.text}\n", statement.line, (one,)) for one in statement.settings)]


def _is_alone(statement: Optional[Statement], setting: Setting) -> bool:
    """Whether PAM too, which takes blanks behind a word for a part of it, reads this and nothing else from the line."""
    return statement is not None and re.fullmatch(rf"[ \t]*(export )?{re.escape(setting.text)}\n?", statement.text) is not None


def _without(statement: Optional[Statement], name: str) -> Optional[Statement]:
    return statement.without(name) if statement else None


def _no_surprises(found: list[Optional[Statement]], wanted: Wanted) -> None:
    for one in found:
        if one and one.foreign:
            for name in wanted:
                if re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", one.text):
                    raise Refused(f"line {one.line} is more than an assignment and names {name}, so its value cannot be told; move that line away")


def variables(text: str) -> dict[str, Optional[str]]:
    """What the file sets: the last word on each name, None where only a shell could tell it."""
    values: dict[str, Optional[str]] = {}
    for statement in statements(text):
        for setting in statement.settings:
            if setting.raw is not None:
                values[setting.name] = setting.value
    return values


def remarks(text: str) -> list[str]:
    """What is no assignment: a shell would run it."""
    return [f"line {one.line} is neither an assignment nor a comment; a shell takes it for a command" for one in statements(unix(text)) if one.foreign]


def is_plain(text: str) -> bool:
    """Whether a shell that reads it runs nothing: comments and assignments of literal values only."""
    return all(not one.foreign and all(setting.raw is None or setting.value is not None for setting in one.settings) for one in statements(text))


# -- Docker's env-file: no quotes, no export, everything behind the = is the value -----------------------------------------


def with_entries(text: str, wanted: Wanted) -> str:
    """An env-file with each wanted variable once and so."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", unix(text))
    for name, value in wanted.items():
        line = None if value is None else f"{checked_name(name)}={_checked(name, value)}\n"
        at = [number for number, one in enumerate(lines) if _entry_name(one) == name]
        for number in at[:-1] if line else at:
            lines[number] = ""
        if line and at and lines[at[-1]] != line.rstrip("\n"):
            lines[at[-1]] = line
        elif line and not at:
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += "\n"
            lines.append(line)
        lines = [one for one in lines if one]
    return "".join(lines)


def entries(text: str) -> dict[str, Optional[str]]:
    """What an env-file sets."""
    found: dict[str, Optional[str]] = {}
    for line in unix(text).split("\n"):
        name = _entry_name(line)
        if name and "=" in line:
            found[name] = line.partition("=")[2]
    return found


def _entry_name(line: str) -> str:
    body = line.lstrip(" \t")
    return "" if body.startswith("#") else body.partition("=")[0].rstrip("\n")
