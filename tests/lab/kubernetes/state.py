"""What a cluster holds: objects with versions, the history that watches replay, users with rights, and where a pod's ports lead."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from lab.copies import copied
from lab.kubernetes import lifecycle
from lab.kubernetes.faults import Faults
from lab.kubernetes.kinds import BUILT_IN, CRDS, Resource, defined
from lab.nomad.clock import Clock, VirtualClock

Json = dict[str, Any]
Key = tuple[str, str, str]  # qualified resource ("pods", "deployments.apps"), namespace ("" for cluster-wide), name
MOST = 50_000  # changes that are remembered; a real server keeps some minutes' worth
FIRST = ("default", "kube-system", "kube-public", "kube-node-lease")


@dataclass(frozen=True)
class Rule:
    """One rule of a role. `namespace` "" holds everywhere; a star allows all."""

    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    namespace: str = ""
    group: str = ""
    names: tuple[str, ...] = ()

    def allows(self, verb: str, group: str, resource: str, namespace: str, name: str = "") -> bool:
        return (
            self.group in ("*", group)
            and ("*" in self.resources or resource in self.resources)
            and ("*" in self.verbs or verb in self.verbs)
            and (not self.namespace or self.namespace == namespace)
            and (not self.names or name in self.names)
        )


@dataclass(frozen=True)
class User:
    """Who asks. `rules` are given to the lab; those of Role and ClusterRole objects that a binding names hold besides (see rbac)."""

    name: str
    rules: tuple[Rule, ...] = ()
    groups: tuple[str, ...] = ("system:authenticated",)

    def may(self, verb: str, group: str, resource: str, namespace: str, name: str = "") -> bool:
        return any(rule.allows(verb, group, resource, namespace, name) for rule in self.rules)


ADMIN = User("admin", (Rule(("*",), ("*",), group="*"),), ("system:masters", "system:authenticated"))
ANONYMOUS = User("system:anonymous", groups=("system:unauthenticated",))


@dataclass(frozen=True)
class Change:
    """One entry of the history. `type` is ADDED, MODIFIED or DELETED. `before` is the object as it was, for watches that it leaves."""

    version: int
    type: str
    key: Key
    object: Json
    before: Json | None


@dataclass
class State:
    """All of it, under one lock; `news` is told of every change, and so is each of `controllers`, under the lock."""

    clock: Clock = field(default_factory=VirtualClock)
    version: int = 1
    oldest: int = 0  # the highest version whose changes are forgotten: watches from before get 410
    compacted: int = 0  # lists as they were before this version get 410
    objects: dict[Key, Json] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)
    controllers: list[Callable[[Change], None]] = field(default_factory=list)
    kinds: dict[str, Resource] = field(default_factory=lambda: dict(BUILT_IN))
    users: dict[str, User] = field(default_factory=dict)  # by token
    ports: dict[tuple[str, str, int], tuple[str, int]] = field(default_factory=dict)  # namespace, pod, port -> a real address
    logs: dict[tuple[str, str, str], str] = field(default_factory=dict)  # namespace, pod, container -> what it wrote ("<container>/previous" before)
    endings: dict[str, float] = field(default_factory=dict)  # pod's uid -> when its grace is over
    budgets: dict[str, str] = field(default_factory=dict)  # namespace -> a disruption budget that lets no pod be evicted
    silent: set[str] = field(default_factory=set)  # machines whose kubelet is not there: nothing on them ever ends
    streams: list[tuple[str, Callable[[], None]]] = field(default_factory=list)  # pod's uid, and how to cut what is forwarded to it
    faults: Faults = field(default_factory=Faults)
    followers: list[Callable[["State", Change], None]] = field(default_factory=list)  # the API's own part after a change, before the controllers
    ended: set[str] = field(default_factory=set)  # namespaces that were there

    def __post_init__(self) -> None:
        self.news = threading.Condition(self.clock.lock)
        for name in FIRST:
            self._namespace(name)

    # --- objects ---
    def get(self, resource: str, namespace: str, name: str) -> Json | None:
        """The object as it stands, not a copy: change a deep copy and `put` it."""
        return self.objects.get((resource, namespace, name))

    def all(self, resource: str, namespace: str = "") -> list[Json]:
        """Those of a kind, in the order of their names; of all namespaces if none is named."""
        with self.news:
            return [item for key, item in sorted(self.objects.items(), key=lambda entry: entry[0]) if key[0] == resource and namespace in ("", key[1])]

    def put(self, resource: str, namespace: str, name: str, body: Json) -> Json:
        """Create or replace, past all checks of the API. What changes nothing makes no event and no version.

        The namespace of a test's object need not be made before. An object in deletion goes with its last finalizer.
        """
        with self.news:
            key = (resource, namespace, name)
            before = self.objects.get(key)
            made = copied(body)
            made.pop("kind", None)
            made.pop("apiVersion", None)
            self._named(made, key, before)
            if before == made:
                return before
            if namespace and ("namespaces", "", namespace) not in self.objects and namespace not in self.ended:
                self._namespace(namespace)
            if before is not None and lifecycle.let_go(made):
                self.remove(resource, namespace, name, made)
                return made
            return self._note("MODIFIED" if before else "ADDED", key, made)

    def _named(self, made: Json, key: Key, before: Json | None) -> None:
        resource, namespace, name = key
        meta = made.setdefault("metadata", {})
        old = before["metadata"] if before else {}
        meta.update(name=name, uid=old.get("uid") or meta.get("uid") or str(uuid.uuid4()))
        if namespace:
            meta["namespace"] = namespace
        meta["creationTimestamp"] = old.get("creationTimestamp") or meta.get("creationTimestamp") or self.stamp()
        meta["resourceVersion"] = old.get("resourceVersion", "")
        kind = self.kinds.get(resource)
        if kind is not None and kind.generation:
            meta["generation"] = lifecycle.generation(kind, before, made)

    def remove(self, resource: str, namespace: str, name: str, last: Json | None = None) -> None:
        """Gone at once, whatever its grace or its finalizers. `last` is how watches see it, if not as it stood."""
        with self.news:
            key = (resource, namespace, name)
            gone = self.objects.get(key)
            if gone is None:
                return
            self._note("DELETED", key, copied(last or gone))
            self.endings.pop(gone["metadata"]["uid"], None)
            self.cut(gone["metadata"]["uid"])

    def _note(self, kind: str, key: Key, made: Json) -> Json:
        self.version += 1
        made["metadata"]["resourceVersion"] = str(self.version)
        change = Change(self.version, kind, key, made, self.objects.get(key))
        self.history.append(change)
        if len(self.history) > MOST:
            self.forget(self.history[MOST // 2].version)
        if kind == "DELETED":
            del self.objects[key]
        else:
            self.objects[key] = made
        if key[0] == CRDS:
            self._define(change)
        lifecycle.follow(self, change)
        for follower in list(self.followers):
            follower(self, change)
        for controller in list(self.controllers):
            controller(change)
        self.news.notify_all()
        return made

    def _define(self, change: Change) -> None:
        if change.type == "DELETED":
            self.kinds.pop(change.key[2], None)
        else:
            kind = defined(change.object)
            self.kinds[kind.qualified] = kind

    def _namespace(self, name: str) -> None:
        """There before anybody looked: no version, no event."""
        labels = {"kubernetes.io/metadata.name": name}
        meta = {"name": name, "uid": str(uuid.uuid4()), "creationTimestamp": self.stamp(), "resourceVersion": "1", "labels": labels}
        self.objects["namespaces", "", name] = {"metadata": meta, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}

    def forget(self, up_to: int) -> None:
        """The store is compacted: watches and lists of that version and before get 410."""
        with self.news:
            self.oldest = self.compacted = up_to
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
            body = copied(self.objects["pods", namespace, name])
            body["status"] = status(phase, ready)
            self.put("pods", namespace, name, body)

    def end_pod(self, namespace: str, name: str, grace: float | None = None) -> Json:
        """Somebody deletes it: it ends when its grace is over, and no second deletion lengthens that."""
        with self.news:
            body = copied(self.objects["pods", namespace, name])
            spec, meta = body.setdefault("spec", {}), body["metadata"]
            grace = float(spec.get("terminationGracePeriodSeconds", 30) if grace is None else grace)
            uid = meta["uid"]
            over = body.get("status", {}).get("phase") in ("Succeeded", "Failed")
            if (grace <= 0 or over or not spec.get("nodeName")) and not meta.get("finalizers"):  # nobody has to be waited for
                self.remove("pods", namespace, name)
                return body
            ends = self.clock.now() + grace
            if uid in self.endings and self.endings[uid] <= ends:
                return self.objects["pods", namespace, name]
            self.endings[uid] = ends
            meta.update(deletionTimestamp=self.stamp(grace), deletionGracePeriodSeconds=int(grace))
            if spec.get("nodeName") not in self.silent:
                self.clock.after(grace, lambda: self._over(namespace, name, uid))
            return self.put("pods", namespace, name, body)

    def _over(self, namespace: str, name: str, uid: str) -> None:
        """The kubelet says that all of it has ended."""
        with self.news:
            found = self.objects.get(("pods", namespace, name))
            if found is None or found["metadata"]["uid"] != uid or self.endings.get(uid, 0.0) > self.clock.now() + 1e-6:
                return
            if found["metadata"].get("finalizers"):
                body = copied(found)
                body["metadata"]["deletionGracePeriodSeconds"] = 0
                self.put("pods", namespace, name, body)
            else:
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
