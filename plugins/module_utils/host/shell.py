# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of assignments that a shell reads, taken apart into statements: each with its own text, so that what is not changed stays letter for letter.

What a shell would compute (a variable, a command, a pattern) has no value here. Whatever is more than comments and assignments is kept and never run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SETTING = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
EXPANDS = re.compile(r"\$[A-Za-z0-9_({'\"@*#?$!-]")
ESCAPED_IN_QUOTES = '$`"\\'
COMPUTED = "`*?[]{}()<>~!"  # outside of quotes, a shell may take these for more than themselves
ENDS = " \t\n;&|"


@dataclass(frozen=True)
class Setting:
    """NAME=word, or the bare NAME of an `export NAME`; `raw` is the word as written, `value` None where only a shell could tell."""

    name: str
    raw: Optional[str] = None
    value: Optional[str] = None
    exported: bool = False

    @property
    def text(self) -> str:
        return self.name if self.raw is None else f"{self.name}={self.raw}"


@dataclass(frozen=True)
class Statement:
    """A stretch of the file up to a line's end. `settings` are what it assigns; `foreign` says that it is something else than assignments or a comment."""

    text: str
    line: int
    settings: tuple[Setting, ...] = ()
    comment: str = ""
    foreign: bool = False

    def without(self, name: str) -> Optional[Statement]:
        """The statement without what it says of a name; None where nothing is left, a comment stays."""
        left = tuple(one for one in self.settings if one.name != name)
        if not left and not self.comment:
            return None
        head = "export " if left and any(one.exported for one in left) else ""
        words = " ".join(one.text for one in left)
        text = head + words + (" " if words and self.comment else "") + self.comment + "\n"
        return Statement(text, self.line, left, self.comment)


def unix(text: str) -> str:
    """The text without the CR of line ends: a shell takes it for a part of the value."""
    return re.sub(r"\r+(?=\n|\Z)", "", text)


def statements(text: str) -> list[Statement]:
    """The file's statements, whose texts together are the file. Raises Refused where its end cannot be told: an open quote, a here-document."""
    found = []
    at, line = 0, 1
    while at < len(text):
        end = _end(text, at, line)
        found.append(_statement(text[at:end], line))
        line += text.count("\n", at, end)
        at = end
    return found


def _end(text: str, at: int, line: int) -> int:
    """Where the statement that begins here ends: behind the first line end that is in no quotes."""
    begins, letter = True, ""
    while at < len(text):
        letter = text[at]
        if letter == "\n":
            return at + 1
        if letter == "#" and begins:
            stop = text.find("\n", at)
            return len(text) if stop < 0 else stop + 1
        if text.startswith("<<", at):
            raise Refused(f"line {line} begins a here-document, so what is text and what is an assignment cannot be told; write the values out")
        begins = letter in ENDS
        at = _behind(text, at, line)
    if letter == "\\":
        raise Refused("the last line ends with a backslash, so it would take in whatever is written behind it; remove it")
    return at


def _behind(text: str, at: int, line: int) -> int:
    """Behind the letter, or behind the quotes that it opens."""
    letter = text[at]
    if letter == "\\":
        return min(at + 2, len(text))
    if letter not in "'\"`":
        return at + 1
    here = at + 1
    while here < len(text) and text[here] != letter:
        here += 2 if letter != "'" and text[here] == "\\" else 1
    if here >= len(text):
        raise Refused(f"line {line} opens a quote ({letter}) that is never closed; a shell refuses the whole file; close it, or remove the line")
    return here + 1


def _statement(text: str, line: int) -> Statement:
    body = text.lstrip(" \t")
    if body in ("", "\n") or body.startswith("#"):
        return Statement(text, line)
    exported = re.match(r"export[ \t]+(?!-)", body)
    at = exported.end() if exported else 0
    settings = []
    while at < len(body) and body[at] not in "\n#;&|":
        setting, at = _setting(body, at, bool(exported))
        if setting is None:
            return Statement(text, line, foreign=True)
        settings.append(setting)
        at += len(body[at:]) - len(body[at:].lstrip(" \t"))
    if not settings or body[at : at + 1] in (";", "&", "|"):
        return Statement(text, line, foreign=True)
    return Statement(text, line, tuple(settings), body[at:].rstrip("\n"))


def _setting(body: str, at: int, exported: bool) -> tuple[Optional[Setting], int]:
    found = SETTING.match(body, at)
    if found:
        end = _word_end(body, found.end())
        raw = body[found.end() : end]
        return Setting(found.group(1), raw, value_of(raw), exported), end
    bare = NAME.match(body, at) if exported else None
    if bare and body[bare.end() : bare.end() + 1] in ("", *ENDS[:3]):
        return Setting(bare.group(0), exported=True), bare.end()
    return None, at


def _word_end(body: str, at: int) -> int:
    while at < len(body) and body[at] not in ENDS:
        at = _behind(body, at, 0)
    return at


def value_of(raw: str) -> Optional[str]:
    """What a shell makes of a word; None where it would compute something."""
    value = ""
    for piece, kind in _pieces(raw):
        if kind == "'":
            value += piece
        elif kind == '"':
            if "`" in re.sub(r"\\.", "", piece, flags=re.DOTALL) or EXPANDS.search(re.sub(r"\\.", "..", piece, flags=re.DOTALL)):
                return None
            value += re.sub(r'\\([$`"\\])', r"\1", piece.replace("\\\n", ""))
        elif kind == "\\":
            value += piece if piece != "\n" else ""
        elif piece in COMPUTED or piece == "$":
            return None
        else:
            value += piece
    return value


def _pieces(raw: str) -> Iterator[tuple[str, str]]:
    """The letters outside of quotes one by one (kind empty, or a backslash for an escaped one), and each quoted stretch without its quotes."""
    at = 0
    while at < len(raw):
        end = _behind(raw, at, 0)
        letter = raw[at]
        yield (raw[at + 1 : end - 1], letter) if letter in "'\"" else (raw[at + 1 : end], "\\") if letter == "\\" else (letter, "")
        at = end
