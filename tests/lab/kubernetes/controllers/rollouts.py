"""Counters and conditions of a Deployment as functions of its replica sets and the time, with the reasons and the order of the recordings."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import math
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]
AVAILABLE = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
UNAVAILABLE = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
DEADLINE = 600


def wanted(item: Json) -> int:
    replicas = item["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def limits(deployment: Json) -> tuple[int, int]:
    """maxSurge and maxUnavailable in pods: shares are rounded up and down; both zero means one may be missing."""
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, wanted(deployment)
    given = strategy.get("rollingUpdate") or {}
    surge = _share(given.get("maxSurge", "25%"), wanted(deployment), math.ceil)
    missing = _share(given.get("maxUnavailable", "25%"), wanted(deployment), math.floor)
    return surge, missing if surge or missing else 1


def _share(given: Any, of: int, rounded: Any) -> int:
    return int(rounded(of * float(given[:-1]) / 100)) if isinstance(given, str) and given.endswith("%") else int(given)


def counters(deployment: Json, new: Json | None, sets: Sequence[Json]) -> Json:
    """Absent where zero. `unavailableReplicas` counts what the sets should have, `replicas` what they do have."""

    def total(name: str, of: Sequence[Json]) -> int:
        return sum(int((one.get("status") or {}).get(name) or 0) for one in of)

    available = total("availableReplicas", sets)
    found = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": total("replicas", sets),
        "updatedReplicas": total("replicas", [new] if new else []),
        "readyReplicas": total("readyReplicas", sets),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(map(wanted, sets)) - available),
    }
    return {name: count for name, count in found.items() if count}


def with_condition(conditions: Sequence[Json], kind: str, told: tuple[str, str, str], now: str, restart: bool = False) -> list[Json]:
    """The conditions with this one at the end; its transition time stands as long as its status. Same status and reason: all stay (but with `restart`)."""
    status, reason, message = told
    old = next((one for one in conditions if one["type"] == kind), None)
    if old and not restart and (old["status"], old["reason"]) == (status, reason):
        return list(conditions)
    since = old["lastTransitionTime"] if old and old["status"] == status else now
    made = {"type": kind, "status": status, "lastUpdateTime": now, "lastTransitionTime": since, "reason": reason, "message": message}
    return [one for one in conditions if one["type"] != kind] + [made]


def condition(deployment: Json, kind: str) -> Json | None:
    return next((one for one in (deployment.get("status") or {}).get("conditions") or () if one["type"] == kind), None)


def availability(deployment: Json, counted: Json, conditions: Sequence[Json], now: str) -> list[Json]:
    enough = counted.get("availableReplicas", 0) >= wanted(deployment) - limits(deployment)[1]
    return with_condition(conditions, "Available", AVAILABLE if enough else UNAVAILABLE, now)


def is_complete(deployment: Json, counted: Json) -> bool:
    return all(counted.get(name, 0) == wanted(deployment) for name in ("updatedReplicas", "replicas", "availableReplicas"))


def is_progress(old: Json, new: Json) -> bool:
    """More updated, ready or available ones, or fewer of the old kind."""
    if any(new.get(name, 0) > old.get(name, 0) for name in ("updatedReplicas", "readyReplicas", "availableReplicas")):
        return True
    return bool(new.get("replicas", 0) - new.get("updatedReplicas", 0) < old.get("replicas", 0) - old.get("updatedReplicas", 0))


def progress(deployment: Json, counted: Json, conditions: Sequence[Json], newest: str, late: bool) -> tuple[tuple[str, str, str], bool] | None:
    """What Progressing has to say now, and whether its time starts anew; None: what it says stands."""
    now = next((one for one in conditions if one["type"] == "Progressing"), None)
    over = counted.get("replicas", 0) == counted.get("updatedReplicas", 0) and now and now["reason"] == "NewReplicaSetAvailable"
    if over:
        return None
    if is_complete(deployment, counted):
        return ("True", "NewReplicaSetAvailable", f'ReplicaSet "{newest}" has successfully progressed.'), False
    if is_progress(deployment.get("status") or {}, counted):
        return ("True", "ReplicaSetUpdated", f'ReplicaSet "{newest}" is progressing.'), True
    if late:
        return ("False", "ProgressDeadlineExceeded", f'ReplicaSet "{newest}" has timed out progressing.'), False
    return None
