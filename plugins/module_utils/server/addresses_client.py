# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, nodes and ingresses of an installation, and what resolvers and probes say of its names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, NotPermitted, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_model import Item
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_port import read_items, read_versions
from ansible_collections.serverops.circleci.plugins.module_utils.kots.connection import installation_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import INGRESS, NODE, SERVICE
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.refusals import NotServed
from ansible_collections.serverops.circleci.plugins.module_utils.server.addresses import (
    PLACES,
    AddressesSpec,
    Answer,
    Seen,
    Service,
    is_address,
    is_setting,
    leads_to,
    node_addresses,
    node_port,
    parts_of,
    service_from_api,
    verdict,
)
from ansible_collections.serverops.circleci.plugins.module_utils.server.addresses_view import addresses_view
from ansible_collections.serverops.circleci.plugins.module_utils.transport import names


def read_addresses(kubernetes: KubernetesClient, spec: AddressesSpec, installation: Callable[[], InstallationClient]) -> Json:
    """The result of server_addresses_info. `installation` is asked for only where names come from the configuration."""
    if spec.resolver:
        names.endpoint(spec.resolver)
    unread = [role for role in spec.keys if role not in spec.names or is_setting(spec.names[role])]
    texts = _configured(installation(), spec.keys) if unread else {}
    wanted = {**{role: parts_of(text)[1] for role, text in texts.items()}, **spec.names}
    found = [replace(_seen(kubernetes, spec, role, wanted.get(role, "")), text=texts.get(role, "")) for role in PLACES]
    return addresses_view(found, spec)


def installation_of(params: Mapping[str, Any], clock: Clock) -> Callable[[], InstallationClient]:
    """The way to kotsadm, which is opened only if somebody asks."""
    return lambda: installation_from_params(params, clock)


def _configured(client: InstallationClient, keys: Mapping[str, str]) -> dict[str, str]:
    """What the deployed configuration holds; kotsadm keeps it as people typed it."""
    current = read_versions(client).current
    items = {one.name: one for one in read_items(client, current, lambda _text: None)} if current is not None else {}
    return {role: _text(role, key, items.get(key)) for role, key in keys.items()}


def _text(role: str, key: str, item: Optional[Item]) -> str:
    if item is None:
        raise BadInput(f"config_keys.{role} is {key!r}, which the deployed version does not have; kots_config_info lists the keys that there are")
    if item.is_password:
        raise BadInput(f"config_keys.{role} is {key!r}, which is a password and no name")
    return item.effective.reveal().strip()


def _seen(kubernetes: KubernetesClient, spec: AddressesSpec, role: str, name: str) -> Seen:
    service = _service(kubernetes, spec, role)
    seen = Seen(role, service, name)
    if not name:
        return seen
    seen = replace(seen, answer=_asked(name, spec.resolver), balancer=_asked(service.hosts[0], spec.resolver) if service.hosts else Answer())
    if role in spec.probe and verdict(seen).word == "resolves":
        return replace(seen, tried=_tried(seen, spec))
    return seen


def _asked(name: str, resolver: str) -> Answer:
    if is_address(name):
        return Answer((name,))
    try:
        found = names.resolve(name, resolver)
    except NotFound:
        return Answer(absent=True)
    except Unreachable as error:
        return Answer(blind=str(error))
    return Answer(found.addresses, found.through)


def _tried(seen: Seen, spec: AddressesSpec) -> str:
    """Each address of the name until one answers; why none does."""
    said = ""
    for address in seen.answer.addresses:
        said = names.listens(address, seen.service.port, spec.probe_timeout)
        if not said:
            return ""
    return said


# -- where a service can be come to -----------------------------------------------------------------------------------


def _service(kubernetes: KubernetesClient, spec: AddressesSpec, role: str) -> Service:
    name = spec.services[role]
    with doing(f"read service {name}"):
        data = kubernetes.find(SERVICE, spec.namespace, name)
    if data is None:
        return Service(name, port=PLACES[role].ports[0], there=False)
    found = service_from_api(data, role)
    if found.addresses or found.hosts or found.kind == "LoadBalancer":
        return found
    try:
        return _by_ingress(kubernetes, spec.namespace, found) or _by_nodes(kubernetes, data, found)
    except (NotPermitted, Unreachable) as error:
        return replace(found, blind=str(error))


def _by_ingress(kubernetes: KubernetesClient, namespace: str, found: Service) -> Optional[Service]:
    try:
        rows: list[Any] = [one for one in kubernetes.list(INGRESS, namespace).items if leads_to(one, found.name)]
    except NotServed:
        return None
    for one in rows:
        made = service_from_api({**one, "spec": {"type": "Ingress", "ports": [{"port": 443 if (one.get("spec") or {}).get("tls") else 80}]}}, "frontend")
        if made.addresses or made.hosts:
            return replace(made, name=found.name)
    return None


def _by_nodes(kubernetes: KubernetesClient, data: Any, found: Service) -> Service:
    if found.kind != "NodePort":
        return found
    port = node_port(data, found.port)
    return replace(found, port=port or found.port, addresses=node_addresses(kubernetes.list(NODE).items))
