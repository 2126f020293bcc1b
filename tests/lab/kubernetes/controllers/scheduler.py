"""The scheduler and the node controllers: pods get a node or are told why not; cordoned and silent nodes get their taints."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.kubernetes.controllers import podstatus, scheduling
from lab.kubernetes.controllers.podstatus import is_over
from lab.kubernetes.controllers.world import Look, World
from lab.kubernetes.state import Change

Json = dict[str, Any]
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
SILENCE = 40.0  # s without a word after which a node counts as lost
EVICTION = 300.0  # s that pods tolerate that, by the tolerations that the API server gives every pod
TOLERATIONS = [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": int(EVICTION)} for key in (NOT_READY, UNREACHABLE)]


class Scheduler:
    """Looks again at what has no node whenever room may have come."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.spoken: list[Look] = []  # who looks at the pods of a node that answers again

    def follow(self, change: Change) -> None:
        resource, namespace, name = change.key
        if resource == "pods" and change.type != "DELETED" and not change.object["spec"].get("nodeName"):
            self._world.later(self.look, namespace, name)
        elif resource in ("nodes", "persistentvolumeclaims") or (resource == "pods" and (change.type == "DELETED" or is_over(change.object))):
            self._retry()
        if resource == "nodes" and change.type != "DELETED":
            self._world.later(self.look_node, "", name)

    def _retry(self) -> None:
        for pod in self._world.of("pods"):
            if not pod["spec"].get("nodeName"):
                self._world.later(self.look, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def look(self, namespace: str, name: str) -> None:
        pod = self._world.get("pods", namespace, name)
        if pod is None or pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp"):
            return
        if "tolerations" not in pod["spec"]:
            pod = self._world.write("pods", pod, spec={**pod["spec"], "tolerations": TOLERATIONS})
        old, now = (pod.get("status") or {}).get("conditions") or (), self._world.stamp()
        words = self._claims(pod)
        node = ""
        if not words:
            node, words = scheduling.choose(pod, self._world.of("nodes"), self._world.of("pods"))
        base = {"phase": "Pending", "qosClass": podstatus.quality(pod["spec"])}
        if not node:
            if self._world.status("pods", pod, {**base, "conditions": podstatus.unschedulable(old, now, words)}):
                self._world.event("pods", pod, "FailedScheduling", words, "default-scheduler", warning=True)
            return
        self._world.event("pods", pod, "Scheduled", f"Successfully assigned {namespace}/{name} to {node}", "default-scheduler")
        self._world.write("pods", pod, spec={**pod["spec"], "nodeName": node}, status={**base, "conditions": podstatus.scheduled(old, now)})

    def _claims(self, pod: Json) -> str:
        """Why its volumes keep it from every node; "" if they do not."""
        nodes = len(self._world.of("nodes"))
        for one in pod["spec"].get("volumes") or ():
            name = (one.get("persistentVolumeClaim") or {}).get("claimName")
            claim = self._world.get("persistentvolumeclaims", pod["metadata"]["namespace"], name) if name else None
            after = f"preemption: 0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling."
            if name and claim is None:
                return f'0/{nodes} nodes are available: persistentvolumeclaim "{name}" not found. {after}'
            if claim is not None and (claim.get("status") or {}).get("phase") != "Bound":
                return f"0/{nodes} nodes are available: pod has unbound immediate PersistentVolumeClaims. {after}"
        return ""

    # --- nodes ---
    def look_node(self, _namespace: str, name: str) -> None:
        """The taint of a cordoned node comes and goes with the cordon (recorded: within a second)."""
        node = self._world.get("nodes", "", name)
        if node is None:
            return
        spec = node.get("spec") or {}
        taints = [one for one in spec.get("taints") or () if one["key"] != UNSCHEDULABLE]
        if spec.get("unschedulable"):
            known = next((one for one in spec.get("taints") or () if one["key"] == UNSCHEDULABLE), None)
            taints.append(known or {"key": UNSCHEDULABLE, "effect": "NoSchedule", "timeAdded": self._world.stamp()})
        if taints != (spec.get("taints") or []):
            self._world.write("nodes", node, spec={**{key: value for key, value in spec.items() if key != "taints"}, **({"taints": taints} if taints else {})})

    def silence(self, name: str) -> None:
        """A node's kubelet does not answer any more: after a while it is NotReady, later its pods are told to go."""
        self._world.state.silent.add(name)
        self._world.clock.after(SILENCE, lambda: self._lost(name))

    def speak(self, name: str) -> None:
        """It is there again; pods that were told to go have gone."""
        with self._world.state.news:
            self._world.state.silent.discard(name)
            self._ready(name, True)
            for pod in self._world.of("pods"):
                if pod["spec"].get("nodeName") == name:
                    if pod["metadata"].get("deletionTimestamp"):
                        self._world.state.remove("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
                    else:  # the kubelet tells of its pods again
                        for look in self.spoken:
                            self._world.later(look, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _lost(self, name: str) -> None:
        with self._world.state.news:
            if name not in self._world.state.silent:
                return
            self._ready(name, False)
            for pod in self._world.of("pods"):
                if pod["spec"].get("nodeName") == name:
                    self._world.write("pods", pod, status=podstatus.unready(pod["status"], self._world.stamp()))
            self._world.clock.after(EVICTION, lambda: self._evict(name))

    def _evict(self, name: str) -> None:
        with self._world.state.news:
            for pod in self._world.of("pods"):
                if name in self._world.state.silent and pod["spec"].get("nodeName") == name and _gives_way(pod):
                    self._world.delete("pods", pod)

    def _ready(self, name: str, holds: bool) -> None:
        node = self._world.get("nodes", "", name)
        if node is None:
            return
        told = (
            ("True", "KubeletReady", "kubelet is posting ready status") if holds else ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
        )
        made = {"type": "Ready", "status": told[0], "lastTransitionTime": self._world.stamp(), "reason": told[1], "message": told[2]}
        conditions = [one for one in (node.get("status") or {}).get("conditions") or () if one["type"] != "Ready"] + [made]
        taints = [one for one in (node.get("spec") or {}).get("taints") or () if one["key"] != UNREACHABLE]
        if not holds:
            taints += [{"key": UNREACHABLE, "effect": effect, "timeAdded": self._world.stamp()} for effect in ("NoSchedule", "NoExecute")]
        spec = {key: value for key, value in (node.get("spec") or {}).items() if key != "taints"}
        self._world.write(
            "nodes", node, spec={**spec, **({"taints": taints} if taints else {})}, status={**(node.get("status") or {}), "conditions": conditions}
        )


def _gives_way(pod: Json) -> bool:
    """It tolerates a lost node only for a while: those of daemon sets tolerate it for ever."""
    found = [one for one in pod["spec"].get("tolerations") or () if one.get("operator") == "Exists" and one.get("key") in (None, UNREACHABLE)]
    return not any("tolerationSeconds" not in one for one in found)
