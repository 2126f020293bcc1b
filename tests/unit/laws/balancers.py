# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account with network load balancers as a world for the laws, and network_load_balancer as their subject."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.balancer import client
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.killing import Tap
from unit.laws.running import module_run
from unit.laws.subject import Subject

from lab.balancers.account import ARN, VPC, Account, refusal
from lab.nomad.clock import VirtualClock

DOOR = import_module("ansible_collections.serverops.circleci.plugins.modules.network_load_balancer").DOOR
CANARY = "canary-secret-key-7d1"
ACM = "arn:aws:acm:eu-west-1:111111111111:certificate/"
POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
WEB: Json = {"port": 80, "target_port": None, "protocol": "TCP", "health_check": {"protocol": "HTTP", "path": "/health-check", "port": None}}
TLS: Json = {"port": 443, "target_port": None, "protocol": "TLS", "certificate": f"{ACM}1", "ssl_policy": POLICY, "health_check": None}
PARAMS: Json = {
    "name": "circleci",
    "region": "eu-west-1",
    "subnets": ["subnet-1", "subnet-2"],
    "security_groups": ["sg-1"],
    "targets": ["i-1"],
    "listeners": [WEB, TLS],
    "cloud": {"access_key": "lab", "secret_key": CANARY},
    "wait_timeout": 900.0,
}
TAG = [{"Key": "serverops_owner", "Value": "serverops.circleci"}]


class BalancerWorld:
    """One account."""

    def __init__(self) -> None:
        self.clock, self.tap = VirtualClock(), Tap()
        self.account = Account(self.clock, around=self.tap.around)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Clients made inside lead here."""
        with mock.patch.object(client, "aws_client", lambda _service, _region, _cloud: self.account.client()):
            yield

    def writes(self) -> list[Any]:
        """Every write that came in."""
        return self.account.writes

    def settle_in(self) -> BalancerWorld:
        """What made this world does not count."""
        self.account.writes.clear()
        self.tap.points.clear()
        return self

    def end(self) -> Json:
        """Listeners, and groups with their machines, when what leaves has left."""
        self.clock.sleep(400)
        self.account.pass_time()
        groups = {one["TargetGroupArn"]: one["TargetGroupName"] for one in self.account.groups.values()}
        listeners = {one["Port"]: [one["Protocol"], groups[one["DefaultActions"][0]["TargetGroupArn"]]] for one in self.account.listeners.values()}
        for one in self.account.listeners.values():
            listeners[one["Port"]] += [entry["CertificateArn"].rpartition("/")[2] for entry in one.get("Certificates", ())]
        machines = {one["TargetGroupName"]: sorted(f"{target['Id']}:{target['Port']}" for target in one["targets"]) for one in self.account.groups.values()}
        balancers = [sorted(one["SecurityGroups"]) for one in self.account.balancers.values()]
        return {"balancers": balancers, "listeners": dict(sorted(listeners.items())), "machines": machines}

    def harm(self) -> list[str]:
        """A listener that leads to a group without machines, or was led to one that was not healthy."""
        led = [self.account.groups[one["DefaultActions"][0]["TargetGroupArn"]] for one in self.account.listeners.values()]
        return [f"{one['TargetGroupName']} is empty" for one in led if not one["targets"] and not one.get("foreign")] + self.account.blind


def end_of(machine: str = "i-1", tls: str = "1", groups: tuple[str, ...] = ("sg-1",), **more: Any) -> Json:
    """As PARAMS want it."""
    listeners = {80: ["TCP", "circleci-80-tcp"], 443: ["TLS", "circleci-443-tls", tls]}
    machines = {"circleci-80-tcp": [f"{machine}:80"], "circleci-443-tls": [f"{machine}:443"]}
    return {
        "balancers": [list(groups)],
        "listeners": dict(sorted({**listeners, **more.get("listeners", {})}.items())),
        "machines": {**machines, **more.get("machines", {})},
    }


def made(**params: Any) -> BalancerWorld:
    """An earlier run made it so."""
    world = BalancerWorld()
    result = module_run(DOOR, world, {**PARAMS, **params})
    assert not result.get("failed"), result
    return world.settle_in()


def foreign(port: int = 9000) -> BalancerWorld:
    """Somebody made a load balancer with security groups and a listener."""
    world = BalancerWorld()
    account = world.account
    balancer, group, listener = f"{ARN}loadbalancer/net/circleci/f1", f"{ARN}targetgroup/theirs/f2", f"{ARN}listener/net/circleci/f1/f3"
    body = {"LoadBalancerArn": balancer, "LoadBalancerName": "circleci", "Type": "network", "Scheme": "internal", "VpcId": VPC}
    zones = [{"SubnetId": "subnet-1"}]
    account.balancers[balancer] = {**body, "SecurityGroups": ["sg-theirs"], "AvailabilityZones": zones, "State": {"Code": "active"}}
    theirs = {"TargetGroupArn": group, "TargetGroupName": "theirs", "Protocol": "TCP", "Port": port, "VpcId": VPC, "targets": []}
    account.groups[group] = {**theirs, "preserve": "true", "HealthCheckProtocol": "TCP", "foreign": True}
    actions = [{"Type": "forward", "TargetGroupArn": group}]
    account.listeners[listener] = {"ListenerArn": listener, "LoadBalancerArn": balancer, "Port": port, "Protocol": "TCP", "DefaultActions": actions}
    return world


def ill(world: BalancerWorld) -> BalancerWorld:
    """Nothing answers on port 443 until a while has passed."""
    world.account.ill.add(443)
    return world


def _refuses(act: str, code: str) -> Any:
    def trouble(world: Any) -> None:
        def fail() -> None:
            raise refusal(code, f"no {act}", act)

        world.account.fails[act] = fail

    return trouble


TROUBLES = (
    _refuses("describe_load_balancers", "AccessDenied"),
    _refuses("describe_target_health", "Throttling"),
    _refuses("create_listener", "CertificateNotFound"),
    _refuses("create_load_balancer", "InvalidSubnet"),
    ill,
)


def _subject(name: str, make: Any, ends: Json, short: float | None = 20.0, **params: Any) -> Subject:
    volatile = ("waited", "load_balancer.arn", "load_balancer.dns_name", "load_balancer.zone_id")
    return Subject(f"network_load_balancer {name}", DOOR, make, {**PARAMS, **params}, ends, CANARY, short, volatile, troubles=TROUBLES)


def subjects() -> list[Subject]:
    """From nothing, and from what an earlier run, another wish or somebody else left."""
    theirs: Json = {"listeners": {9000: ["TCP", "theirs"]}, "machines": {"theirs": []}}
    passing: Json = {"port": 443, "target_port": None, "protocol": "TCP", "health_check": None}
    over = end_of(groups=("sg-1", "sg-theirs"), machines={"theirs": []})
    untold = {**end_of(), "listeners": {80: ["TCP", "circleci-80-tcp"]}, "machines": {"circleci-80-tcp": ["i-1:80"]}}
    passed = end_of()
    passed["listeners"][443], passed["machines"] = ["TCP", "circleci-443-tcp"], {"circleci-80-tcp": ["i-1:80"], "circleci-443-tcp": ["i-1:443"]}
    return [
        _subject("from nothing", BalancerWorld, end_of()),
        _subject("there already", made, end_of(), None),
        _subject("another certificate", made, end_of(tls="2"), None, listeners=[WEB, {**TLS, "certificate": f"{ACM}2"}]),
        _subject("TLS passes through", made, passed, listeners=[WEB, passing]),
        _subject("another machine", made, end_of("i-2"), targets=["i-2"]),
        _subject("one listener less", made, untold, None, listeners=[WEB]),
        _subject("beside a listener of others", foreign, end_of(groups=("sg-1", "sg-theirs"), **theirs)),
        _subject("alone", foreign, over, purge_listeners=True),
        _subject("taken over", lambda: foreign(443), over, take_over=True),
    ]
