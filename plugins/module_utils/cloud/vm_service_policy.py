# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the VM service must be allowed to do on AWS, and no more, as data. Pure.

What it does: the guide of CircleCI Server 3.x, chapter VM Service. The policy printed there is damaged (`ec2>DeleteVolume`, resources without an account)
and has limits that limit nothing, since what statements allow adds up.
Which action and resource a call needs: AWS's Service Authorization Reference, chapter Amazon EC2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import VERSION, allow, flag
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

TAG, TAGGED = "ManagedBy", "circleci-vm-service"
LOOKS = ("Images", "Instances", "InstanceStatus", "Volumes", "Subnets", "SecurityGroups")
SHAPES = {
    "region": r"[a-z]{2,}(-[a-z]+)+-\d",
    "account": r"\d{12}",
    "subnets": r"subnet-[0-9a-z]+",
    "security_groups": r"sg-[0-9a-z]+",
    "images": r"ami-[0-9a-z]+",
    "image_owners": r"\d{12}|self|amazon|aws-marketplace",
    "instance_types": r"[a-z0-9*?-]+\.[a-z0-9*?-]+",
    "partition": r"aws(-[a-z]+)*",
}
SINGLE = ("region", "account", "partition")
NEEDED = ("region", "account", "subnets", "security_groups")


@dataclass(frozen=True)
class VmServiceWish:
    """Where the machines are, and of what they may be made. Without `images` those of `image_owners` (default: the account's own) will do."""

    region: str
    account: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    images: tuple[str, ...] = ()
    image_owners: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()
    imdsv2: bool = False
    partition: str = "aws"

    def arn(self, resource: str, account: str = "-") -> str:
        """The ARN of a resource of this region and, unless another is given, this account."""
        return f"arn:{self.partition}:ec2:{self.region}:{self.account if account == '-' else account}:{resource}"


def vm_service_wish(given: Mapping[str, Any]) -> VmServiceWish:
    """The wish from plain values; raises BadInput with the first that cannot be."""
    known = {one.name for one in fields(VmServiceWish)}
    for name in given:
        if name not in known:
            raise BadInput(f"parameters has {name}, which the VM service's policy does not know; it knows {', '.join(sorted(known))}")
    for name in NEEDED:
        if not given.get(name):
            raise BadInput(f"parameters has no {name}; the policy is for one region and account and for named subnets and security groups, so give it")
    checked: Json = {name: _checked(name, given[name]) for name in SHAPES if given.get(name)}
    return VmServiceWish(**checked, imdsv2=flag("imdsv2", given.get("imdsv2")))


def vm_service_policy(wish: VmServiceWish) -> Json:
    """The policy of the VM service's user or role."""
    return {"Version": VERSION, "Statement": [*_run(wish), *_volumes(wish), *_tags(wish), _manage(wish), _look(wish)]}


def _run(wish: VmServiceWish) -> list[Json]:
    """A call to RunInstances must be allowed on every resource that it names or makes."""
    places = [wish.arn(f"subnet/{one}") for one in wish.subnets] + [wish.arn(f"security-group/{one}") for one in wish.security_groups]
    parts = [wish.arn(f"{kind}/*") for kind in ("network-interface", "volume", "key-pair")]
    only: dict[str, dict[str, Any]] = {"StringEquals": {f"aws:RequestTag/{TAG}": TAGGED}}
    if wish.instance_types:
        only["StringLike"] = {"ec2:InstanceType": list(wish.instance_types)}
    if wish.imdsv2:
        only["StringEquals"]["ec2:MetadataHttpTokens"] = "required"
    return [
        allow("RunHere", ["ec2:RunInstances"], places),
        allow("RunWithParts", ["ec2:RunInstances"], parts),
        _images(wish),
        allow("RunTagged", ["ec2:RunInstances"], [wish.arn("instance/*")], only),
    ]


def _images(wish: VmServiceWish) -> Json:
    """Images have no account in their ARNs: whose they are is a condition."""
    if wish.images:
        return allow("RunOf", ["ec2:RunInstances"], [wish.arn(f"image/{one}", "") for one in wish.images])
    owners = [wish.account if one == "self" else one for one in wish.image_owners or ("self",)]
    return allow("RunOf", ["ec2:RunInstances"], [wish.arn("image/*", "")], {"StringEquals": {"ec2:Owner": owners}})


def _volumes(wish: VmServiceWish) -> list[Json]:
    return [allow("MakeVolumes", ["ec2:CreateVolume"], [wish.arn("volume/*")], {"StringEquals": {f"aws:RequestTag/{TAG}": TAGGED}})]


def _tags(wish: VmServiceWish) -> list[Json]:
    """Tags are what all else hangs on: they are put on what is being made, and later only beside the one that says whose it is."""
    things = [wish.arn("instance/*"), wish.arn("volume/*")]
    making = {"StringEquals": {"ec2:CreateAction": ["RunInstances", "CreateVolume"]}}
    later = {"StringEquals": {f"aws:ResourceTag/{TAG}": TAGGED}, "StringEqualsIfExists": {f"aws:RequestTag/{TAG}": TAGGED}}
    return [allow("TagWhatIsMade", ["ec2:CreateTags"], things, making), allow("TagItsOwn", ["ec2:CreateTags"], things, later)]


def _manage(wish: VmServiceWish) -> Json:
    verbs = ["StartInstances", "StopInstances", "TerminateInstances", "AttachVolume", "DetachVolume", "DeleteVolume"]
    owned = {"StringEquals": {f"aws:ResourceTag/{TAG}": TAGGED}}
    return allow("ManageItsOwn", [f"ec2:{verb}" for verb in verbs], [wish.arn("instance/*"), wish.arn("volume/*")], owned)


def _look(wish: VmServiceWish) -> Json:
    """These calls have no resource."""
    return allow("Look", [f"ec2:Describe{what}" for what in LOOKS], ["*"], {"StringEquals": {"aws:RequestedRegion": wish.region}})


def _checked(name: str, value: Any) -> Any:
    """The value, each of its texts being what such a thing looks like: a star in the wrong place would open more than is meant."""
    several = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    for one in several:
        if not isinstance(one, str) or not re.fullmatch(SHAPES[name], one):
            raise BadInput(f"parameters.{name} holds {one!r}, which is none; it must look like {SHAPES[name]}")
    return several if name not in SINGLE else several[0]
