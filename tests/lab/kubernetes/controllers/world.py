"""What all controllers share: the state they watch, a queue of what to look at again, writing, events, pods of an owner."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from lab.copies import copied
from lab.kubernetes.controllers.images import Images
from lab.kubernetes.state import Change, State

Json = dict[str, Any]
Look = Callable[[str, str], None]  # a controller's look at one object: namespace and name
LAG = 0.005  # s from a change to the controller's look at it (recorded: 2 to 10 ms)
LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # what generated names are made of: no vowels, no word
GROUPS = {"deployments": "apps", "replicasets": "apps", "statefulsets": "apps", "daemonsets": "apps", "jobs": "batch"}
KINDS = {
    "deployments.apps": ("apps/v1", "Deployment"),
    "replicasets.apps": ("apps/v1", "ReplicaSet"),
    "statefulsets.apps": ("apps/v1", "StatefulSet"),
    "daemonsets.apps": ("apps/v1", "DaemonSet"),
    "jobs.batch": ("batch/v1", "Job"),
    "pods": ("v1", "Pod"),
    "nodes": ("v1", "Node"),
    "services": ("v1", "Service"),
    "persistentvolumeclaims": ("v1", "PersistentVolumeClaim"),
}
DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS = list(KINDS)[:5]


class World:
    """The state as controllers use it. All of it happens under the state's lock, on its clock."""

    def __init__(self, state: State, images: Images | None = None) -> None:
        self.state = state
        self.clock = state.clock
        self.images = images or Images()
        self._waiting: set[tuple[Look, str, str]] = set()
        self._numbers = 0

    # --- looks ---
    def later(self, look: Look, namespace: str, name: str, seconds: float = LAG) -> None:
        """Look at it soon; a look that is waited for already is not asked for twice."""
        entry = (look, namespace, name)
        if seconds in (LAG, 2 * LAG):
            if entry in self._waiting:
                return
            self._waiting.add(entry)
        self.clock.after(seconds, lambda: self._look(entry))

    def _look(self, entry: tuple[Look, str, str]) -> None:
        self._waiting.discard(entry)
        with self.state.news:
            entry[0](entry[1], entry[2])

    # --- reading ---
    def get(self, resource: str, namespace: str, name: str) -> Json | None:
        return self.state.objects.get((resource, namespace, name))

    def of(self, resource: str, namespace: str | None = None) -> list[Json]:
        """All of a kind, by name."""
        return [
            item
            for (kind, where, _name), item in sorted(self.state.objects.items(), key=lambda entry: entry[0])
            if kind == resource and namespace in (None, where)
        ]

    def owned(self, resource: str, owner: Json) -> list[Json]:
        """The objects of a kind that this one controls."""
        uid = owner["metadata"]["uid"]
        return [one for one in self.of(resource, owner["metadata"]["namespace"]) if owner_of(one).get("uid") == uid]

    def stamp(self, at: float | None = None) -> str:
        return self.state.stamp(0.0 if at is None else at - self.clock.now())

    # --- writing ---
    def write(self, resource: str, item: Json, **parts: Any) -> Json:
        """The object with other parts (spec, status, metadata)."""
        meta = item["metadata"]
        return self.state.put(resource, meta.get("namespace", ""), meta["name"], {**copied(item), **parts})

    def status(self, resource: str, item: Json, status: Json) -> bool:
        """Write its status where it differs; True if it did."""
        if item.get("status") == status:
            return False
        self.write(resource, item, status=status)
        return True

    def delete(self, resource: str, item: Json) -> None:
        """As somebody deletes it: pods end with their grace."""
        meta = item["metadata"]
        if resource == "pods":
            self.state.end_pod(meta["namespace"], meta["name"])
        else:
            self.state.remove(resource, meta.get("namespace", ""), meta["name"])

    def letters(self, count: int, *seed: Any) -> str:
        """A part of a name; the same in every run of the same test."""
        if not seed:
            self._numbers += 1
            seed = (self._numbers,)
        digest = hashlib.sha256(json.dumps(seed, sort_keys=True, default=str).encode()).digest()
        return "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:count])

    def event(self, resource: str, item: Json, reason: str, message: str, source: str, warning: bool = False) -> None:
        """Somebody tells what happened. The same again raises its count, as the recorder of the official library does."""
        meta = item["metadata"]
        namespace = meta.get("namespace") or "default"
        api, kind = KINDS[resource]
        known = self._same_event(namespace, meta["uid"], reason, message)
        if known is not None:
            self.write("events", known, count=known.get("count", 1) + 1, lastTimestamp=self.stamp())
            return
        involved = {"kind": kind, "namespace": namespace, "name": meta["name"], "uid": meta["uid"], "apiVersion": api}
        now = self.stamp()
        body: Json = {
            "metadata": {},
            "involvedObject": {**involved, "resourceVersion": meta.get("resourceVersion", "")},
            "reason": reason,
            "message": message,
            "type": "Warning" if warning else "Normal",
            "reportingComponent": source,
            "reportingInstance": "",
        }
        if source == "default-scheduler":  # the one that writes events of the new kind (recorded)
            body |= {"source": {}, "firstTimestamp": None, "lastTimestamp": None, "eventTime": now.replace("Z", ".000000Z")}
            body |= {"action": "Scheduling" if warning else "Binding", "reportingInstance": "default-scheduler-host"}
        else:
            body |= {"source": {"component": source}, "firstTimestamp": now, "lastTimestamp": now, "count": 1, "eventTime": None}
        self._numbers += 1
        self.state.put("events", namespace, f"{meta['name']}.{self._numbers:016x}", body)

    def _same_event(self, namespace: str, uid: str, reason: str, message: str) -> Json | None:
        for one in self.of("events", namespace):
            if one["involvedObject"].get("uid") == uid and (one["reason"], one["message"]) == (reason, message) and one.get("count"):
                return one
        return None

    def adopt(self, resource: str, kind: str, owner: Json) -> None:
        """What an owner's selector means and nobody owns becomes its own, such as what came out of a backup. One that is being deleted adopts nothing."""
        meta = owner["metadata"]
        if meta.get("deletionTimestamp"):
            return
        for one in self.of(resource, meta["namespace"]):
            held = one["metadata"]
            if not owner_of(one) and not held.get("deletionTimestamp") and matches(owner["spec"]["selector"], held.get("labels") or {}):
                self.write(resource, one, metadata={**held, "ownerReferences": [*(held.get("ownerReferences") or ()), controller_of(kind, owner)]})

    def make_pod(self, resource: str, owner: Json, name: str, extra: Json) -> Json:
        """A pod from the owner's template; `extra` has labels, annotations and parts of the spec."""
        template = copied(owner["spec"]["template"])
        meta = template.get("metadata") or {}
        made: Json = {
            "metadata": {
                "labels": {**(meta.get("labels") or {}), **extra.get("labels", {})},
                "generation": 1,
                "uid": str(uuid.uuid4()),
                "ownerReferences": [controller_of(resource, owner)],
                **({"generateName": extra["generateName"]} if extra.get("generateName") else {}),
                **({"annotations": dict(meta["annotations"])} if meta.get("annotations") else {}),
            },
            "spec": {
                "restartPolicy": "Always",
                "terminationGracePeriodSeconds": 30,
                "schedulerName": "default-scheduler",
                **template["spec"],
                **extra.get("spec", {}),
            },
            "status": {"phase": "Pending"},
        }
        return self.state.put("pods", owner["metadata"]["namespace"], name, made)


def controller_of(resource: str, owner: Json) -> Json:
    """The reference to the one that made it."""
    api, kind = KINDS[resource]
    meta = owner["metadata"]
    return {"apiVersion": api, "kind": kind, "name": meta["name"], "uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}


def owner_of(item: Json) -> Json:
    """The reference to its controller; {} if it has none."""
    return next((one for one in item["metadata"].get("ownerReferences") or () if one.get("controller")), {})


def matches(selector: Json, labels: Json) -> bool:
    """matchLabels alone: what the lab's workloads use."""
    return all((labels or {}).get(key) == value for key, value in (selector.get("matchLabels") or {}).items())


def without_zeros(counters: Json) -> Json:
    """Counters at zero are absent from a status (recorded)."""
    return {key: value for key, value in counters.items() if value or not isinstance(value, int) or isinstance(value, bool)}


def changed(change: Change, resources: Iterable[str]) -> bool:
    return change.key[0] in resources
