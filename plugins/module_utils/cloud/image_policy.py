# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the builder of machine images must be allowed to do on AWS, and no more, as data. Pure.

Which calls: those that Packer's builder amazon-ebs makes with the template of the role vm_image (recorded; a test compares), and those of the module vm_image.
Which action and resource a call needs: AWS's Service Authorization Reference, chapter Amazon EC2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import TAG as VELEROS
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import VERSION, allow, flag
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.vm_service_policy import SHAPES as SERVICE_SHAPES
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.vm_service_policy import TAG as SERVICES
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

FAMILY = "serverops_image"  # the tag by which all of a build is known
KEYS = ("Name", FAMILY, "serverops_digest", "serverops_run", "serverops_owner", "serverops_previous")
LOOKS = (
    *("Images", "Instances", "InstanceStatus", "KeyPairs", "LaunchTemplates", "LaunchTemplateVersions", "Regions", "SecurityGroups", "Snapshots"),
    *("Subnets", "Volumes", "ImageAttribute"),
)
SHAPES = {
    **{name: SERVICE_SHAPES[name] for name in ("region", "account", "subnets", "security_groups", "instance_types", "partition")},
    "regions": SERVICE_SHAPES["region"],
    "base_images": SERVICE_SHAPES["images"],
    "base_owners": r"\d{12}|self|amazon|aws-marketplace",
    "name": r"[A-Za-z0-9][A-Za-z0-9()\[\] ./\-'@_]{2,114}",
    "protected_tags": r"[A-Za-z0-9 +=._:/@-]{1,128}",
}
SINGLE = ("region", "account", "name", "partition")
NEEDED = ("region", "account", "name", "subnets", "security_groups")


@dataclass(frozen=True)
class ImageWish:
    """Where is built, of what. `sharing`: it may say who uses its images. `removal`: it may take its own images and their snapshots away."""

    region: str
    account: str
    name: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    base_images: tuple[str, ...] = ()
    base_owners: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()
    sharing: bool = False
    removal: bool = False
    protected_tags: tuple[str, ...] = (VELEROS, SERVICES)
    partition: str = "aws"

    def arn(self, resource: str, account: str = "-", region: str = "") -> str:
        """The ARN of a resource of this region and, unless another is given, this account."""
        return f"arn:{self.partition}:ec2:{region or self.region}:{self.account if account == '-' else account}:{resource}"

    @property
    def everywhere(self) -> tuple[str, ...]:
        """The region in which is built, and those that it is copied to."""
        return tuple(dict.fromkeys((self.region, *self.regions)))

    def shelves(self, *kinds: str) -> list[str]:
        """Images and snapshots have no account in their ARNs."""
        return [self.arn(f"{kind}/*", "", region) for region in self.everywhere for kind in kinds]


def image_wish(given: Mapping[str, Any]) -> ImageWish:
    """The wish from plain values; raises BadInput with the first that cannot be."""
    known = {one.name for one in fields(ImageWish)}
    for name in given:
        if name not in known:
            raise BadInput(f"parameters has {name}, which the policy of the builder of images does not know; it knows {', '.join(sorted(known))}")
    for name in NEEDED:
        if not given.get(name):
            raise BadInput(f"parameters has no {name}; the policy is for one family of images, built in named subnets and security groups, so give it")
    if not given.get("base_images") and not given.get("base_owners"):
        raise BadInput("parameters has no base_images; give the images that are built on, or base_owners, whose images may be")
    checked: Json = {name: _checked(name, given[name]) for name in SHAPES if given.get(name)}
    return ImageWish(**checked, sharing=flag("sharing", given.get("sharing")), removal=flag("removal", given.get("removal")))


def image_policy(wish: ImageWish) -> Json:
    """The policy of whoever builds."""
    more = [*([_share(wish)] if wish.sharing else []), *([_remove(wish)] if wish.removal else [])]
    return {"Version": VERSION, "Statement": [*_run(wish), *_make(wish), *_tags(wish), _end(wish), *more, _look(wish)]}


def _run(wish: ImageWish) -> list[Json]:
    """A call to RunInstances must be allowed on every resource that it names or makes. The key pair is the one that Packer makes for itself."""
    places = [wish.arn(f"subnet/{one}") for one in wish.subnets] + [wish.arn(f"security-group/{one}") for one in wish.security_groups]
    parts = [wish.arn("network-interface/*"), wish.arn("volume/*"), wish.arn("key-pair/packer_*")]
    only: dict[str, Any] = {"StringEquals": {f"aws:RequestTag/{FAMILY}": wish.name}}
    if wish.instance_types:
        only["StringLike"] = {"ec2:InstanceType": list(wish.instance_types)}
    return [
        allow("BuildHere", ["ec2:RunInstances"], places),
        allow("BuildWithParts", ["ec2:RunInstances"], parts),
        _base(wish),
        allow("BuildTagged", ["ec2:RunInstances"], [wish.arn("instance/*")], only),
        allow("KeyOfABuild", ["ec2:CreateKeyPair", "ec2:DeleteKeyPair"], [wish.arn("key-pair/packer_*")]),
    ]


def _base(wish: ImageWish) -> Json:
    if wish.base_images:
        return allow("BuildOn", ["ec2:RunInstances"], [wish.arn(f"image/{one}", "") for one in wish.base_images])
    owners = [wish.account if one == "self" else one for one in wish.base_owners]
    return allow("BuildOn", ["ec2:RunInstances"], [wish.arn("image/*", "")], {"StringEquals": {"ec2:Owner": owners}})


def _make(wish: ImageWish) -> list[Json]:
    """An image is made of a machine of this family; what comes of it has no tags yet. Copies are made of whatever this account may copy."""
    owned = {"StringEquals": {f"aws:ResourceTag/{FAMILY}": wish.name}}
    found = [
        allow("ImageOf", ["ec2:CreateImage"], [wish.arn("instance/*")], owned),
        allow("ImageItself", ["ec2:CreateImage"], [wish.arn("image/*", ""), wish.arn("snapshot/*", "")]),
    ]
    copies = [wish.arn("image/*", "", region) for region in wish.regions if region != wish.region]
    return [*found, allow("Copies", ["ec2:CopyImage"], copies)] if copies else found


def _tags(wish: ImageWish) -> list[Json]:
    """Packer tags an image after it is made, when nothing tells that it is its own: then what is marked as somebody else's is shut out, and every other tag."""
    things = [wish.arn("instance/*"), wish.arn("volume/*")]
    ours = {f"aws:RequestTag/{FAMILY}": wish.name}
    keys = {"ForAllValues:StringEquals": {"aws:TagKeys": list(KEYS)}}
    later = {"StringEquals": ours, **keys, "Null": {f"aws:ResourceTag/{one}": "true" for one in wish.protected_tags}}
    others = {"StringEqualsIfExists": {f"aws:ResourceTag/{FAMILY}": wish.name}}  # another family's images stay that one's
    return [
        allow("TagWhatIsStarted", ["ec2:CreateTags"], things, {"StringEquals": {"ec2:CreateAction": "RunInstances", **ours}, **keys}),
        allow("TagImages", ["ec2:CreateTags"], wish.shelves("image", "snapshot"), {**later, **others}),
    ]


def _end(wish: ImageWish) -> Json:
    """Machines and disks of builds, dead ones among them."""
    owned = {"StringEquals": {f"aws:ResourceTag/{FAMILY}": wish.name}}
    return allow("EndBuilds", ["ec2:StopInstances", "ec2:TerminateInstances", "ec2:DeleteVolume"], [wish.arn("instance/*"), wish.arn("volume/*")], owned)


def _share(wish: ImageWish) -> Json:
    owned = {"StringEquals": {f"aws:ResourceTag/{FAMILY}": wish.name}}
    return allow("Share", ["ec2:ModifyImageAttribute"], wish.shelves("image"), owned)


def _remove(wish: ImageWish) -> Json:
    owned = {"StringEquals": {f"aws:ResourceTag/{FAMILY}": wish.name}}
    return allow("RemoveItsOwn", ["ec2:DeregisterImage", "ec2:DeleteSnapshot"], wish.shelves("image", "snapshot"), owned)


def _look(wish: ImageWish) -> Json:
    """These calls have no resource, or are no danger on any."""
    return allow("Look", [f"ec2:Describe{what}" for what in LOOKS], ["*"], {"StringEquals": {"aws:RequestedRegion": list(wish.everywhere)}})


def _checked(name: str, value: Any) -> Any:
    """The value, each of its texts being what such a thing looks like: a star in the wrong place would open more than is meant."""
    several = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    for one in several:
        if not isinstance(one, str) or not re.fullmatch(SHAPES[name], one):
            raise BadInput(f"parameters.{name} holds {one!r}, which is none; it must look like {SHAPES[name]}")
    return several if name not in SINGLE else several[0]
