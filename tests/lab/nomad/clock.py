"""Two clocks for the simulator: a virtual one that tests step, and real time with a speed factor."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2026, 11, 22, 6, 34, 0, tzinfo=UTC)  # any day will do; a fixed one makes runs repeatable


@dataclass(order=True)
class Timer:
    """Something that happens at a time."""

    at: float
    number: int
    action: Callable[[], None] = field(compare=False)
    live: bool = field(default=True, compare=False)

    def cancel(self) -> None:
        self.live = False


class Clock:
    """Seconds since the start, a calendar, and a heap of things to come."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._numbers = itertools.count()
        self.base = EPOCH
        self.lock = threading.RLock()  # held while things happen; a cluster waits on it

    def now(self) -> float:
        raise NotImplementedError

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    def wall(self) -> datetime:
        return self.base + timedelta(seconds=self.now())

    def nanoseconds(self) -> int:
        return int((self.base.timestamp() + self.now()) * 10**6) * 1000

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        return self.at(self.now() + max(0.0, seconds), action)

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        timer = Timer(when, next(self._numbers), action)
        heapq.heappush(self._heap, timer)
        return timer

    def next_due(self) -> float | None:
        while self._heap and not self._heap[0].live:
            heapq.heappop(self._heap)
        return self._heap[0].at if self._heap else None

    def _pop(self) -> Timer:
        return heapq.heappop(self._heap)


class VirtualClock(Clock):
    """Time passes only when somebody sleeps; what is due then happens in order, each thing at its own time."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.run_until(self._now + max(0.0, seconds))

    def run_until(self, when: float) -> None:
        with self.lock:
            while (due := self.next_due()) is not None and due <= when:
                self.step()
            self._now = max(self._now, when)

    def step(self) -> None:
        """Fire the next thing."""
        timer = self._pop()
        self._now = max(self._now, timer.at)
        if timer.live:
            timer.action()


class RealClock(Clock):
    """Real time, `speed` times as fast; somebody must call run_due()."""

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__()
        self.speed = speed
        self._zero = time.monotonic()
        self.base = datetime.now(UTC)
        self.added = threading.Event()

    def now(self) -> float:
        return (time.monotonic() - self._zero) * self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        timer = super().at(when, action)
        self.added.set()
        return timer

    def run_due(self) -> bool:
        fired = False
        with self.lock:
            while (due := self.next_due()) is not None and due <= self.now():
                timer = self._pop()
                if timer.live:
                    timer.action()
                    fired = True
        return fired
