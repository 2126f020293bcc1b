# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a network load balancer: what AWS has of it, and the calls of each step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.balancer import steps
from ansible_collections.serverops.circleci.plugins.module_utils.balancer.model import (
    OWNER,
    TRAFFIC,
    US,
    Balancer,
    BalancerSpec,
    BalancerState,
    Check,
    Group,
    Listener,
    Wish,
    balancer_from_api,
    check_from_api,
    is_ours,
    listener_from_api,
    target_from_api,
)
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.aws_client import asking, aws_client
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Refused

POLL = 5.0  # s between two looks
PATIENCE, PAUSE = 20.0, 2.0  # s for a target group to come free: a step returns within half a minute
IN_USE = "ResourceInUse"
MOST_TAGGED = 20  # what one call of describe_tags takes
TAGS = [{"Key": OWNER, "Value": US}]
PRESERVE = "preserve_client_ip.enabled"
INTERVAL, THRESHOLD = 10, 2  # s between two checks, and how many in a row decide


class BalancerPort:
    """One load balancer."""

    def __init__(self, spec: BalancerSpec, cloud: Mapping[str, Any], clock: Clock) -> None:
        self._spec, self._clock = spec, clock
        self._client = aws_client("elbv2", spec.region, cloud)
        self._seen = BalancerState()
        self._held: set[str] = set()

    def read(self, _confirming: frozenset[str]) -> BalancerState:
        """All of it, as it is now."""
        balancer = self._balancer()
        listeners = self._listeners(balancer.arn) if balancer and balancer.kind == "network" else ()
        self._seen = BalancerState(balancer, listeners, self._groups(), frozenset(self._held))
        return self._seen

    def apply(self, step: Any) -> None:
        """One step."""
        acts: dict[type[Any], Callable[[Any], None]] = {
            steps.MakeBalancer: self._make,
            steps.SetSubnets: self._set_subnets,
            steps.SetSecurityGroups: self._set_security_groups,
            steps.MakeGroup: self._make_group,
            steps.SetGroup: self._set_group,
            steps.Register: self._register,
            steps.Deregister: self._deregister,
            steps.SetListener: self._set_listener,
            steps.MakeTrial: self._make_trial,
            steps.RemoveListener: self._remove_listener,
            steps.RemoveGroup: self._remove_group,
        }
        acts[type(step)](step)

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(min(seconds, POLL))

    # -- reading -----------------------------------------------------------------------------------------------

    def _balancer(self) -> Optional[Balancer]:
        try:
            with asking(f"look at load balancer {self._spec.name}"):
                [body] = self._client.describe_load_balancers(Names=[self._spec.name])["LoadBalancers"]
        except NotFound:
            return None
        return balancer_from_api(body, self._tags([body["LoadBalancerArn"]]).get(body["LoadBalancerArn"], []))

    def _listeners(self, arn: str) -> tuple[Listener, ...]:
        bodies = self._pages("describe_listeners", "Listeners", LoadBalancerArn=arn)
        tags = self._tags([one["ListenerArn"] for one in bodies])
        return tuple(sorted((listener_from_api(one, tags.get(one["ListenerArn"], [])) for one in bodies), key=lambda one: one.port))

    def _groups(self) -> tuple[Group, ...]:
        """Those with a name that a listener of this load balancer would give, also where nothing leads to them any more."""
        name = re.compile(rf"{re.escape(self._spec.name)}-\d+-(tcp|tls)")
        bodies = [one for one in self._pages("describe_target_groups", "TargetGroups") if name.fullmatch(one["TargetGroupName"])]
        tags = self._tags([one["TargetGroupArn"] for one in bodies])
        return tuple(self._group(one, is_ours(tags.get(one["TargetGroupArn"], []))) for one in sorted(bodies, key=lambda one: str(one["TargetGroupName"])))

    def _group(self, body: Mapping[str, Any], ours: bool) -> Group:
        arn = body["TargetGroupArn"]
        with asking(f"look at target group {body['TargetGroupName']}"):
            health = self._client.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            attributes = self._client.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        return Group(
            name=body["TargetGroupName"],
            protocol=body["Protocol"],
            check=check_from_api(body),
            preserve={one["Key"]: one["Value"] for one in attributes}.get(PRESERVE, "true") == "true",
            ours=ours,
            targets=tuple(sorted((target_from_api(one) for one in health), key=lambda one: (one.id, one.port))),
            vpc=body.get("VpcId", ""),
            arn=arn,
        )

    def _tags(self, arns: Sequence[str]) -> dict[str, list[Mapping[str, str]]]:
        found: dict[str, list[Mapping[str, str]]] = {}
        for start in range(0, len(arns), MOST_TAGGED):
            with asking(f"look at the tags of {self._spec.name}"):
                answer = self._client.describe_tags(ResourceArns=list(arns[start : start + MOST_TAGGED]))
            found.update({one["ResourceArn"]: one["Tags"] for one in answer["TagDescriptions"]})
        return found

    def _pages(self, call: str, key: str, **given: Any) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        with asking(f"{call.replace('_', ' ')} of {self._spec.name}"):
            for page in self._client.get_paginator(call).paginate(**given):
                found += page[key]
        return found

    # -- acting ------------------------------------------------------------------------------------------------

    def _make(self, step: steps.MakeBalancer) -> None:
        given: dict[str, Any] = {"Name": step.item, "Type": "network", "Scheme": step.scheme, "Subnets": list(step.subnets), "Tags": TAGS}
        if step.security_groups:
            given["SecurityGroups"] = list(step.security_groups)
        with asking(f"make load balancer {step.item}"):
            self._client.create_load_balancer(**given)

    def _set_subnets(self, step: steps.SetSubnets) -> None:
        with asking(f"set the subnets of {step.item}"):
            self._client.set_subnets(LoadBalancerArn=self._arn(), Subnets=list(step.subnets))

    def _set_security_groups(self, step: steps.SetSecurityGroups) -> None:
        with asking(f"set the security groups of {step.item}"):
            self._client.set_security_groups(LoadBalancerArn=self._arn(), SecurityGroups=list(step.security_groups))

    def _make_group(self, step: steps.MakeGroup) -> None:
        vpc = self._seen.balancer.vpc if self._seen.balancer else ""
        given = {"Name": step.group, "Protocol": step.protocol, "Port": step.port, "VpcId": vpc, "TargetType": "instance", "Tags": TAGS}
        with asking(f"make target group {step.group}"):
            self._client.create_target_group(**given, **_check(step.check))

    def _set_group(self, step: steps.SetGroup) -> None:
        arn = self._group_arn(step.group)
        with asking(f"set target group {step.group}"):
            self._client.modify_target_group(TargetGroupArn=arn, **_check(step.check))
            self._client.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": PRESERVE, "Value": str(step.preserve).lower()}])

    def _register(self, step: steps.Register) -> None:
        targets = [{"Id": one, "Port": step.port} for one in step.targets]
        with asking(f"register {', '.join(step.targets)} with {step.group}"):
            self._client.register_targets(TargetGroupArn=self._group_arn(step.group), Targets=targets)

    def _deregister(self, step: steps.Deregister) -> None:
        targets = [{"Id": one, "Port": port} for one, port in step.targets]
        with asking(f"take targets out of {step.group}"):
            self._client.deregister_targets(TargetGroupArn=self._group_arn(step.group), Targets=targets)

    def _set_listener(self, step: steps.SetListener) -> None:
        found, given = self._seen.listener(step.wish.port), self._leading(step.wish, step.wish.port)
        with asking(f"set listener {step.wish.port} of {step.item}"):
            if found is None:
                self._client.create_listener(LoadBalancerArn=self._arn(), Tags=TAGS, **given)
                return
            self._client.modify_listener(ListenerArn=found.arn, **given)
            if not found.ours:
                self._client.add_tags(ResourceArns=[found.arn], Tags=TAGS)

    def _make_trial(self, step: steps.MakeTrial) -> None:
        given = self._leading(step.wish, step.port)
        with asking(f"make trial listener {step.port} of {step.item}"):
            self._client.create_listener(LoadBalancerArn=self._arn(), Tags=TAGS, **given)

    def _leading(self, wish: Wish, port: int) -> dict[str, Any]:
        """A listener on that port that leads where it is wished, as AWS takes it."""
        actions = [{"Type": "forward", "TargetGroupArn": self._group_arn(wish.group(self._spec.name))}]
        given: dict[str, Any] = {"Protocol": wish.protocol, "Port": port, "DefaultActions": actions}
        if wish.protocol == "TLS":
            given.update(Certificates=[{"CertificateArn": wish.certificate}], SslPolicy=wish.policy)
        return given

    def _remove_listener(self, step: steps.RemoveListener) -> None:
        found = self._seen.listener(step.port)
        with asking(f"remove listener {step.port} of {step.item}"):
            self._client.delete_listener(ListenerArn=found.arn if found else "")

    def _remove_group(self, step: steps.RemoveGroup) -> None:
        """Again for a while: AWS counts a group as in use for some time after the listener that led to it went."""
        ends = self._clock.now() + PATIENCE
        while True:
            try:
                with asking(f"remove target group {step.group}"):
                    self._client.delete_target_group(TargetGroupArn=self._group_arn(step.group))
                return
            except Refused as error:
                if IN_USE not in str(error):
                    raise
                if self._clock.now() + PAUSE >= ends:
                    self._held.add(step.group)
                    raise
                self._clock.sleep(PAUSE)

    def _arn(self) -> str:
        return self._seen.balancer.arn if self._seen.balancer else ""

    def _group_arn(self, name: str) -> str:
        """Known from the last look, but for one that was made since."""
        group = self._seen.group(name)
        if group is not None:
            return group.arn
        with asking(f"look for target group {name}"):
            [body] = self._client.describe_target_groups(Names=[name])["TargetGroups"]
        return str(body["TargetGroupArn"])


def _check(check: Check) -> dict[str, Any]:
    """A health check as AWS takes it."""
    given: dict[str, Any] = {"HealthCheckProtocol": check.protocol, "HealthCheckPort": check.port or TRAFFIC}
    given.update(HealthCheckIntervalSeconds=INTERVAL, HealthyThresholdCount=THRESHOLD, UnhealthyThresholdCount=THRESHOLD)
    return {**given, "HealthCheckPath": check.path} if check.path else given
