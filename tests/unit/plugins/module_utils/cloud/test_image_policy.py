# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of whoever builds images: every call of a build is allowed, none that a thief would like; what Packer's own pages print fails the second."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.image_calls import dangers, needed
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.image_policy import ImageWish, image_policy, image_wish
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Right, allows
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

PLAIN = ImageWish("eu-west-1", "111111111111", "circleci-linux", ("subnet-1",), ("sg-1",), base_images=("ami-7",))
WHOLE = replace(PLAIN, regions=("us-east-1",), instance_types=("t3.*",), sharing=True, removal=True)
WISHES = [PLAIN, WHOLE, replace(PLAIN, base_images=(), base_owners=("099720109477", "self")), replace(PLAIN, removal=True, protected_tags=("mine",))]
# The actions that Packer's page on its builder lists, on everything.
PRINTED = {
    **{"Effect": "Allow", "Resource": "*"},
    "Action": [
        *("ec2:AttachVolume", "ec2:AuthorizeSecurityGroupIngress", "ec2:CopyImage", "ec2:CreateImage", "ec2:CreateKeypair", "ec2:CreateSecurityGroup"),
        *("ec2:CreateSnapshot", "ec2:CreateTags", "ec2:CreateVolume", "ec2:DeleteKeyPair", "ec2:DeleteSecurityGroup", "ec2:DeleteSnapshot"),
        *("ec2:DeleteVolume", "ec2:DeregisterImage", "ec2:DescribeImageAttribute", "ec2:DescribeImages", "ec2:DescribeInstances", "ec2:DescribeInstanceStatus"),
        *("ec2:DescribeRegions", "ec2:DescribeSecurityGroups", "ec2:DescribeSnapshots", "ec2:DescribeSubnets", "ec2:DescribeTags", "ec2:DescribeVolumes"),
        *("ec2:DetachVolume", "ec2:GetPasswordData", "ec2:ModifyImageAttribute", "ec2:ModifyInstanceAttribute", "ec2:ModifySnapshotAttribute"),
        *("ec2:RegisterImage", "ec2:RunInstances", "ec2:StopInstances", "ec2:TerminateInstances"),
    ],
}


def rows(make: Any) -> list[Any]:
    return [pytest.param(wish, right, id=f"{number}-{right.what}-{place}") for number, wish in enumerate(WISHES) for place, right in enumerate(make(wish))]


@pytest.mark.parametrize(("wish", "right"), rows(needed))
def test_what_a_build_does_is_allowed(wish: ImageWish, right: Right) -> None:
    assert allows([image_policy(wish)], right.call)


@pytest.mark.parametrize(("wish", "right"), rows(dangers))
def test_what_a_thief_would_like_is_denied(wish: ImageWish, right: Right) -> None:
    assert not allows([image_policy(wish)], right.call)


def test_the_dangers_are_many_and_each_is_another() -> None:
    assert len(dangers(PLAIN)) >= 45
    for wish in WISHES:
        assert len({right.what for right in dangers(wish)}) == len(dangers(wish))


@pytest.mark.parametrize("wish", WISHES)
def test_each_statement_is_needed(wish: ImageWish) -> None:
    for number in range(len(image_policy(wish)["Statement"])):
        less = image_policy(wish)
        gone = less["Statement"].pop(number)
        assert not all(allows([less], right.call) for right in needed(wish)), gone["Sid"]


@pytest.mark.parametrize("statement", range(len(image_policy(WHOLE)["Statement"])))
def test_each_condition_limits_something(statement: int) -> None:
    whole = image_policy(WHOLE)["Statement"][statement]
    for operator in whole.get("Condition", {}):
        wider = copy.deepcopy(image_policy(WHOLE))
        del wider["Statement"][statement]["Condition"][operator]
        if whole["Sid"] == "Look":
            continue  # reading in another region is no danger of the list
        assert any(allows([wider], right.call) for right in dangers(WHOLE)), f"{whole['Sid']} {operator}"


def test_the_list_of_packer_s_page_is_too_broad() -> None:
    printed = [{"Version": "2012-10-17", "Statement": [PRINTED]}]
    opened = {right.what for right in dangers(PLAIN) if allows(printed, right.call)}
    assert {"delete somebody's snapshot", "publish somebody's image", "tag a machine as its own, then terminate it", "open a security group"} <= opened
    lacks = {right.call.action for right in needed(WHOLE) if not allows(printed, right.call)}
    assert lacks == {"ec2:DescribeKeyPairs", "ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions"}, "which vm_image asks besides"


def test_without_removal_and_sharing_nothing_of_its_own_goes_or_is_published() -> None:
    words = {right.what for right in dangers(PLAIN)} - {right.what for right in dangers(WHOLE)}
    assert words == {
        *("publish an image of its own", "remove image/ami-1 of its own, which machines may run on"),
        "remove snapshot/snap-1 of its own, which machines may run on",
    }


GIVEN: dict[str, Any] = {
    **{"region": "eu-west-1", "account": "111111111111", "name": "circleci-linux", "subnets": ["subnet-1"], "security_groups": ["sg-1"]},
    **{"base_images": ["ami-7"]},
}


def test_a_wish_of_plain_values() -> None:
    assert image_wish({**GIVEN, "subnets": "subnet-1"}) == PLAIN
    assert image_wish({**GIVEN, "sharing": True, "removal": True, "regions": ["us-east-1"], "instance_types": ["t3.*"]}) == WHOLE


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": ""}, "parameters has no name"),
        ({"name": "a*"}, "parameters.name holds 'a*'"),
        ({"base_images": []}, "parameters has no base_images"),
        ({"base_images": ["*"]}, "parameters.base_images holds '*'"),
        ({"regions": ["*"]}, "parameters.regions holds '*'"),
        ({"protected_tags": ["x*"]}, "parameters.protected_tags holds 'x*'"),
        ({"images": ["ami-1"]}, "parameters has images, which"),
    ],
)
def test_a_wish_that_would_open_more_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as refused:
        image_wish({**GIVEN, **more})
    assert words in str(refused.value)
