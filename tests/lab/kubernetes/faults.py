"""Faults that a test plans for coming requests: connections that break or stall, answers of an overloaded server, watches cut short. Seeded."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import random
import re
from dataclasses import dataclass, field

RESET, STALL, ANSWER, CUT, MUTE = "reset", "stall", "answer", "cut", "mute"
FOREVER = float("inf")


@dataclass
class Fault:
    """What becomes of requests whose "<method> <path>" holds `where` (a regular expression).

    `reset`: the connection breaks without an answer; with `done`, after the request was carried out. `stall`: nothing for `seconds`, then
    the answer. `answer`: `code` (and Retry-After, if `retry` is over 0) in place of what was asked. `cut`: a watch breaks in the middle of a
    line after `events` events. `mute`: it stays open after them, but tells nothing, for `seconds` (0: to its end). `skip` requests pass
    first, then `times` of them are hit (0: all), each with the `chance`, between `since` and `until` (s on the clock).
    """

    what: str
    where: str = ""
    times: int = 1
    skip: int = 0
    chance: float = 1.0
    code: int = 500
    retry: int = 0
    seconds: float = 0.0
    events: int = 0
    done: bool = False
    since: float = 0.0
    until: float = FOREVER
    hits: int = 0

    def strikes(self, said: str, now: float, dice: random.Random) -> bool:
        if not re.search(self.where, said) or not self.since <= now < self.until or (self.times and self.hits >= self.times):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.chance < 1.0 and dice.random() >= self.chance:
            return False
        self.hits += 1
        return True


@dataclass
class Faults:
    """All that is planned. `struck` holds "<what> <method> <path>" of what was hit, in order."""

    seed: int = 1
    planned: list[Fault] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def add(self, fault: Fault) -> Fault:
        self.planned.append(fault)
        return fault

    def reset(self, where: str = "", times: int = 1, skip: int = 0, done: bool = False) -> Fault:
        return self.add(Fault(RESET, where, times, skip, done=done))

    def stall(self, seconds: float, where: str = "", times: int = 1, skip: int = 0) -> Fault:
        return self.add(Fault(STALL, where, times, skip, seconds=seconds))

    def answer(self, code: int, where: str = "", times: int = 1, skip: int = 0, retry: int = 0) -> Fault:
        """429, 500 or 503, say; 401 for a token that is good no longer."""
        return self.add(Fault(ANSWER, where, times, skip, code=code, retry=retry))

    def refuse_from(self, moment: float, until: float = FOREVER, where: str = "") -> Fault:
        """401 for all between two moments of the clock."""
        return self.add(Fault(ANSWER, where, 0, code=401, since=moment, until=until))

    def cut(self, events: int = 0, where: str = "", times: int = 1, skip: int = 0) -> Fault:
        """Of watches alone."""
        return self.add(Fault(CUT, where, times, skip, events=events))

    def mute(self, events: int = 0, seconds: float = 0.0, where: str = "", times: int = 1) -> Fault:
        """Of watches alone."""
        return self.add(Fault(MUTE, where, times, events=events, seconds=seconds))

    def clear(self) -> None:
        self.planned.clear()

    def find(self, kinds: tuple[str, ...], method: str, path: str, now: float) -> Fault | None:
        """The one that hits this request, if any of these kinds does."""
        said = f"{method} {path}"
        for fault in self.planned:
            if fault.what in kinds and fault.strikes(said, now, self.dice):
                self.struck.append(f"{fault.what} {said}")
                return fault
        return None
