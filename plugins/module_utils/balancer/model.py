# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS says of a network load balancer, its listeners and its target groups, and what is wanted of them, as values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

OWNER, US = "serverops_owner", "serverops.circleci"  # the tag of what is ours
# AWS takes 32 characters for a target group, which is called NAME-PORT-PROTOCOL.
NAME = re.compile(r"(?!.*--)(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]{0,20}[A-Za-z0-9])?")
CERTIFICATE = re.compile(r"arn:aws[a-z-]*:(acm|iam):[^:]*:\d{12}:\S+")
TRAFFIC = "traffic-port"
LEAVING = "draining"  # what AWS says of a target that it takes out


@dataclass(frozen=True)
class Check:
    """How AWS finds out whether a target is healthy. `port` of a wish is a number or "traffic-port", the target's own."""

    protocol: str = "TCP"
    path: str = ""
    port: str = TRAFFIC

    def words(self, target_port: int) -> str:
        """For people."""
        return f"{self.protocol}:{target_port if self.port == TRAFFIC else self.port}{self.path}"


@dataclass(frozen=True)
class Wish:
    """A listener that is wanted, and where it leads."""

    port: int
    target_port: int
    protocol: str = "TCP"
    certificate: str = ""
    policy: str = ""
    check: Check = Check()

    def group(self, name: str) -> str:
        """The name of its target group. The protocol is in it, since AWS cannot change that of a group."""
        return f"{name}-{self.port}-{self.protocol.lower()}"


@dataclass(frozen=True)
class BalancerSpec:
    """What is wanted."""

    name: str
    region: str
    subnets: tuple[str, ...]
    listeners: tuple[Wish, ...]
    targets: tuple[str, ...]
    security_groups: tuple[str, ...] = ()
    scheme: str = "internal"
    preserve_client_ip: bool = False
    purge_listeners: bool = False
    take_over: bool = False


@dataclass(frozen=True)
class Balancer:
    """The load balancer as it is."""

    name: str
    kind: str = "network"
    scheme: str = "internal"
    state: str = "active"
    why: str = ""
    subnets: frozenset[str] = frozenset()
    security_groups: frozenset[str] = frozenset()
    ours: bool = True
    arn: str = ""
    vpc: str = ""
    dns_name: str = ""
    zone_id: str = ""


@dataclass(frozen=True)
class Listener:
    """A listener as it is. `group` is the name of the one target group that it leads to, empty where it does something else."""

    port: int
    protocol: str
    group: str = ""
    certificate: str = ""
    policy: str = ""
    ours: bool = True
    arn: str = ""


@dataclass(frozen=True)
class Target:
    """One machine in a target group."""

    id: str
    port: int
    state: str = "initial"
    why: str = ""


@dataclass(frozen=True)
class Group:
    """A target group as it is."""

    name: str
    protocol: str
    check: Check
    preserve: bool = False
    ours: bool = True
    targets: tuple[Target, ...] = ()
    vpc: str = ""
    arn: str = ""


@dataclass(frozen=True)
class BalancerState:
    """All of it. `groups` are those whose names this load balancer's listeners use, or would; `held` names those that AWS would not let go of."""

    balancer: Optional[Balancer] = None
    listeners: tuple[Listener, ...] = ()
    groups: tuple[Group, ...] = ()
    held: frozenset[str] = frozenset()

    def listener(self, port: int) -> Optional[Listener]:
        """The one on that port."""
        return next((one for one in self.listeners if one.port == port), None)

    def group(self, name: str) -> Optional[Group]:
        """The one of that name."""
        return next((one for one in self.groups if one.name == name), None)


# -- from boto3 ----------------------------------------------------------------------------------------------


def is_ours(tags: Iterable[Mapping[str, str]]) -> bool:
    """Whether this collection made it."""
    return any(one["Key"] == OWNER and one["Value"] == US for one in tags)


def balancer_from_api(body: Mapping[str, Any], tags: Iterable[Mapping[str, str]]) -> Balancer:
    """From describe_load_balancers."""
    state = body.get("State", {})
    return Balancer(
        name=body["LoadBalancerName"],
        kind=body.get("Type", ""),
        scheme=body.get("Scheme", ""),
        state=state.get("Code", ""),
        why=state.get("Reason", ""),
        subnets=frozenset(zone["SubnetId"] for zone in body.get("AvailabilityZones", ())),
        security_groups=frozenset(body.get("SecurityGroups") or ()),
        ours=is_ours(tags),
        arn=body["LoadBalancerArn"],
        vpc=body.get("VpcId", ""),
        dns_name=body.get("DNSName", ""),
        zone_id=body.get("CanonicalHostedZoneId", ""),
    )


def listener_from_api(body: Mapping[str, Any], tags: Iterable[Mapping[str, str]]) -> Listener:
    """From describe_listeners."""
    actions = body.get("DefaultActions", ())
    leads = [one.get("TargetGroupArn") for one in actions if one.get("Type") == "forward"]
    certificates = [one["CertificateArn"] for one in body.get("Certificates") or ()]
    return Listener(
        port=body["Port"],
        protocol=body["Protocol"],
        group=group_name(leads[0]) if len(actions) == 1 and leads and leads[0] else "",
        certificate=certificates[0] if certificates else "",
        policy=(body.get("SslPolicy") or "") if body["Protocol"] == "TLS" else "",
        ours=is_ours(tags),
        arn=body["ListenerArn"],
    )


def group_name(arn: str) -> str:
    """arn:…:targetgroup/NAME/ID"""
    return arn.rpartition("targetgroup/")[2].partition("/")[0]


def check_from_api(body: Mapping[str, Any]) -> Check:
    """From describe_target_groups. A path that is kept for a check by TCP says nothing."""
    protocol = body.get("HealthCheckProtocol") or "TCP"
    return Check(protocol, (body.get("HealthCheckPath") or "") if protocol != "TCP" else "", body.get("HealthCheckPort") or TRAFFIC)


def target_from_api(body: Mapping[str, Any]) -> Target:
    """From describe_target_health."""
    health = body.get("TargetHealth", {})
    why = ": ".join(one for one in (health.get("Reason"), health.get("Description")) if one)
    return Target(body["Target"]["Id"], body["Target"]["Port"], health.get("State", ""), why)


# -- from the options ----------------------------------------------------------------------------------------


def balancer_spec(params: Mapping[str, Any]) -> BalancerSpec:
    """The wish; raises BadInput with the first option that cannot be."""
    wishes = [_wish(entry) for entry in params["listeners"]]
    spec = spec_from_params(BalancerSpec, {**params, "listeners": wishes})
    if not NAME.fullmatch(spec.name):
        words = "1 to 22 letters and digits with single dashes between them, not beginning with internal-; target groups are named after it"
        raise BadInput(f"name is {spec.name!r}; give {words}")
    for option in ("subnets", "targets", "listeners"):
        if not getattr(spec, option):
            raise BadInput(f"{option} is empty; give at least one")
    ports = [wish.port for wish in wishes]
    double = [port for port in ports if ports.count(port) > 1]
    if double:
        raise BadInput(f"listeners has port {double[0]} twice; give each port once")
    wrong = [one for one in spec.targets if not one.startswith("i-")]
    if wrong:
        raise BadInput(f"targets has {wrong[0]!r}; give ids of EC2 instances, such as i-0a1b2c3d4e5f60718")
    return spec


def _wish(entry: Mapping[str, Any]) -> Wish:
    port, protocol, certificate = entry["port"], entry["protocol"], entry.get("certificate") or ""
    target_port, check = entry.get("target_port") or port, _check(port, entry.get("health_check") or {})
    for name, number in (("port", port), ("target_port", target_port)):
        if not 1 <= number <= 65535:
            raise BadInput(f"{name} of a listener is {number}; give 1 to 65535")
    if protocol == "TLS" and not certificate:
        raise BadInput(f"listener {port} has protocol TLS and no certificate; give its ARN, or protocol TCP, by which the TLS of the target passes through")
    if protocol == "TCP" and certificate:
        raise BadInput(f"listener {port} has protocol TCP and the certificate {certificate}; give protocol TLS, or no certificate")
    if certificate and not CERTIFICATE.fullmatch(certificate):
        raise BadInput(f"certificate of listener {port} is {certificate!r}; give the ARN of a certificate of ACM or of IAM")
    policy = (entry.get("ssl_policy") or "") if protocol == "TLS" else ""
    return Wish(port, target_port, protocol, certificate, policy, check)


def _check(port: int, entry: Mapping[str, Any]) -> Check:
    protocol, path = entry.get("protocol") or "TCP", entry.get("path") or ""
    if protocol == "TCP" and path:
        raise BadInput(f"health_check of listener {port} has protocol TCP and path {path!r}; give protocol HTTP or HTTPS, or no path")
    if protocol != "TCP" and not path.startswith("/"):
        raise BadInput(f"health_check of listener {port} has protocol {protocol} and path {path!r}; give a path that begins with /")
    return Check(protocol, path, str(entry.get("port") or TRAFFIC))


def check_view(check: Check) -> Json:
    """For results."""
    return {"protocol": check.protocol, "path": check.path, "port": check.port}
