# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four services of a 3.x installation that need a name: what each name leads to, what it should lead to, and which records are to be made. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.durations import checked_label
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import positive

HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*\.?", re.IGNORECASE)
# Names that a cloud gives its balancers: nobody makes a record of them, they are written into a setting.
CLOUDS = (".elb.amazonaws.com", ".amazonaws.com", ".amazonaws.com.cn", ".cloudapp.azure.com", ".googleusercontent.com")
OK = ("reachable", "resolves")


class Place(NamedTuple):
    """A service that people or clients come to, and the ports it is known by, the first that it has counts."""

    service: str
    ports: tuple[int, ...]


PLACES = {
    "frontend": Place("circleci-server-traefik", (443, 80)),  # the name stayed when Kong took its place
    "nomad_server": Place("nomad-server-external", (4647,)),
    "output_processor": Place("output-processor", (8585,)),
    "vm_service": Place("vm-service", (3000,)),
}


@dataclass(frozen=True)
class AddressesSpec:
    """Names by role, given or to be read from the configuration; `services` are the objects' names; `probe` the roles to be tried."""

    namespace: str
    names: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    probe: tuple[str, ...] = ()
    probe_timeout: float = 5.0
    resolver: str = ""


@dataclass(frozen=True)
class Service:
    """A service: addresses and host names at which it can be come to. `blind`: why they are not known, if so."""

    name: str
    kind: str = ""
    port: int = 0
    addresses: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    there: bool = True
    blind: str = ""


@dataclass(frozen=True)
class Answer:
    """What a resolver said of a name. `absent`: that there is none; `blind`: nothing, and why."""

    addresses: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    absent: bool = False
    blind: str = ""


@dataclass(frozen=True)
class Seen:
    """All that is known of one role. `balancer` is what the balancer's own host name resolves to, `tried` what came of the probe (None: not made).

    `text` is all that the setting holds in which the name stands.
    """

    role: str
    service: Service
    name: str = ""
    answer: Answer = Answer()
    balancer: Answer = Answer()
    tried: Optional[str] = None
    text: str = ""


class Verdict(NamedTuple):
    """One word for programs, one sentence for people."""

    word: str
    reason: str


def addresses_spec(params: Mapping[str, Any]) -> AddressesSpec:
    """The wish from the module's parameters; raises BadInput with the first option that cannot be."""
    names = {role: str(text).strip() for role, text in (params.get("names") or {}).items() if text}
    for role, text in names.items():
        if not is_address(text) and not HOST.fullmatch(text):
            raise BadInput(f"names.{role} is {text!r}, which is no host name and no address; give such as ci.example.com, without https:// and without a port")
    positive(probe_timeout=params["probe_timeout"])
    return AddressesSpec(
        checked_label(str(params["namespace"]), "namespace"),
        names,
        {role: str(key) for role, key in (params.get("config_keys") or {}).items() if key},
        {role: str((params.get("services") or {}).get(role) or place.service) for role, place in PLACES.items()},
        tuple(params["probe"]),
        float(params["probe_timeout"]),
        str(params.get("resolver") or ""),
    )


def is_address(text: str) -> bool:
    """Whether it is an address and no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


# -- names in settings -------------------------------------------------------------------------------------------


def is_setting(name: str) -> bool:
    """An address, or a name that a cloud gave: no record of ours."""
    return is_address(name) or name.lower().rstrip(".").endswith(CLOUDS)


def parts_of(text: str) -> tuple[str, str, str]:
    """A host with what stands before and after it: people write URLs and ports into settings."""
    scheme, mark, rest = text.strip().partition("://") if "://" in text else ("", "", text.strip())
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    after = rest[len(place) :]
    if place.startswith("["):
        host, _end, port = place[1:].partition("]")
        return f"{scheme}{mark}[", host, f"]{port}{after}"
    host, colon, port = place.partition(":") if place.count(":") == 1 else (place, "", "")
    return f"{scheme}{mark}", host, f"{colon}{port}{after}"


def with_host(text: str, host: str) -> str:
    """The same text with another host."""
    before, _host, after = parts_of(text)
    before, after = before.removesuffix("["), after.removeprefix("]")
    return f"{before}[{host}]{after}" if ":" in host and (before or after) else f"{before}{host}{after}"


# -- what the API says ------------------------------------------------------------------------------------------


def service_from_api(data: Any, role: str) -> Service:
    """Its own addresses: of the balancer, or written into it (externalIPs)."""
    spec = data.get("spec") or {}
    rows = ((data.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    ips = [str(one["ip"]) for one in rows if one.get("ip")] + [str(one) for one in spec.get("externalIPs") or ()]
    hosts = [str(one["hostname"]).lower().rstrip(".") for one in rows if one.get("hostname")]
    offered = [int(one["port"]) for one in spec.get("ports") or ()]
    port = next((one for one in PLACES[role].ports if one in offered), offered[0] if offered else 0)
    return Service(str(data["metadata"]["name"]), str(spec.get("type") or "ClusterIP"), port, tuple(dict.fromkeys(ips)), tuple(dict.fromkeys(hosts)))


def node_port(data: Any, port: int) -> int:
    """The port of the nodes that leads to a port of the service; 0 where none does."""
    return next((int(one.get("nodePort") or 0) for one in (data.get("spec") or {}).get("ports") or () if int(one["port"]) == port), 0)


def node_addresses(nodes: Sequence[Any]) -> tuple[str, ...]:
    """Where the nodes can be come to: from outside if any can, else from inside."""
    rows = [one for node in nodes for one in (node.get("status") or {}).get("addresses") or ()]
    for kind in ("ExternalIP", "InternalIP"):
        found = tuple(dict.fromkeys(str(one["address"]) for one in rows if one.get("type") == kind))
        if found:
            return found
    return ()


def leads_to(ingress: Any, service: str) -> bool:
    """Whether an Ingress brings to a service."""
    spec = ingress.get("spec") or {}
    paths = [path.get("backend") or {} for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
    return any((one.get("service") or {}).get("name") == service for one in [spec.get("defaultBackend") or {}, *paths])


# -- the verdict ---------------------------------------------------------------------------------------------------


def verdict(seen: Seen) -> Verdict:
    """Whoever comes by the name: does he get there?"""
    service, name = seen.service, seen.name
    if not service.there:
        return Verdict("absent", f"there is no service {service.name}")
    if service.blind:
        return Verdict("unknown", f"the addresses of {service.name} are not known: {service.blind}")
    if not service.addresses and not service.hosts:
        words = "its balancer has no address yet" if service.kind == "LoadBalancer" else f"it is of type {service.kind}, and no balancer or ingress leads to it"
        return Verdict("no_address", f"{service.name}: {words}")
    if not name:
        return Verdict("not_asked", f"no name is given for {service.name}, which is at {_list(service.hosts or service.addresses)}")
    return _named(seen)


def _named(seen: Seen) -> Verdict:
    name, answer = seen.name, seen.answer
    if answer.blind:
        return Verdict("unknown", f"what {name} resolves to is not known: {answer.blind}")
    if answer.absent:
        return Verdict("no_name", f"{name} does not resolve; the balancer is {_balancer(seen)}")
    if seen.service.hosts and seen.balancer.blind and not _stands_for(seen):
        return Verdict("unknown", f"what the balancer {_list(seen.service.hosts)} resolves to is not known: {seen.balancer.blind}")
    if not _arrives(seen):
        return Verdict("elsewhere", f"{name} resolves to {_list(answer.addresses)}, the balancer is {_balancer(seen)}")
    if seen.tried:
        return Verdict("unreachable", f"{name} resolves to the balancer, but nobody answers at port {seen.service.port}: {seen.tried}")
    if seen.tried is None:
        return Verdict("resolves", f"{name} resolves to the balancer; it was not tried")
    return Verdict("reachable", f"{name} resolves to the balancer, which answers at port {seen.service.port}")


def _stands_for(seen: Seen) -> bool:
    """The name is the balancer's own, or an alias of it."""
    return bool({seen.name.lower().rstrip("."), *seen.answer.through} & set(seen.service.hosts))


def _arrives(seen: Seen) -> bool:
    """A balancer with a host name has addresses that come and go, of which each answer has some: one in common is enough. Else every one must be its own."""
    if _stands_for(seen):
        return True
    mine = {_canonical(one) for one in seen.answer.addresses}
    if seen.service.hosts:
        return bool(mine & {_canonical(one) for one in (*seen.balancer.addresses, *seen.service.addresses)})
    return bool(mine) and mine <= {_canonical(one) for one in seen.service.addresses}


def _canonical(text: str) -> str:
    return str(ipaddress.ip_address(text.partition("%")[0]))


def _balancer(seen: Seen) -> str:
    hosts, addresses = seen.service.hosts, seen.service.addresses
    return f"{_list(hosts)} ({_list(seen.balancer.addresses)})" if hosts and seen.balancer.addresses else _list(hosts or addresses)


def _list(texts: Sequence[str]) -> str:
    return ", ".join(texts) or "nowhere"
