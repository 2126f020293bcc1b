# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of installing Velero: objects stage by stage, then the server, the agents, the location; the old agents go last."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.velero import install_view
from ansible_collections.serverops.circleci.plugins.module_utils.velero.causes import CAUSES
from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_state import (
    AGENTS,
    DEPLOYMENT,
    LOCATION,
    ApplyObject,
    DeleteAgents,
    InstallState,
    Place,
    Rollout,
    Seen,
)
from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import InstallSpec

# How long what looks hopeless is given, in seconds: an image may still come, a new key takes a while to be known everywhere, an autoscaler may add room.
PATIENCE_POD, PATIENCE_ROOM, PATIENCE_LOCATION, PATIENCE_SILENCE = 180.0, 300.0, 150.0, 300.0
RECHECK = 5.0
InstallLook = Look[InstallSpec, InstallState]

view, out_of_sight, progress, remember = install_view.view, install_view.out_of_sight, install_view.progress, install_view.remember


def refusals(look: InstallLook) -> list[str]:
    """Every reason not to begin, as sentences."""
    state = look.state
    found = [state.missing_rights] if state.missing_rights else []
    found += state.refusals
    foreign = [line for seen in state.objects.values() for line in (f"{seen.item}: {part}" for part in seen.foreign)]
    if foreign and not look.spec.take_over:
        found.append(f"others manage fields that would have to change: {'; '.join(foreign[:8])}; settle it with them, or give take_over to take these over")
    found += [f"{seen.item}: {seen.fault}" for seen in state.objects.values() if seen.fault]
    return found


def decide(look: InstallLook) -> dict[str, Decision]:
    """One decision for each object, the server, the agents, the location and the agents that are to go."""
    found: dict[str, Decision] = {}
    gate: Optional[Decision] = None
    for stage in sorted({seen.stage for seen in look.state.objects.values()}):
        mine = {item: _object(look, seen, gate) for item, seen in look.state.objects.items() if seen.stage == stage}
        found.update(mine)
        open_ones = sorted((one for one in mine.values() if one.kind != "settled"), key=lambda one: one.kind != "stuck")
        gate = gate or next(iter(open_ones), None)
    found[DEPLOYMENT] = _behind(gate, "the server") or _server(look)
    found[AGENTS] = _behind(gate, "the agents") or _agents(look)
    server = found[DEPLOYMENT]
    found[LOCATION] = _behind(server, "the location") or _location(look)
    last = next((one for one in (server, found[AGENTS]) if one.kind != "settled"), None)
    found.update({f"DaemonSet {name}": _stale(name, there, last) for name, there in look.state.stale.items()})
    return found


def effect(state: InstallState, step: Any) -> InstallState:
    """The state once the API has taken the order."""
    if isinstance(step, DeleteAgents):
        return replace(state, stale={**state.stale, step.name: False})
    seen = state.objects[step.item]
    done = replace(seen, there=True, changes=(), established=seen.there and seen.established)
    made = replace(state, objects={**state.objects, step.item: done})
    if step.item == "Deployment velero":
        place = made.location or Place()
        return replace(made, server=replace(made.server, there=True, current=False), location=replace(place, fresh=False))
    return replace(made, agents=replace(made.agents, there=True, current=False)) if step.item.startswith("DaemonSet ") else made


def assume(look: InstallLook, item: str) -> InstallState:
    """What is waited for has come about: kinds are served, pods run, the server finds its bucket."""
    state = look.state
    if item in state.objects:
        return replace(state, objects={**state.objects, item: replace(state.objects[item], established=True)})
    if item == DEPLOYMENT and state.server.there:
        return replace(state, server=_up(state.server))
    if item == AGENTS and state.agents.there:
        return replace(state, agents=_up(state.agents))
    if item == LOCATION and state.server.is_done:
        return replace(state, location=Place("Available", fresh=True))
    return state


def facts(look: InstallLook) -> dict[str, Json]:
    """The state as seen: of each object what differs; of what runs, whether it does."""
    state = look.state
    found: dict[str, Json] = {item: _told(seen) for item, seen in state.objects.items()}
    found.update({f"DaemonSet {name}": {"state": "to be removed" if there else "absent"} for name, there in state.stale.items()})
    found[DEPLOYMENT] = {"up": state.server.is_done}
    found[AGENTS] = {"up": state.agents.is_done or not look.spec.agents}
    found[LOCATION] = {"available": state.location is not None and state.location.is_available}
    return found


def _told(seen: Seen) -> Json:
    if not seen.there:
        return {"state": "absent"}
    return {"state": "differs", "differs": list(seen.changes)} if seen.changes else {"state": "as wanted"}


def _up(rollout: Rollout) -> Rollout:
    return replace(rollout, current=True, ready=rollout.wanted)


# -- what is due ---------------------------------------------------------------------------------------------


def _behind(gate: Optional[Decision], what: str) -> Optional[Decision]:
    """What waits for something else ends with it."""
    if gate is None or gate.kind == "settled":
        return None
    return stuck(f"{what}: not tried, since something before it failed") if gate.kind == "stuck" else waiting(f"{what} comes later: {gate.reason}")


def _object(look: InstallLook, seen: Seen, gate: Optional[Decision]) -> Decision:
    if seen.is_as_wanted:
        served = seen.established
        return settled(f"{seen.item} is as wanted") if served else waiting(f"{seen.item} is not served by the API yet", phase="established", recheck=1.0)
    if seen.fault:
        return stuck(f"{seen.item}: {seen.fault}")
    if seen.foreign and not look.spec.take_over:
        return stuck(f"{seen.item}: {'; '.join(seen.foreign)}; settle it with them, or give take_over")
    what = "is to be changed" if seen.there else "is to be made"
    return _behind(gate, seen.item) or act(f"{seen.item} {what}", ApplyObject(seen.item, creates=not seen.there))


def _server(look: InstallLook) -> Decision:
    rollout = look.state.server
    if rollout.is_done:
        return settled("the server is up")
    if rollout.troubles:
        return _patient(look, DEPLOYMENT, f"the server does not come up: {rollout.troubles[0]}", PATIENCE_POD)
    return waiting("the server's pod of the newest wish is not ready yet", phase="rolling", recheck=RECHECK)


def _agents(look: InstallLook) -> Decision:
    rollout = look.state.agents
    if not look.spec.agents:
        return settled("no agents are wanted")
    if rollout.is_done:
        return settled(f"{rollout.ready} of {rollout.wanted} agents are ready")
    words = f"{rollout.ready} of {rollout.wanted} agents are ready"
    if rollout.troubles:
        return _patient(look, AGENTS, f"{words}; {'; '.join(rollout.troubles[:5])}", PATIENCE_ROOM)
    return waiting(words, phase="rolling", recheck=RECHECK)


def _location(look: InstallLook) -> Decision:
    place = look.state.location or Place()
    if place.is_available:
        return settled("the location is Available, as told by the server that runs now")
    if place.fresh and place.phase == "Unavailable":
        cause = CAUSES.get(place.cause)
        remedy = f"; {cause.what}: {cause.remedy}" if cause else ""
        return _patient(look, LOCATION, f"the location is Unavailable: {place.message or 'this version tells no reason'}{remedy}", PATIENCE_LOCATION)
    words = "the server has not looked at the location since it began"
    hint = f"{words}; old versions never do where its plugin, its config or its credentials are missing"
    return _patient(look, LOCATION, hint, PATIENCE_SILENCE, calm=words)


def _patient(look: InstallLook, item: str, words: str, seconds: float, calm: str = "") -> Decision:
    """Waiting, until it has lasted too long to be believed in; the phase is its kind, so that other words do not begin it anew."""
    phase = f"trouble of {item}"
    if look.phases.get(item, 0.0) < seconds or look.now is None:
        return waiting(calm or words, phase=phase, recheck=RECHECK)
    return stuck(words)


def _stale(name: str, there: bool, last: Optional[Decision]) -> Decision:
    if not there:
        return settled(f"there is no DaemonSet {name}")
    return _behind(last, f"removing DaemonSet {name}") or act(f"DaemonSet {name} is no longer wanted", DeleteAgents(f"DaemonSet {name}", name))
