# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes API on the loopback: the lab's, or a real kube-apiserver over a real etcd where both are on PATH or LAB_KUBE_APISERVER names the first."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State, User
from lab.nomad.clock import RealClock

ADMIN_TOKEN, LIMITED_TOKEN = "token-of-the-admin", "token-of-a-limited-user"
NO_REAL = "no real Kubernetes API: put kube-apiserver and etcd on PATH, or name the first in LAB_KUBE_APISERVER"


class Api(Protocol):
    """A cluster without nodes. The user `limited` has the rights that bindings give it, no others."""

    def params(self, token: str = ADMIN_TOKEN) -> dict[str, Any]:
        """The options of a connection."""

    def stop(self) -> None:
        """Nobody listens any more; what is stored stays."""

    def start(self) -> None:
        """At the same port again."""

    def close(self) -> None:
        """End all that was started."""


class LabApi:
    def __init__(self) -> None:
        self.state = State(RealClock())
        self.state.users.update({ADMIN_TOKEN: ADMIN, LIMITED_TOKEN: User("limited", groups=("system:authenticated",))})
        self.server = Server(self.state)

    def params(self, token: str = ADMIN_TOKEN) -> dict[str, Any]:
        return {"host": self.server.url, "api_key": token}

    def stop(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server = Server(self.state, port=self.server.port)

    def close(self) -> None:
        self.server.stop()


class RealApi:
    def __init__(self, binary: str, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        folder.mkdir(parents=True)
        self._port, self._etcd_port, peer = free_port(), free_port(), free_port()
        self._keys()
        store = f"http://127.0.0.1:{self._etcd_port}"
        command = ["etcd", "--data-dir", str(folder / "etcd"), "--listen-client-urls", store, "--advertise-client-urls", store]
        command += ["--listen-peer-urls", f"http://127.0.0.1:{peer}", "--unsafe-no-fsync"]
        self._store = self._run("etcd", command)
        self._api: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except AssertionError:
            self.close()
            raise

    def params(self, token: str = ADMIN_TOKEN) -> dict[str, Any]:
        certificate = str(self._folder / "certificates" / "apiserver.crt")
        return {"host": f"https://127.0.0.1:{self._port}", "api_key": token, "ca_cert": certificate}

    def start(self) -> None:
        folder = self._folder
        options = {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "bind-address": "127.0.0.1",
            "secure-port": str(self._port),
            "cert-dir": str(folder / "certificates"),
            "token-auth-file": str(folder / "tokens.csv"),
            "authorization-mode": "RBAC",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": str(folder / "account.pub"),
            "service-account-signing-key-file": str(folder / "account.key"),
            "service-cluster-ip-range": "10.0.0.0/24",
            "disable-admission-plugins": "ServiceAccount",
        }
        self._api = self._run("apiserver", [self._binary, *(f"--{name}={value}" for name, value in options.items())])
        ends = time.monotonic() + 90
        while not self._ready():
            assert self._api.poll() is None and time.monotonic() < ends, (folder / "apiserver.log").read_text()[-2000:]
            time.sleep(0.2)

    def stop(self) -> None:
        if self._api is not None:
            end(self._api)
            self._api = None

    def close(self) -> None:
        self.stop()
        end(self._store)

    def _ready(self) -> bool:
        import ssl

        context = ssl._create_unverified_context()
        asked = urllib.request.Request(f"https://127.0.0.1:{self._port}/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        try:
            with urllib.request.urlopen(asked, timeout=2, context=context) as got:
                return bool(got.status == 200)
        except OSError:
            return False

    def _run(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": os.environ["PATH"], "HOME": str(self._folder)})

    def _keys(self) -> None:
        rows = [f"{ADMIN_TOKEN},admin,1,system:masters", f"{LIMITED_TOKEN},limited,2"]
        (self._folder / "tokens.csv").write_text("\n".join(rows) + "\n")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
        (self._folder / "account.key").write_bytes(secret)
        (self._folder / "account.pub").write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def binary() -> str:
    """A kube-apiserver that can be started here; "" where there is none."""
    found = os.environ.get("LAB_KUBE_APISERVER") or shutil.which("kube-apiserver") or ""
    return found if found and os.access(found, os.X_OK) and shutil.which("etcd") else ""
