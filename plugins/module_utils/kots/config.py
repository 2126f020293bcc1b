# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of changing an app's configuration: one new version with the wanted keys and nothing else, deployed, and waited for until it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_check import problems
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_choice import ConfigLook, base_items, base_of, is_right, waits_for_us
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_model import CHANGE, ConfigState, Item, Version
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_view import ITEM, facts, out_of_sight, progress, remember, view

__all__ = ["Deploy", "MakeVersion", "assume", "decide", "effect", "facts", "out_of_sight", "progress", "refusals", "remember", "view"]

UNDER_WAY = ("deploying",)
TRIED = "pending_preflight"
SHOWN = 8  # names of what is not ready
RENDERING = 300.0  # s that kotsadm may take to make a version


@dataclass(frozen=True)
class MakeVersion:
    """Have kotsadm make a version: its base with these values. Secrets are in it, and in no description of it."""

    base: int
    changes: tuple[tuple[str, Secret], ...]
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "version", "id": ITEM, "keys": [name for name, _value in self.changes], "built_on": self.base}


@dataclass(frozen=True)
class Deploy:
    """Deploy a sequence."""

    sequence: int
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "deploy", "id": ITEM, "sequence": self.sequence}


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: ConfigLook) -> list[str]:
    """Every reason not to begin, as sentences."""
    spec, state = look.spec, look.state
    if state.current is None:
        return ["no version of the app is deployed yet; finish its installation in kotsadm's console first"]
    found = problems(spec.values, base_items(look), state.sealed)
    if found or is_right(spec, state.configs.get(state.current)) or waits_for_us(spec, state):
        return found
    if spec.base == "deployed" and not state.builds_on_deployed and state.newest != state.current:
        ahead = ", ".join(_words(one) for one in state.ahead())
        return [
            f"kotsadm {state.console} builds a new version on the newest one only, and ahead of the deployed sequence {state.current} there is {ahead}: "
            "deploying a change would bring that along; deploy it first, upgrade kotsadm to 1.108 or newer, or consent by base: newest"
        ]
    return found


def decide(look: ConfigLook) -> dict[str, Decision]:
    """What is to be done now."""
    words = refusals(look)
    if words:
        return {ITEM: stuck("; ".join(words))}
    state = look.state
    now, ours = state.version(state.current), waits_for_us(look.spec, state)
    if is_right(look.spec, state.configs.get(state.current if state.current is not None else -1)):
        return {ITEM: _runs(look, now)}
    if ours is not None:
        return {ITEM: _waits(look, ours)}
    if now is not None and now.status in UNDER_WAY:
        return {ITEM: waiting(f"sequence {now.sequence} is being deployed, by somebody else", phase="others")}
    return {ITEM: _make(look)}


def _runs(look: ConfigLook, now: Optional[Version]) -> Decision:
    """It is the current one; whether it has come to run."""
    state, number = look.state, state_number(now)
    if not look.spec.deploy:
        return settled("the configuration is as wanted")
    if now is not None and now.status == "failed":
        return stuck(f"sequence {number} has the wanted configuration, but its deploy failed; the console tells why, and deploys it again")
    if now is None or now.status != "deployed":
        return waiting(f"sequence {number} is being deployed", phase="deploying")
    if state.unready:
        more = len(state.unready) - SHOWN
        return waiting(
            f"sequence {number} is deployed; not ready yet: {', '.join(state.unready[:SHOWN])}{f' and {more} more' if more > 0 else ''}", phase="rolling"
        )
    return settled(f"the configuration is as wanted, and sequence {number} runs")


def _waits(look: ConfigLook, ours: Version) -> Decision:
    """It is there, and not deployed."""
    if not look.spec.deploy:
        return settled(f"sequence {ours.sequence} has the wanted configuration, and waits to be deployed")
    if ours.status == TRIED:
        return waiting(f"the preflights of sequence {ours.sequence} run", phase="preflights")
    if ours.status == "pending_config":
        return stuck(f"sequence {ours.sequence} lacks a value that it needs; see its configuration in kotsadm's console")
    found = look.state.preflights.get(ours.sequence)
    if found and found.failed and (found.strict or not look.spec.despite_failed_preflights):
        told = "; ".join(f"{title}: {message}" if message else title for title, message in found.failed)
        remedy = "they are strict, so it cannot be deployed until they pass" if found.strict else "mend it, or consent by continue_with_failed_preflights"
        return stuck(f"sequence {ours.sequence} is not deployed, since its preflights failed ({told}); {remedy}")
    return act(f"sequence {ours.sequence} has the wanted configuration", Deploy(ours.sequence))


def _make(look: ConfigLook) -> Decision:
    """None is there. At most one is made in a task: one that came meanwhile and is another is somebody's, or kotsadm's own idea of the values."""
    late = [one for one in look.state.ahead() if one.source == CHANGE and one.sequence > look.memory.get("newest", one.sequence)]
    if late:
        return stuck(f"sequence {late[0].sequence} came up while this task ran, and is not what is wanted; see it in kotsadm's console, then run this again")
    if look.state.ordered:
        return _ordered(look)
    items, base = base_items(look), base_of(look.spec, look.state)
    changes = tuple((one.name, _secret(one, look.spec.values[one.name])) for one in items if one.name in look.spec.values and not _same(look, one))
    return act("the configuration differs", MakeVersion(-1 if base is None else base, changes))


def _ordered(look: ConfigLook) -> Decision:
    """It was ordered and is not there yet: a slow kotsadm makes a second one of a second order."""
    if (look.now or 0.0) - (look.memory.get("ordered") or 0.0) < RENDERING:
        return waiting("kotsadm was told to make the version, and is still at it", phase="rendering")
    return stuck(
        f"kotsadm was told to make the version, and shows none after {RENDERING / 60:g} minutes; it may still come, so nothing was sent again: "
        "see the log of the pod kotsadm and the versions in its console, then run this again"
    )


def _same(look: ConfigLook, item: Item) -> bool:
    return item.equals(look.spec.values[item.name]) is True


def _secret(item: Item, given: Any) -> Secret:
    return Secret(item.text(given))


def state_number(now: Optional[Version]) -> str:
    """Its number, for people."""
    return str(now.sequence) if now is not None else "none"


def effect(state: ConfigState, step: Any) -> ConfigState:
    """The state after a step, when all goes well."""
    if isinstance(step, Deploy):
        kept = tuple(replace(one, status="deployed") if one.sequence == step.sequence else one for one in state.versions)
        return replace(state, current=step.sequence, versions=tuple(one for one in kept if one.sequence >= step.sequence), unready=())
    base, number, given = state.version(step.base), state.newest + 1, dict(step.changes)
    items = tuple(replace(one, value=given.get(one.name, one.value)) for one in state.configs[step.base])
    made = Version(number, base.label if base else "", "pending", CHANGE)
    return replace(state, newest=number, versions=(*state.versions, made), configs={**state.configs, number: items})


def assume(look: ConfigLook, _item: str) -> ConfigState:
    """Deploys and preflights end well, and all becomes ready."""
    ends = {TRIED: "pending", **dict.fromkeys((*UNDER_WAY, "pending", ""), "deployed")}
    state = look.state
    now = state.current
    versions = tuple(replace(one, status=ends.get(one.status, one.status)) if one.sequence == now or one.status == TRIED else one for one in state.versions)
    return replace(state, versions=versions, unready=() if versions == state.versions else state.unready)


def _words(one: Version) -> str:
    return f"sequence {one.sequence} ({', '.join(text for text in (one.label, one.source, one.status) if text)})"
