# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VM service's policy: every call that the service makes is allowed, none that a thief would like; the printed policy of the guide fails both."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Call, Right, allows
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.vm_service_calls import dangers, needed
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.vm_service_policy import VmServiceWish, vm_service_policy, vm_service_wish
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

OPEN = VmServiceWish("eu-west-1", "111111111111", ("subnet-1", "subnet-2"), ("sg-1",))
CLOSED = replace(OPEN, images=("ami-1", "ami-2"), instance_types=("m5.*", "t3.large"), imdsv2=True)
WISHES = [OPEN, CLOSED, replace(OPEN, image_owners=("222222222222", "self")), replace(OPEN, region="us-gov-west-1", partition="aws-us-gov")]
TAGGED = {"StringEquals": {"aws:RequestTag/ManagedBy": "circleci-vm-service"}}
VERBS = ["CreateTags", "StartInstances", "StopInstances", "TerminateInstances", "AttachVolume", "DetachVolume"]


def guide(misprinted: bool = True) -> dict[str, Any]:
    """As the guide of CircleCI Server 3.x prints it, but for its missing braces; or as its author must have meant it."""
    account = "" if misprinted else "*"
    kinds = ("image", "snapshot", "key-pair", "launch-template", "network-interface", "placement-group", "volume")
    parts = [f"arn:aws:ec2:*:{'' if kind in ('image', 'snapshot') else account}:{kind}/*" for kind in kinds]
    places = ["arn:aws:ec2:*:*:subnet/*", "arn:aws:ec2:*:*:security-group/sg-1"]
    everything = "arn:aws:ec2:*:*:*/*"
    made = [{"StringEquals": {"ec2:CreateAction": action}} for action in ("CreateVolume", "RunInstances")]
    owned = {"StringEquals": {"ec2:ResourceTag/ManagedBy": "circleci-vm-service"}}
    vpc = {"StringEquals": {"ec2:Vpc": "arn:aws:ec2:eu-west-1:111111111111:vpc/vpc-1"}}
    run = [f"ec2:{verb}" for verb in ("RunInstances", "StartInstances", "StopInstances", "TerminateInstances")]
    statements: list[dict[str, Any]] = [
        {"Action": "ec2:RunInstances", "Resource": parts + places},
        {"Action": "ec2:RunInstances", "Resource": "arn:aws:ec2:*:*:instance/*", "Condition": TAGGED},
        {"Action": ["ec2:CreateVolume"], "Resource": ["arn:aws:ec2:*:*:volume/*"], "Condition": TAGGED},
        {"Action": ["ec2:Describe*"], "Resource": "*"},
        *({"Action": ["ec2:CreateTags"], "Resource": everything, "Condition": one} for one in made),
        {"Action": [f"ec2:{verb}" for verb in VERBS] + ["ec2>DeleteVolume" if misprinted else "ec2:DeleteVolume"], "Resource": everything, "Condition": owned},
        {"Action": run, "Resource": "arn:aws:ec2:*:*:subnet/*", "Condition": vpc},
    ]
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}


def rows(make: Any) -> list[Any]:
    return [pytest.param(wish, right, id=f"{number}-{right.what}-{place}") for number, wish in enumerate(WISHES) for place, right in enumerate(make(wish))]


@pytest.mark.parametrize(("wish", "right"), rows(needed))
def test_what_the_service_does_is_allowed(wish: VmServiceWish, right: Right) -> None:
    assert allows([vm_service_policy(wish)], right.call)


@pytest.mark.parametrize(("wish", "right"), rows(dangers))
def test_what_a_thief_would_like_is_denied(wish: VmServiceWish, right: Right) -> None:
    assert not allows([vm_service_policy(wish)], right.call)


def test_the_dangers_are_many_and_each_is_another() -> None:
    assert len(dangers(OPEN)) >= 40
    for wish in WISHES:
        assert len({right.what for right in dangers(wish)}) == len(dangers(wish))


@pytest.mark.parametrize("statement", range(len(vm_service_policy(OPEN)["Statement"])))
def test_each_statement_is_needed(statement: int) -> None:
    less = vm_service_policy(OPEN)
    del less["Statement"][statement]
    assert not all(allows([less], right.call) for right in needed(OPEN))


@pytest.mark.parametrize("statement", range(len(vm_service_policy(CLOSED)["Statement"])))
@pytest.mark.parametrize("part", ["Condition", "Resource"])
def test_each_limit_limits_something(statement: int, part: str) -> None:
    wider = copy.deepcopy(vm_service_policy(CLOSED))
    one = wider["Statement"][statement]
    if part == "Condition" and part not in one:
        assert one["Sid"] in ("RunHere", "RunWithParts", "RunOf"), "what may be named is limited by its resources"
        return
    if part == "Resource" and one["Sid"] == "Look":
        assert one["Resource"] == ["*"]
        return
    one.update({"Resource": ["*"]}) if part == "Resource" else one.pop("Condition")
    assert any(allows([wider], right.call) for right in dangers(CLOSED))


def test_the_printed_policy_of_the_guide_is_too_narrow_and_too_broad() -> None:
    refused = [right.what for right in needed(OPEN) if not allows([guide()], right.call)]
    assert refused == ["start a machine: network-interface/*", "start a machine: volume/*", "start a machine: key-pair/circleci", "delete its disk"]
    opened = {right.what for right in dangers(OPEN) if allows([guide()], right.call)}
    assert {"start a machine of a public image", "start a machine in another subnet", "tag a security group", "hide its machine under another's tag"} <= opened


def test_mended_it_still_opens_what_it_means_to_close() -> None:
    """The limit to one VPC limits nothing: an earlier statement allows every subnet."""
    mended = guide(misprinted=False)
    assert all(allows([mended], right.call) for right in needed(OPEN))
    assert allows([mended], Call("ec2:RunInstances", "arn:aws:ec2:eu-west-1:111111111111:subnet/subnet-9", {"ec2:Vpc": "arn:aws:ec2:eu-west-1:1:vpc/other"}))
    assert len([right for right in dangers(OPEN) if allows([mended], right.call)]) > 10


GIVEN: dict[str, Any] = {"region": "eu-west-1", "account": "111111111111", "subnets": ["subnet-1"], "security_groups": ["sg-1"]}


def test_a_wish_of_plain_values() -> None:
    made = vm_service_wish({**GIVEN, "subnets": "subnet-1", "images": [], "imdsv2": True})
    assert made == VmServiceWish("eu-west-1", "111111111111", ("subnet-1",), ("sg-1",), imdsv2=True)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"subnets": []}, "parameters has no subnets"),
        ({"account": None}, "parameters has no account"),
        ({"subnets": ["subnet-*"]}, "parameters.subnets holds 'subnet-"),
        ({"security_groups": ["*"]}, "parameters.security_groups holds '"),
        ({"images": ["*"]}, "parameters.images holds '"),
        ({"region": "*"}, "parameters.region holds '"),
        ({"account": "12"}, "parameters.account holds '12'"),
        ({"image_owners": ["everybody"]}, "parameters.image_owners holds 'everybody'"),
        ({"instance_types": ["*"]}, "parameters.instance_types holds '"),
        ({"subnet": "subnet-1"}, "parameters has subnet, which"),
        ({"account": 111111111111}, "parameters.account holds 111111111111"),
    ],
)
def test_a_wish_that_would_open_more_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as refused:
        vm_service_wish({**GIVEN, **more})
    assert words in str(refused.value)
