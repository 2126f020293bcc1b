# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What velero_install tells: its result, the line for a person who waits, and what no later read can tell."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look
from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_state import AGENTS, DEPLOYMENT, LOCATION, InstallState, Rollout
from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import InstallSpec

InstallLook = Look[InstallSpec, InstallState]


def remember(look: InstallLook) -> Json:
    """How the objects were at first, and what became of the password; texts and lists only."""
    state = look.state
    first = {item: "absent" if not seen.there else "differs" if seen.changes else "as wanted" for item, seen in state.objects.items()}
    password = look.memory.get("password") or state.password
    if (password, state.password) == ("generated", "default"):  # what was to be written was not: something came to be written with the one that is there
        password = state.password
    return {"first": look.memory.get("first") or first, "adopted": look.memory.get("adopted", state.adopted), "password": password}


def view(look: InstallLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    spec, state = look.spec, look.state
    place = state.location
    words = {"absent": "created", "differs": "changed", "as wanted": "unchanged"}
    first = look.memory["first"]
    return {
        "version": spec.version,
        "namespace": spec.namespace,
        "verdict": verdict(decisions),
        "reason": next((one.reason for one in _open(decisions)), "Velero is installed, its agents are ready, and its location is Available"),
        "adopted": look.memory["adopted"],
        "objects": [{"object": item, "change": words[first.get(item, "absent")]} for item in state.objects],
        "server": {"image": spec.image, "ready": state.server.is_done, "troubles": list(state.server.troubles)},
        "agents": {"name": spec.agents, **_counts(state.agents if spec.agents else Rollout(wanted=0))},
        "location": {
            "bucket": spec.bucket,
            "phase": place.phase if place else "",
            "message": place.message if place else "",
            "fresh": bool(place and place.fresh),
        },
        "repository_password": look.memory["password"],
        "warnings": list(state.warnings),
        "waited": round(max(look.waited.values(), default=0.0), 1),
    }


def verdict(decisions: Mapping[str, Decision]) -> str:
    """installed, failed or unfinished."""
    kinds = {one.kind for one in decisions.values()}
    return "installed" if kinds <= {"settled"} else "failed" if "stuck" in kinds else "unfinished"


def out_of_sight(last: Json) -> Json:
    """The last view once no answer comes any more."""
    return {**last, "verdict": "unknown"} if last.get("verdict") == "unfinished" else last


def progress(look: InstallLook, decisions: Mapping[str, Decision]) -> str:
    """Such as "12 of 21 objects; agents 2 of 3; the location is not looked at yet"."""
    done = sum(seen.is_as_wanted for seen in look.state.objects.values())
    parts = [] if done == len(look.state.objects) else [f"{done} of {len(look.state.objects)} objects"]
    parts += [decisions[item].reason for item in (DEPLOYMENT, AGENTS, LOCATION) if decisions[item].kind != "settled"]
    return "; ".join(parts[:3]) or "all is as wanted"


def _open(decisions: Mapping[str, Decision]) -> list[Decision]:
    """What has not ended well, the worst first."""
    return sorted((one for one in decisions.values() if one.kind != "settled"), key=lambda one: one.kind != "stuck")


def _counts(rollout: Rollout) -> Json:
    return {"wanted": rollout.wanted, "ready": rollout.ready, "troubles": list(rollout.troubles)}
