"""An account's network load balancers, in process and on a virtual clock, with boto3's names: what is made late, found ill, or in use."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import itertools
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from lab.nomad.clock import VirtualClock

Json = dict[str, Any]
MAKING = 100.0  # s until a load balancer is active
CHECKING = 25.0  # s until the first checks of a target that a listener leads to have said something
DRAINING = 300.0  # s until a target that is taken out is gone
VPC = "vpc-1"
ARN = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:"


def refusal(code: str, words: str, act: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": words}, "ResponseMetadata": {"HTTPStatusCode": 400}}, act)


@dataclass
class Account:
    """What is there, by ARN. `ill` holds the ports on which no machine answers, `blind` listeners that were led elsewhere before that was healthy.

    `letting_go` is how many seconds a target group stays in use after its last listener went.
    """

    clock: VirtualClock
    balancers: dict[str, Json] = field(default_factory=dict)
    listeners: dict[str, Json] = field(default_factory=dict)
    groups: dict[str, Json] = field(default_factory=dict)
    tags: dict[str, list[Json]] = field(default_factory=dict)
    ill: set[int] = field(default_factory=set)
    blind: list[str] = field(default_factory=list)
    letting_go: float = 0.0
    writes: list[tuple[str, Json]] = field(default_factory=list)
    fails: dict[str, Callable[[], None]] = field(default_factory=dict)
    around: Any = None

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)

    def arn(self, path: str) -> str:
        return f"{ARN}{path}/{next(self._ids):016x}"

    def leads_to(self, group: str) -> list[Json]:
        """The listeners that lead to a target group."""
        return [one for one in self.listeners.values() if any(act.get("TargetGroupArn") == group for act in one["DefaultActions"])]

    def is_used(self, group: str) -> bool:
        """Whether a listener leads to it, or did a moment ago."""
        return bool(self.leads_to(group)) or self.clock.now() < self.groups[group].get("used_until", 0.0)

    def let_go(self, listener: Json) -> None:
        """A listener is led elsewhere, or goes."""
        for action in listener["DefaultActions"]:
            if action.get("TargetGroupArn") in self.groups:
                self.groups[action["TargetGroupArn"]]["used_until"] = self.clock.now() + self.letting_go

    def health(self, group: Json, target: Json) -> Json:
        now = self.clock.now()
        if target.get("leaves") is not None:
            return {"State": "draining", "Reason": "Target.DeregistrationInProgress"}
        if not self.leads_to(group["TargetGroupArn"]):
            target["since"] = None
            return {"State": "unused", "Reason": "Target.NotInUse"}
        if target["since"] is None:
            target["since"] = now
        if now - target["since"] < CHECKING:
            return {"State": "initial", "Reason": "Elb.RegistrationInProgress"}
        if target["Port"] in self.ill:
            return {"State": "unhealthy", "Reason": "Target.FailedHealthChecks", "Description": "Health checks failed"}
        return {"State": "healthy"}

    def all_healthy(self, group: Json) -> bool:
        """Whether all of its targets that stay are."""
        states = [self.health(group, one)["State"] for one in group["targets"] if one.get("leaves") is None]
        return bool(states) and set(states) == {"healthy"}

    def pass_time(self) -> None:
        now = self.clock.now()
        for body in self.balancers.values():
            if body["State"]["Code"] == "provisioning" and now >= body["ready"]:
                body["State"] = {"Code": "active"}
        for group in self.groups.values():
            group["targets"] = [one for one in group["targets"] if one.get("leaves") is None or one["leaves"] > now]
            for one in group["targets"]:
                self.health(group, one)  # a check begins when a listener does

    def client(self) -> "Client":
        return Client(self)


def _shown(body: Json) -> Json:
    return {key: value for key, value in body.items() if key[0].isupper()}


class Pages:
    """What boto3 calls a paginator."""

    def __init__(self, call: Callable[..., Json]) -> None:
        self._call = call

    def paginate(self, **given: Any) -> Iterator[Json]:
        yield self._call(**given)


class Client:
    """boto3's client of elbv2, as far as network load balancers need it."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def get_paginator(self, call: str) -> Pages:
        return Pages(getattr(self, call))

    def _call(self, act: str, given: Json, work: Callable[[], Json], write: bool = True) -> Json:
        account = self._account
        with account.around(act, before=write) if account.around else nullcontext():
            if act in account.fails:
                account.fails[act]()
            account.pass_time()
            answer = work()
            if write:
                account.writes.append((act, given))
            return answer

    # -- reading ---------------------------------------------------------------------------------------------

    def describe_load_balancers(self, Names: list[str]) -> Json:
        def work() -> Json:
            found = [_shown(one) for one in self._account.balancers.values() if one["LoadBalancerName"] in Names]
            if not found:
                raise refusal("LoadBalancerNotFound", f"Load balancers '{Names}' not found", "DescribeLoadBalancers")
            return {"LoadBalancers": found}

        return self._call("describe_load_balancers", {}, work, write=False)

    def describe_listeners(self, LoadBalancerArn: str) -> Json:
        def work() -> Json:
            return {"Listeners": [_shown(one) for one in self._account.listeners.values() if one["LoadBalancerArn"] == LoadBalancerArn]}

        return self._call("describe_listeners", {}, work, write=False)

    def describe_target_groups(self, Names: Any = None) -> Json:
        def work() -> Json:
            found = [_shown(one) for one in self._account.groups.values() if Names is None or one["TargetGroupName"] in Names]
            if Names and not found:
                raise refusal("TargetGroupNotFound", "One or more target groups not found", "DescribeTargetGroups")
            return {"TargetGroups": found}

        return self._call("describe_target_groups", {}, work, write=False)

    def describe_target_health(self, TargetGroupArn: str) -> Json:
        def work() -> Json:
            group = self._group(TargetGroupArn)
            told = [{"Target": {"Id": one["Id"], "Port": one["Port"]}, "TargetHealth": self._account.health(group, one)} for one in group["targets"]]
            return {"TargetHealthDescriptions": told}

        return self._call("describe_target_health", {}, work, write=False)

    def describe_target_group_attributes(self, TargetGroupArn: str) -> Json:
        def work() -> Json:
            return {"Attributes": [{"Key": "preserve_client_ip.enabled", "Value": self._group(TargetGroupArn)["preserve"]}]}

        return self._call("describe_target_group_attributes", {}, work, write=False)

    def describe_tags(self, ResourceArns: list[str]) -> Json:
        def work() -> Json:
            if len(ResourceArns) > 20:
                raise refusal("ValidationError", "at most 20 resources", "DescribeTags")
            return {"TagDescriptions": [{"ResourceArn": one, "Tags": self._account.tags.get(one, [])} for one in ResourceArns]}

        return self._call("describe_tags", {}, work, write=False)

    def _group(self, arn: str) -> Json:
        if arn not in self._account.groups:
            raise refusal("TargetGroupNotFound", "One or more target groups not found", "elbv2")
        return self._account.groups[arn]

    # -- acts ------------------------------------------------------------------------------------------------

    def create_load_balancer(self, Name: str, Type: str, Scheme: str, Subnets: list[str], **more: Any) -> Json:
        def work() -> Json:
            account = self._account
            if any(one["LoadBalancerName"] == Name for one in account.balancers.values()):
                raise refusal("DuplicateLoadBalancerName", f"A load balancer with the name {Name} exists", "CreateLoadBalancer")
            arn = account.arn(f"loadbalancer/net/{Name}")
            zones = [{"SubnetId": one} for one in Subnets]
            body = {"LoadBalancerArn": arn, "LoadBalancerName": Name, "Type": Type, "Scheme": Scheme, "AvailabilityZones": zones, "VpcId": VPC}
            late = {"State": {"Code": "provisioning"}, "ready": account.clock.now() + MAKING}
            account.balancers[arn] = {**body, "SecurityGroups": more.get("SecurityGroups", []), "DNSName": f"{Name}.elb.lab", **late}
            account.tags[arn] = more.get("Tags", [])
            return {}

        return self._call("create_load_balancer", {"name": Name}, work)

    def set_subnets(self, LoadBalancerArn: str, Subnets: list[str]) -> Json:
        def work() -> Json:
            self._account.balancers[LoadBalancerArn]["AvailabilityZones"] = [{"SubnetId": one} for one in Subnets]
            return {}

        return self._call("set_subnets", {"subnets": Subnets}, work)

    def set_security_groups(self, LoadBalancerArn: str, SecurityGroups: list[str]) -> Json:
        def work() -> Json:
            body = self._account.balancers[LoadBalancerArn]
            if not body["SecurityGroups"]:
                raise refusal("InvalidConfigurationRequest", "security groups must be set at creation", "SetSecurityGroups")
            body["SecurityGroups"] = SecurityGroups
            return {}

        return self._call("set_security_groups", {"groups": SecurityGroups}, work)

    def create_target_group(self, Name: str, Protocol: str, Port: int, VpcId: str, **more: Any) -> Json:
        def work() -> Json:
            account = self._account
            if any(one["TargetGroupName"] == Name for one in account.groups.values()):
                raise refusal("DuplicateTargetGroupName", f"A target group with the name {Name} exists", "CreateTargetGroup")
            arn = account.arn(f"targetgroup/{Name}")
            check = {key: value for key, value in more.items() if key.startswith("Health")}
            body = {"TargetGroupArn": arn, "TargetGroupName": Name, "Protocol": Protocol, "Port": Port, "VpcId": VpcId, **check}
            account.groups[arn] = {**body, "targets": [], "preserve": "true"}
            account.tags[arn] = more.get("Tags", [])
            return {}

        return self._call("create_target_group", {"name": Name}, work)

    def modify_target_group(self, TargetGroupArn: str, **check: Any) -> Json:
        def work() -> Json:
            self._group(TargetGroupArn).update(check)
            return {}

        return self._call("modify_target_group", {"arn": TargetGroupArn}, work)

    def modify_target_group_attributes(self, TargetGroupArn: str, Attributes: list[Json]) -> Json:
        def work() -> Json:
            self._group(TargetGroupArn)["preserve"] = Attributes[0]["Value"]
            return {}

        return self._call("modify_target_group_attributes", {"arn": TargetGroupArn}, work)

    def register_targets(self, TargetGroupArn: str, Targets: list[Json]) -> Json:
        def work() -> Json:
            group = self._group(TargetGroupArn)
            group["targets"] = [one for one in group["targets"] if {"Id": one["Id"], "Port": one["Port"]} not in Targets]
            group["targets"] += [{**one, "since": None} for one in Targets]
            return {}

        return self._call("register_targets", {"targets": Targets}, work)

    def deregister_targets(self, TargetGroupArn: str, Targets: list[Json]) -> Json:
        def work() -> Json:
            for one in self._group(TargetGroupArn)["targets"]:
                if {"Id": one["Id"], "Port": one["Port"]} in Targets and one.get("leaves") is None:
                    one["leaves"] = self._account.clock.now() + DRAINING
            return {}

        return self._call("deregister_targets", {"targets": Targets}, work)

    def create_listener(self, LoadBalancerArn: str, Port: int, Tags: list[Json], **given: Any) -> Json:
        def work() -> Json:
            account = self._account
            if any(one["Port"] == Port and one["LoadBalancerArn"] == LoadBalancerArn for one in account.listeners.values()):
                raise refusal("DuplicateListener", f"A listener already exists on port {Port}", "CreateListener")
            arn = account.arn(f"listener/net/{Port}")
            account.listeners[arn] = {"ListenerArn": arn, "LoadBalancerArn": LoadBalancerArn, "Port": Port, **given}
            account.tags[arn] = Tags
            return {}

        return self._call("create_listener", {"port": Port}, work)

    def modify_listener(self, ListenerArn: str, **given: Any) -> Json:
        def work() -> Json:
            body, new = self._account.listeners[ListenerArn], self._group(given["DefaultActions"][0]["TargetGroupArn"])
            if body["DefaultActions"] != given["DefaultActions"]:
                self._account.let_go(body)
                if not self._account.all_healthy(new):
                    self._account.blind.append(f"listener {body['Port']} was led to {new['TargetGroupName']}, which was not healthy")
            body.update(given)
            if body["Protocol"] != "TLS":  # AWS drops what a listener without TLS cannot have
                body.pop("Certificates", None)
                body.pop("SslPolicy", None)
            return {}

        return self._call("modify_listener", {"arn": ListenerArn}, work)

    def add_tags(self, ResourceArns: list[str], Tags: list[Json]) -> Json:
        def work() -> Json:
            for arn in ResourceArns:
                self._account.tags[arn] = self._account.tags.get(arn, []) + Tags
            return {}

        return self._call("add_tags", {"what": len(ResourceArns)}, work)

    def delete_listener(self, ListenerArn: str) -> Json:
        def work() -> Json:
            if ListenerArn not in self._account.listeners:
                raise refusal("ListenerNotFound", "One or more listeners not found", "DeleteListener")
            self._account.let_go(self._account.listeners.pop(ListenerArn))
            return {}

        return self._call("delete_listener", {"arn": ListenerArn}, work)

    def delete_target_group(self, TargetGroupArn: str) -> Json:
        def work() -> Json:
            if TargetGroupArn in self._account.groups and self._account.is_used(TargetGroupArn):
                raise refusal("ResourceInUse", "Target group is currently in use by a listener or a rule", "DeleteTargetGroup")
            self._account.groups.pop(TargetGroupArn, None)
            return {}

        return self._call("delete_target_group", {"arn": TargetGroupArn}, work)
