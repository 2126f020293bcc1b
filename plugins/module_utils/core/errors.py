# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expected failures, and the words that say during which act they happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional


class CollectionError(Exception):
    """An expected failure: one clear sentence for the operator. Never carries a secret."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.acts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ": ".join(self.acts + (str(self.args[0]),))


class BadInput(CollectionError):
    """An option, or options together, cannot be right; says which, its value and the remedy."""


class NotPermitted(CollectionError):
    """The system knows us and says no: another try gives the same answer."""


class NotFound(CollectionError):
    """The system says that the thing does not exist."""


class Refused(CollectionError):
    """The system, or our own pre-flight, will not do this now: another try gives the same answer."""


class Overtaken(CollectionError):
    """The world moved on between look and order, as the port saw before it sent anything: the next look decides anew, as often as it takes."""


class Unreachable(CollectionError):
    """No usable answer came: nothing is known about the state, nor whether a write took effect.

    `retry` tells whether asking again soon makes sense; `after` holds the seconds that the other side asked us to wait.
    """

    def __init__(self, message: str, retry: bool = True, after: Optional[float] = None) -> None:
        super().__init__(message)
        self.retry = retry
        self.after = after


@contextmanager
def doing(act: str) -> Iterator[None]:
    """Put `act` ("drain client c1") before the sentence of whatever expected failure happens inside."""
    try:
        yield
    except CollectionError as error:
        error.acts = (act,) + error.acts
        raise
