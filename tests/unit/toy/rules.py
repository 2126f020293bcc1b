# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The toy's rules: an idempotent set, a long detached act, a start that is not idempotent, and an item that can never settle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN, Decision, Json, Look, Unknown, act, settled, stuck, waiting

CONFIRM = 0.2
TRIES = 3
FINAL = ("settled", "stuck")


@dataclass(frozen=True)
class ToySpec:
    """Which items, by name; what an item needs follows from its name's first word: set-, long-, once-."""

    items: tuple[str, ...]
    value: str = "on"
    max_age: float | None = None
    token: Secret | None = None


@dataclass(frozen=True)
class Act:
    """One act as the system shows it: its mark's owner and whether the mark has our run id; `begun` is the system's time."""

    owner: str
    ours: bool
    attempt: int
    begun: float
    status: str  # running, ended, died


@dataclass(frozen=True)
class Thing:
    """One item as the system shows it."""

    value: str = "off"
    acts: tuple[Act, ...] = ()
    blocked: str = ""


@dataclass(frozen=True)
class State:
    """All items, some of them UNKNOWN for now, and the system's time."""

    time: float
    things: Mapping[str, Thing | Unknown] = field(default_factory=dict)
    frozen: bool = False

    def with_thing(self, item: str, thing: Thing) -> State:
        return replace(self, things={**self.things, item: thing})


@dataclass(frozen=True)
class SetValue:
    """An order that may be repeated."""

    item: str
    value: str

    def describe(self) -> Json:
        return {"step": "set", "id": self.item, "value": self.value}


@dataclass(frozen=True)
class Start:
    """An order that may not be repeated: every one begins another act. `attempt` tells a next try from a repetition."""

    item: str
    attempt: int

    def describe(self) -> Json:
        return {"step": "start", "id": self.item, "attempt": self.attempt}


Looked = Look[ToySpec, State]


def toy_spec(params: Mapping[str, Any]) -> ToySpec:
    return spec_from_params(ToySpec, params)


def refusals(look: Looked) -> Sequence[str]:
    return ["the toy is frozen; thaw it first"] if look.state.frozen else []


def decide(look: Looked) -> dict[str, Decision]:
    return {item: _decide_one(look, item) for item in look.spec.items}


def _decide_one(look: Looked, item: str) -> Decision:
    thing = look.state.things[item]
    if isinstance(thing, Unknown):
        return waiting(f"{item} cannot be seen", unknown=True)
    if thing.blocked:
        return stuck(f"{item} can never settle: {thing.blocked}", confirm=CONFIRM)
    if item.startswith("set-"):
        return _set(look.spec, item, thing)
    return _acted(item, _counting(look, item, thing))


def _set(spec: ToySpec, item: str, thing: Thing) -> Decision:
    return settled(f"{item} is {spec.value}") if thing.value == spec.value else act(f"set {item}", SetValue(item, spec.value))


def _counting(look: Looked, item: str, thing: Thing) -> tuple[Act, ...]:
    """The acts that count for this wish: a long one by its owner; a start by our run id, by its time, or by its age."""
    if item.startswith("long-"):
        return tuple(one for one in thing.acts if one.owner == "ours")
    began = look.memory["began"]
    oldest = began if look.spec.max_age is None else began - look.spec.max_age
    return tuple(one for one in thing.acts if one.ours or one.begun >= oldest)


def _acted(item: str, acts: tuple[Act, ...]) -> Decision:
    if not acts:
        return act(f"start {item}", Start(item, 1))
    newest = acts[-1]
    if newest.status == "running":
        return waiting(f"{item} is at work", phase="act")
    if newest.status == "ended":
        return settled(f"{item} is done", confirm=CONFIRM)
    if newest.attempt >= TRIES:
        return stuck(f"{item} died {newest.attempt} times", confirm=CONFIRM)
    return act(f"start {item} again: it died", Start(item, newest.attempt + 1))


def effect(state: State, step: SetValue | Start) -> State:
    thing = state.things[step.item]
    assert isinstance(thing, Thing), "no step is due for what is unknown"
    if isinstance(step, SetValue):
        return state.with_thing(step.item, replace(thing, value=step.value))
    return state.with_thing(step.item, replace(thing, acts=thing.acts + (Act("ours", True, step.attempt, state.time, "running"),)))


def assume(look: Looked, item: str) -> State:
    """Every act that runs ends well."""
    thing = look.state.things[item]
    assert isinstance(thing, Thing), "the unknown is never assumed away"
    ended = tuple(replace(one, status="ended") if one.status == "running" else one for one in thing.acts)
    return look.state.with_thing(item, replace(thing, acts=ended))


def remember(look: Looked) -> Json:
    return {"began": look.memory.get("began", look.state.time)}


def facts(look: Looked) -> dict[str, Json]:
    return {item: _facts(look.state.things[item]) for item in look.spec.items}


def _facts(thing: Thing | Unknown) -> Json:
    if thing is UNKNOWN or isinstance(thing, Unknown):
        return {"seen": False}
    return {"seen": True, "value": thing.value, "acts": [[one.attempt, one.status] for one in thing.acts]}


def view(look: Looked, decisions: Mapping[str, Decision]) -> Json:
    things = [_view(look, item, decision) for item, decision in decisions.items()]
    return {"things": things, "summary": _summary(things)}


def _view(look: Looked, item: str, decision: Decision) -> Json:
    verdict = decision.kind if decision.is_end else "unfinished"
    if isinstance(look.state.things[item], Unknown):
        verdict = "unknown"
    return {"id": item, "verdict": verdict, "reason": decision.reason, "waited": round(look.waited.get(item, 0.0), 1)}


def out_of_sight(last: Json) -> Json:
    things = [{**thing, "verdict": thing["verdict"] if thing["verdict"] in FINAL else "unknown"} for thing in last["things"]]
    return {"things": things, "summary": _summary(things)}


def _summary(things: list[Json]) -> Json:
    return dict(sorted(Counter(str(thing["verdict"]) for thing in things).items()))


def progress(look: Looked, decisions: Mapping[str, Decision]) -> str:
    return f"{sum(decision.is_end for decision in decisions.values())} of {len(decisions)} done"
