"""One run of the program: its output, its flags, its way to the console."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import random
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from lab.kots.cli.profile import Profile

Json = dict[str, Any]
LABELS = {"kots.io/kotsadm": "true", "kots.io/backup": "velero"}
TICK, CROSS = "\u2713", "\u2717"
PATIENCE, RETRY = 10.0, 0.105  # an old program asks a dead port that long, that often


class Failed(Exception):
    """Ends the run: `Error: text`, and the usage after it if the command does that."""

    def __init__(self, text: str, code: int = 1, bare: bool = False) -> None:
        super().__init__(text)
        self.text, self.code, self.bare = text, code, bare  # bare: nothing is printed any more


class Lost(Exception):
    """Nobody listens on the pod's port. The text is the port-forward's own."""


class Unreachable(Exception):
    """There is no Kubernetes: no kubeconfig, or nobody at its address."""


class Console(Protocol):
    """kotsadm behind a port that was forwarded."""

    port: int

    def ask(self, method: str, path: str, body: bytes, authorization: str) -> tuple[int, bytes]: ...


class Cluster(Protocol):
    """What the program stands before."""

    def kube(self, method: str, path: str, query: dict[str, str] | None = None, body: Json | None = None) -> tuple[int, Json]:
        raise NotImplementedError

    def connect(self, namespace: str, pod: str) -> Console: ...
    def sleep(self, seconds: float) -> None: ...
    def wall(self) -> datetime: ...


@dataclass
class Run:
    """The state of a run. `out` and `err` take text."""

    profile: Profile
    cluster: Cluster
    out: Any
    err: Any
    argv: list[str] = field(default_factory=list)
    args: list[str] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)
    console: Console | None = None
    auth: str = ""
    quiet: bool = False  # -o json: only the JSON is printed

    @property
    def namespace(self) -> str:
        return self.flags.get("namespace") or "default"

    # --- output ---
    def print(self, text: str) -> None:
        if not self.quiet:
            self.out.write(text)

    def action(self, text: str) -> None:
        """An old program goes on in the same line when the thing is done."""
        self.print(f"  \u2022 {text}" + ("" if self.profile.old else "\n"))

    def finish(self, good: bool = True) -> None:
        if self.profile.old:
            self.print(f"\r  \u2022  {TICK if good else CROSS}  \n")

    def line(self, text: str) -> None:
        self.print(f"  \u2022 {text}\n")

    def told(self, body: Json) -> None:
        self.out.write(json.dumps(body, indent=4) + "\n")

    # --- Kubernetes ---
    def get(self, path: str, query: dict[str, str] | None = None) -> tuple[int, Json]:
        return self.cluster.kube("GET", path, query)

    def velero(self) -> str:
        """The namespace of the first Deployment that is called velero."""
        status, body = self.get("/apis/apps/v1/deployments")
        for item in body.get("items") or () if status == 200 else ():
            if item["metadata"]["name"] == "velero":
                return str(item["metadata"]["namespace"])
        return ""

    # --- the console ---
    def forward(self, wait: float = 0.0, noise: Any = None) -> Console:
        """The port-forward. Failed when there is no pod, no right, or nobody listens."""
        if self.profile.old:
            return self._old_forward(wait)
        try:
            self.get("/api/v1/services")  # is a local port free? A refusal does not matter
        except Unreachable as fault:
            url = f"{fault.args[0]}/api/v1/services"
            text = f'failed to list services: Get "{url}": {fault.args[1]}'
            raise Failed(f"failed to start port forwarding: failed to find free port: failed to check if port is available: {text}") from None
        pod = self.find_pod(wait, "failed to start port forwarding: failed to get pod name for port forward")
        return self._dial(pod, "failed to start port forwarding: failed to forward ports", noise or self.out)

    def _dial(self, pod: str, prefix: str, noise: Any) -> Console:
        try:
            self.console = self.cluster.connect(self.namespace, pod)
        except Lost as fault:
            self.err.write(self._log("portforward.go:424", f'"Unhandled Error" err="{fault}" logger="UnhandledError"'))
            if noise is self.err or not self.quiet:
                noise.write(f"    lost connection to pod {pod}\n\n")
            raise Failed(f"{prefix}: lost connection to pod") from None
        return self.console

    def _old_forward(self, wait: float) -> Console:
        try:
            pod = self.find_pod(wait, "failed to find kotsadm pod")
        except Unreachable as fault:
            self.err.write(self._log("loader.go:223", "Config not found", level="W"))
            url = f"{fault.args[0]}/api/v1/namespaces/{self.namespace}/pods?labelSelector=app%3Dkotsadm"
            raise Failed(f'failed to find kotsadm pod: failed to list pods: Get "{url}": {fault.args[1]}') from None
        return self.old_dial(pod)

    def old_dial(self, pod: str, prefix: str = "failed to start port forwarding", shown: str = "") -> Console:
        left = PATIENCE
        while True:
            try:
                self.console = self.cluster.connect(self.namespace, pod)
                return self.console
            except Lost as fault:
                self.err.write(self._log("portforward.go:400", str(fault)))
                port = re.findall(r"forwarding (\d+)", str(fault))
            left -= RETRY
            if left <= 0:
                raise Failed(f'{prefix}: failed to query healthz: Get "http://localhost:{shown or (port or [0])[0]}/healthz": EOF')
            self.cluster.sleep(RETRY)

    def find_pod(self, wait: float, prefix: str) -> str:
        """The console's pod that is ready; `wait` s for it."""
        left = wait
        while True:
            status, body = self.get(f"/api/v1/namespaces/{self.namespace}/pods", {"labelSelector": "app=kotsadm"})
            if status != 200:
                raise Failed(f"{prefix}: failed to list pods: {body.get('message', '')}")
            for pod in body["items"]:
                if any(one["type"] == "Ready" and one["status"] == "True" for one in (pod.get("status") or {}).get("conditions") or ()):
                    return str(pod["metadata"]["name"])
            if left <= 0:
                raise Failed(f"{prefix}: {'timeout waiting for' if wait else 'unable to find'} kotsadm pod")
            left -= 1
            self.cluster.sleep(1)

    def _log(self, where: str, text: str, level: str = "E") -> str:
        return f"{level}{self.cluster.wall().strftime('%m%d %H:%M:%S.%f')}    1000 {where}] {text}\n"

    def authorize(self) -> None:
        """The auth Secret; it is made if there is none."""
        path = f"/api/v1/namespaces/{self.namespace}/secrets"
        status, body = self.get(f"{path}/kotsadm-authstring")
        if status == 404:
            value = f"Kots {random.getrandbits(128):032x}"
            meta = {"name": "kotsadm-authstring", "namespace": self.namespace, "labels": LABELS}
            data = {"kotsadm-authstring": b64encode(value.encode()).decode()}
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data, "type": "Opaque"}
            status, body = self.cluster.kube("POST", path, None, body)
        if status >= 300:
            raise Failed(f"failed to get kotsadm auth slug: {body.get('message', '')}", code=2)
        self.auth = b64decode(body["data"]["kotsadm-authstring"]).decode()

    def ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Any]:
        """Status, and JSON if it is any, else text."""
        assert self.console is not None
        status, raw = self.console.ask(method, path, b"" if body is None else json.dumps(body).encode(), self.auth)
        try:
            return status, json.loads(raw)
        except ValueError:
            return status, raw.decode("utf-8", "replace")
