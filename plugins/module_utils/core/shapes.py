# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the kernel: what rules and ports say to it, and it to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Optional, Protocol, TypeVar

SpecT = TypeVar("SpecT")
StateT = TypeVar("StateT")
ReadT_co = TypeVar("ReadT_co", covariant=True)
Json = dict[str, Any]


class Unknown:
    """A part of the state that could not be read. Gives waiting; never a step, never an end."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("unknown is neither true nor false; ask `is UNKNOWN` first")


UNKNOWN = Unknown()


class Step(Protocol):
    """One act on one item: an order, as data. Equal orders are equal steps."""

    @property
    def item(self) -> str:
        """The item that the act is for."""

    def describe(self) -> Json:
        """The act for the result's list `steps`: plain values, no secret, nothing that differs from run to run."""


class Decision(NamedTuple):
    """What is to be done now about one item; made by the functions below."""

    kind: str
    reason: str
    steps: tuple[Step, ...] = ()
    confirm: float = 0.0
    phase: str = ""
    recheck: float = 0.0
    unknown: bool = False

    @property
    def is_end(self) -> bool:
        """Nothing is left to do or to wait for."""
        return self.kind in ("settled", "stuck")


def act(reason: str, *steps: Step) -> Decision:
    """These steps are due now, in this order."""
    return Decision("steps", reason, steps)


def waiting(reason: str, phase: str = "", recheck: float = 0.0, unknown: bool = False) -> Decision:
    """Nothing to do until the world changes. The kernel measures the time in `phase`, and looks again after `recheck` seconds at the latest."""
    return Decision("waiting", reason, phase=phase, recheck=recheck, unknown=unknown)


def settled(reason: str, confirm: float = 0.0) -> Decision:
    """As wanted; with `confirm`, only if a second, fresh read that many seconds later says so too."""
    return Decision("settled", reason, confirm=confirm)


def stuck(reason: str, confirm: float = 0.0) -> Decision:
    """It can never become as wanted, and why; `confirm` as for settled."""
    return Decision("stuck", reason, confirm=confirm)


@dataclass(frozen=True)
class Look(Generic[SpecT, StateT]):
    """All that a decision may see. Times are seconds, measured by the kernel.

    `memory` is what cannot be read again (rules' own `remember`), `still` how long an item's facts have not changed, `phases` how long it is in
    its phase, `waited` how long the task has been at it, `end` why the task stops now: "" (it does not, or all ended), "timeout", "unknown".
    `now` is counted from the task's begin; None in a state that check mode imagines.
    """

    spec: SpecT
    state: StateT
    memory: Json = field(default_factory=dict)
    still: Mapping[str, float] = field(default_factory=dict)
    phases: Mapping[str, float] = field(default_factory=dict)
    waited: Mapping[str, float] = field(default_factory=dict)
    end: str = ""
    now: Optional[float] = None


class Rules(Protocol[SpecT, StateT]):
    """One rules file: pure functions, a module can be one."""

    def refusals(self, look: Look[SpecT, StateT]) -> Sequence[str]:
        """Why the task must not begin at all: asked once, before the first step."""

    def decide(self, look: Look[SpecT, StateT]) -> Mapping[str, Decision]:
        """One decision for every item of the spec."""

    def effect(self, state: StateT, step: Any) -> StateT:
        """The state after this step took effect."""

    def assume(self, look: Look[SpecT, StateT], item: str) -> StateT:
        """The state when what `item` waits for has come about."""

    def remember(self, look: Look[SpecT, StateT]) -> Json:
        """`look.memory` and what this state adds to it."""

    def facts(self, look: Look[SpecT, StateT]) -> Mapping[str, Json]:
        """Per item the state as seen, not judged: for the diff, and to see whether anything changed."""

    def view(self, look: Look[SpecT, StateT], decisions: Mapping[str, Decision]) -> Json:
        """The task's result."""

    def out_of_sight(self, view: Json) -> Json:
        """The last view when no answer came any more: what had not ended is unknown."""

    def progress(self, look: Look[SpecT, StateT], decisions: Mapping[str, Decision]) -> str:
        """One short line for a person who waits."""


class Port(Protocol[ReadT_co]):
    """The way to one system. Each call is bounded in time; failures are CollectionErrors."""

    def read(self, confirming: frozenset[str]) -> ReadT_co:
        """The state now. Items in `confirming` are read afresh, from their own objects. Never writes."""

    def apply(self, step: Any) -> None:
        """Do it; returns within 30 s."""

    def wait(self, seconds: float) -> None:
        """Return when something may have changed, or after `seconds`. Concludes nothing."""
