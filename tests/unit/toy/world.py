# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The toy's world, which outlives the processes that work on it, its faults, and the port to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted, Overtaken, Refused, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN, Json, Unknown
from ansible_collections.serverops.circleci.plugins.module_utils.door import Door
from unit.laws.killing import Tap
from unit.toy import rules
from unit.toy.rules import Act, SetValue, Start, State, Thing, ToySpec

from lab.nomad.clock import VirtualClock

HOP = 0.001
OPEN: ContextVar[ToyWorld] = ContextVar("the toy world that ports lead to")
OPTIONS: dict[str, dict[str, Any]] = {
    "items": {"type": "list", "elements": "str", "required": True},
    "value": {"type": "str", "default": "on"},
    "max_age": {"type": "float"},
    "token": {"type": "str", "no_log": True},
}


@dataclass
class Fault:
    """One fault on the way. Kinds: lost (nothing done), lost_done (done, no answer), late (done after `seconds`, no answer), refused, overtaken, forbidden."""

    on: str
    kind: str
    count: int = 1
    item: str = ""
    seconds: float = 0.5


@dataclass
class Begun:
    """An act as the world keeps it, with the run id of its mark."""

    run: str
    owner: str
    attempt: int
    begun: float
    status: str = "running"


class ToyWorld:
    """Items by name, acts that run on by themselves, a log of every write that took effect. Acts follow `plans`, one entry an attempt."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.tap = Tap()
        self.values: dict[str, str] = {}
        self.acts: dict[str, list[Begun]] = {}
        self.blocked: dict[str, str] = {}
        self.plans: dict[str, list[tuple[str, float]]] = {}
        self.log: list[Json] = []
        self.sent: list[Json] = []
        self.fresh: list[frozenset[str]] = []  # what reads were asked to see afresh
        self.frozen = False
        self.faults: list[Fault] = []
        self._hidden: dict[str, float] = {}
        self._cut_until = 0.0

    # -- what a test does to it -------------------------------------------------------------------

    def fault(self, on: str, kind: str, **fields: Any) -> None:
        self.faults.append(Fault(on, kind, **fields))

    def hide(self, item: str, seconds: float) -> None:
        """For so long this part cannot be read."""
        self._hidden[item] = self.clock.now() + seconds

    def cut_off(self, seconds: float) -> None:
        """For so long nothing answers."""
        self._cut_until = self.clock.now() + seconds

    def begin(self, item: str, run: str = "another", owner: str = "ours", attempt: int = 1) -> None:
        """An act begins, and will end or die as planned whoever lives or dies meanwhile."""
        act = Begun(run, owner, attempt, self.clock.now())
        self.acts.setdefault(item, []).append(act)
        plans = self.plans.get(item) or [("ended", 20.0)]
        how, seconds = plans[min(attempt, len(plans)) - 1]
        self.clock.after(seconds, lambda: setattr(act, "status", how))

    # -- what the laws ask ------------------------------------------------------------------------

    @contextmanager
    def open(self) -> Iterator[None]:
        """Ports made inside lead here."""
        token = OPEN.set(self)
        try:
            yield
        finally:
            OPEN.reset(token)

    def writes(self) -> list[Json]:
        return list(self.log)

    def end(self) -> Json:
        """How things stand, without run ids and times."""
        acts = {item: [[act.attempt, act.status] for act in acts] for item, acts in self.acts.items()}
        return {"values": dict(self.values), "acts": acts}

    def harm(self) -> list[str]:
        """An act begun while one was under way or after one had ended well: the second start that must never be."""
        return [f"{item} was started again while {then}" for item, then in self.doubled]

    @property
    def doubled(self) -> list[tuple[str, str]]:
        return [(entry["id"], entry["then"]) for entry in self.log if entry["step"] == "start" and entry["then"] in ("running", "ended")]

    # -- what the port calls ----------------------------------------------------------------------

    def contact(self, call: str, item: str = "") -> Fault | None:
        """One call comes in."""
        self.clock.sleep(HOP)
        if self.clock.now() < self._cut_until:
            raise Unreachable("toy:1 is cut off")
        for fault in self.faults:
            if fault.on == call and fault.count and fault.item in ("", item):
                fault.count -= 1
                if fault.kind == "refused":
                    raise Refused("toy:1 refused")
                if fault.kind == "overtaken":
                    raise Overtaken("the toy moved on")
                if fault.kind == "forbidden":
                    raise NotPermitted("toy:1 forbids it")
                return fault
        return None

    def state(self, items: tuple[str, ...], run: str) -> State:
        return State(self.clock.now(), {item: self._thing(item, run) for item in items}, self.frozen)

    def _thing(self, item: str, run: str) -> Thing | Unknown:
        if self.clock.now() < self._hidden.get(item, 0.0):
            return UNKNOWN
        acts = tuple(Act(act.owner, act.run == run, act.attempt, act.begun, act.status) for act in self.acts.get(item, []))
        return Thing(self.values.get(item, "off"), acts, self.blocked.get(item, ""))

    def do(self, step: SetValue | Start, run: str) -> None:
        entry = step.describe()
        if isinstance(step, Start):
            entry["then"] = next((act.status for act in reversed(self.acts.get(step.item, []))), "none")
            self.begin(step.item, run, attempt=step.attempt)
        else:
            self.values[step.item] = step.value
        self.log.append(entry)

    def rest(self, seconds: float) -> None:
        """Until something happens, or the time is over."""
        until = self.clock.now() + seconds
        due = self.clock.next_due()
        self.clock.run_until(until if due is None else min(due, until))


class ToyPort:
    """One slice's way to the toy; knows its run id and nothing else."""

    def __init__(self, world: ToyWorld, spec: ToySpec, run: str) -> None:
        self._world, self._spec, self._run = world, spec, run

    def read(self, confirming: frozenset[str]) -> State:
        with doing("read the toy"), self._world.tap.around("read"):
            if confirming:
                self._world.fresh.append(confirming)
            fault = self._world.contact("read")
            if fault:
                raise Unreachable("toy:1 gave no answer")
            return self._world.state(self._spec.items, self._run)

    def apply(self, step: SetValue | Start) -> None:
        with doing(f"{step.describe()['step']} {step.item}"), self._world.tap.around("apply"):
            self._world.sent.append(step.describe())
            fault = self._world.contact("apply", step.item)
            if fault is None or fault.kind == "lost_done":
                self._world.do(step, self._run)
            if fault and fault.kind == "late":
                self._world.clock.after(fault.seconds, lambda: self._world.do(step, self._run))
            if fault:
                raise Unreachable("toy:1 gave no answer")

    def wait(self, seconds: float) -> None:
        with self._world.tap.around("wait"):
            self._world.contact("wait")
            self._world.rest(seconds)


def _port(params: Mapping[str, Any], spec: ToySpec, task: Task, clock: Clock) -> ToyPort:
    return ToyPort(OPEN.get(), replace(spec), task.run)


DOOR = Door(options=OPTIONS, rules=rules, spec=rules.toy_spec, port=_port)
