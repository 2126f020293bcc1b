"""DaemonSets: one pod for every node that its pods may go to."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.kubernetes.controllers import scheduling
from lab.kubernetes.controllers.podstatus import is_over, is_ready
from lab.kubernetes.controllers.world import DAEMON_SETS, World, owner_of, without_zeros
from lab.kubernetes.state import Change

Json = dict[str, Any]
SOURCE = "daemonset-controller"
REVISION = "controller-revision-hash"
# What the controller adds to every pod's tolerations.
TOLERATED = [("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"), ("memory-pressure", "NoSchedule")]
TOLERATED += [("pid-pressure", "NoSchedule"), ("unschedulable", "NoSchedule")]
TOLERATIONS = [{"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect} for key, effect in TOLERATED]


class DaemonSets:
    def __init__(self, world: World) -> None:
        self._world = world

    def follow(self, change: Change) -> None:
        resource, namespace, name = change.key
        if resource == DAEMON_SETS and change.type != "DELETED":
            self._world.later(self.look, namespace, name)
        elif resource == "pods" and owner_of(change.object).get("kind") == "DaemonSet":
            self._world.later(self.look, namespace, owner_of(change.object)["name"])
        elif resource == "nodes":
            for one in self._world.of(DAEMON_SETS):
                self._world.later(self.look, one["metadata"]["namespace"], one["metadata"]["name"])

    def look(self, namespace: str, name: str) -> None:
        item = self._world.get(DAEMON_SETS, namespace, name)
        if item is None:
            return
        revision = self._world.letters(10, name, item["spec"]["template"])
        nodes = [node["metadata"]["name"] for node in self._world.of("nodes") if _wants(item, node)]
        if not item["metadata"].get("deletionTimestamp"):
            self._fit(item, nodes, revision)
        self._tell(self._world.get(DAEMON_SETS, namespace, name) or item, nodes, revision)

    def _fit(self, item: Json, nodes: list[str], revision: str) -> None:
        there: dict[str, Json] = {}
        for pod in self._world.owned("pods", item):
            node = _meant_for(pod)
            if pod["metadata"].get("deletionTimestamp"):
                there.setdefault(node, pod)
            elif is_over(pod) or not (node in nodes or self._may_stay(item, node)):
                self._delete(item, pod)
            else:
                there[node] = pod
        missing = [node for node in nodes if node not in there]
        for node in missing:
            self._make(item, node, revision)
        if not missing:
            self._renew(item, there, revision)

    def _may_stay(self, item: Json, name: str) -> bool:
        """A taint that only keeps new pods away ends none that is there."""
        node = self._world.get("nodes", "", name)
        return node is not None and _wants(item, node, ("NoExecute",))

    def _renew(self, item: Json, there: dict[str, Json], revision: str) -> None:
        """Another template: one pod at a time, sick ones first."""
        if (item["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
            return
        old = [pod for pod in there.values() if pod["metadata"]["labels"].get(REVISION) != revision and not pod["metadata"].get("deletionTimestamp")]
        sick = [pod for pod in there.values() if not is_ready(pod)]
        for pod in [one for one in old if not is_ready(one)] or ([] if sick else old[:1]):
            self._delete(item, pod)

    def _make(self, item: Json, node: str, revision: str) -> None:
        field = {"key": "metadata.name", "operator": "In", "values": [node]}
        terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        given = item["spec"]["template"]["spec"].get("tolerations") or []
        spec = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}, "tolerations": given + TOLERATIONS}
        name = item["metadata"]["name"]
        extra = {"labels": {REVISION: revision, "pod-template-generation": "1"}, "spec": spec, "generateName": f"{name}-"}
        pod = self._world.make_pod(DAEMON_SETS, item, f"{name}-{self._world.letters(5)}", extra)
        self._world.event(DAEMON_SETS, item, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", SOURCE)

    def _delete(self, item: Json, pod: Json) -> None:
        self._world.delete("pods", pod)
        self._world.event(DAEMON_SETS, item, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", SOURCE)

    def _tell(self, item: Json, nodes: list[str], revision: str) -> None:
        pods = [pod for pod in self._world.owned("pods", item) if not pod["metadata"].get("deletionTimestamp")]
        ready = [pod for pod in pods if is_ready(pod)]
        new = [pod for pod in pods if pod["metadata"]["labels"].get(REVISION) == revision]
        always = {"currentNumberScheduled": len(pods), "numberMisscheduled": 0, "desiredNumberScheduled": len(nodes), "numberReady": len(ready)}
        counted = {"updatedNumberScheduled": len(new), "numberAvailable": len(ready), "numberUnavailable": len(nodes) - len(ready)}
        seen = item["metadata"].get("generation", 1)
        self._world.status(DAEMON_SETS, item, {**always, "observedGeneration": seen, **without_zeros(counted)})


def _wants(item: Json, node: Json, effects: tuple[str, ...] = ("NoSchedule", "NoExecute")) -> bool:
    """The node is selected and its taints are tolerated; whether there is room is the scheduler's affair, and the pod's."""
    spec = item["spec"]["template"]["spec"]
    spec = {**spec, "tolerations": (spec.get("tolerations") or []) + TOLERATIONS}
    return scheduling.selected(spec, node) and not scheduling.untolerated(spec, node, effects)


def _meant_for(pod: Json) -> str:
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    fields = [one for term in affinity.get("nodeSelectorTerms") or () for one in term.get("matchFields") or ()]
    return str(fields[0]["values"][0]) if fields else ""
