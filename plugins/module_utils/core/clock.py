# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time as a thing that is handed in, so that hours of waiting take milliseconds in a test."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """What the kernel and the clients may know of time."""

    def now(self) -> float:
        """Seconds on a monotonic scale; only differences mean something."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""

    def wall(self) -> datetime:
        """Date and time in UTC, for marks that people read; never used to measure."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

    def wall(self) -> datetime:
        return datetime.now(timezone.utc)
