# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that building a machine image makes on AWS, and those that whoever steals the builder's key would like to make, as data for the judge. Pure.

Packer made its own in a recorded build (1.6.6, builder amazon-ebs, a key pair of its own, subnet and security group given); the rest are vm_image's.
"""

from __future__ import annotations

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.image_policy import FAMILY, KEYS, LOOKS, ImageWish
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Call, Right

RUN = "ec2:RunInstances"
ELSEWHERE, OFTEN, STRANGER = "zz-nowhere-9", "t3.medium", "999999999999"


def needed(wish: ImageWish) -> tuple[Right, ...]:
    """One call on each resource that a build names."""
    return (*_starts(wish), *_makes(wish), *_keeps(wish), *(Right(f"look at {what}", Call(f"ec2:Describe{what}", "*", _here(wish))) for what in LOOKS))


def dangers(wish: ImageWish) -> tuple[Right, ...]:
    """What must be denied whatever else is in the same account."""
    return (*_starts_denied(wish), *_foreign_denied(wish), *_tags_denied(wish), *_unwished(wish), *_beyond(wish))


def _here(wish: ImageWish) -> dict[str, str]:
    return {"aws:RequestedRegion": wish.region}


def _asked(wish: ImageWish, *keys: str) -> dict[str, str]:
    """A request that puts on the tags of this family."""
    return {**_here(wish), f"aws:RequestTag/{FAMILY}": wish.name, "aws:TagKeys": ",".join(keys or KEYS)}


def _owned(wish: ImageWish, family: str = "") -> dict[str, str]:
    return {**_here(wish), f"aws:ResourceTag/{FAMILY}": family or wish.name}


def _instance(wish: ImageWish) -> dict[str, str]:
    size = wish.instance_types[0].replace("*", "large").replace("?", "5") if wish.instance_types else OFTEN
    return {**_asked(wish), "ec2:InstanceType": size}


def _base(wish: ImageWish) -> Call:
    name = wish.base_images[0] if wish.base_images else "ami-1"
    owner = wish.base_owners[0].replace("self", wish.account) if wish.base_owners else "099720109477"
    return Call(RUN, wish.arn(f"image/{name}", ""), {**_here(wish), "ec2:Owner": owner})


def _starts(wish: ImageWish) -> list[Right]:
    here, begun = _here(wish), {**_asked(wish), "ec2:CreateAction": "RunInstances"}
    places = [f"subnet/{one}" for one in wish.subnets] + [f"security-group/{one}" for one in wish.security_groups]
    parts = ("network-interface/*", "volume/*", "key-pair/packer_5f")
    return [
        *(Right(f"Packer starts a machine: {place}", Call(RUN, wish.arn(place), here)) for place in (*places, *parts)),
        Right("Packer starts a machine: the base image", _base(wish)),
        Right("Packer starts a machine: itself, tagged", Call(RUN, wish.arn("instance/*"), _instance(wish))),
        *(Right(f"Packer starts a machine: tags of its {kind}", Call("ec2:CreateTags", wish.arn(f"{kind}/x-1"), begun)) for kind in ("instance", "volume")),
        *(Right(f"Packer {verb.lower()}s its key pair", Call(f"ec2:{verb}KeyPair", wish.arn("key-pair/packer_5f"), here)) for verb in ("Create", "Delete")),
    ]


def _makes(wish: ImageWish) -> list[Right]:
    here, shelf = _here(wish), ("image/ami-1", "snapshot/snap-1")
    return [
        *(Right(f"Packer {verb.lower()}s its machine", Call(f"ec2:{verb}Instances", wish.arn("instance/i-1"), _owned(wish))) for verb in ("Stop", "Terminate")),
        Right("Packer makes an image: of its machine", Call("ec2:CreateImage", wish.arn("instance/i-1"), _owned(wish))),
        *(Right(f"Packer makes an image: {kind}", Call("ec2:CreateImage", wish.arn(f"{kind}/*", ""), here)) for kind in ("image", "snapshot")),
        *(Right(f"Packer tags what it made: {one}", Call("ec2:CreateTags", wish.arn(one, ""), _asked(wish))) for one in shelf),
        Right("vm_image tags what a killed build made", Call("ec2:CreateTags", wish.arn("image/ami-1", ""), _asked(wish, FAMILY, "serverops_owner"))),
        Right("vm_image notes which image was used before", Call("ec2:CreateTags", wish.arn("image/ami-1", ""), _asked(wish, FAMILY, "serverops_previous"))),
        *(
            Right(f"vm_image copies to {region}", Call("ec2:CopyImage", wish.arn("image/*", "", region), {"aws:RequestedRegion": region}))
            for region in wish.everywhere[1:]
        ),
        *(
            Right(f"vm_image tags the copy in {region}", Call("ec2:CreateTags", wish.arn("image/ami-2", "", region), _asked(wish)))
            for region in wish.everywhere[1:]
        ),
    ]


def _keeps(wish: ImageWish) -> list[Right]:
    found = [Right("vm_image takes away a disk of a dead build", Call("ec2:DeleteVolume", wish.arn("volume/vol-1"), _owned(wish)))]
    if wish.sharing:
        found.append(Right("vm_image says who may use an image", Call("ec2:ModifyImageAttribute", wish.arn("image/ami-1", ""), _owned(wish))))
    if wish.removal:
        found.append(Right("vm_image removes an image", Call("ec2:DeregisterImage", wish.arn("image/ami-1", ""), _owned(wish))))
        for region in wish.everywhere:
            gone = Call("ec2:DeleteSnapshot", wish.arn("snapshot/snap-1", "", region), {**_owned(wish), "aws:RequestedRegion": region})
            found.append(Right(f"vm_image removes its snapshot in {region}", gone))
    return found


def _starts_denied(wish: ImageWish) -> list[Right]:
    here, whole = _here(wish), _instance(wish)
    untagged = {name: value for name, value in whole.items() if "RequestTag" not in name}
    away = {**whole, "aws:RequestedRegion": ELSEWHERE}
    found = [
        Right("start a machine that nobody can tell from others", Call(RUN, wish.arn("instance/*"), untagged)),
        Right("start a machine as one of another family", Call(RUN, wish.arn("instance/*"), {**whole, f"aws:RequestTag/{FAMILY}": "other"})),
        Right("start a machine of another image", Call(RUN, wish.arn("image/ami-9", ""), {**here, "ec2:Owner": STRANGER})),
        Right("start a machine in another subnet", Call(RUN, wish.arn("subnet/subnet-9"), here)),
        Right("start a machine in another security group", Call(RUN, wish.arn("security-group/sg-9"), here)),
        Right("start a machine by a launch template", Call(RUN, wish.arn("launch-template/lt-9"), here)),
        Right("start a machine with somebody's snapshot as its disk", Call(RUN, wish.arn("snapshot/snap-9", ""), here)),
        Right("start a machine with somebody's key pair", Call(RUN, wish.arn("key-pair/admin"), here)),
        Right("start a machine in another region", Call(RUN, wish.arn("instance/*", "-", ELSEWHERE), away)),
    ]
    if wish.instance_types:
        found.append(Right("start a machine of another size", Call(RUN, wish.arn("instance/*"), {**whole, "ec2:InstanceType": "p4d.24xlarge"})))
    return found


def _foreign_denied(wish: ImageWish) -> list[Right]:
    here, other = _here(wish), _owned(wish, "other")
    machine, disk = wish.arn("instance/i-9"), wish.arn("volume/vol-9")
    return [
        *(
            Right(f"{verb.lower()} a machine of somebody else's", Call(f"ec2:{verb}Instances", machine, here))
            for verb in ("Start", "Stop", "Terminate", "Reboot")
        ),
        Right("terminate a machine of another family", Call("ec2:TerminateInstances", machine, other)),
        Right("delete a disk of somebody else's", Call("ec2:DeleteVolume", disk, here)),
        Right("make an image of somebody's machine, and read it", Call("ec2:CreateImage", machine, here)),
        Right("copy a disk of somebody's", Call("ec2:CreateSnapshot", disk, here)),
        Right("delete somebody's snapshot", Call("ec2:DeleteSnapshot", wish.arn("snapshot/snap-9", ""), here)),
        Right("delete a snapshot of another family", Call("ec2:DeleteSnapshot", wish.arn("snapshot/snap-9", ""), other)),
        Right("deregister somebody's image", Call("ec2:DeregisterImage", wish.arn("image/ami-9", ""), here)),
        Right("deregister an image of another family", Call("ec2:DeregisterImage", wish.arn("image/ami-9", ""), other)),
        Right("publish somebody's image", Call("ec2:ModifyImageAttribute", wish.arn("image/ami-9", ""), here)),
        Right("delete somebody's key pair", Call("ec2:DeleteKeyPair", wish.arn("key-pair/admin"), here)),
        Right("put a key pair of its own in the place of somebody's", Call("ec2:CreateKeyPair", wish.arn("key-pair/admin"), here)),
        Right("copy an image to another region", Call("ec2:CopyImage", wish.arn("image/*", "", ELSEWHERE), {"aws:RequestedRegion": ELSEWHERE})),
    ]


def _tags_denied(wish: ImageWish) -> list[Right]:
    """Each of them turns a guard by tags into none."""
    asked, begun = _asked(wish), {**_asked(wish), "ec2:CreateAction": "RunInstances"}
    marked = [Right(f"tag a snapshot that carries {one} as its own", _tag(wish, {**asked, f"aws:ResourceTag/{one}": "x"})) for one in wish.protected_tags]
    return [
        *marked,
        *(Right(f"put the tag {one} on a snapshot", _tag(wish, _asked(wish, FAMILY, one))) for one in wish.protected_tags),
        *(Right(f"start a machine with the tag {one}", _tag(wish, {**begun, "aws:TagKeys": f"{FAMILY},{one}"}, "instance/i-1")) for one in wish.protected_tags),
        Right("tag a snapshot of another family as its own", _tag(wish, {**asked, f"aws:ResourceTag/{FAMILY}": "other"})),
        Right("put a snapshot of its own into another family", _tag(wish, {**asked, f"aws:RequestTag/{FAMILY}": "other"})),
        Right("tag a snapshot with anything", _tag(wish, {**_here(wish), "aws:TagKeys": "x"})),
        Right("tag a machine as its own, then terminate it", _tag(wish, asked, "instance/i-9")),
        Right("tag a disk as its own, then delete it", _tag(wish, asked, "volume/vol-9")),
        Right("tag a security group", _tag(wish, begun, "security-group/sg-9")),
        Right("tag the network", _tag(wish, begun, "vpc/vpc-9")),
        Right("take tags away", Call("ec2:DeleteTags", wish.arn("instance/i-1"), _owned(wish))),
    ]


def _tag(wish: ImageWish, context: dict[str, str], thing: str = "snapshot/snap-9") -> Call:
    return Call("ec2:CreateTags", wish.arn(thing, "" if thing.startswith("snapshot") else "-"), context)


def _unwished(wish: ImageWish) -> list[Right]:
    """What it does to its own things only where that is wished."""
    owned = _owned(wish)
    shared = [] if wish.sharing else [Right("publish an image of its own", Call("ec2:ModifyImageAttribute", wish.arn("image/ami-1", ""), owned))]
    if wish.removal:
        return shared
    gone = [("image/ami-1", "ec2:DeregisterImage"), ("snapshot/snap-1", "ec2:DeleteSnapshot")]
    return [*shared, *(Right(f"remove {thing} of its own, which machines may run on", Call(action, wish.arn(thing, ""), owned)) for thing, action in gone)]


def _beyond(wish: ImageWish) -> list[Right]:
    """Calls that a build never makes, its own things or not."""
    owned, machine = _owned(wish), wish.arn("instance/i-1")
    return [
        Right("publish a snapshot", Call("ec2:ModifySnapshotAttribute", wish.arn("snapshot/snap-1", ""), owned)),
        Right("change the user data of a machine", Call("ec2:ModifyInstanceAttribute", machine, owned)),
        Right("give a machine a role", Call("ec2:AssociateIamInstanceProfile", machine, owned)),
        Right("pass a role", Call("iam:PassRole", f"arn:{wish.partition}:iam::{wish.account}:role/admin")),
        Right("read the user data of any machine", Call("ec2:DescribeInstanceAttribute", machine, owned)),
        Right("make a security group", Call("ec2:CreateSecurityGroup", wish.arn("security-group/*"), owned)),
        Right("open a security group", Call("ec2:AuthorizeSecurityGroupIngress", wish.arn(f"security-group/{wish.security_groups[0]}"), owned)),
        Right("delete a security group", Call("ec2:DeleteSecurityGroup", wish.arn("security-group/sg-9"), owned)),
        Right("make a disk of somebody's snapshot", Call("ec2:CreateVolume", wish.arn("snapshot/snap-9", ""), owned)),
        Right("register an image of somebody's snapshot", Call("ec2:RegisterImage", wish.arn("snapshot/snap-9", ""), owned)),
        Right("read the object store", Call("s3:GetObject", f"arn:{wish.partition}:s3:::circleci/x")),
    ]
