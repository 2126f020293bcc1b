"""The program's way to a lab's Kubernetes and console without sockets, on the virtual clock."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from datetime import datetime
from typing import TYPE_CHECKING

from lab.kots.cli.run import Json, Lost, Unreachable
from lab.kubernetes import selectors
from lab.kubernetes.state import ADMIN, State, User

if TYPE_CHECKING:
    from lab.kots.world import KotsWorld

KINDS = {"backups": "Backup", "restores": "Restore", "deletebackuprequests": "DeleteBackupRequest", "secrets": "Secret"}
VERBS = {"POST": "create", "PUT": "update", "DELETE": "delete"}


DIAL = 0.25  # how long a port-forward takes


class Killed(Exception):
    """The caller's patience is over."""


class Inside:
    """A Cluster over a State. `world` None: no console is known; `dead`: nobody listens on its port."""

    def __init__(self, state: State, world: "KotsWorld | None" = None, user: User = ADMIN, dead: bool = False) -> None:
        self.state, self.world, self.user, self.dead = state, world, user, dead
        self.configured = True
        self.velero = True  # its kinds are served
        self.until = float("inf")
        self.ports = 40000

    def sleep(self, seconds: float) -> None:
        if self.state.clock.now() + seconds > self.until:
            self.state.clock.sleep(max(0.0, self.until - self.state.clock.now()))
            raise Killed
        self.state.clock.sleep(seconds)

    def wall(self) -> datetime:
        return self.state.clock.wall()

    def connect(self, namespace: str, pod: str) -> "Inside":
        self.ports += 1
        self.port = self.ports
        if self.dead or self.world is None:
            where = f"error forwarding port 3000 to pod {pod}/{namespace}, uid : failed to dial 127.0.0.1:3000"
            raise Lost(f"an error occurred forwarding {self.port} -> 3000: {where}: dial tcp 127.0.0.1:3000: connect: connection refused")
        self.sleep(DIAL)
        return self

    def ask(self, method: str, path: str, body: bytes, authorization: str) -> tuple[int, bytes]:
        from lab.kots.server import encoded

        assert self.world is not None
        answer = self.world.ask(method, path, {"authorization": authorization} if authorization else {}, body)
        self.sleep(answer.after)
        if answer.close:
            raise Lost("EOF")
        return answer.status, b"" if answer.body is None else answer.body if isinstance(answer.body, bytes) else encoded(answer.body)

    # --- Kubernetes, as far as the program goes ---
    def kube(self, method: str, path: str, query: dict[str, str] | None = None, body: Json | None = None) -> tuple[int, Json]:
        if not self.configured:
            raise Unreachable("http://localhost:8080", "dial tcp 127.0.0.1:8080: connect: connection refused")
        match = re.fullmatch(r"/apis?/(?:([a-z0-9.]*\.[a-z.]+|apps)/)?v1(?:/namespaces/([^/]+))?/([a-z]+)(?:/([^/]+))?", path)
        assert match, path
        group, namespace, plural, name = (text or "" for text in match.groups())
        name = name or ((body or {}).get("metadata", {}).get("name", "") if method == "POST" else "")
        verb = VERBS.get(method) or ("get" if name else "list")
        if group == "velero.io" and not self.velero:
            return 404, {"message": "404 page not found"}
        if not self.user.may(verb, group, plural, namespace, name):
            where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
            text = f'User "{self.user.name}" cannot {verb} resource "{plural}" in API group "{group}"{where}'
            return 403, {
                "kind": "Status",
                "message": f"{plural}{'.' + group if group else ''}{f' {chr(34)}{name}{chr(34)}' if name else ''} is forbidden: {text}",
            }
        with self.state.clock.lock:
            return self._act(method, (f"{plural}.{group}" if group else plural, namespace, name), query or {}, body)

    def _act(self, method: str, key: tuple[str, str, str], query: dict[str, str], body: Json | None) -> tuple[int, Json]:
        resource, namespace, name = key
        found = self.state.objects.get(key)
        if method == "GET" and not name:
            chosen = selectors.labels(query.get("labelSelector", ""))
            items = sorted((k, v) for k, v in self.state.objects.items() if k[0] == resource and (not namespace or k[1] == namespace))
            return 200, {"items": [item for _key, item in items if chosen(item)]}
        if method == "POST":
            if found is not None:
                held = "object is being deleted: " if found["metadata"].get("deletionTimestamp") else ""
                return 409, {"message": f'{held}{resource} "{name}" already exists'}
            return 201, self._told(self.state.put(resource, namespace, name, body or {}), resource)
        if found is None:
            return 404, {"message": f'{resource} "{name}" not found'}
        if method == "PUT":
            return 200, self._told(self.state.put(resource, namespace, name, body or {}), resource)
        if method == "DELETE":
            self.delete(key, found)
        return 200, self._told(found, resource)

    def delete(self, key: tuple[str, str, str], found: Json) -> None:
        if found["metadata"].get("finalizers"):
            self.state.put(*key, {**found, "metadata": {**found["metadata"], "deletionTimestamp": self.state.stamp(), "deletionGracePeriodSeconds": 0}})
        else:
            self.state.remove(*key)

    def _told(self, item: Json, resource: str) -> Json:
        return {"kind": KINDS.get(resource.partition(".")[0], ""), **item}
