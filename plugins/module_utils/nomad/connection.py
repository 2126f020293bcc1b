# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the group `nomad` and what they must be; the doc fragment `nomad` describes them in the same words."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Optional, Protocol
from urllib.parse import urlsplit

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import positive
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.options import KUBERNETES_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.transport.sessions import Tls

if TYPE_CHECKING:
    from ansible_collections.serverops.circleci.plugins.module_utils.transport.forward import Forward

ROAD_OPTIONS: dict[str, dict[str, Any]] = {
    "ssh_forward": {
        "type": "dict",
        "options": {
            "host": {"type": "str", "required": True},
            "user": {"type": "str"},
            "port": {"type": "int"},
            "key_file": {"type": "path"},
            "known_hosts_file": {"type": "path"},
        },
    },
    "kubernetes_forward": {
        "type": "dict",
        "options": {
            "namespace": {"type": "str", "required": True},
            "pod_selector": {"type": "str", "default": "app=nomad-server"},
            "port": {"type": "int"},
            **KUBERNETES_OPTIONS,
        },
    },
}
# Environment variables are those of the official CLI.
NOMAD_OPTIONS: dict[str, dict[str, Any]] = {
    "nomad_url": {"type": "str", "default": "http://127.0.0.1:4646", "env": "NOMAD_ADDR"},
    "nomad_token": {"type": "str", "no_log": True, "env": "NOMAD_TOKEN"},
    "nomad_region": {"type": "str", "env": "NOMAD_REGION"},
    "nomad_ca_path": {"type": "path", "env": "NOMAD_CACERT"},
    "nomad_client_cert": {"type": "path", "env": "NOMAD_CLIENT_CERT"},
    "nomad_client_key": {"type": "path", "env": "NOMAD_CLIENT_KEY"},
    "nomad_tls_server_name": {"type": "str", "env": "NOMAD_TLS_SERVER_NAME"},
    "nomad_validate_certs": {"type": "bool", "default": True},
    "nomad_timeout": {"type": "float", "default": 10.0},
    **ROAD_OPTIONS,
}


class Road(Protocol):
    """A way to the servers that is none of the network's own."""

    @property
    def words(self) -> str:
        """For messages, behind an address: "through ..."."""

    def forward(self, host: str, port: int, timeout: float) -> Forward:
        """A local port that leads to an address as seen from the road's far end."""

    def must_lead_to_agents(self) -> None:
        """Raises Refused where the road leads to the servers only."""


@dataclass(frozen=True)
class NomadConnection:
    """Where the Nomad servers are and how to speak to them. Times in seconds."""

    url: str = "http://127.0.0.1:4646"
    token: Optional[Secret] = None
    region: Optional[str] = None
    ca_path: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = None
    tls_server_name: Optional[str] = None
    validate_certs: bool = True
    timeout: float = 10.0
    road: Optional[Road] = None  # None: straight to the address

    @property
    def tls(self) -> Tls:
        """The transport's words for it."""
        return Tls(self.validate_certs, self.ca_path, self.client_cert, self.client_key, self.tls_server_name)

    @property
    def place(self) -> str:
        """Host and port, for messages: nothing that a URL may hide."""
        return urlsplit(self.url).netloc + (f" ({self.road.words})" if self.road else "")


def checked(given: NomadConnection) -> NomadConnection:
    """The connection with its address put right; raises BadInput with the first option that cannot be."""
    positive(nomad_timeout=given.timeout)
    if given.token and not re.fullmatch(r"[!-~]+", given.token.reveal()):
        raise BadInput("nomad_token holds a blank, a line break or a letter that no header carries; give the secret id alone")
    if bool(given.client_cert) != bool(given.client_key):
        missing = "nomad_client_key" if given.client_cert else "nomad_client_cert"
        raise BadInput(f"{missing} is missing: a client certificate and its key are given together")
    for name, path in (("nomad_ca_path", given.ca_path), ("nomad_client_cert", given.client_cert), ("nomad_client_key", given.client_key)):
        if path and not os.access(path, os.R_OK):
            raise BadInput(f"{name} is {path}, but no readable file or folder is there")
    return replace(given, url=_address(given.url))


def _address(text: str) -> str:
    """Scheme, host, port and path without a slash at the end; a bare host:port is http, as the official CLI takes it."""
    url = text.strip()
    if "@" in url:
        raise BadInput("nomad_url holds a user or password; Nomad knows none: give a token in nomad_token")
    if "://" not in url:
        url = "http://" + url
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadInput("nomad_url is no address that can be read; give http(s)://host:port") from None
    try:
        port = parts.port
    except ValueError:
        raise BadInput(f"nomad_url has a port that is no port number ({parts.netloc}); give http(s)://host:port") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"nomad_url is {parts.scheme}://{parts.hostname or ''}, which is no http or https address; give http(s)://host:port")
    if not all(0 < len(label) < 64 for label in parts.hostname.rstrip(".").split(".")):
        raise BadInput(f"nomad_url names the host {parts.hostname}, which is no host name; give http(s)://host:port")
    if parts.query or parts.fragment:
        raise BadInput("nomad_url holds a query or a fragment; give http(s)://host:port and nothing behind the path")
    url = url.rstrip("/")
    return url if port or parts.path.strip("/") else f"{url}:{443 if parts.scheme == 'https' else 4646}"
