# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long JSON list, entry by entry as its text arrives: 4,000 allocations are 12 MB of text, and five times that as objects."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any

_DECODER = json.JSONDecoder()
_BLANKS = " \t\r\n"
_ENDS = tuple(_BLANKS + ",]")


def entries(chunks: Iterable[bytes]) -> Iterator[Any]:
    """Each entry of a list in UTF-8. Raises TypeError where the text is JSON but no list, ValueError where it is no JSON or not whole."""
    text = _Text(chunks)
    if text.peek() != "[":
        text.value()
        raise TypeError("not a list")
    text.at += 1
    mark = text.peek()
    while mark != "]":
        yield text.value()
        mark = text.peek()
        if mark == ",":
            text.at += 1
            text.peek()
        elif mark != "]":
            raise ValueError("the list is not whole")
    text.at += 1
    if text.peek():
        raise ValueError("there is more behind the list")


class _Text:
    """What came so far and was not taken yet."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.at = 0
        self._chunks = iter(chunks)
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._text = ""

    def peek(self) -> str:
        """The next letter that is no blank; empty at the end."""
        while True:
            while self.at < len(self._text) and self._text[self.at] in _BLANKS:
                self.at += 1
            if self.at < len(self._text):
                return self._text[self.at]
            if not self._more():
                return ""

    def value(self) -> Any:
        """The value that begins here."""
        while True:
            try:
                found, end = _DECODER.raw_decode(self._text, self.at)
            except ValueError:
                if not self._more():
                    raise
                continue
            if self._text[end : end + 1] in _ENDS or not self._more():  # "1." and "1e" are numbers that go on
                self.at = end
                return found

    def _more(self) -> bool:
        for chunk in self._chunks:
            self._text = self._text[self.at :] + self._utf8.decode(chunk)
            self.at = 0
            return True
        self._utf8.decode(b"", final=True)
        return False
