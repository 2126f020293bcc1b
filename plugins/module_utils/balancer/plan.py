# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load balancer before a Services machine needs, from who may come: security-group rules, and listeners of either kind. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

PREFIX = "services_load_balancer_"
PORTS = "serverops_ports"  # the tag of a classic load balancer that says which ports this role made: its listeners carry no tags
SOURCES = ("users", "admins", "clients")
PROTOCOLS = {"http": "HTTP", "tcp": "TCP", "https": "HTTPS", "ssl": "SSL"}
WITH_TLS = ("https", "ssl")
LAST_CLASSIC = (2, 19, 1)  # the guide's note: from 2.19.02 on a classic load balancer is not supported
HEALTH = re.compile(r"(TCP|SSL):(\d+)|(HTTPS?):(\d+)(/\S*)")
NARROW = {4: 8, 6: 16}  # a network with a shorter prefix is no network of administrators


@dataclass(frozen=True)
class Port:
    """One listener as the role's options say it."""

    port: int
    protocol: str
    source: str
    target_port: int
    health_path: str = ""

    @property
    def has_tls(self) -> bool:
        return self.protocol in WITH_TLS


def plan_of(entries: Sequence[Mapping[str, Any]], wish: Mapping[str, Any]) -> Json:
    """Everything that follows from the role's options. Raises BadInput with the first that cannot be."""
    ports = ports_of(entries)
    certificate, seen = wish.get("certificate") or "", (wish.get("seen") or [{}])[0]
    plan: Json = {"rules": rules_of(ports, {source: wish.get(f"{source}_cidrs") or () for source in SOURCES}, bool(wish.get("admins_from_anywhere")))}
    targets = {one.target_port for one in ports}
    if wish["type"] == "network":
        return {**plan, "target_ports": sorted(targets), "listeners": network_listeners(ports, certificate)}
    must_be_classic(str(wish.get("server_version") or ""))
    wanted, health = classic_listeners(ports, certificate), health_of(wish["health_check"])
    made = str((seen.get("tags") or {}).get(PORTS, ""))
    there, take_over = [_seen(one) for one in seen.get("listener_descriptions") or ()], bool(wish.get("take_over"))
    listeners = joined(wanted, there, made, bool(wish.get("purge_listeners")), take_over)
    tags = {PORTS: " ".join(map(str, own_ports(wanted, there, made, take_over)))}
    return {**plan, "target_ports": sorted({*targets, health["ping_port"]}), "listeners": listeners, "health_check": health, "tags": tags}


def ports_of(entries: Sequence[Mapping[str, Any]]) -> list[Port]:
    """The listeners; raises BadInput with the first that cannot be."""
    if not entries:
        raise BadInput(f"{PREFIX}listeners is empty; give at least one")
    found = [_port(entry) for entry in entries]
    numbers = [one.port for one in found]
    double = [one for one in numbers if numbers.count(one) > 1]
    if double:
        raise BadInput(f"{PREFIX}listeners has port {double[0]} twice; give each port once")
    return found


def _port(entry: Mapping[str, Any]) -> Port:
    number, target = int(entry["port"]), int(entry.get("target_port") or entry["port"])
    for name, value in (("port", number), ("target_port", target)):
        if not 1 <= value <= 65535:
            raise BadInput(f"{name} of {PREFIX}listeners is {value}; give 1 to 65535")
    protocol, source, path = entry.get("protocol") or "tcp", entry.get("source") or "users", entry.get("health_path") or ""
    if protocol not in PROTOCOLS:
        raise BadInput(f"protocol of listener {number} is {protocol!r}; give {', '.join(PROTOCOLS)}")
    if source not in SOURCES:
        raise BadInput(f"source of listener {number} is {source!r}; give {', '.join(SOURCES)}")
    if path and not path.startswith("/"):
        raise BadInput(f"health_path of listener {number} is {path!r}; give a path that begins with /")
    return Port(number, protocol, source, target, path)


# -- who may come --------------------------------------------------------------------------------------------


def rules_of(ports: Iterable[Port], cidrs: Mapping[str, Sequence[str]], admins_from_anywhere: bool) -> list[Json]:
    """Rules as amazon.aws.ec2_security_group takes them: each listener's port, from its own source, and nothing besides."""
    rules = []
    for one in ports:
        given = cidrs.get(one.source) or ()
        if not given:
            raise BadInput(f"{PREFIX}{one.source}_cidrs is empty, but listener {one.port} is for {one.source}; give their networks, or take the listener out")
        networks = [_network(text, one.source) for text in given]
        if one.source == "admins" and not admins_from_anywhere:
            _must_be_narrow(networks)
        rules += [_rule(one, network) for network in networks]
    return rules


def _network(text: str, source: str) -> Any:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise BadInput(f"{PREFIX}{source}_cidrs has {text!r} ({error}); give networks such as 192.0.2.0/24") from None


def _must_be_narrow(networks: Iterable[Any]) -> None:
    for one in networks:
        if one.prefixlen < NARROW[one.version]:
            words = f"give the networks of your administrators, or set {PREFIX}admins_from_anywhere: true if the console shall be open to all of that"
            raise BadInput(f"{PREFIX}admins_cidrs has {one}, which opens the administrators' ports to the world; {words}")


def _rule(one: Port, network: Any) -> Json:
    kind = "cidr_ip" if network.version == 4 else "cidr_ipv6"
    return {"proto": "tcp", "from_port": one.port, "to_port": one.port, kind: str(network), "rule_desc": f"CircleCI {one.source}"}


# -- listeners of a network load balancer --------------------------------------------------------------------


def network_listeners(ports: Iterable[Port], certificate: str) -> list[Json]:
    """As the module network_load_balancer takes them."""
    return [_network_listener(one, certificate) for one in ports]


def _network_listener(one: Port, certificate: str) -> Json:
    ends_tls = one.has_tls and bool(certificate)
    check = {"protocol": "HTTPS" if one.has_tls else "HTTP", "path": one.health_path} if one.health_path else {"protocol": "TCP"}
    wish: Json = {"port": one.port, "target_port": one.target_port, "protocol": "TLS" if ends_tls else "TCP", "health_check": check}
    return {**wish, "certificate": certificate} if ends_tls else wish


# -- listeners of a classic load balancer --------------------------------------------------------------------


def must_be_classic(version: str) -> None:
    """Raises BadInput where the server's version is not known, or takes no classic load balancer."""
    if not re.fullmatch(r"\d+\.\d+(\.\d+)*", version):
        raise BadInput(f"{PREFIX}server_version is {version!r}, but {PREFIX}type is classic; give the version, since from 2.19.02 on it is not supported")
    if tuple(int(part) for part in version.split("."))[:3] > LAST_CLASSIC:
        raise BadInput(f"{PREFIX}type is classic, but server {version} does not support that (from 2.19.02 on); give {PREFIX}type: network")


def classic_listeners(ports: Iterable[Port], certificate: str) -> list[Json]:
    """As amazon.aws.elb_classic_lb takes them. Without a certificate TLS passes through."""
    return [_classic_listener(one, certificate) for one in ports]


def _classic_listener(one: Port, certificate: str) -> Json:
    protocol = "TCP" if one.has_tls and not certificate else PROTOCOLS[one.protocol]
    wish: Json = {"load_balancer_port": one.port, "instance_port": one.target_port, "protocol": protocol, "instance_protocol": protocol}
    return {**wish, "ssl_certificate_id": certificate} if one.has_tls and certificate else wish


def joined(wanted: Sequence[Json], there: Sequence[Json], ours: str, purge: bool, take_over: bool) -> list[Json]:
    """The wanted listeners, and those of others that stay. `ours` is the tag that says which ports this role made."""
    made = set(ours.split())
    ports = {one["load_balancer_port"] for one in wanted}
    for one in wanted:
        other = next((found for found in there if found["load_balancer_port"] == one["load_balancer_port"]), None)
        if other and other != one and str(other["load_balancer_port"]) not in made and not take_over:
            raise BadInput(
                f"port {one['load_balancer_port']} has a listener that this role did not make ({_words(other)}); leave the port out of {PREFIX}listeners,"
                f" or set {PREFIX}take_over: true to have it changed"
            )
    foreign = [one for one in there if one["load_balancer_port"] not in ports and str(one["load_balancer_port"]) not in made and not purge]
    return [*wanted, *foreign]


def own_ports(wanted: Sequence[Json], there: Sequence[Json], ours: str, take_over: bool) -> list[int]:
    """Ports whose listeners this role makes, made, or takes over. One that somebody else made just as it is wanted stays his, lest it be removed later."""
    others = {one["load_balancer_port"] for one in there if str(one["load_balancer_port"]) not in ours.split()}
    return sorted(one["load_balancer_port"] for one in wanted if take_over or one["load_balancer_port"] not in others)


def _seen(body: Mapping[str, Any]) -> Json:
    one = body["listener"]
    kept = {key: one[key] for key in ("load_balancer_port", "instance_port", "protocol", "instance_protocol")}
    return {**kept, "ssl_certificate_id": one["ssl_certificate_id"]} if one.get("ssl_certificate_id") else kept


def _words(one: Mapping[str, Any]) -> str:
    return f"{one['protocol']} to {one['instance_protocol']} {one['instance_port']}"


def health_of(text: str) -> Json:
    """`TCP:443` or `HTTP:80/health-check` as amazon.aws.elb_classic_lb takes it."""
    found: Optional[re.Match[str]] = HEALTH.fullmatch(text)
    if found is None:
        raise BadInput(f"{PREFIX}health_check is {text!r}; give PROTOCOL:PORT such as TCP:443, with a path for HTTP and HTTPS, such as HTTP:80/health-check")
    protocol, port = found[1] or found[3], int(found[2] or found[4])
    times = {"interval": 10, "timeout": 5, "healthy_threshold": 2, "unhealthy_threshold": 2}
    return {"ping_protocol": protocol.lower(), "ping_port": port, **({"ping_path": found[5]} if found[5] else {}), **times}
