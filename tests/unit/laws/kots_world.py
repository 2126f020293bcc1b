# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's kotsadm and Velero as one world, in process and on its virtual clock, reached by the modules' own clients of kotsadm and of Velero's objects.

The Kubernetes API is played by what stands behind it: the client of that has tests of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots import client, connection, console_client
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.answers import Listing
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection
from unit.laws.killing import Tap

from lab.copies import copied
from lab.kots.world import Entitlement, KotsWorld
from lab.kubernetes.api import Api
from lab.kubernetes.link import LabLink
from lab.kubernetes.request import Request
from lab.kubernetes.state import ADMIN, State
from lab.velero.store import MemoryStore
from lab.velero.world import VeleroWorld

NAMESPACE, VELERO = "circleci-server", "velero"
CANARY = "Kots c4a1f0de-5ec2-e7ca-9a2b-70ad1e5ca9e5"  # the auth string that no output may show
STORE_KEY = "c4a1f0de5ec2e7ca9a2b70ad1e5ca9e5/cloud"
BUCKET = "lab-bucket"
TOKEN = "a-token-of-the-lab"
STEP = 0.25  # s between two looks of a watch


class Installation:
    """One installation with kotsadm, Velero and its agents, on one machine. `postgresql-0` has a volume with bytes in it."""

    def __init__(self, velero: str = "1.6.3", kots: str = "1.124.18", seconds: float = 30.0) -> None:
        self.state = State()
        self.state.users[TOKEN] = ADMIN
        self.clock: Any = self.state.clock
        self.tap = Tap()
        self.store = MemoryStore()
        self.store.bucket(BUCKET)
        self.console = KotsWorld(self.state, version=kots, authstring=CANARY).install()
        self.app = self.console.add_app(labels=("3.4.0",))
        self.app.entitlements = (Entitlement("isSnapshotSupported", "Snapshots", True),)
        self.velero = VeleroWorld(self.state, velero, self.store)
        self.velero.install(BUCKET)
        self.velero.volumes.least = seconds
        self.agent = self.velero.core.profile.agent
        self._nodes_and_pods()
        self.volume("postgresql-0", {"row-1": b"x" * 4096})
        self.clock.sleep(90)
        self.told: list[tuple[str, str]] = []

    def _nodes_and_pods(self) -> None:
        self.state.put("nodes", "", "node-1", {"metadata": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
        self.velero_pod("velero-1")
        self.state.add_pod(VELERO, f"{self.agent}-1", {"component": "velero", "name": self.agent})
        found = copied(self.state.objects["daemonsets.apps", VELERO, self.agent])
        found["status"] = {"desiredNumberScheduled": 1, "numberReady": 1}
        self.state.put("daemonsets.apps", VELERO, self.agent, found)

    def velero_pod(self, name: str) -> None:
        """The server's pod, begun now."""
        made = copied(self.state.add_pod(VELERO, name, {"component": "velero", "deploy": "velero"}))
        made["status"]["containerStatuses"] = [{"name": "velero", "ready": True, "state": {"running": {"startedAt": self.state.stamp()}}}]
        self.state.put("pods", VELERO, name, made)

    def restart_velero(self) -> None:
        """Its pod is killed, and another one begins."""
        self.velero.kill_server()
        self.clock.sleep(2)
        self.state.remove("pods", VELERO, "velero-1")
        self.velero_pod("velero-2")
        self.velero.start_server()

    def volume(self, pod: str, records: dict[str, bytes]) -> None:
        """A pod with a claim whose files belong into a backup."""
        made = copied(self.state.add_pod(NAMESPACE, pod, {"app": "postgresql", "kots.io/backup": "velero"}))
        made["metadata"]["annotations"] = {"backup.velero.io/backup-volumes": "data"}
        made["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": f"data-{pod}"}}]
        self.state.put("pods", NAMESPACE, pod, made)
        self.state.put("persistentvolumeclaims", NAMESPACE, f"data-{pod}", {"metadata": {"labels": {"kots.io/backup": "velero"}}, "spec": {}})
        held: dict[Any, Any] = getattr(self.state, "volumes", None) or {}
        held[NAMESPACE, f"data-{pod}"] = SimpleNamespace(records=records, sums={})
        self.state.volumes = held  # type: ignore[attr-defined]

    # -- what the laws ask ---------------------------------------------------------------------------

    @contextmanager
    def open(self) -> Iterator[None]:
        with (
            mock.patch.object(connection, "client_from_params", lambda _params, _clock: LabKubernetes(self)),
            mock.patch.object(connection, "store_of", lambda location, secret, cloud: LabStore(self, location)),
            mock.patch.object(client, "Mirror", lambda *args, **more: LabMirror(self, *args, **more)),
            mock.patch.object(client, "wait_any", self.wait_any),
            mock.patch.object(console_client, "Forward", lambda *_args: SimpleNamespace(port=1, forget=lambda: None, failure=lambda: None, close=lambda: None)),
            mock.patch.object(console_client, "new_session", lambda *_args, **_more: self.session()),
        ):
            yield

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", ConsoleAdapter(self))
        return session

    def wait_any(self, mirrors: Sequence[LabMirror], seconds: float) -> bool:
        """Time passes until one of the lists changes."""
        ends = self.clock.now() + seconds
        while not any(mirror.changed() for mirror in mirrors):
            if self.clock.now() >= ends:
                return False
            self.clock.sleep(min(STEP, max(0.001, ends - self.clock.now())))
        return True

    def settle_in(self) -> Installation:
        """What happened so far was the scene, not the act."""
        self.told.clear()
        self.tap.kill(None)
        return self

    def backups(self) -> list[Json]:
        """Every Backup that there is."""
        return [body for key, body in sorted(self.state.objects.items()) if key[0] == "backups.velero.io"]

    def writes(self) -> list[Any]:
        return [one for one in self.told if one[0] != "GET"]

    def end(self) -> Json:
        plan = self.console
        phases = sorted(str((one.get("status") or {}).get("phase")) for one in self.backups())
        return {"backups": phases, "cron": plan.cron, "retention": list(plan.retention), "left": self.left()}

    def left(self) -> list[str]:
        """What a trial restore left behind; not what Kubernetes' garbage collector, which nobody plays here, takes for want of its owner."""
        uids = {body["metadata"]["uid"] for body in self.state.objects.values()}
        trials = [(key, body) for key, body in self.state.objects.items() if "trial-" in key[2] or key[1].startswith("trial-")]
        owned = [(key, [one["uid"] for one in body["metadata"].get("ownerReferences") or ()]) for key, body in trials]
        return sorted(" ".join(key) for key, owners in owned if not owners or uids & set(owners))

    def harm(self) -> list[str]:
        asked = [one for one in self.writes() if one == ("POST", "/api/v1/snapshot/backup")]
        return [f"{len(asked)} backups were asked for"] if len(asked) > 1 else []


class ConsoleAdapter(requests.adapters.BaseAdapter):
    """The way to kotsadm, on which one can die before and after every request."""

    def __init__(self, world: Installation) -> None:
        super().__init__()
        self._world = world

    def send(self, request: requests.PreparedRequest, *_args: Any, timeout: Any = None, **_more: Any) -> requests.Response:
        world, path = self._world, str(request.path_url)
        with world.tap.around(f"{request.method} {path}", before=request.method != "GET"):
            body = request.body.encode() if isinstance(request.body, str) else request.body or b""
            world.told.append((str(request.method), path))
            answer = world.console.ask(str(request.method), path, {name.lower(): str(value) for name, value in request.headers.items()}, body)
            patience = timeout[1] if isinstance(timeout, tuple) else timeout
            world.clock.sleep(min(answer.after, patience or answer.after))
            if patience and answer.after > patience:
                raise requests.ReadTimeout("no answer yet")
            if answer.close:
                raise requests.ConnectionError("lost")
        return _response(request, answer)

    def close(self) -> None:
        return None


def _response(request: requests.PreparedRequest, answer: Any) -> requests.Response:
    made = requests.Response()
    made.status_code, made.request, made.url = answer.status, request, str(request.url)
    body = answer.body
    made._content = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    made.headers.update(answer.headers)
    return made


class LabKubernetes:
    """What the modules ask of the Kubernetes API."""

    def __init__(self, world: Installation) -> None:
        self.world, self.place = world, "lab:6443"

    def find(self, kind: Any, namespace: str, name: str) -> Json | None:
        with self.world.tap.around(f"GET {kind.plural}/{name}", before=False):
            found = self.world.state.objects.get((kind.resource, namespace if kind.namespaced else "", name))
            return copied(found)

    def get(self, kind: Any, namespace: str, name: str) -> Json:
        found = self.find(kind, namespace, name)
        if found is None:
            raise NotFound(f"Kubernetes at {self.place} does not know it")
        return found

    def list(self, kind: Any, namespace: str = "", labels: str = "", fields: str = "") -> Listing:
        with self.world.tap.around(f"GET {kind.plural}", before=False):
            wanted = dict(part.split("=", 1) for part in labels.split(",") if part)
            items = [body for key, body in sorted(self.world.state.objects.items()) if key[0] == kind.resource and namespace in ("", key[1])]
            chosen = [one for one in items if wanted.items() <= (one["metadata"].get("labels") or {}).items()]
            return Listing(tuple({"kind": kind.name, **copied(one)} for one in chosen), str(self.world.state.version))

    def create(self, kind: Any, manifest: Json, namespace: str = "") -> Json:
        return self._writes().create(kind, manifest, namespace)

    def patch(self, kind: Any, namespace: str, name: str, merge: Json) -> Json:
        return self._writes().patch(kind, namespace, name, merge)

    def delete(self, kind: Any, namespace: str, name: str, uid: str = "") -> Json:
        return self._writes().delete(kind, namespace, name, uid)

    def _writes(self) -> KubernetesClient:
        """Writes go the whole way, through the client and the lab's API: its refusals count."""
        return KubernetesClient(KubernetesConnection(), self.world.clock, LabLink(Api(self.world.state), TOKEN, self._around))  # type: ignore[arg-type]

    def _around(self, asked: Request) -> Any:
        if asked.method != "GET":
            self.world.told.append((asked.method, asked.path))
        return self.world.tap.around(f"{asked.method} {asked.path}", before=asked.method != "GET")

    def server_time(self) -> float:
        return float(self.world.clock.wall().timestamp())


class LabMirror:
    """A list that is always current."""

    def __init__(self, world: Installation, kubernetes: LabKubernetes, kind: Any, namespace: str = "", labels: str = "", fields: str = "") -> None:
        self._kubernetes, self._asked = kubernetes, (kind, namespace, labels)
        self._seen: Any = None

    def items(self) -> tuple[Json, ...]:
        self._seen = self.fresh()
        return self._seen

    def fresh(self) -> tuple[Json, ...]:
        kind, namespace, labels = self._asked
        return tuple(self._kubernetes.list(kind, namespace, labels=labels).items)

    def changed(self) -> bool:
        kind, namespace, labels = self._asked
        quiet = LabKubernetes(SimpleNamespace(tap=Tap(), state=self._kubernetes.world.state))  # type: ignore[arg-type]
        return tuple(quiet.list(kind, namespace, labels=labels).items) != self._seen


class LabStore:
    """The object store, as whoever holds Velero's keys sees it."""

    def __init__(self, world: Installation, location: Json) -> None:
        self._world, self._bucket = world, location["spec"]["objectStorage"]["bucket"]

    def list(self, prefix: str) -> dict[str, int]:
        with self._world.tap.around(f"LIST {prefix}", before=False):
            if self._world.store.fault:
                raise Unreachable(f"bucket {self._bucket} does not answer")
            return self._world.store.objects(self._bucket, prefix)

    def get(self, key: str) -> bytes:
        with self._world.tap.around(f"GET {key}", before=False):
            if self._world.store.fault:
                raise Unreachable(f"bucket {self._bucket} does not answer")
            if key not in self._world.store.objects(self._bucket, key):
                raise NotFound(f"bucket {self._bucket} has no {key}")
            return self._world.store.get(self._bucket, key)
