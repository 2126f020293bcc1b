# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overrides of one service, or of all of them, as data: variables, names in /etc/hosts, and what every container gets from /etc/environment."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.host.assignments import checked_name
from ansible_collections.serverops.circleci.plugins.module_utils.host.model import FileWish, HostSpec, access_wish
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import APP

# The services that read overrides of their own (guide of 2.19, customizations).
SERVICES = (
    "api-service",
    "audit-log-service",
    "contexts-service",
    "contexts-service-db-migrator",
    "cron-service",
    "cron-service-db-migrator",
    "domain-service",
    "domain-service-migrator",
    "federations-service",
    "federations-service-db-migrator",
    "federations-service-migrator",
    "frontend",
    "output-processor",
    "permissions-service",
    "permissions-service-migrator",
    "picard-dispatcher",
    "schedulerer",
    "test-results",
    "test_results",
    "vm-gc",
    "vm-scaler",
    "vm-service",
    "vm-service-db-migrator",
    "workflows-conductor",
)

# What several services read together: where their data services are, if those run elsewhere (guide of 2.17, high availability).
SHARED = ("postgresql", "vault")


def customization_spec(params: Mapping[str, Any]) -> HostSpec:
    """The files as they are wanted. Raises BadInput naming the option."""
    service, shared = checked_service(params.get("service"), bool(params["other_service"])), params.get("shared")
    if service and shared:
        raise BadInput(f"service is {service} and shared is {shared}; give one of them, since each has a file of its own")
    shown, hidden = _values(params, "variables"), _values(params, "secret_variables")
    both = sorted(set(shown) & set(hidden))
    if both:
        raise BadInput(f"variables and secret_variables both hold {', '.join(both)}; give each in one of them")
    files = []
    if shown or hidden:
        files.append(FileWish(_path(params, service), "exports", {**shown, **hidden}, frozenset(hidden), APP, access_wish(params), private=bool(hidden)))
    environment = _values(params, "environment")
    if environment:
        files.append(FileWish(params["environment_file"], "environment", environment, restart=APP))
    hosts = _hosts(params.get("hosts") or {})
    if hosts:
        files.append(FileWish(params["hosts_file"], "hosts", hosts, restart=APP))
    if not files:
        raise BadInput("there is nothing to be brought about; give variables, secret_variables, environment or hosts")
    return HostSpec(f"overrides of {service or (f'shared/{shared}' if shared else 'all services')}", tuple(files))


def _path(params: Mapping[str, Any], service: str) -> str:
    """The file of the overrides."""
    folder = params["config_directory"].rstrip("/")
    if params.get("shared"):
        return f"{folder}/shared/{params['shared']}"
    return f"{folder}/{service}/customizations" if service else str(params["global_file"])


def checked_service(service: Optional[str], other: bool) -> str:
    """The service, empty for all. Raises BadInput for one that nothing reads overrides of, since nobody would notice."""
    if service is None:
        return ""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", service):
        raise BadInput(f"service is {service!r}, which is no name of a service; give such as frontend, or leave it out for all services")
    if service not in SERVICES and not other:
        near = difflib.get_close_matches(service, SERVICES, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadInput(f"service is {service!r}, of which no overrides are known to be read{hint} Set other_service to true if it is right all the same")
    return service


def _values(params: Mapping[str, Any], option: str) -> dict[str, Optional[Secret]]:
    """The values as texts, None where the variable shall not be there."""
    found: dict[str, Optional[Secret]] = {}
    for name, value in (params.get(option) or {}).items():
        try:
            checked_name(str(name))
        except BadInput as error:
            raise BadInput(f"{option}: {error}") from None
        if isinstance(value, (dict, list, float)):
            raise BadInput(f"{option}: the value of {name} is a {type(value).__name__}; give a text in quotes")
        found[name] = None if value is None else Secret(str(value).lower() if isinstance(value, bool) else str(value))
    return found


def _hosts(hosts: Mapping[str, Any]) -> dict[str, Optional[Secret]]:
    return {str(name): None if address is None else Secret(str(address)) for name, address in hosts.items()}
