# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which an installation is found, and the clients that they lead to."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import ObjectStore, store_of
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.location import secret_of_location
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.durations import checked_label
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient, Place
from ansible_collections.serverops.circleci.plugins.module_utils.kots.console_client import console_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient, client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import SECRET

# Options of every kots_* module; data alone.
KOTS_OPTIONS: dict[str, dict[str, Any]] = {
    "namespace": {"type": "str", "default": "circleci-server"},
    "velero_namespace": {"type": "str", "default": "velero"},
}
APP_OPTION: dict[str, dict[str, Any]] = {"app": {"type": "str", "default": "circleci-server"}}


def installation_from_params(params: Mapping[str, Any], clock: Clock) -> InstallationClient:
    """The installation that a module's parameters name. Nothing is asked yet. Raises BadInput with the first option that cannot be."""
    place = Place(
        checked_label(str(params["namespace"]), "namespace"),
        checked_label(str(params["velero_namespace"]), "velero_namespace"),
        str(params.get("app") or "circleci-server"),
    )
    kubernetes = client_from_params(params, clock)
    console = console_from_params(params, kubernetes, clock)
    return InstallationClient(kubernetes, console, place, store_opener(kubernetes, place, params.get("cloud")))


def store_opener(kubernetes: KubernetesClient, place: Place, cloud: Optional[Mapping[str, Any]]) -> Callable[[Json], ObjectStore]:
    """How the store of a location is opened: by the option `cloud`, else by Velero's own Secret."""

    def opened(location: Json) -> ObjectStore:
        name, key = secret_of_location(location)
        found = None if cloud is not None else kubernetes.find(SECRET, place.velero_namespace, name)
        return store_of(location, _text(found, name, key) if found else None, cloud)

    return opened


def _text(secret: Json, name: str, key: str) -> Secret:
    try:
        return Secret(base64.b64decode(secret["data"][key], validate=True).decode())
    except (AttributeError, KeyError, TypeError, ValueError, binascii.Error):
        raise BadInput(f"Velero's Secret {name} has no readable text under the key {key}; write it again, or give cloud") from None
