"""An account's EC2 as builders of images see it, in process and on a virtual clock: images, machines, and what hangs on them, with boto3's names."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from lab.nomad.clock import VirtualClock

Json = dict[str, Any]
MAKING = 40.0  # s until an image or a copy is available


def refusal(code: str, words: str, act: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": words}, "ResponseMetadata": {"HTTPStatusCode": 400}}, act)


@dataclass
class Account:
    """What is there, by region; `clients` hands out something that has boto3's methods."""

    clock: VirtualClock
    things: dict[str, dict[str, dict[str, Json]]] = field(default_factory=dict)
    writes: list[tuple[str, Json]] = field(default_factory=list)
    fails: dict[str, Callable[[], None]] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)  # copies to a region that fail first
    around: Any = None

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)

    def region(self, name: str) -> dict[str, dict[str, Json]]:
        kinds = ("images", "instances", "volumes", "snapshots", "keys", "groups", "templates")
        return self.things.setdefault(name, {kind: {} for kind in kinds})

    def new(self, prefix: str) -> str:
        return f"{prefix}-{next(self._ids):017x}"

    def image(self, region: str, name: str, tags: dict[str, str], **more: Any) -> str:
        """An image that is being made; it is available after a while."""
        here = self.region(region)
        one, disk = self.new("ami"), self.new("snap")
        here["snapshots"][disk] = {"SnapshotId": disk, "Tags": _tags(tags), "State": "completed"}
        body = {"ImageId": one, "Name": name, "CreationDate": f"{self.clock.now():012.3f}", "Tags": _tags(tags), "Public": False, "permissions": []}
        body["BlockDeviceMappings"] = [{"Ebs": {"SnapshotId": disk, "Encrypted": more.pop("encrypted", False)}}]
        here["images"][one] = {**body, "ready": self.clock.now() + MAKING, "fails": False, **more}
        return one

    def end_machine(self, region: str, identity: str) -> None:
        machine = self.region(region)["instances"][identity]
        machine["State"] = {"Name": "shutting-down"}
        machine["gone"] = self.clock.now() + 20

    def pass_time(self, region: str) -> None:
        """What was being made, or was ending, by now."""
        now = self.clock.now()
        for body in self.region(region)["images"].values():
            if body.get("State") not in ("available", "failed"):
                late = now >= body["ready"]
                body["State"] = ("failed" if body["fails"] else "available") if late else "pending"
                if body["State"] == "failed":
                    body["StateReason"] = {"Message": "Client.InternalError"}
        for body in self.region(region)["instances"].values():
            if body["State"]["Name"] == "shutting-down" and now >= body["gone"]:
                body["State"] = {"Name": "terminated"}

    def client(self, region: str) -> "Client":
        return Client(self, region)


def _tags(tags: dict[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _matches(body: Json, filters: list[Json]) -> bool:
    tags = {one["Key"]: one["Value"] for one in body.get("Tags", ())}
    for one in filters:
        name, values = one["Name"], one["Values"]
        seen = {
            "name": body.get("Name", ""),
            "status": body.get("Status", "in-use"),
            "image-id": body.get("ImageId", ""),
            "key-name": body.get("KeyName", ""),
            "group-name": body.get("GroupName", ""),
        }.get(name, tags.get(name.partition(":")[2], "") if name.startswith("tag:") else "")
        if not any(seen == value or (value.endswith("*") and seen.startswith(value[:-1])) for value in values):
            return False
    return True


class Client:
    """boto3's client of EC2 in one region, as far as builders of images use it."""

    def __init__(self, account: Account, region: str) -> None:
        self._account, self._name = account, region

    def can_paginate(self, _call: str) -> bool:
        return False

    @property
    def _here(self) -> dict[str, dict[str, Json]]:
        return self._account.region(self._name)

    def _call(self, act: str, given: Json, work: Callable[[], Json], write: bool = False) -> Json:
        with self._account.around(act, before=write):
            if act in self._account.fails:
                self._account.fails[act]()
            self._account.pass_time(self._name)
            answer = work()
            if write:
                self._account.writes.append((act, {"region": self._name, **given}))
            return answer

    def _listed(self, act: str, kind: str, key: str, filters: list[Json]) -> Json:
        return self._call(act, {}, lambda: {key: [dict(one) for one in self._here[kind].values() if _matches(one, filters)]})

    def describe_images(self, Owners: Any = None, Filters: Any = (), ImageIds: Any = None) -> Json:
        found = self._listed("describe_images", "images", "Images", list(Filters))["Images"]
        return {"Images": [one for one in found if ImageIds is None or one["ImageId"] in ImageIds]}

    def describe_image_attribute(self, ImageId: str, Attribute: str) -> Json:
        return self._call("describe_image_attribute", {}, lambda: {"LaunchPermissions": list(self._here["images"][ImageId]["permissions"])})

    def describe_instances(self, Filters: Any) -> Json:
        found = self._listed("describe_instances", "instances", "Instances", list(Filters))
        return {"Reservations": [{"Instances": found["Instances"]}]}

    def describe_volumes(self, Filters: Any) -> Json:
        return self._listed("describe_volumes", "volumes", "Volumes", list(Filters))

    def describe_snapshots(self, OwnerIds: Any, Filters: Any) -> Json:
        return self._listed("describe_snapshots", "snapshots", "Snapshots", list(Filters))

    def describe_key_pairs(self, Filters: Any) -> Json:
        return self._listed("describe_key_pairs", "keys", "KeyPairs", list(Filters))

    def describe_security_groups(self, Filters: Any) -> Json:
        return self._listed("describe_security_groups", "groups", "SecurityGroups", list(Filters))

    def describe_launch_templates(self) -> Json:
        return self._listed("describe_launch_templates", "templates", "LaunchTemplates", [])

    def describe_launch_template_versions(self, LaunchTemplateId: str) -> Json:
        return self._call("describe_launch_template_versions", {}, lambda: {"LaunchTemplateVersions": self._here["templates"][LaunchTemplateId]["versions"]})

    # -- acts ------------------------------------------------------------------------------------------------

    def create_tags(self, Resources: list[str], Tags: list[Json]) -> Json:
        def work() -> Json:
            for kind in ("images", "snapshots", "instances"):
                for name in set(Resources) & set(self._here[kind]):
                    body = self._here[kind][name]
                    new = {one["Key"] for one in Tags}
                    body["Tags"] = [one for one in body.get("Tags", []) if one["Key"] not in new] + Tags
            return {}

        return self._call("create_tags", {"what": len(Resources)}, work, write=True)

    def modify_image_attribute(self, ImageId: str, LaunchPermission: Json) -> Json:
        def work() -> Json:
            body = self._here["images"][ImageId]
            kept = [one for one in body["permissions"] if one not in LaunchPermission.get("Remove", [])]
            body["permissions"] = kept + [one for one in LaunchPermission.get("Add", []) if one not in kept]
            body["Public"] = {"Group": "all"} in body["permissions"]
            return {}

        return self._call("modify_image_attribute", {"change": sorted(LaunchPermission)}, work, write=True)

    def copy_image(self, Name: str, SourceImageId: str, SourceRegion: str, Encrypted: bool = False) -> Json:
        def work() -> Json:
            left = self._account.tries.get(self._name, 0)
            self._account.tries[self._name] = left - 1
            return {"ImageId": self._account.image(self._name, Name, {}, encrypted=Encrypted, fails=left > 0)}  # a copy has no tags

        return self._call("copy_image", {"name": Name}, work, write=True)

    def _gone(self, act: str, kind: str, name: str) -> Json:
        def work() -> Json:
            if name not in self._here[kind]:
                raise refusal(f"Invalid{kind}.NotFound", f"{name} is not there", act)
            del self._here[kind][name]
            return {}

        return self._call(act, {"id": name}, work, write=True)

    def deregister_image(self, ImageId: str) -> Json:
        return self._gone("deregister_image", "images", ImageId)

    def delete_snapshot(self, SnapshotId: str) -> Json:
        return self._gone("delete_snapshot", "snapshots", SnapshotId)

    def delete_volume(self, VolumeId: str) -> Json:
        return self._gone("delete_volume", "volumes", VolumeId)

    def delete_key_pair(self, KeyName: str) -> Json:
        return self._gone("delete_key_pair", "keys", KeyName)

    def delete_security_group(self, GroupId: str) -> Json:
        users = [one for one in self._here["instances"].values() if one["State"]["Name"] != "terminated"]
        if any(GroupId in {group["GroupId"] for group in one["SecurityGroups"]} for one in users):
            raise refusal("DependencyViolation", f"resource {GroupId} has a dependent object", "DeleteSecurityGroup")
        return self._gone("delete_security_group", "groups", GroupId)

    def terminate_instances(self, InstanceIds: list[str]) -> Json:
        def work() -> Json:
            for name in InstanceIds:
                self._account.end_machine(self._name, name)
            return {}

        return self._call("terminate_instances", {"ids": InstanceIds}, work, write=True)
