# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readings that are asked again. Our own loop: the libraries' retries know neither a total bound nor a clock that is handed in."""

from __future__ import annotations

import random
from typing import Callable, TypeVar

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Unreachable

ParsedT = TypeVar("ParsedT")
LONGEST_PAUSE = 8.0  # s


def retried(ask: Callable[[], ParsedT], clock: Clock, bound: float, pause: float = 0.5, longest: float = LONGEST_PAUSE) -> ParsedT:
    """What `ask` gives, asked again while it is Unreachable and `bound` seconds are not over.

    Pauses are jittered and doubled from `pause` to `longest` seconds, and never shorter than the other side asked for.
    """
    ends = clock.now() + bound
    while True:
        try:
            return ask()
        except Unreachable as error:
            rest = max(error.after or 0.0, random.uniform(pause / 2, pause))
            if not error.retry or clock.now() + rest >= ends:
                raise
            clock.sleep(rest)
            pause = min(pause * 2, longest)
