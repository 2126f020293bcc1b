"""Which node a pod goes to, and in which words it is told that none will do: pure."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from lab.kubernetes.controllers.podstatus import is_over
from lab.kubernetes.controllers.quantities import amount, requested

Json = dict[str, Any]
CURABLE = ("Insufficient cpu", "Insufficient memory", "Too many pods")


def choose(pod: Json, nodes: Sequence[Json], pods: Iterable[Json]) -> tuple[str, str]:
    """The node's name, or "" and the scheduler's words. The node with the fewest pods that stay wins."""
    by_node: dict[str, list[Json]] = {}
    for one in pods:
        if one["spec"].get("nodeName") and not is_over(one):
            by_node.setdefault(one["spec"]["nodeName"], []).append(one)
    reasons = Counter[str]()
    fitting = []
    for node in nodes:
        name = node["metadata"]["name"]
        found = obstacles(pod, node, by_node.get(name, []))
        if not found:
            fitting.append((len([one for one in by_node.get(name, []) if not one["metadata"].get("deletionTimestamp")]), name))
        reasons.update(found)
    if fitting:
        return min(fitting)[1], ""
    return "", words(reasons, len(nodes))


def words(reasons: "Counter[str]", nodes: int) -> str:
    if not nodes:
        return "no nodes available to schedule pods"
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    why = "No preemption victims found for incoming pod" if all(reason in CURABLE for reason in reasons) else "Preemption is not helpful for scheduling"
    return f"0/{nodes} nodes are available: {told}. preemption: 0/{nodes} nodes are available: {nodes} {why}."


def obstacles(pod: Json, node: Json, there: Sequence[Json]) -> list[str]:
    """Why this pod does not go to this node. As the scheduler does, only the first filter that says no is heard; room is counted whole."""
    spec = pod["spec"]
    if not selected(spec, node):
        return ["node(s) didn't match Pod's node affinity/selector"]
    if (node.get("spec") or {}).get("unschedulable") and not _tolerated(spec, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}):
        return ["node(s) were unschedulable"]
    for taint in untolerated(spec, node):
        return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
    room = ((node.get("status") or {}).get("allocatable")) or {}
    found = ["Too many pods"] if "pods" in room and len(there) >= amount(room["pods"]) else []
    wanted = requested(spec)
    for name in ("cpu", "memory"):
        taken = sum(requested(one["spec"])[name] for one in there)
        if wanted[name] and wanted[name] + taken > amount(room.get(name, 0)):
            found.append(f"Insufficient {name}")
    return found


def untolerated(spec: Json, node: Json, effects: Sequence[str] = ("NoSchedule", "NoExecute")) -> list[Json]:
    taints = (node.get("spec") or {}).get("taints") or ()
    return [one for one in taints if one.get("effect") in effects and not _tolerated(spec, one)]


def _tolerated(spec: Json, taint: Json) -> bool:
    return any(_tolerates(one, taint) for one in spec.get("tolerations") or ())


def _tolerates(one: Json, taint: Json) -> bool:
    if one.get("effect") and one["effect"] != taint.get("effect"):
        return False
    if not one.get("key"):
        return one.get("operator") == "Exists"
    return bool(one["key"] == taint["key"]) and (one.get("operator") == "Exists" or one.get("value", "") == taint.get("value", ""))


def selected(spec: Json, node: Json) -> bool:
    """The node is among those that nodeSelector and the required node affinity allow."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    terms = (affinity or {}).get("nodeSelectorTerms") or ()
    return not affinity or any(_term(one, labels, {"metadata.name": node["metadata"]["name"]}) for one in terms)


def _term(term: Json, labels: Json, fields: Json) -> bool:
    return all(_matches(one, labels) for one in term.get("matchExpressions") or ()) and all(_matches(one, fields) for one in term.get("matchFields") or ())


def _matches(one: Json, values: Json) -> bool:
    value, operator = values.get(one["key"]), one["operator"]
    if operator in ("Exists", "DoesNotExist"):
        return (value is not None) == (operator == "Exists")
    return (value in (one.get("values") or ())) == (operator == "In")
