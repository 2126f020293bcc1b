# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Velero on the lab's Kubernetes as a world for the laws: in process, on its virtual clock, reached by the real client over a link that holds no socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest import mock

import yaml
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection
from ansible_collections.serverops.circleci.plugins.module_utils.velero import crds_client, install_client
from unit.laws.killing import Tap

from lab.copies import copied
from lab.kubernetes.api import Api, Request
from lab.kubernetes.controllers.control import Control
from lab.kubernetes.link import LabLink
from lab.kubernetes.state import ADMIN, State
from lab.kubernetes.status import Response
from lab.velero import install
from lab.velero.crds import definitions
from lab.velero.profile import profile_of
from lab.velero.store import MemoryStore
from lab.velero.world import VeleroWorld

Json = dict[str, Any]
MODULES = "ansible_collections.serverops.circleci.plugins.modules."
BUCKET, OTHER = "lab-bucket", "other-bucket"
PACE = 0.25  # s between two looks of a wait that has no watch to wake it


class Cluster:
    """Nodes, their controllers, a store with two buckets, and Velero where somebody installs it."""

    token = "lab-token-of-an-admin"

    def __init__(self, version: str = "1.6.3", nodes: int = 3, profile: str = "") -> None:
        self.state = State()
        self.clock = self.state.clock
        self.api = Api(self.state)
        self.state.users[self.token] = ADMIN
        self.control = Control(self.state)
        for number in range(1, nodes + 1):
            self.control.node(f"node-{number}", cpu="4", memory="16Gi")
        self.control.images.set("velero/velero-plugin", run_for=0.2)  # a plugin copies itself and ends
        self.store = MemoryStore()
        for name in (BUCKET, OTHER):
            self.store.bucket(name)
        self.version, self.has_program = version, True
        self.velero = VeleroWorld(self.state, profile or version, self.store)
        self.tap = Tap()
        self.journal: list[Any] = []
        self.clock.sleep(1)

    # -- as the laws want it ---------------------------------------------------------------------------------

    @contextmanager
    def open(self) -> Iterator[None]:
        info, made = import_module(MODULES + "velero_info"), import_module(MODULES + "velero_install")
        with (
            mock.patch.object(made, "client_from_params", lambda _params, _clock: self.client()),
            mock.patch.object(info, "client_from_params", lambda _params, _clock: self.client()),
            mock.patch.object(install_client, "wait_any", self.wait_any),
            mock.patch.object(crds_client.commands, "find_program", lambda name: "/lab/velero" if name == "velero" and self.has_program else None),
            mock.patch.object(crds_client.commands, "run", self._program),
            mock.patch.object(yaml, "safe_load", json.loads),  # what we apply is JSON, and the lab's YAML reader takes half of all the time
        ):
            yield

    def client(self) -> KubernetesClient:
        return KubernetesClient(KubernetesConnection(), self.clock, LabLink(self.api, self.token, self._around))  # type: ignore[arg-type]

    @contextmanager
    def _around(self, asked: Request) -> Iterator[None]:
        writes = asked.method != "GET" and "dryRun" not in asked.query and "selfsubjectaccessreviews" not in asked.path
        # For the world, a death at a reading is the same as one after the write before it: the first few stand for all.
        with self.tap.around(f"{asked.method} {asked.path}", before=False) if writes or len(self.tap.points) < 3 else nullcontext():
            if writes:
                self.journal.append((asked.method, asked.path))
            yield
            self.clock.sleep(0.01)

    def wait_any(self, _mirrors: Any, seconds: float) -> bool:
        """A watch wakes at the first change."""
        before, ends = self.state.version, self.clock.now() + seconds
        while self.clock.now() < ends and self.state.version == before:
            self.clock.sleep(min(PACE, max(0.0, ends - self.clock.now())))
        return self.state.version != before

    def _program(self, argv: list[str], _timeout: float = 0) -> Any:
        if "version" in argv:
            return SimpleNamespace(out=f"Client:\n\tVersion: v{self.version}\n", err="", code=0)
        items = [copied(one) for one in definitions(profile_of(self.version))]
        return SimpleNamespace(out=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), err="", code=0)

    def writes(self) -> list[Any]:
        return list(self.journal)

    def settle_in(self) -> Cluster:
        self.journal.clear()
        self.tap.kill(None)
        return self

    def guide(self, **flags: Any) -> Cluster:
        """As the guide's command line installs: by POST of each object, under the program's own name."""
        agent = f"velero/v{self.version} (linux/amd64) lab"
        for resource, namespace, name, body in install.keyed(install.objects(install.Wish(profile_of(self.version), **flags))):
            kind = self.state.kinds[resource]
            place = f"/namespaces/{namespace}" if namespace else ""
            root = f"/apis/{body['apiVersion']}" if "/" in body["apiVersion"] else f"/api/{body['apiVersion']}"
            path = f"{root}{place}/{kind.name}"
            headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json", "user-agent": agent}
            answer = self.api.handle(Request("POST", path, {}, headers, json.dumps(body).encode()))
            assert isinstance(answer, Response) and answer.status == 201, (name, getattr(answer, "text", ""))
            self.clock.sleep(0.05)
        self.clock.sleep(10)
        return self.settle_in()

    def object(self, resource: str, name: str, namespace: str = "velero") -> Any:
        return self.state.get(resource, namespace, name)

    def uids(self) -> dict[str, str]:
        """Of everything that Velero consists of, but its pods."""
        kinds = ("namespaces", "customresourcedefinitions.apiextensions.k8s.io", "serviceaccounts", "secrets", "deployments.apps", "daemonsets.apps")
        kinds += ("backupstoragelocations.velero.io", "volumesnapshotlocations.velero.io", "clusterrolebindings.rbac.authorization.k8s.io")
        mine = {
            key: item for key, item in self.state.objects.items() if key[0] in kinds and (item["metadata"].get("labels") or {}).get("component") == "velero"
        }
        return {"/".join(key): item["metadata"]["uid"] for key, item in mine.items()}

    def end(self) -> Json:
        """What the operator wants to see: bucket, image, plugins, agents, and whether it works."""
        location = self.object("backupstoragelocations.velero.io", "default") or {}
        deployment = self.object("deployments.apps", "velero") or {"spec": {"template": {"spec": {"containers": [{}]}}}}
        pod = deployment["spec"]["template"]["spec"]
        return {
            "bucket": ((location.get("spec") or {}).get("objectStorage") or {}).get("bucket"),
            "phase": (location.get("status") or {}).get("phase"),
            "image": pod["containers"][0].get("image"),
            "plugins": [one["image"] for one in pod.get("initContainers") or ()],
            "agents": sorted(key[2] for key in self.state.objects if key[:2] == ("daemonsets.apps", "velero")),
            "passwords": self.object("secrets", "velero-repo-credentials") is not None,
        }

    def harm(self) -> list[str]:
        return []
