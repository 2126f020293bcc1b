# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roads to Nomad that are none of the network's: through a machine by SSH, or into the server's pod through Kubernetes. Loaded only where one is taken."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import urlsplit, urlunsplit

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import checked as checked_kubernetes
from ansible_collections.serverops.circleci.plugins.module_utils.transport.forward import LOOPBACK, Forward
from ansible_collections.serverops.circleci.plugins.module_utils.transport.login import Login
from ansible_collections.serverops.circleci.plugins.module_utils.transport.login import checked as checked_login
from ansible_collections.serverops.circleci.plugins.module_utils.transport.sessions import new_session

if TYPE_CHECKING:
    from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection, Road

MOST = 4  # channels at once: each is a log-in at an sshd, or a stream at an API server
DEFAULT_URL = "http://127.0.0.1:4646"


@dataclass(frozen=True)
class SshRoad:
    """Through a machine that we may log in to."""

    login: Login

    @property
    def words(self) -> str:
        return f"through ssh_forward {self.login.place}"

    def forward(self, host: str, port: int, timeout: float) -> Forward:
        from ansible_collections.serverops.circleci.plugins.module_utils.transport.ssh import dial

        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        # A little less than our own patience, so that ssh's reason comes before it ends.
        return Forward(lambda: dial(self.login, target, timeout * 0.8), MOST)

    def must_lead_to_agents(self) -> None:
        return None


@dataclass(frozen=True)
class KubernetesRoad:
    """Into the server's pod."""

    namespace: str
    pod_selector: str = "app=nomad-server"
    port: Optional[int] = None
    connection: KubernetesConnection = field(default_factory=KubernetesConnection)

    @property
    def words(self) -> str:
        return f"through kubernetes_forward {self.namespace}/{self.pod_selector}"

    def forward(self, host: str, port: int, timeout: float) -> Forward:
        from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.road_client import PodClient, PodRoad

        road = PodRoad(PodClient(self.connection, timeout * 0.4), self.namespace, self.pod_selector, self.port or port)
        return Forward(road.dial, MOST)

    def must_lead_to_agents(self) -> None:
        raise Refused(
            f"kubernetes_forward leads to the server's pod ({self.pod_selector}) only, and a client's own agent is outside the cluster; "
            "use ssh_forward through a machine that reaches the clients, or nomad_url from such a machine"
        )


@dataclass(frozen=True)
class Carried:
    """What a client asks in place of the connection's own address, and the forward behind it."""

    url: str
    session: Any  # of requests
    forward: Forward


def carried(connection: NomadConnection) -> Optional[Carried]:
    """The connection through its road; None where it has none. TLS checks the name that the address has at the far end, not the loopback's."""
    if connection.road is None:
        return None
    parts = urlsplit(connection.url)
    host, port = parts.hostname or LOOPBACK, parts.port or (443 if parts.scheme == "https" else 80)
    session = new_session(connection.tls._replace(server_name=connection.tls_server_name or host), MOST, at_most=True)
    session.headers["Host"] = parts.netloc
    forward = connection.road.forward(host, port, connection.timeout)
    return Carried(urlunsplit((parts.scheme, f"{LOOPBACK}:{forward.port}", parts.path, "", "")), session, forward)


def with_road(given: NomadConnection, params: Mapping[str, Any]) -> NomadConnection:
    """The connection with the road that the options ask for. The default address speaks TLS there once an option of TLS is set."""
    road = road_from_params(params)
    tls = given.ca_path or given.client_cert or given.tls_server_name
    url = DEFAULT_URL.replace("http:", "https:") if tls and given.url == DEFAULT_URL else given.url
    return replace(given, road=road, url=url)


def road_from_params(params: Mapping[str, Any]) -> Road:
    """The road of `ssh_forward` or `kubernetes_forward`. Raises BadInput where both are given, or a value cannot be."""
    ssh, kubernetes = params.get("ssh_forward"), params.get("kubernetes_forward")
    if ssh and kubernetes:
        raise BadInput("ssh_forward and kubernetes_forward are both given; only one road can be taken: leave one out")
    return _ssh_road(ssh) if ssh else _kubernetes_road(kubernetes or {})


def _ssh_road(options: Mapping[str, Any]) -> SshRoad:
    login = checked_login(spec_from_params(Login, options))
    for name, path in (("key_file", login.key_file), ("known_hosts_file", login.known_hosts_file)):
        if path and not os.access(path, os.R_OK):
            raise BadInput(f"ssh_forward.{name} is {path}, but no readable file is there")
    return SshRoad(login)


def _kubernetes_road(options: Mapping[str, Any]) -> KubernetesRoad:
    for package, library in (("kubernetes", "kubernetes"), ("websocket", "websocket-client")):
        if importlib.util.find_spec(package) is None:
            raise BadInput(f"kubernetes_forward needs the Python library {library} where the module runs; install kubernetes (below 37) and websocket-client")
    port, selector = options.get("port"), options.get("pod_selector") or KubernetesRoad.pod_selector
    if port is not None and not 0 < port < 65536:
        raise BadInput(f"kubernetes_forward.port is {port}, but it must be 1 to 65535")
    connection = checked_kubernetes(spec_from_params(KubernetesConnection, options), "kubernetes_forward")
    return KubernetesRoad(options["namespace"], selector, port, connection)
