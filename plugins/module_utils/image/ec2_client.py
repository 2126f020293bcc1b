# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2 as the builder of images sees it: images and who may use them, builds under way, and what dead ones left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.aws_client import asking, aws_client
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import aws_is_there
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, NotPermitted, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import (
    DIGEST,
    EVERYBODY,
    FAMILY,
    OWNER,
    PREVIOUS,
    RUN,
    SHORT,
    US,
    Builder,
    Image,
    Leftover,
    image_from_api,
    tags_of,
)

LIVING = ("pending", "running", "stopping", "stopped")
ENDING = "shutting-down"
NO_DIGEST = "-"
NAMED = {
    "key_pair": ("describe_key_pairs", "KeyPairs", "key-name", "KeyName"),
    "security_group": ("describe_security_groups", "SecurityGroups", "group-name", "GroupId"),
}


class Ec2:
    """One account in any region; clients are made when a region is first asked."""

    def __init__(self, cloud: Optional[Mapping[str, Any]]) -> None:
        self._cloud = cloud
        self._clients: dict[str, Any] = {}

    def client(self, region: str) -> Any:
        """The client of a region. Raises BadInput where the library for it is missing."""
        if region not in self._clients:
            aws_is_there("EC2")
            self._clients[region] = aws_client("ec2", region, self._cloud)
        return self._clients[region]

    # -- reading ---------------------------------------------------------------------------------------------

    def images(self, family: str, region: str, digest: Optional[str] = None) -> list[Image]:
        """Images of the family in a region, with the people who may use those of this digest; of all without one."""
        bodies = self._pages(region, "describe_images", "Images", Owners=["self"], Filters=[{"Name": "name", "Values": [f"{family}-*"]}])
        found = [(image_from_api(region, body), body) for body in bodies]
        return [self._with_people(one, body) if digest is None or _is_of(one, digest) else one for one, body in found]

    def base(self, region: str, image: str) -> None:
        """Prove that the base image is there. Raises NotFound."""
        with asking(f"look at the base image {image} in {region}"):
            found = self.client(region).describe_images(ImageIds=[image])["Images"]
        if not found:
            raise NotFound(f"base_image {image} is not in {region}, or not to be seen from this account; give one that is")

    def builders(self, family: str, region: str) -> list[Builder]:
        """Machines on which an image of the family is, or was, built; EC2 shows those that are gone for about an hour."""
        filters = [{"Name": f"tag:{FAMILY}", "Values": [family]}]
        groups = self._pages(region, "describe_instances", "Reservations", Filters=filters)
        return [builder_from_api(one) for group in groups for one in group["Instances"]]

    def disks(self, family: str, region: str) -> list[Leftover]:
        """Disks on no machine, and snapshots of no image, that carry the family's tag."""
        tagged = {"Name": f"tag:{FAMILY}", "Values": [family]}
        free = [tagged, {"Name": "status", "Values": ["available"]}]
        volumes = [Leftover("volume", one["VolumeId"]) for one in self._pages(region, "describe_volumes", "Volumes", Filters=free)]
        snapshots = [one["SnapshotId"] for one in self._pages(region, "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=[tagged])]
        # Images after snapshots: one that is registered meanwhile has its snapshot then.
        kept = {one for image in self.images(family, region, NO_DIGEST) for one in image.snapshots} if snapshots else set()
        return volumes + [Leftover("snapshot", one) for one in snapshots if one not in kept]

    def named(self, region: str, things: Sequence[Leftover]) -> list[Leftover]:
        """Of key pairs and security groups, known by name, those that are there; groups by their ids."""
        found = []
        for kind, (call, key, word, identity) in NAMED.items():
            names = [one.id for one in things if one.kind == kind]
            if names:
                with asking(f"look for each {kind.replace('_', ' ')} that a build made"):
                    answer = getattr(self.client(region), call)(Filters=[{"Name": word, "Values": names}])[key]
                found += [Leftover(kind, one[identity]) for one in answer]
        return found

    def used(self, region: str, images: Sequence[str]) -> set[str]:
        """Which of these images a machine runs on or a launch template names. Where that cannot be seen, all of them."""
        if not images:
            return set()
        try:
            groups = self._pages(region, "describe_instances", "Reservations", Filters=[{"Name": "image-id", "Values": list(images)}])
            machines = {one["ImageId"] for group in groups for one in group["Instances"] if one["State"]["Name"] != "terminated"}
            return machines | (self._templates(region) & set(images))
        except NotPermitted:
            return set(images)

    def _templates(self, region: str) -> set[str]:
        templates = [one["LaunchTemplateId"] for one in self._pages(region, "describe_launch_templates", "LaunchTemplates")]
        versions = [
            one
            for template in templates
            for one in self._pages(region, "describe_launch_template_versions", "LaunchTemplateVersions", LaunchTemplateId=template)
        ]
        return {one["LaunchTemplateData"].get("ImageId", "") for one in versions}

    def _with_people(self, image: Image, body: Mapping[str, Any]) -> Image:
        try:
            with asking(f"ask who may use {image.name}"):
                answer = self.client(image.region).describe_image_attribute(ImageId=image.id, Attribute="launchPermission")
        except NotFound:
            return replace(image, state="deregistered")  # a list is late
        return image_from_api(image.region, body, answer.get("LaunchPermissions", ()))

    def _pages(self, region: str, call: str, key: str, **given: Any) -> list[Any]:
        with asking(f"{call.replace('_', ' ')} in {region}"):
            client = self.client(region)
            if client.can_paginate(call):
                return [one for page in client.get_paginator(call).paginate(**given) for one in page[key]]
            return list(getattr(client, call)(**given)[key])

    # -- acting ----------------------------------------------------------------------------------------------

    def tag(self, region: str, things: Sequence[str], family: str, digest: str) -> None:
        """The tags by which an image and its snapshots are known."""
        tags = [{"Key": key, "Value": value} for key, value in ((FAMILY, family), (DIGEST, digest), (OWNER, US))]
        with asking(f"tag {things[0]}"):
            self.client(region).create_tags(Resources=list(things), Tags=tags)

    def note(self, region: str, image: str, family: str, previous: str) -> None:
        """Which image was used before. Beside the family's tag: the least rights allow no tag without it."""
        tags = [{"Key": FAMILY, "Value": family}, {"Key": PREVIOUS, "Value": previous}]
        with asking(f"note on {image} what was used before"):
            self.client(region).create_tags(Resources=[image], Tags=tags)

    def share(self, region: str, image: str, accounts: Sequence[str], was: Sequence[str]) -> None:
        """Exactly these accounts may use it."""
        add = [{"UserId": one} for one in accounts if one not in was]
        drop = [{_kind(one): one} for one in was if one not in accounts]
        change = {key: value for key, value in (("Add", add), ("Remove", drop)) if value}
        with asking(f"say who may use {image}"):
            self.client(region).modify_image_attribute(ImageId=image, LaunchPermission=change)

    def copy(self, image: Image, region: str, encrypted: bool) -> None:
        """Have it copied to another region, by the same name."""
        more = {"Encrypted": True} if encrypted else {}
        with asking(f"copy {image.name} to {region}"):
            self.client(region).copy_image(Name=image.name, SourceImageId=image.id, SourceRegion=image.region, **more)

    def remove(self, image: Image) -> None:
        """Take an image away, then its snapshots. One that AWS does not let go is no failure here: the image is gone, and the next look finds what it left."""
        with asking(f"remove {image.name} in {image.region}"):
            self.client(image.region).deregister_image(ImageId=image.id)
        for snapshot in image.snapshots:
            with suppress(NotFound, NotPermitted, Refused), asking(f"remove {snapshot} of {image.name}"):
                self.client(image.region).delete_snapshot(SnapshotId=snapshot)

    def sweep(self, region: str, leftover: Leftover) -> None:
        """Take one thing away; one that is gone is no failure."""
        calls: dict[str, tuple[str, dict[str, Any]]] = {
            "instance": ("terminate_instances", {"InstanceIds": [leftover.id]}),
            "volume": ("delete_volume", {"VolumeId": leftover.id}),
            "snapshot": ("delete_snapshot", {"SnapshotId": leftover.id}),
            "key_pair": ("delete_key_pair", {"KeyName": leftover.id}),
            "security_group": ("delete_security_group", {"GroupId": leftover.id}),
        }
        call, given = calls[leftover.kind]
        try:
            with asking(f"take away the {leftover.kind.replace('_', ' ')} {leftover.id}"):
                getattr(self.client(region), call)(**given)
        except NotFound:
            pass


def _is_of(image: Image, digest: str) -> bool:
    """By its tag, or by its name where its build did not come to tags."""
    return image.digest == digest or image.name.endswith(f"-{digest[:SHORT]}")


def _kind(person: str) -> str:
    """By what a launch permission names such a one."""
    if person == EVERYBODY:
        return "Group"
    return "OrganizationArn" if ":organization/" in person else "OrganizationalUnitArn" if ":ou/" in person else "UserId"


def builder_from_api(body: Mapping[str, Any]) -> Builder:
    """An instance of DescribeInstances, with the key pair and security groups that Packer made for it: it calls them packer_ and an id."""
    tags, said, started = tags_of(body), body["State"]["Name"], body.get("LaunchTime")
    names = [("key_pair", body.get("KeyName", ""))] + [("security_group", one.get("GroupName", "")) for one in body.get("SecurityGroups", ())]
    return Builder(
        id=body["InstanceId"],
        state="living" if said in LIVING else "ending" if said == ENDING else "gone",
        digest=tags.get(DIGEST, ""),
        run=tags.get(RUN, ""),
        started=started.timestamp() if isinstance(started, datetime) else 0.0,
        made=tuple(Leftover(kind, name) for kind, name in names if name.startswith("packer_")),
    )
