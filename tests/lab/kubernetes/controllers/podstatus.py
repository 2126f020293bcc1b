"""A pod's status as a function of its containers: phase and conditions, in the order and with the reasons of the recordings."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Sequence
from typing import Any

from lab.kubernetes.controllers.containers import Container

Json = dict[str, Any]
NOT_READY = "ContainersNotReady"
NOT_INITIALIZED = "ContainersNotInitialized"


def phase(containers: Sequence[Container], policy: str) -> str:
    init = [one for one in containers if one.init]
    main = [one for one in containers if not one.init]
    if any(one.is_done and one.exit and one.exit[0] != 0 for one in init):
        return "Failed"
    if main and all(one.is_done for one in main):
        return "Failed" if any(one.exit and one.exit[0] != 0 for one in main) else "Succeeded"
    if any(one.phase in ("queued", "creating", "pulling-failed") and not one.before and not one.exit for one in main):
        return "Pending"
    return "Running"


def conditions(containers: Sequence[Container], old: Sequence[Json], now: str, scheduled: bool = True) -> list[Json]:
    """The four conditions; a lastTransitionTime stands while the status stands."""
    main = [one for one in containers if not one.init]
    waiting_init = [one.name for one in containers if one.init and not (one.is_done and one.exit and one.exit[0] == 0)]
    unready = [one.name for one in main if not one.ready]
    ready = _condition(not unready, NOT_READY, f"containers with unready status: [{' '.join(unready)}]")
    initialized = _condition(not waiting_init, NOT_INITIALIZED, f"containers with incomplete status: [{' '.join(waiting_init)}]")
    made = [
        {"type": "Initialized", **initialized},
        {"type": "Ready", **ready},
        {"type": "ContainersReady", **ready},
        {"type": "PodScheduled", **_condition(scheduled, "", "")},
    ]
    return [_timed(one, old, now) for one in made]


def _condition(holds: bool, reason: str, message: str) -> Json:
    told: Json = {"status": str(holds), "lastProbeTime": None, "lastTransitionTime": ""}
    return told if holds or not reason else {**told, "reason": reason, "message": message}


def _timed(made: Json, old: Sequence[Json], now: str) -> Json:
    """A condition that is as it was keeps its time."""
    was = next((one for one in old if one["type"] == made["type"]), None)
    return {**made, "lastTransitionTime": was["lastTransitionTime"] if was and was["status"] == made["status"] else now}


def scheduled(old: Sequence[Json], now: str) -> list[Json]:
    """On a node, and nobody there has looked at it yet."""
    return [_timed({"type": "PodScheduled", "status": "True", "lastProbeTime": None}, old, now)]


def unschedulable(old: Sequence[Json], now: str, message: str) -> list[Json]:
    """No node has room, or will have it."""
    made = {"type": "PodScheduled", "status": "False", "lastProbeTime": None, "reason": "Unschedulable", "message": message}
    return [{**_timed(made, old, now)}]


def unready(status: Json, now: str) -> Json:
    """The node does not answer any more: its pods stay Running, but not Ready."""
    changed = [
        _timed({**one, "status": "False"}, status.get("conditions") or (), now) if one["type"] in ("Ready", "ContainersReady") else one
        for one in status.get("conditions") or ()
    ]
    return {**status, "conditions": changed}


def is_ready(pod: Json) -> bool:
    """Ready, as controllers count it: not on its way out."""
    held = {one["type"]: one["status"] for one in (pod.get("status") or {}).get("conditions") or ()}
    return held.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp")


def is_over(pod: Json) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def quality(spec: Json) -> str:
    """The class of service, by requests and limits."""
    resources = [one.get("resources") or {} for one in spec.get("containers") or ()]
    if not any(one.get("requests") or one.get("limits") for one in resources):
        return "BestEffort"
    full = all(set(one.get("limits") or {}) >= {"cpu", "memory"} and (one.get("requests") or one["limits"]) == one["limits"] for one in resources)
    return "Guaranteed" if full else "Burstable"
