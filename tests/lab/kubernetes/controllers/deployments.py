"""Deployments and their replica sets: new template, new set; pods of the one go up as those of the others go down."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from datetime import datetime
from typing import Any

from lab.copies import copied
from lab.kubernetes.controllers import rollouts
from lab.kubernetes.controllers.podstatus import is_over, is_ready
from lab.kubernetes.controllers.world import DEPLOYMENTS, LAG, REPLICA_SETS, World, controller_of, matches, owner_of, without_zeros
from lab.kubernetes.state import Change

Json = dict[str, Any]
HASH = "pod-template-hash"
PREFIX = "deployment.kubernetes.io/"
SOURCE = "deployment-controller"
SET_LAG = 2 * LAG  # the one controller looks later than the other, so that what a Deployment says of a new set is seen


class Deployments:
    """Both controllers: that of Deployments, and that of ReplicaSets."""

    def __init__(self, world: World) -> None:
        self._world = world

    def follow(self, change: Change) -> None:
        resource, namespace, name = change.key
        if resource == DEPLOYMENTS and change.type != "DELETED":
            self._world.later(self.look, namespace, name)
        elif resource == REPLICA_SETS:
            if change.type != "DELETED":
                self._world.later(self.look_set, namespace, name, SET_LAG)
            if owner_of(change.object).get("kind") == "Deployment":
                self._world.later(self.look, namespace, owner_of(change.object)["name"])
        elif resource == "pods" and owner_of(change.object).get("kind") == "ReplicaSet":
            self._world.later(self.look_set, namespace, owner_of(change.object)["name"], SET_LAG)
        elif resource == "pods" and change.type == "ADDED" and not owner_of(change.object):
            for one in self._world.of(REPLICA_SETS, namespace):
                if matches(one["spec"]["selector"], change.object["metadata"].get("labels") or {}):
                    self._world.later(self.look_set, namespace, one["metadata"]["name"], SET_LAG)

    # --- Deployment ---
    def look(self, namespace: str, name: str) -> None:
        item = self._world.get(DEPLOYMENTS, namespace, name)
        if item is None:
            return
        if item["metadata"].get("deletionTimestamp"):
            self._settle(item, *self._sets(item))
            return
        self._world.adopt(REPLICA_SETS, DEPLOYMENTS, item)
        new, sets = self._sets(item)
        if new is None and not item["spec"].get("paused"):
            self._new_set(item, sets)
        elif self._is_scaling(item, sets) or item["spec"].get("paused"):
            self._scale_all(item, new, sets)
        elif new is not None:
            self._revise(item, new, sets)
            item = self._world.get(DEPLOYMENTS, namespace, name) or item
            self._roll(item, new, sets)
            self._settle(item, *self._sets(item), rolling=True)

    def _sets(self, item: Json) -> tuple[Json | None, list[Json]]:
        """The set of the present template, if there is one, and all sets."""
        sets = self._world.owned(REPLICA_SETS, item)
        mark = self._hash(item)
        return next((one for one in sets if one["metadata"]["labels"].get(HASH) == mark), None), sets

    def _hash(self, item: Json) -> str:
        return self._world.letters(10, item["metadata"]["name"], item["spec"]["template"])

    def _new_set(self, item: Json, sets: list[Json]) -> None:
        """A set for a template that is new, of the size that the surge allows, and the condition that says so."""
        meta, spec = item["metadata"], item["spec"]
        mark = self._hash(item)
        template = copied(spec["template"])
        template.setdefault("metadata", {}).setdefault("labels", {})[HASH] = mark
        number = max([_revision(one) for one in sets], default=0) + 1
        size = self._room(item, sets)
        labels = {**(spec["template"]["metadata"].get("labels") or {}), HASH: mark}
        body = {
            "metadata": {"labels": labels, "annotations": self._notes(item, number), "ownerReferences": [controller_of(DEPLOYMENTS, item)], "generation": 1},
            "spec": {"replicas": size, "selector": {"matchLabels": {**spec["selector"].get("matchLabels", {}), HASH: mark}}, "template": template},
            "status": {"replicas": 0},
        }
        name = f"{meta['name']}-{mark}"
        self._world.state.put(REPLICA_SETS, meta["namespace"], name, body)
        told = ("True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
        status = dict(item.get("status") or {})
        status["conditions"] = rollouts.with_condition(status.get("conditions") or [], "Progressing", told, self._world.stamp())
        self._told(item, name, 0, size)
        self._world.write(DEPLOYMENTS, item, metadata={**meta, "annotations": self._numbered(item, number)}, status=status)

    def _notes(self, item: Json, number: int) -> Json:
        surge = rollouts.limits(item)[0]
        most = rollouts.wanted(item) + surge
        return {PREFIX + "desired-replicas": str(rollouts.wanted(item)), PREFIX + "max-replicas": str(most), PREFIX + "revision": str(number)}

    def _numbered(self, item: Json, number: int) -> Json:
        return {**(item["metadata"].get("annotations") or {}), PREFIX + "revision": str(number)}

    def _room(self, item: Json, sets: list[Json]) -> int:
        """How many pods of the new set may come now."""
        if not sets:
            return rollouts.wanted(item)
        if (item["spec"].get("strategy") or {}).get("type") == "Recreate":
            return 0
        return max(0, min(rollouts.wanted(item), rollouts.wanted(item) + rollouts.limits(item)[0] - sum(map(rollouts.wanted, sets))))

    def _is_scaling(self, item: Json, sets: list[Json]) -> bool:
        told = PREFIX + "desired-replicas"
        return any(rollouts.wanted(one) > 0 and (one["metadata"].get("annotations") or {}).get(told) != str(rollouts.wanted(item)) for one in sets)

    def _scale_all(self, item: Json, new: Json | None, sets: list[Json]) -> None:
        """Another number of replicas: the set in use takes it up, without a rollout."""
        active = [one for one in sets if rollouts.wanted(one) > 0] or ([new] if new else [])
        for one in active:
            size = rollouts.wanted(item) if len(active) == 1 else min(rollouts.wanted(one), rollouts.wanted(item))
            self._resize(item, one, size)
        self._settle(item, *self._sets(item))

    def _resize(self, item: Json, one: Json, size: int) -> None:
        meta = one["metadata"]
        notes = {**(meta.get("annotations") or {}), **self._notes(item, _revision(one))}
        before = rollouts.wanted(one)
        if before == size and notes == meta.get("annotations"):
            return
        self._world.write(REPLICA_SETS, one, metadata={**meta, "annotations": notes}, spec={**one["spec"], "replicas": size})
        if before != size:
            self._told(item, meta["name"], before, size)

    def _told(self, item: Json, name: str, before: int, size: int) -> None:
        way = "up" if size > before else "down"
        if size != before:
            self._world.event(DEPLOYMENTS, item, "ScalingReplicaSet", f"Scaled {way} replica set {name} from {before} to {size}", SOURCE)

    def _revise(self, item: Json, new: Json, sets: list[Json]) -> None:
        """A set that is taken up again (an undo) gets the next number."""
        others = max([_revision(one) for one in sets if one is not new], default=0)
        number = _revision(new) if _revision(new) > others else others + 1
        if number != _revision(new):
            self._world.write(
                REPLICA_SETS, new, metadata={**new["metadata"], "annotations": {**new["metadata"]["annotations"], PREFIX + "revision": str(number)}}
            )
        if self._numbered(item, number) != item["metadata"].get("annotations"):
            self._world.write(DEPLOYMENTS, item, metadata={**item["metadata"], "annotations": self._numbered(item, number)})

    def _roll(self, item: Json, new: Json, sets: list[Json]) -> None:
        """One move: the new set up, else the old ones down."""
        new = self._world.get(REPLICA_SETS, new["metadata"]["namespace"], new["metadata"]["name"]) or new
        old = [one for one in sets if one["metadata"]["uid"] != new["metadata"]["uid"] and rollouts.wanted(one) > 0]
        if (item["spec"].get("strategy") or {}).get("type") == "Recreate":
            self._recreate(item, new, old)
            return
        room = max(0, rollouts.wanted(item) + rollouts.limits(item)[0] - sum(map(rollouts.wanted, [new, *old])))
        size = min(rollouts.wanted(item), rollouts.wanted(new) + room)
        if rollouts.wanted(new) > rollouts.wanted(item):
            size = rollouts.wanted(item)
        if size != rollouts.wanted(new):
            self._resize(item, new, size)
            return
        self._lower(item, new, old)

    def _lower(self, item: Json, new: Json, old: list[Json]) -> None:
        """Old pods go as far as enough others are available; those that never got ready go first."""
        least = rollouts.wanted(item) - rollouts.limits(item)[1]
        missing = rollouts.wanted(new) - _available(new)
        spare = sum(map(rollouts.wanted, [new, *old])) - least - missing
        for one in old:
            sick = min(spare, rollouts.wanted(one) - _available(one))
            if sick > 0:
                spare -= sick
                self._resize(item, one, rollouts.wanted(one) - sick)
        spare = min(spare, sum(map(_available, [new, *old])) - least)
        for one in old:
            now = self._world.get(REPLICA_SETS, one["metadata"]["namespace"], one["metadata"]["name"]) or one
            less = min(spare, rollouts.wanted(now))
            if less > 0:
                spare -= less
                self._resize(item, now, rollouts.wanted(now) - less)

    def _recreate(self, item: Json, new: Json, old: list[Json]) -> None:
        for one in old:
            self._resize(item, one, 0)
        gone = not old and not [
            one for other in self._world.owned(REPLICA_SETS, item) if other["metadata"]["uid"] != new["metadata"]["uid"] for one in self._pods(other)
        ]
        if gone and rollouts.wanted(new) != rollouts.wanted(item):
            self._resize(item, new, rollouts.wanted(item))
        elif not gone:
            self._world.later(self.look, item["metadata"]["namespace"], item["metadata"]["name"], 0.5)

    def _settle(self, item: Json, new: Json | None, sets: list[Json], rolling: bool = False) -> None:
        """Counters and conditions; while it rolls out, whether it gets on in time."""
        now = self._world.stamp()
        counted = rollouts.counters(item, new, sets)
        conditions = rollouts.availability(item, counted, (item.get("status") or {}).get("conditions") or [], now)
        if rolling and new is not None:
            left = self._left(item)
            told = rollouts.progress(item, counted, conditions, new["metadata"]["name"], left is not None and left <= 0)
            if told:
                conditions = rollouts.with_condition(conditions, "Progressing", told[0], now, told[1])
        wrote = self._world.status(DEPLOYMENTS, item, {**counted, "conditions": conditions})
        left = self._left(self._world.get(DEPLOYMENTS, item["metadata"]["namespace"], item["metadata"]["name"]) or item)
        if rolling and not wrote and left is not None and left > 0 and not rollouts.is_complete(item, counted):
            self._world.later(self.look, item["metadata"]["namespace"], item["metadata"]["name"], left)

    def _left(self, item: Json) -> float | None:
        """Seconds until the rollout is late; None if it cannot be any more."""
        told = rollouts.condition(item, "Progressing")
        if not told or told["reason"] in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded"):
            return None
        since = datetime.fromisoformat(told["lastUpdateTime"])
        deadline = float(item["spec"].get("progressDeadlineSeconds") or rollouts.DEADLINE)
        return deadline + LAG - (self._world.clock.wall() - since).total_seconds()

    # --- ReplicaSet ---
    def look_set(self, namespace: str, name: str) -> None:
        item = self._world.get(REPLICA_SETS, namespace, name)
        if item is None:
            return
        self._world.adopt("pods", REPLICA_SETS, item)
        pods = self._pods(item)
        live = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp") and not is_over(pod)]
        if not item["metadata"].get("deletionTimestamp"):
            live = self._fit(item, live)
        ready = [pod for pod in live if is_ready(pod)]
        counted = without_zeros({"fullyLabeledReplicas": len(live), "readyReplicas": len(ready), "availableReplicas": len(ready)})
        seen = item["metadata"].get("generation", 1)
        self._world.status(REPLICA_SETS, self._world.get(REPLICA_SETS, namespace, name) or item, {"replicas": len(live), **counted, "observedGeneration": seen})

    def _pods(self, item: Json) -> list[Json]:
        return self._world.owned("pods", item)

    def _fit(self, item: Json, live: list[Json]) -> list[Json]:
        """Make what is missing, end what is too much: unready and young ones first."""
        name = item["metadata"]["name"]
        missing = rollouts.wanted(item) - len(live)
        for _number in range(missing):
            pod = self._world.make_pod(REPLICA_SETS, item, f"{name}-{self._world.letters(5)}", {"generateName": f"{name}-"})
            self._world.event(REPLICA_SETS, item, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", "replicaset-controller")
            live = [*live, pod]
        order = sorted(live, key=lambda pod: (bool(pod["spec"].get("nodeName")), is_ready(pod), -int(pod["metadata"]["resourceVersion"])))
        for pod in order[: max(0, -missing)]:
            self._world.delete("pods", pod)
            self._world.event(REPLICA_SETS, item, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", "replicaset-controller")
            live = [one for one in live if one is not pod]
        return live


def _revision(item: Json) -> int:
    return int((item["metadata"].get("annotations") or {}).get(PREFIX + "revision", 0))


def _available(item: Json) -> int:
    return int((item.get("status") or {}).get("availableReplicas") or 0)
