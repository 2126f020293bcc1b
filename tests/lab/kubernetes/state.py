"""What a cluster holds: objects with versions, the history that watches replay, users with rights, and where a pod's ports lead."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import copy
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from lab.nomad.clock import Clock, VirtualClock

Json = dict[str, Any]
Key = tuple[str, str, str]  # resource, namespace ("" for cluster-wide), name


@dataclass(frozen=True)
class Resource:
    """A kind of object that the API serves."""

    name: str
    kind: str
    namespaced: bool = True


RESOURCES = {
    one.name: one
    for one in (
        Resource("pods", "Pod"),
        Resource("configmaps", "ConfigMap"),
        Resource("secrets", "Secret"),
        Resource("serviceaccounts", "ServiceAccount"),
        Resource("events", "Event"),
        Resource("nodes", "Node", namespaced=False),
        Resource("namespaces", "Namespace", namespaced=False),
    )
}


@dataclass(frozen=True)
class Rule:
    """One rule of a role. `namespace` "" holds everywhere; a star allows all."""

    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    namespace: str = ""
    group: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class User:
    name: str
    rules: tuple[Rule, ...] = ()

    def may(self, verb: str, group: str, resource: str, namespace: str, name: str = "") -> bool:
        return any(
            (rule.group in ("*", group))
            and ("*" in rule.resources or resource in rule.resources)
            and ("*" in rule.verbs or verb in rule.verbs)
            and (not rule.namespace or rule.namespace == namespace)
            and (not rule.names or name in rule.names)
            for rule in self.rules
        )


ADMIN = User("admin", (Rule(("*",), ("*",), group="*"),))
ANONYMOUS = User("system:anonymous")


@dataclass(frozen=True)
class Change:
    """One entry of the history. `before` is the object as it was, for watches that it leaves."""

    version: int
    type: str
    key: Key
    object: Json
    before: Json | None


@dataclass
class State:
    """All of it, under one lock; `news` is told of every change."""

    clock: Clock = field(default_factory=VirtualClock)
    version: int = 1
    oldest: int = 0  # the highest version whose changes are forgotten
    objects: dict[Key, Json] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)
    users: dict[str, User] = field(default_factory=dict)  # by token
    ports: dict[tuple[str, str, int], tuple[str, int]] = field(default_factory=dict)  # namespace, pod, port -> a real address
    endings: dict[str, float] = field(default_factory=dict)  # pod's uid -> when its grace is over
    budgets: dict[str, str] = field(default_factory=dict)  # namespace -> a disruption budget that lets no pod be evicted
    silent: set[str] = field(default_factory=set)  # machines whose kubelet is not there: nothing on them ever ends
    streams: list[tuple[str, Callable[[], None]]] = field(default_factory=list)  # pod's uid, and how to cut what is forwarded to it

    def __post_init__(self) -> None:
        self.news = threading.Condition(self.clock.lock)

    # --- objects ---
    def put(self, resource: str, namespace: str, name: str, body: Json) -> Json:
        """Create or replace; what changes nothing makes no event and no version."""
        with self.news:
            key = (resource, namespace, name)
            before = self.objects.get(key)
            made = copy.deepcopy(body)
            meta = made.setdefault("metadata", {})
            old = before["metadata"] if before else {}
            meta.update(name=name, uid=old.get("uid") or meta.get("uid") or str(uuid.uuid4()))
            if namespace:
                meta["namespace"] = namespace
            meta["creationTimestamp"] = old.get("creationTimestamp") or meta.get("creationTimestamp") or self.stamp()
            meta["resourceVersion"] = old.get("resourceVersion", "")
            if before == made:
                return before
            return self._note("MODIFIED" if before else "ADDED", key, made)

    def remove(self, resource: str, namespace: str, name: str) -> None:
        """Gone at once, whatever its grace."""
        with self.news:
            key = (resource, namespace, name)
            gone = self.objects.get(key)
            if gone is None:
                return
            self._note("DELETED", key, copy.deepcopy(gone))
            del self.objects[key]
            self.endings.pop(gone["metadata"]["uid"], None)
            self.cut(gone["metadata"]["uid"])

    def _note(self, kind: str, key: Key, made: Json) -> Json:
        self.version += 1
        made["metadata"]["resourceVersion"] = str(self.version)
        self.history.append(Change(self.version, kind, key, made, self.objects.get(key)))
        self.objects[key] = made
        self.news.notify_all()
        return made

    def forget(self, up_to: int) -> None:
        """The store is compacted: watches and lists of that version and before get 410."""
        with self.news:
            self.oldest = up_to
            self.history = [change for change in self.history if change.version > up_to]

    def stamp(self, later: float = 0.0) -> str:
        return (self.clock.wall() + timedelta(seconds=later)).strftime("%Y-%m-%dT%H:%M:%SZ")

    # --- pods ---
    def add_pod(self, namespace: str, name: str, labels: dict[str, str], phase: str = "Running", ready: bool = True, grace: float = 30.0) -> Json:
        """A pod with one container, as a kubelet would report it."""
        body = {
            "metadata": {"labels": dict(labels), "generation": 1},
            "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}], "terminationGracePeriodSeconds": grace, "nodeName": "node-1"},
            "status": status(phase, ready),
        }
        return self.put("pods", namespace, name, body)

    def set_pod(self, namespace: str, name: str, phase: str = "Running", ready: bool = True) -> None:
        """The kubelet reports another state."""
        with self.news:
            body = copy.deepcopy(self.objects["pods", namespace, name])
            body["status"] = status(phase, ready)
            self.put("pods", namespace, name, body)

    def end_pod(self, namespace: str, name: str, grace: float | None = None) -> Json:
        """Somebody deletes it: it ends when its grace is over, and no second deletion lengthens that."""
        with self.news:
            body = copy.deepcopy(self.objects["pods", namespace, name])
            grace = float(body["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace)
            uid = body["metadata"]["uid"]
            if grace <= 0 or not body["spec"].get("nodeName"):  # nobody has to be waited for
                self.remove("pods", namespace, name)
                return body
            ends = self.clock.now() + grace
            if uid in self.endings and self.endings[uid] <= ends:
                return self.objects["pods", namespace, name]
            self.endings[uid] = ends
            generation = body["metadata"].get("generation", 1) + 1
            body["metadata"].update(deletionTimestamp=self.stamp(grace), deletionGracePeriodSeconds=int(grace), generation=generation)
            if body["spec"]["nodeName"] not in self.silent:
                self.clock.after(grace, lambda: self._over(namespace, name, uid))
            return self.put("pods", namespace, name, body)

    def _over(self, namespace: str, name: str, uid: str) -> None:
        with self.news:
            found = self.objects.get(("pods", namespace, name))
            if found is not None and found["metadata"]["uid"] == uid and self.endings.get(uid, 0.0) <= self.clock.now() + 1e-6:
                self.remove("pods", namespace, name)

    def cut(self, uid: str) -> None:
        """What is forwarded to a pod breaks with it."""
        with self.news:
            mine = [cut for of, cut in self.streams if of == uid]
            self.streams = [(of, cut) for of, cut in self.streams if of != uid]
        for cut in mine:
            cut()


def status(phase: str, ready: bool) -> Json:
    """The status of a pod, as far as callers look."""
    states = {"Ready": ready and phase == "Running", "ContainersReady": ready and phase == "Running", "PodScheduled": True}
    return {"phase": phase, "conditions": [{"type": name, "status": str(holds)} for name, holds in states.items()]}
