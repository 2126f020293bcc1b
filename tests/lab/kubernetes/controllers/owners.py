"""The garbage collector: what becomes of the children when their owner goes, in the background, before it, or not at all."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.kubernetes.controllers.world import World
from lab.kubernetes.state import Change

Json = dict[str, Any]
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class Owners:
    def __init__(self, world: World) -> None:
        self._world = world

    def follow(self, change: Change) -> None:
        resource, namespace, name = change.key
        meta = change.object["metadata"]
        if change.type == "DELETED":
            uid = meta["uid"]
            self._world.clock.after(0.01, lambda: self._collect(namespace, uid))
            for one in meta.get("ownerReferences") or ():
                self._world.clock.after(0.01, lambda one=one: self._look_again(namespace, one["uid"]))  # type: ignore[misc]
        elif meta.get("deletionTimestamp") and set(meta.get("finalizers") or ()) & {FOREGROUND, ORPHAN}:
            self._world.later(lambda where, what: self.look(resource, where, what), namespace, name)

    def look(self, resource: str, namespace: str, name: str) -> None:
        """An owner that is held until its children are gone, or let go."""
        item = self._world.get(resource, namespace, name)
        if item is None:
            return
        children = self._children(namespace, item["metadata"]["uid"])
        held = set(item["metadata"].get("finalizers") or ())
        if ORPHAN in held:
            for key, child in children:
                rest = [one for one in child["metadata"]["ownerReferences"] if one["uid"] != item["metadata"]["uid"]]
                meta = {k: v for k, v in child["metadata"].items() if k != "ownerReferences"} | ({"ownerReferences": rest} if rest else {})
                self._world.write(key, child, metadata=meta)
        elif FOREGROUND in held:
            for key, child in children:
                self._delete(key, child, foreground=True)
            if self._children(namespace, item["metadata"]["uid"]):
                return
        self._release(resource, item, {FOREGROUND, ORPHAN})

    def _release(self, resource: str, item: Json, names: set[str]) -> None:
        meta = item["metadata"]
        rest = [one for one in meta.get("finalizers") or () if one not in names]
        if rest:
            self._world.write(resource, item, metadata={**meta, "finalizers": rest})
        else:
            self._world.state.remove(resource, meta.get("namespace", ""), meta["name"])

    def _delete(self, resource: str, child: Json, foreground: bool = False) -> None:
        meta = child["metadata"]
        if meta.get("deletionTimestamp"):
            return
        if resource == "pods":
            self._world.delete(resource, child)
        elif foreground:
            marked = {
                **meta,
                "deletionTimestamp": self._world.stamp(),
                "deletionGracePeriodSeconds": 0,
                "finalizers": [*(meta.get("finalizers") or ()), FOREGROUND],
            }
            self._world.write(resource, child, metadata=marked)
        elif meta.get("finalizers"):
            self._world.write(resource, child, metadata={**meta, "deletionTimestamp": self._world.stamp(), "deletionGracePeriodSeconds": 0})
        else:
            self._world.delete(resource, child)

    def _children(self, namespace: str, uid: str) -> list[tuple[str, Json]]:
        found = []
        for (resource, where, _name), item in sorted(self._world.state.objects.items(), key=lambda entry: entry[0]):
            if where == namespace or not namespace:
                if any(one.get("uid") == uid for one in item["metadata"].get("ownerReferences") or ()):
                    found.append((resource, item))
        return found

    def _collect(self, namespace: str, uid: str) -> None:
        """Background: the children of one that is gone."""
        with self._world.state.news:
            for resource, child in self._children(namespace, uid):
                self._delete(resource, child)

    def _look_again(self, namespace: str, uid: str) -> None:
        """A child is gone: the owner may be waiting for that."""
        with self._world.state.news:
            for (resource, where, name), item in list(self._world.state.objects.items()):
                if item["metadata"]["uid"] == uid and where == namespace and FOREGROUND in (item["metadata"].get("finalizers") or ()):
                    self.look(resource, where, name)
