# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the Kubernetes API is and who we are there: what the options must be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional
from urllib.parse import urlsplit

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret


@dataclass(frozen=True)
class KubernetesConnection:
    """Where the Kubernetes API is and who we are there. What is None comes from the kubeconfig, or from the pod we run in."""

    kubeconfig: Optional[str] = None
    context: Optional[str] = None
    host: Optional[str] = None
    api_key: Optional[Secret] = None
    validate_certs: Optional[bool] = None
    ca_cert: Optional[str] = None
    client_cert: Optional[str] = None
    client_key: Optional[str] = None
    proxy: Optional[str] = None
    impersonate_user: Optional[str] = None


def checked(given: KubernetesConnection, option: str = "") -> KubernetesConnection:
    """The connection; raises BadInput with the first value that cannot be. `option` is the name of the dict that holds the options, if any."""
    prefix = f"{option}." if option else ""
    for name in ("kubeconfig", "ca_cert", "client_cert", "client_key"):
        path = getattr(given, name)
        # As the official CLI, several kubeconfigs may be given, of which some may be missing.
        if path and not any(os.access(part, os.R_OK) for part in path.split(os.pathsep if name == "kubeconfig" else "\n")):
            raise BadInput(f"{prefix}{name} is {path}, but no readable file is there")
    if given.host and urlsplit(given.host).scheme not in ("http", "https"):
        raise BadInput(f"{prefix}host is no http or https address; give https://host:port of the Kubernetes API")
    if given.host and "@" in given.host:
        raise BadInput(f"{prefix}host holds a user or password; give a token in {prefix}api_key")
    if bool(given.client_cert) != bool(given.client_key) and given.host:
        raise BadInput(f"{prefix}{'client_key' if given.client_cert else 'client_cert'} is missing: a client certificate and its key are given together")
    for name, value in (("api_key", given.api_key.reveal() if given.api_key else ""), ("impersonate_user", given.impersonate_user or "")):
        if any(not letter.isprintable() for letter in value):
            raise BadInput(f"{prefix}{name} holds a line break or another letter that no header carries; give it alone")
    return given
