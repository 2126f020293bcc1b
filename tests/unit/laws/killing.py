# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sudden death at any contact with the world: the process is gone, the world stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Killed(BaseException):
    """kill -9: no `except Exception` stops it, and nothing is tidied up."""


class Tap:
    """Counts the points before and after every contact with the world, and kills at one of them."""

    def __init__(self) -> None:
        self.points: list[str] = []
        self.at: int | None = None
        self.count: Callable[[], int] = lambda: 0
        self.counts: list[int] = []

    @contextmanager
    def around(self, what: str, before: bool = True) -> Iterator[None]:
        """A contact: dead before it, the world hears nothing; dead after it, the world has heard and we don't know.

        A reading may leave `before` out: for the world it is the same as dead after the contact that came earlier.
        """
        if before:
            self._pass(f"before {what}")
        try:
            yield
        finally:
            self._pass(f"after {what}")

    def kill(self, at: int | None) -> None:
        """From now on count anew, and kill at this point."""
        self.points, self.at = [], at

    def _pass(self, point: str) -> None:
        self.points.append(point)
        self.counts.append(self.count())
        if self.at is not None and len(self.points) > self.at:
            raise Killed(point)

    def moments(self, among_readings: int, first: int) -> list[int]:
        """Points of the run that was, to kill at: all beside a write, and of those between readings alone so many, evenly, from the one numbered `first`.

        `count` must have told the number of writes. Between two readings the world is as it was, so a death there is much like the one before.
        """
        writes = [at for at in range(1, len(self.points)) if self.counts[at] != self.counts[at - 1]]
        beside = {at + off for at in writes for off in (-1, 0, 1)} & set(range(len(self.points)))
        others = [at for at in range(len(self.points)) if at not in beside]
        step = max(1, -(-len(others) // among_readings))
        return sorted(beside | set(others[first % step :: step]))
