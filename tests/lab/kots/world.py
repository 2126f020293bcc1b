"""A console (kotsadm) in the lab's Kubernetes: what it holds, its place in the cluster, its scheduler, and how it is called."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import datetime

from lab.kots import cron, snapshots, vault
from lab.kots.api import handle
from lab.kots.model import Answer, App, Bundle, Entitlement, Item, Json, Upstream, Version
from lab.kots.profile import PROFILES
from lab.kots.server import Listener
from lab.kubernetes.state import State

LABELS = {"kots.io/kotsadm": "true", "kots.io/backup": "velero"}
IMAGE = "registry.example/kotsadm:v1"
BINDING = ("clusterrolebindings.rbac.authorization.k8s.io", "", "kotsadm-rolebinding")
TICK = 60.0  # the scheduler looks that often
LABELLED = ("3.3.0", "3.4.0")
ITEMS = (Item("domain", required=True), Item("workers", default="4"), Item("secret", type="password"))


@dataclass
class Fault:
    """`count` answers to requests that match `METHOD path` are spoilt. `apply`: the request is carried out all the same."""

    match: str
    answer: Answer
    count: int = 1
    apply: bool = False


@dataclass
class KotsWorld:
    """The console of one namespace."""

    state: State
    version: str = "1.124.18"
    namespace: str = "circleci-server"
    velero_namespace: str = "velero"
    minimal_rbac: bool = False
    encryption: bool = True  # the Secret kotsadm-encryption is there
    password: str = "lab-password"
    pod: str = "kotsadm-0"
    authstring: str = "Kots lab-authstring"
    apps: dict[str, App] = field(default_factory=dict)
    bundles: dict[str, Bundle] = field(default_factory=dict)
    bundle_files: dict[str, str] = field(default_factory=dict)  # what the next bundles hold beside their own files
    bundle_seconds: float = 3.0
    bundle_status: str = "uploaded"  # how the next ones end
    restores: set[tuple[str, str]] = field(default_factory=set)  # backup, application: under way
    cron: str = ""  # "": off, and nothing is remembered
    retention: tuple[str, str] = ("", "")
    due: datetime | None = None  # when the scheduler makes its next backup
    sessions: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)  # method, path: all of them, in order

    def __post_init__(self) -> None:
        self.profile = PROFILES[self.version]
        self.listener: Listener | None = None
        self.numbers = 0
        self.state.clock.after(TICK, self._tick)

    # --- its place ---
    def install(self) -> "KotsWorld":
        """What an installed console has in the cluster. What is there already stays."""
        app = {"app": "kotsadm", **LABELS}
        template = {
            "metadata": {"labels": app},
            "spec": {"containers": [{"name": "kotsadm", "image": IMAGE, "ports": [{"name": "http", "containerPort": 3000}]}]},
        }
        spec = {"serviceName": "kotsadm", "replicas": 1, "selector": {"matchLabels": {"app": "kotsadm"}}, "template": template}
        self._ensure("namespaces", "", self.namespace, {"status": {"phase": "Active"}})
        self._ensure("statefulsets.apps", self.namespace, "kotsadm", {"metadata": {"labels": app}, "spec": spec})
        ports = [{"name": "http", "port": 3000, "targetPort": "http"}]
        self._ensure("services", self.namespace, "kotsadm", {"metadata": {"labels": app}, "spec": {"selector": {"app": "kotsadm"}, "ports": ports}})
        data = {"kotsadm-authstring": base64.b64encode(self.authstring.encode()).decode()}
        self._ensure("secrets", self.namespace, "kotsadm-authstring", {"metadata": {"labels": LABELS}, "type": "Opaque", "data": data})
        if self.encryption:
            self._ensure("secrets", self.namespace, vault.SECRET, {"metadata": {"labels": LABELS}, "type": "Opaque", "data": vault.secret()})
        if not self.minimal_rbac:
            self.bind()
        if ("pods", self.namespace, self.pod) not in self.state.objects:
            self.state.add_pod(self.namespace, self.pod, {**app, "statefulset.kubernetes.io/pod-name": self.pod})
        return self

    def bind(self) -> None:
        """The console gets its rights in the whole cluster."""
        subject = {"kind": "ServiceAccount", "name": "kotsadm", "namespace": self.namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        self.state.put(*BINDING, {"roleRef": role, "subjects": [subject]})

    def _ensure(self, resource: str, namespace: str, name: str, body: Json) -> None:
        if (resource, namespace, name) not in self.state.objects:
            self.state.put(resource, namespace, name, body)

    def start(self, port: int = 0) -> "KotsWorld":
        """Installed if it is not, and served on the loopback, where port-forward leads."""
        self.install()
        self.listener = Listener(self, port)
        self.state.ports[self.namespace, self.pod, 3000] = ("127.0.0.1", self.listener.server_port)
        return self

    def stop(self) -> None:
        """Nobody listens any more; the pod is still called ready."""
        if self.listener is not None:
            self.listener.end()
            self.listener = None

    @property
    def url(self) -> str:
        assert self.listener is not None, "not started"
        return f"http://127.0.0.1:{self.listener.server_port}"

    # --- being called ---
    def call(self, method: str, path: str, body: Json | None = None, authorization: str | None = "") -> Answer:
        """Without a socket; time passes on the state's clock. `authorization`: the right one if "", none if None."""
        headers = {} if authorization is None else {"authorization": authorization or self.secret_value()}
        answer = self.ask(method, path, headers, b"" if body is None else json.dumps(body).encode())
        if answer.after:
            self.state.clock.sleep(answer.after)
        return answer

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        with self.state.clock.lock:
            self.requests.append((method, path))
            fault = next((one for one in self.faults if one.count and re.search(one.match, f"{method} {path}")), None)
            if fault is None:
                return handle(self, method, path, headers, body)
            fault.count -= 1
            if fault.apply:
                handle(self, method, path, headers, body)
            return fault.answer

    def fault(self, match: str, answer: Answer, count: int = 1, apply: bool = False) -> None:
        self.faults.append(Fault(match, answer, count, apply))

    def secret_value(self) -> str:
        """What the auth Secret holds; what no caller can guess when there is none."""
        found = self.state.objects.get(("secrets", self.namespace, "kotsadm-authstring"))
        held = (found or {}).get("data", {}).get("kotsadm-authstring", "")
        return base64.b64decode(held).decode() if held else "\0"

    # --- what it holds ---
    def add_app(
        self, slug: str = "circleci-server", labels: tuple[str, ...] = ("3.3.0", "3.4.0"), deployed: int = 0, items: tuple[Item, ...] = ITEMS, **values: str
    ) -> App:
        """An application with a version per label, one of them deployed. `values` of its config; the default has a domain."""
        stored = {item.name: values.get(item.name, "ci.example.com" if item.name == "domain" else "") for item in items}
        stored = {item.name: vault.sealed(stored[item.name]) if item.type == "password" and stored[item.name] else stored[item.name] for item in items}
        now = self.state.stamp()
        app = App(slug, created=now, items=items, current=deployed)
        for number, label in enumerate(labels):
            source = "Upstream Update" if number else "Online Install"
            app.versions.append(Version(number, label, now, source=source, cursor=str(number), values=dict(stored)))
            if number <= deployed:
                app.versions[-1].status, app.versions[-1].deployed_at = "deployed", now
        self.apps[slug] = app
        return app

    def id(self, prefix: str = "") -> str:
        self.numbers += 1
        return f"{prefix}{self.numbers:027d}"

    # --- the scheduler ---
    def schedule(self, text: str) -> None:
        """From now on; "" switches it off and forgets it."""
        self.cron = text
        self.due = cron.after(text, self.state.clock.wall()) if text else None

    def _tick(self) -> None:
        with self.state.clock.lock:
            if self.cron and self.due is not None and self.state.clock.wall() >= self.due:
                if not any(snapshots.unfinished(one) for one in snapshots.of(self)) and snapshots.access(self):
                    snapshots.make(self, "schedule")
                self.due = cron.after(self.cron, self.state.clock.wall())
            self.state.clock.after(TICK, self._tick)


__all__ = ["App", "Entitlement", "Item", "KotsWorld", "Upstream", "Version"]
