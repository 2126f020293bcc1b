# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A value that cannot slip into text: it must be asked for by name."""

from __future__ import annotations

from typing import Optional

HIDDEN = "********"


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
