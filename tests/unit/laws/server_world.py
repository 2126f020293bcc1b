# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A 3.x installation in the lab's Kubernetes as a world for the laws: in process, on its virtual clock, reached by the real client without a socket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import client as kubernetes_client
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import Kind
from ansible_collections.serverops.circleci.plugins.module_utils.server import restart_client
from unit.laws.killing import Tap
from urllib3.exceptions import ProtocolError

from lab.installation.installation import NAMESPACE, install, settle
from lab.installation.parts import PARTS
from lab.kubernetes.api import Api, Request
from lab.kubernetes.controllers.podstatus import is_ready
from lab.kubernetes.link import LabLink
from lab.kubernetes.state import ADMIN, Change, State, User

CANARY = "c4a1f0de-5ec2-e7ca-9a2b-70ad1e5ca9e5"  # a token that no output may show
APPS = ("frontend", "nomad-server", "dispatcher", "mongodb", "vault")  # the fewer, the sooner the laws are tried
PARAMS: Json = {"host": "http://lab:6443", "api_key": CANARY}


class ServerWorld:
    """The installation, settled. `lost` are beginnings of "METHOD path" whose answers are lost after they took effect, once each."""

    def __init__(self, user: User = ADMIN, apps: tuple[str, ...] = APPS) -> None:
        self.made = settle(install(State(), parts=[part for part in PARTS if part.name in apps]))
        self.state, self.control = self.made.state, self.made.control
        self.state.users[CANARY] = user
        self.clock: Any = self.state.clock
        self.api = Api(self.state)
        self.tap = Tap()
        self.journal: list[str] = []
        self.lost: list[str] = []
        self.clock.sleep(300)
        self.least = dict(Counter(pod["metadata"]["labels"]["app"] for pod in self.made.pods()))
        self.wanted = dict(self.least)
        self.state.controllers.append(self._count)
        self.born = {pod["metadata"]["uid"] for pod in self.made.pods()}

    def _count(self, change: Change) -> None:
        """The fewest ready pods that each workload had."""
        if change.key[0] == "pods":
            found = Counter({app: 0 for app in self.least})
            found.update(pod["metadata"]["labels"]["app"] for pod in self.made.pods() if is_ready(pod))
            self.least = {app: min(least, found[app]) for app, least in self.least.items()}

    def pods_of(self, app: str) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.made.pods() if pod["metadata"]["labels"]["app"] == app]

    # -- as the laws want it -----------------------------------------------------------------------------

    @contextmanager
    def open(self) -> Iterator[None]:
        with mock.patch.object(kubernetes_client, "Calls", self._calls), mock.patch.object(restart_client, "Mirror", self._mirror):
            yield

    def _calls(self, connection: KubernetesConnection, clock: Any, _link: Any) -> Any:
        token = connection.api_key.reveal() if connection.api_key else ""
        return REAL_CALLS(connection, clock, LabLink(self.api, token, self._around))

    @contextmanager
    def _around(self, asked: Request) -> Iterator[None]:
        said = f"{asked.method} {asked.path}"
        with self.tap.around(said, before=asked.method == "DELETE"):
            self.journal.append(said)
            yield
            self.clock.sleep(0.01)
        for one in self.lost:
            if said.startswith(one):
                self.lost.remove(one)
                raise ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))

    def _mirror(self, client: Any, kind: Kind, namespace: str) -> Any:
        return LabMirror(self, client, kind, namespace)

    def settle_in(self) -> ServerWorld:
        self.journal.clear()
        self.tap.kill(None)
        return self

    def writes(self) -> list[Any]:
        return [one for one in self.journal if not one.startswith("GET") and "accessreviews" not in one]

    def end(self) -> Json:
        """Which workloads have pods made since, and whether all is well. What comes by itself is waited for by whoever restarts."""
        fresh = sorted({pod["metadata"]["labels"]["app"] for pod in self.made.pods() if pod["metadata"]["uid"] not in self.born})
        return {"fresh": fresh, "problems": [text.split(" ")[0] for text in self.made.problems()]}

    def harm(self) -> list[str]:
        return [f"{app} had {least} ready" for app, least in self.least.items() if least < self.wanted[app] - 1]


REAL_CALLS = kubernetes_client.Calls


class LabMirror:
    """In the place of the watch and its thread: the list, and time that passes until it changes."""

    def __init__(self, world: ServerWorld, client: Any, kind: Kind, namespace: str) -> None:
        self._world, self._client, self._kind, self._namespace = world, client, kind, namespace
        self._seen: Any = None

    def _now(self) -> Any:
        return tuple(sorted(item["metadata"]["resourceVersion"] for key, item in self._world.state.objects.items() if key[0] == "pods"))

    def items(self) -> Any:
        if self._seen is None:
            self._client.list(self._kind, self._namespace)
        self._seen = self._now()
        return tuple(self._world.state.all("pods", self._namespace))

    def wait(self, seconds: float) -> bool:
        ends = self._world.clock.now() + seconds
        while self._now() == self._seen:
            if self._world.clock.now() >= ends:
                return False
            self._world.clock.sleep(min(0.1, max(0.001, ends - self._world.clock.now())))
        self._seen = self._now()
        return True


__all__ = ["CANARY", "NAMESPACE", "PARAMS", "ServerWorld"]
