# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that the VM service makes on AWS, and those that whoever steals its key would like to make, as data for the judge of policies. Pure.

From the guide's statements (which actions, on what) and AWS's Service Authorization Reference, chapter Amazon EC2 (which resources a call names).
"""

from __future__ import annotations

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Call, Right
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.vm_service_policy import LOOKS, TAG, TAGGED, VmServiceWish

OWNED, MADE = {f"aws:ResourceTag/{TAG}": TAGGED, f"ec2:ResourceTag/{TAG}": TAGGED}, {f"aws:RequestTag/{TAG}": TAGGED}
FOREIGN_ACCOUNT, ELSEWHERE = "999999999999", "zz-nowhere-9"
RUN = "ec2:RunInstances"
OFTEN = "m5.large"  # a type for calls where the wish names none


def needed(wish: VmServiceWish) -> tuple[Right, ...]:
    """One call on each resource that the service's work names."""
    return (*_runs(wish), *_work(wish), *(Right(f"look at {what}", Call(f"ec2:Describe{what}", "*", _here(wish))) for what in LOOKS))


def dangers(wish: VmServiceWish) -> tuple[Right, ...]:
    """What must be denied whatever else is in the same account."""
    return (*_runs_denied(wish), *_foreign_denied(wish), *_tags_denied(wish), *_elsewhere_denied(wish), *_beyond(wish))


def _here(wish: VmServiceWish) -> dict[str, str]:
    return {"aws:RequestedRegion": wish.region}


def _type(wish: VmServiceWish) -> str:
    return wish.instance_types[0].replace("*", "large").replace("?", "5") if wish.instance_types else OFTEN


def _instance(wish: VmServiceWish) -> dict[str, str]:
    return {**_here(wish), **MADE, "ec2:InstanceType": _type(wish), "ec2:MetadataHttpTokens": "required"}


def _image(wish: VmServiceWish) -> Call:
    name = wish.images[0] if wish.images else "ami-1"
    owner = wish.account if wish.image_owners in ((), ("self",)) else wish.image_owners[0].replace("self", wish.account)
    return Call(RUN, wish.arn(f"image/{name}", ""), {**_here(wish), "ec2:Owner": owner, "ec2:Public": "false"})


def _runs(wish: VmServiceWish) -> list[Right]:
    here = _here(wish)
    places = [f"subnet/{one}" for one in wish.subnets] + [f"security-group/{one}" for one in wish.security_groups]
    parts = ("network-interface/*", "volume/*", "key-pair/circleci")
    return [
        *(Right(f"start a machine: {place}", Call(RUN, wish.arn(place), here)) for place in (*places, *parts)),
        Right("start a machine: its image", _image(wish)),
        Right("start a machine: itself, tagged", Call(RUN, wish.arn("instance/*"), _instance(wish))),
        Right("start a machine: its tags", Call("ec2:CreateTags", wish.arn("instance/i-1"), {**here, **MADE, "ec2:CreateAction": "RunInstances"})),
        Right("start a machine: its disk's tags", Call("ec2:CreateTags", wish.arn("volume/vol-1"), {**here, **MADE, "ec2:CreateAction": "RunInstances"})),
    ]


def _work(wish: VmServiceWish) -> list[Right]:
    here, owned = _here(wish), {**_here(wish), **OWNED}
    machine, disk = wish.arn("instance/i-1"), wish.arn("volume/vol-1")
    return [
        Right("make a disk, tagged", Call("ec2:CreateVolume", wish.arn("volume/*"), {**here, **MADE})),
        Right("make a disk: its tags", Call("ec2:CreateTags", disk, {**here, **MADE, "ec2:CreateAction": "CreateVolume"})),
        *(Right(f"{verb.lower()} its machine", Call(f"ec2:{verb}Instances", machine, owned)) for verb in ("Start", "Stop", "Terminate")),
        *(Right(f"{verb.lower()} its disk: the disk", Call(f"ec2:{verb}Volume", disk, owned)) for verb in ("Attach", "Detach")),
        *(Right(f"{verb.lower()} its disk: the machine", Call(f"ec2:{verb}Volume", machine, owned)) for verb in ("Attach", "Detach")),
        Right("delete its disk", Call("ec2:DeleteVolume", disk, owned)),
        Right("tag its machine further", Call("ec2:CreateTags", machine, owned)),
    ]


def _runs_denied(wish: VmServiceWish) -> list[Right]:
    here, whole = _here(wish), _instance(wish)
    untagged = {name: value for name, value in whole.items() if name not in MADE}
    found = [
        Right("start a machine that nobody can tell from others", Call(RUN, wish.arn("instance/*"), untagged)),
        Right("start a machine tagged as somebody else's", Call(RUN, wish.arn("instance/*"), {**whole, f"aws:RequestTag/{TAG}": "production"})),
        Right("start a machine of a public image", Call(RUN, wish.arn("image/ami-9", ""), {**here, "ec2:Owner": FOREIGN_ACCOUNT, "ec2:Public": "true"})),
        Right("start a machine in another subnet", Call(RUN, wish.arn("subnet/subnet-9"), here)),
        Right("start a machine in another security group", Call(RUN, wish.arn("security-group/sg-9"), here)),
        Right("start a machine by a launch template", Call(RUN, wish.arn("launch-template/lt-9"), here)),
        Right("start a machine with somebody's snapshot as its disk", Call(RUN, wish.arn("snapshot/snap-9", ""), here)),
        Right("start a machine on a placement group", Call(RUN, wish.arn("placement-group/x"), here)),
    ]
    if wish.instance_types:
        large = {**whole, "ec2:InstanceType": "p4d.24xlarge"}
        found.append(Right("start a machine of another size", Call(RUN, wish.arn("instance/*"), large)))
    if wish.imdsv2:
        found.append(
            Right("start a machine whose metadata anybody may read", Call(RUN, wish.arn("instance/*"), {**whole, "ec2:MetadataHttpTokens": "optional"}))
        )
    return found


def _foreign_denied(wish: VmServiceWish) -> list[Right]:
    here = {**_here(wish), f"aws:ResourceTag/{TAG}": "production", f"ec2:ResourceTag/{TAG}": "production"}
    machine, disk = wish.arn("instance/i-9"), wish.arn("volume/vol-9")
    return [
        *(
            Right(f"{verb.lower()} a machine of somebody else's", Call(f"ec2:{verb}Instances", machine, here))
            for verb in ("Start", "Stop", "Terminate", "Reboot")
        ),
        Right("terminate a machine without tags", Call("ec2:TerminateInstances", machine, _here(wish))),
        *(Right(f"{verb.lower()} a disk of somebody else's", Call(f"ec2:{verb}Volume", disk, here)) for verb in ("Attach", "Detach", "Delete")),
        Right("make a disk without a tag", Call("ec2:CreateVolume", wish.arn("volume/*"), _here(wish))),
        Right("make a disk of somebody's snapshot and read it", Call("ec2:CreateVolume", wish.arn("snapshot/snap-9", ""), {**_here(wish), **MADE})),
        Right("copy a disk of somebody else's", Call("ec2:CreateSnapshot", disk, here)),
        Right("delete a snapshot", Call("ec2:DeleteSnapshot", wish.arn("snapshot/snap-9", ""), here)),
    ]


def _tags_denied(wish: VmServiceWish) -> list[Right]:
    """Each of them turns a guard by tags into none."""
    here = {**_here(wish), **MADE}
    foreign = {**here, f"aws:ResourceTag/{TAG}": "production", f"ec2:ResourceTag/{TAG}": "production"}
    ours = {**_here(wish), **OWNED, f"aws:RequestTag/{TAG}": "production"}
    asked = {**here, "ec2:CreateAction": "RunInstances"}
    return [
        Right("tag a machine as its own, then terminate it", Call("ec2:CreateTags", wish.arn("instance/i-9"), foreign)),
        Right("tag a machine that has no tags as its own", Call("ec2:CreateTags", wish.arn("instance/i-9"), here)),
        Right("tag a disk as its own, then delete it", Call("ec2:CreateTags", wish.arn("volume/vol-9"), foreign)),
        Right("hide its machine under another's tag", Call("ec2:CreateTags", wish.arn("instance/i-1"), ours)),
        Right("tag a snapshot into the rights of the backups", Call("ec2:CreateTags", wish.arn("snapshot/snap-9", ""), asked)),
        Right("tag a security group", Call("ec2:CreateTags", wish.arn("security-group/sg-9"), asked)),
        Right("tag the network", Call("ec2:CreateTags", wish.arn("vpc/vpc-9"), asked)),
        Right("take tags away", Call("ec2:DeleteTags", wish.arn("instance/i-1"), {**_here(wish), **OWNED})),
    ]


def _elsewhere_denied(wish: VmServiceWish) -> list[Right]:
    away = VmServiceWish(**{**wish.__dict__, "region": ELSEWHERE})
    theirs = VmServiceWish(**{**wish.__dict__, "account": FOREIGN_ACCOUNT})
    return [
        Right("start machines in another region", Call(RUN, away.arn("instance/*"), _instance(away))),
        Right("start machines in another region: the subnet", Call(RUN, away.arn(f"subnet/{wish.subnets[0]}"), _here(away))),
        Right("make disks in another region", Call("ec2:CreateVolume", away.arn("volume/*"), {**_here(away), **MADE})),
        Right("terminate what is tagged alike in another region", Call("ec2:TerminateInstances", away.arn("instance/i-1"), {**_here(away), **OWNED})),
        Right("terminate what is tagged alike in another account", Call("ec2:TerminateInstances", theirs.arn("instance/i-1"), {**_here(wish), **OWNED})),
        Right("tag what is tagged alike in another account", Call("ec2:CreateTags", theirs.arn("instance/i-1"), {**_here(wish), **OWNED})),
        Right("look at the machines of another region", Call("ec2:DescribeInstances", "*", _here(away))),
    ]


def _beyond(wish: VmServiceWish) -> list[Right]:
    """Calls that the service never makes, its own things or not."""
    owned = {**_here(wish), **OWNED}
    machine = wish.arn("instance/i-1")
    return [
        Right("change the user data of a machine", Call("ec2:ModifyInstanceAttribute", machine, owned)),
        Right("give a machine a role", Call("ec2:AssociateIamInstanceProfile", machine, owned)),
        Right("pass a role", Call("iam:PassRole", f"arn:{wish.partition}:iam::{wish.account}:role/admin")),
        Right("read the password of a Windows machine", Call("ec2:GetPasswordData", machine, owned)),
        Right("read the user data of any machine", Call("ec2:DescribeInstanceAttribute", machine, owned)),
        Right("read user data from launch templates", Call("ec2:DescribeLaunchTemplateVersions", "*", _here(wish))),
        Right("make an image of a machine", Call("ec2:CreateImage", machine, owned)),
        Right("publish an image", Call("ec2:ModifyImageAttribute", wish.arn("image/ami-1", ""), owned)),
        Right("publish a snapshot", Call("ec2:ModifySnapshotAttribute", wish.arn("snapshot/snap-1", ""), owned)),
        Right("open a security group", Call("ec2:AuthorizeSecurityGroupIngress", wish.arn(f"security-group/{wish.security_groups[0]}"), owned)),
        Right("make a key pair", Call("ec2:CreateKeyPair", wish.arn("key-pair/x"), owned)),
        Right("read the object store", Call("s3:GetObject", f"arn:{wish.partition}:s3:::circleci/x")),
        Right("delete an image", Call("ec2:DeregisterImage", wish.arn("image/ami-1", ""), owned)),
    ]
