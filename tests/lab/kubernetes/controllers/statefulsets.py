"""StatefulSets: pods one after the other, each with its own claims; a new template goes from the last to the first."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.copies import copied
from lab.kubernetes.controllers.podstatus import is_over, is_ready
from lab.kubernetes.controllers.rollouts import wanted
from lab.kubernetes.controllers.world import STATEFUL_SETS, World, owner_of, without_zeros
from lab.kubernetes.state import Change

Json = dict[str, Any]
REVISION = "controller-revision-hash"
SOURCE = "statefulset-controller"


class StatefulSets:
    def __init__(self, world: World) -> None:
        self._world = world

    def follow(self, change: Change) -> None:
        resource, namespace, name = change.key
        if resource == STATEFUL_SETS and change.type != "DELETED":
            self._world.later(self.look, namespace, name)
        elif resource == "pods" and owner_of(change.object).get("kind") == "StatefulSet":
            self._world.later(self.look, namespace, owner_of(change.object)["name"])

    def look(self, namespace: str, name: str) -> None:
        item = self._world.get(STATEFUL_SETS, namespace, name)
        if item is None:
            return
        self._world.adopt("pods", STATEFUL_SETS, item)
        revision = f"{name}-{self._world.letters(10, name, item['spec']['template'])}"
        pods = {_ordinal(pod): pod for pod in self._world.owned("pods", item)}
        if not item["metadata"].get("deletionTimestamp") and not self._grow(item, pods, revision) and not self._shrink(item, pods):
            self._renew(item, pods, revision)
        self._tell(self._world.get(STATEFUL_SETS, namespace, name) or item, revision)

    def _grow(self, item: Json, pods: dict[int, Json], revision: str) -> bool:
        """Make the next pod once those before it are ready. True: the others wait."""
        parallel = item["spec"].get("podManagementPolicy") == "Parallel"
        for ordinal in range(wanted(item)):
            pod = pods.get(ordinal)
            if pod is None:
                self._make(item, ordinal, revision)
                if not parallel:
                    return True
            elif is_over(pod) and not pod["metadata"].get("deletionTimestamp"):
                self._world.delete("pods", pod)  # made again once it is gone
                return True
            elif not is_ready(pod) and not parallel and pod["metadata"]["labels"].get(REVISION) == revision:
                return True
        return False

    def _make(self, item: Json, ordinal: int, revision: str) -> None:
        meta = item["metadata"]
        name = f"{meta['name']}-{ordinal}"
        claims = [self._claim(item, one, name) for one in item["spec"].get("volumeClaimTemplates") or ()]
        volumes = [one for one in item["spec"]["template"]["spec"].get("volumes") or () if one["name"] not in dict(claims)]
        volumes += [{"name": volume, "persistentVolumeClaim": {"claimName": claim}} for volume, claim in claims]
        labels = {"apps.kubernetes.io/pod-index": str(ordinal), REVISION: revision, "statefulset.kubernetes.io/pod-name": name}
        spec = {"hostname": name, "subdomain": item["spec"].get("serviceName", ""), **({"volumes": volumes} if volumes else {})}
        self._world.make_pod(STATEFUL_SETS, item, name, {"labels": labels, "spec": spec, "generateName": f"{meta['name']}-"})
        self._world.event(STATEFUL_SETS, item, "SuccessfulCreate", f"create Pod {name} in StatefulSet {meta['name']} successful", SOURCE)

    def _claim(self, item: Json, template: Json, pod: str) -> tuple[str, str]:
        """A claim outlives its pod, and is found again by the next."""
        volume = template["metadata"]["name"]
        claim, namespace = f"{volume}-{pod}", item["metadata"]["namespace"]
        if self._world.get("persistentvolumeclaims", namespace, claim) is None:
            labels = {**(item["spec"]["selector"].get("matchLabels") or {}), **(template["metadata"].get("labels") or {})}
            body = {"metadata": {"labels": labels}, "spec": copied(template["spec"]), "status": {"phase": "Pending"}}
            self._world.state.put("persistentvolumeclaims", namespace, claim, body)
        return volume, claim

    def _shrink(self, item: Json, pods: dict[int, Json]) -> bool:
        surplus = [pods[ordinal] for ordinal in sorted(pods, reverse=True) if ordinal >= wanted(item)]
        if surplus and not surplus[0]["metadata"].get("deletionTimestamp"):
            self._delete(item, surplus[0])
        return bool(surplus)

    def _renew(self, item: Json, pods: dict[int, Json], revision: str) -> None:
        """One at a time, the last first; the next only when that one is ready again."""
        strategy = item["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        first = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
        for ordinal in sorted(pods, reverse=True):
            pod = pods[ordinal]
            if pod["metadata"]["labels"].get(REVISION) != revision and ordinal >= first:
                if not pod["metadata"].get("deletionTimestamp"):
                    self._delete(item, pod)
                return
            if not is_ready(pod):
                return

    def _delete(self, item: Json, pod: Json) -> None:
        name = pod["metadata"]["name"]
        self._world.delete("pods", pod)
        self._world.event(STATEFUL_SETS, item, "SuccessfulDelete", f"delete Pod {name} in StatefulSet {item['metadata']['name']} successful", SOURCE)

    def _tell(self, item: Json, revision: str) -> None:
        """Revisions and counters; a StatefulSet has no conditions (recorded)."""
        pods = self._world.owned("pods", item)
        live = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        new = [pod for pod in live if pod["metadata"]["labels"].get(REVISION) == revision]
        ready = [pod for pod in live if is_ready(pod)]
        old = item.get("status") or {}
        done = len(new) == len(pods) == wanted(item) == len(ready)
        current = revision if done or not old.get("currentRevision") else old["currentRevision"]
        counted = {
            "observedGeneration": item["metadata"].get("generation", 1),
            "replicas": len(pods),
            "readyReplicas": len(ready),
            "currentReplicas": len([pod for pod in live if pod["metadata"]["labels"].get(REVISION) == current]),
            "updatedReplicas": len(new),
        }
        told = {"currentRevision": current, "updateRevision": revision, "collisionCount": 0, "availableReplicas": len(ready)}
        self._world.status(STATEFUL_SETS, item, {"replicas": len(pods), **without_zeros(counted), **told})


def _ordinal(pod: Json) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])
