# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel: look at the state, decide what is due now, do it, wait for a change, look again, until nothing is left."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.confirm import Confirmations
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, Overtaken, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, Port, Rules, Step, stuck
from ansible_collections.serverops.circleci.plugins.module_utils.core.timers import Timers

SLICE_CHANGE = 5.0  # a slice lives at least this long before a change of words ends it
SLICE_LENGTH = 60.0
LONGEST_WAIT = 10.0
RETRY_PAUSE = 1.0
CONFIRM_GRACE = 5.0  # an end seen just before the time-out may still be confirmed


class Terms(NamedTuple):
    """How the task is to be run. Times in seconds."""

    wait: bool = True
    wait_timeout: float = 18000.0
    check: bool = False
    slice: bool = False


@dataclass
class Task:
    """What one task keeps from slice to slice; plain values only (it travels as JSON)."""

    run: str
    memory: Json = field(default_factory=dict)
    before: Json = field(default_factory=dict)
    steps: list[Json] = field(default_factory=list)
    doubtful: list[Any] = field(default_factory=list)  # item and order of what was sent and not answered: the next look tells
    looked: bool = False
    timers: Json = field(default_factory=dict)
    last: Json = field(default_factory=dict)
    after: Json = field(default_factory=dict)
    spent: float = 0.0
    progress: str = ""

    def answered(self, *names: str) -> tuple[str, ...]:
        """Those of these steps that were sent and answered, in their order."""
        doubtful = [entry for _item, entry in self.doubtful]
        return tuple(str(entry["step"]) for entry in self.steps if entry.get("step") in names and entry not in doubtful)


class Outcome(NamedTuple):
    """How it went. `failure` is empty on success; `partial` means: a slice is over, the task is not, and `view` is what holds should nothing more be heard."""

    view: Json
    before: Json
    after: Json
    steps: list[Json]
    task: Json
    failure: str = ""
    partial: bool = False


class Reconciliation:
    """One run of the kernel over one system; made anew for each slice."""

    def __init__(self, rules: Rules[Any, Any], port: Port[Any], clock: Clock) -> None:
        self._rules, self._port, self._clock = rules, port, clock
        self._confirmations = Confirmations()
        self._refused: dict[Step, str] = {}
        self._overtaken: set[str] = set()
        self._rounds = 0

    def run(self, spec: Any, terms: Terms, task: Task) -> Outcome:
        """Until all items ended, the time is over, or (in slices) there is something new to say."""
        self._spec, self._terms, self._task = spec, terms, task
        self._timers = Timers(task.timers)
        self._began = self._clock.now() - task.spent
        self._slice_began = self._clock.now()
        self._first_words = task.progress
        self._look: Optional[Look[Any, Any]] = None
        self._decisions: Mapping[str, Decision] = {}
        while True:
            try:
                outcome = self._check() if terms.check else self._round()
            except Unreachable as error:
                outcome = self._unanswered(error)
            except CollectionError as error:
                if not task.last:
                    raise
                outcome = self._ended("unknown", str(error))
            if outcome:
                return outcome

    # -- one round ---------------------------------------------------------------------------------

    def _round(self) -> Optional[Outcome]:
        last = self._now() >= self._terms.wait_timeout
        asked = self._unsettled() if last else [*self._overtaken, *(item for item, _entry in self._task.doubtful)]
        fresh = frozenset(asked) | self._confirmations.due(self._now())
        look = self._see(fresh)
        self._overtaken.clear()
        decided = {item: self._unless_refused(decision) for item, decision in self._rules.decide(look).items()}
        self._timers.judge(decided, self._now())
        self._decisions = self._confirmations.count(decided, fresh, self._now())
        self._note()
        due = [step for decision in self._decisions.values() for step in decision.steps]
        lost = self._lost(due)
        if all(decision.is_end for decision in self._decisions.values()):
            return self._ended("", self._stuck())
        if last and (not self._confirming() or self._now() >= self._terms.wait_timeout + CONFIRM_GRACE):
            return self._ended("timeout", self._too_late())
        if lost and not self._terms.wait:
            raise Unreachable("no answer came to the order, and it took no effect", retry=False)
        if due and not last and (self._terms.wait or not self._rounds):
            self._rounds += 1
            return self._apply(due)
        if not self._terms.wait and not self._confirming():
            return self._ended("", self._stuck())
        return self._rest()

    def _unless_refused(self, decision: Decision) -> Decision:
        """The decision, but for an order that the system refused twice: that item is stuck, the others go on."""
        words = [self._refused[step] for step in decision.steps if self._refused.get(step)]
        return stuck(words[0]) if words else decision

    def _lost(self, due: list[Step]) -> bool:
        """Whether an order that got no answer is due again: it took no effect, so it was not done. What cannot be seen stays in doubt."""
        orders = [step.describe() for step in due]
        lost = [entry for _item, entry in self._task.doubtful if entry in orders]
        for entry in lost:
            self._task.steps.remove(entry)
        self._task.doubtful = [[item, entry] for item, entry in self._task.doubtful if self._decisions[item].unknown]
        return bool(lost)

    def _see(self, fresh: frozenset[str]) -> Look[Any, Any]:
        state = self._port.read(fresh)
        now = self._now()
        look = Look(self._spec, state, self._task.memory)
        facts = self._rules.facts(look)
        self._timers.see(facts, now)
        first = not self._task.looked
        look = replace(look, still=self._timers.still(now), phases=self._timers.phases(now), waited=self._timers.waited(now), now=now)
        look = replace(look, memory=self._rules.remember(look))
        if first:
            refusals = self._rules.refusals(look)
            if refusals:
                raise Refused("; ".join(refusals))
            self._task.before, self._task.looked = dict(facts), True
        self._task.memory, self._task.after = look.memory, dict(facts)
        self._look = look
        return look

    def _apply(self, due: list[Step]) -> Optional[Outcome]:
        pauses = [self._one(step) for step in due]
        if self._task.doubtful:  # time for what may be on its way; then the next look tells, by the items' own objects
            with suppress(Unreachable):  # one call more, lest every try meets the same fault of a beat
                self._port.wait(RETRY_PAUSE / 2)
            self._clock.sleep(max(RETRY_PAUSE, *pauses))
        return None

    def _one(self, step: Step) -> float:
        """Send one order; returns the seconds that a system without an answer asked us to wait."""
        entry = step.describe()
        self._task.steps.append(entry)
        try:
            self._port.apply(step)
        except Unreachable as error:
            self._task.doubtful.append([step.item, entry])
            return error.after or 0.0
        except Overtaken:
            self._task.steps.remove(entry)
            self._overtaken.add(step.item)
        except (NotFound, Refused) as error:
            self._task.steps.remove(entry)
            # Refused once: the world moved between look and act, so look again. Twice: the item is stuck.
            self._refused[step] = str(error) if step in self._refused else ""
        except CollectionError:
            self._task.steps.remove(entry)
            raise
        return 0.0

    def _rest(self) -> Optional[Outcome]:
        now = self._now()
        pause = self._confirmations.next() - now
        if pause <= LONGEST_WAIT:
            self._clock.sleep(max(0.0, pause))
            return None
        if self._slice_is_over() and not self._confirming():
            return self._outcome(partial=True)
        rechecks = [decision.recheck for decision in self._decisions.values() if decision.recheck]
        self._port.wait(max(0.0, min([self._terms.wait_timeout - now, LONGEST_WAIT] + rechecks)))
        return None

    # -- ends --------------------------------------------------------------------------------------

    def _check(self) -> Outcome:
        from ansible_collections.serverops.circleci.plugins.module_utils.core.fold import fold  # only check mode needs it

        look = self._see(frozenset())
        end = fold(self._rules, look, self._terms.wait)
        while end.unknown and self._terms.wait and self._now() < self._terms.wait_timeout:
            self._port.wait(min(LONGEST_WAIT, self._terms.wait_timeout - self._now()))
            end = fold(self._rules, self._see(frozenset()), self._terms.wait)
        self._look, self._decisions = end.look, end.decisions
        self._task.after = dict(self._rules.facts(end.look))
        self._task.steps = end.steps
        self._note()
        return self._ended("timeout", self._too_late()) if end.unknown and self._terms.wait else self._ended("", self._stuck())

    def _unanswered(self, error: Unreachable) -> Optional[Outcome]:
        """No answer: nothing is concluded; asked again until the time is over."""
        if not self._task.last or self._terms.check or not self._terms.wait:
            if not self._task.last:
                raise error
            return self._ended("unknown", str(error))
        self._task.progress = str(error)
        if self._now() >= self._terms.wait_timeout:
            return self._ended("unknown", f"{error}; {self._too_late()}")
        self._clock.sleep(max(RETRY_PAUSE, min(error.after or 0.0, self._terms.wait_timeout - self._now())))
        return self._outcome(partial=True) if self._slice_is_over() else None

    def _ended(self, end: str, failure: str) -> Outcome:
        if end == "unknown":
            self._task.last = self._rules.out_of_sight(self._task.last)
        elif self._look is not None:
            self._look = replace(self._look, end=end, waited=self._timers.waited(self._now()))
            self._task.last = self._rules.view(self._look, self._decisions)
        return self._outcome(failure=failure)

    def _outcome(self, failure: str = "", partial: bool = False) -> Outcome:
        self._task.timers, self._task.spent = self._timers.saved(), self._now()
        view = self._rules.out_of_sight(self._task.last) if partial else self._task.last
        return Outcome(view, self._task.before, self._task.after, self._task.steps, asdict(self._task), failure, partial)

    def _note(self) -> None:
        if self._look is not None:
            self._task.last = self._rules.view(self._look, self._decisions)
            self._task.progress = self._rules.progress(self._look, self._decisions)

    # -- small questions ---------------------------------------------------------------------------

    def _now(self) -> float:
        return self._clock.now() - self._began

    def _confirming(self) -> bool:
        return self._confirmations.next() < float("inf")

    def _unsettled(self) -> list[str]:
        return [item for item, decision in self._decisions.items() if not decision.is_end]

    def _slice_is_over(self) -> bool:
        lived = self._clock.now() - self._slice_began
        changed = self._task.progress != self._first_words
        return self._terms.slice and (lived >= SLICE_LENGTH or (changed and lived >= SLICE_CHANGE))

    def _stuck(self) -> str:
        return "; ".join(f"{decision.reason}" for decision in self._decisions.values() if decision.kind == "stuck")

    def _too_late(self) -> str:
        left = [decision.reason for decision in self._decisions.values() if decision.kind != "settled"] or [self._task.progress]
        done = ", ".join(sorted({str(step.get("step")) for step in self._task.steps})) or "nothing"
        return f"the time of wait_timeout ({self._terms.wait_timeout:g} s) is over; done: {done}; waited for: {'; '.join(left)}"
