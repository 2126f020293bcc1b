# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Nomad behind a road: a real sshd before it, or the lab's Kubernetes with its server as a pod; each can break and come back."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from faults.processes import processes_of

from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, Rule, User
from lab.ssh.sshd import Sshd

Json = dict[str, Any]
NAMESPACE, POD, TOKEN = "circleci-server", "nomad-server-0", "f0c4f3d1-the-cluster-token"
# What the documentation says is enough.
FORWARDER = User(
    "system:serviceaccount:ops:drain",
    (Rule(("pods",), ("list",), NAMESPACE), Rule(("pods/portforward",), ("get", "create"), NAMESPACE)),
)


class Broken(Protocol):
    """A road that a test breaks."""

    variables: Json

    def snap(self) -> None:
        """Everything that goes through it breaks, and nothing new comes through."""

    def mend(self) -> None:
        """It is there again."""

    def close(self) -> None:
        """End all that was started."""


class SshTo:
    """A machine with sshd from which `url` is reached."""

    def __init__(self, url: str, folder: Path, **options: Any) -> None:
        self.sshd = Sshd(folder / "sshd")
        self.variables: Json = {"nomad_url": url, "ssh_forward": {**self.sshd.login, **options}}

    def snap(self) -> None:
        self.sshd.kill()

    def mend(self) -> None:
        self.sshd.start()

    def close(self) -> None:
        self.sshd.close()


class PodOf:
    """A Kubernetes in which `url` is port 4646 of the pod of Nomad's server."""

    def __init__(self, url: str, **options: Any) -> None:
        self.server = Server()
        self.state = self.server.state
        self.address = ("127.0.0.1", int(urlsplit(url).port or 0))
        self.state.users.update({"admin": ADMIN, TOKEN: FORWARDER, "reader": User("reader", (Rule(("pods",), ("list",)),))})
        self._number = 0
        self.mend()
        given = {"namespace": NAMESPACE, "host": self.server.url, "api_key": TOKEN}
        self.variables: Json = {"kubernetes_forward": {**given, **options}}

    def snap(self) -> None:
        """The pod is gone: deleted, or its machine is."""
        self.state.remove("pods", NAMESPACE, self.pod)

    def mend(self) -> None:
        """It runs again, elsewhere and by another name: first Pending, then not Ready."""
        self.pod = f"{POD[:-1]}{self._number}"
        self._number += 1
        self.state.add_pod(NAMESPACE, self.pod, {"app": "nomad-server"}, "Pending", False)
        self.state.ports[NAMESPACE, self.pod, 4646] = self.address
        self.state.set_pod(NAMESPACE, self.pod, "Running", False)
        self.state.set_pod(NAMESPACE, self.pod)

    def close(self) -> None:
        self.server.stop()


def ssh_processes(home: Path) -> list[int]:
    """The ssh clients of a play."""
    return [pid for pid, (line, _env) in processes_of(home).items() if line.startswith("ssh\0")]


def modules_with_ssh(home: Path) -> list[int]:
    """The processes that started them: the module's own."""
    parents = []
    for pid in ssh_processes(home):
        with contextlib.suppress(OSError):
            parents.append(int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]))
    return parents
