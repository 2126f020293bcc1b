# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A value that cannot slip into text: it must be asked for by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Optional

HIDDEN = "********"
IN_URL = re.compile(r"(?<=://)([^/\s@:\"']*):([^/\s@\"']*)(?=@)")
BARE = re.compile(r"^([^/\s@:]+):([^/\s@]+)@[^/\s@]+$")  # an address whose scheme was forgotten


class Secret:
    """Holds a secret from the door to the transport; every way of printing it shows stars."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def maybe(cls, value: Optional[str]) -> Optional[Secret]:
        """A secret, or None where nothing (or an empty text) was given."""
        return cls(value) if value else None

    def reveal(self) -> str:
        """The value itself. Called by transports only."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")


def without_passwords(text: str) -> str:
    """The text with stars in place of each name and password in an address (scheme://name:password@host)."""
    return IN_URL.sub(HIDDEN, text)


def passwords_in(value: Any) -> Iterator[str]:
    """The passwords in the addresses of a parameter, at any depth: they shall not show although the parameter is no secret."""
    if isinstance(value, str):
        yield from (found[1] for found in (*IN_URL.findall(value), *BARE.findall(value)) if found[1])
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from passwords_in(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from passwords_in(one)
