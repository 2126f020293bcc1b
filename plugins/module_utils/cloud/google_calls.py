# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The permissions that Velero, the VM service and the builder of images need on Google Cloud, and those that a thief would like, as data. Pure.

Which permission a call takes: the pages of Compute Engine's API, "required permissions" of each method. A call's action is a permission.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import flag, gcp_roles
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Call, Right
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

# Permission by permission, what it is for. Machines are started from an image, with a disk, a subnet, metadata, labels and network tags.
_START = {
    "compute.disks.create": "start a machine: its disk",
    "compute.images.useReadOnly": "start a machine: its image",
    "compute.instances.create": "start a machine: itself",
    "compute.instances.setLabels": "start a machine: its labels",
    "compute.instances.setMetadata": "start a machine: its metadata, with the SSH key",
    "compute.instances.setTags": "start a machine: its network tags",
    "compute.subnetworks.use": "start a machine: its subnet",
}
_OUTSIDE = {"compute.subnetworks.useExternalIp": "start a machine: its public address"}
_LOOK = {
    "compute.disks.get": "look at a disk",
    "compute.images.get": "look at an image",
    "compute.instances.get": "look at a machine",
    "compute.instances.list": "find its machines",
    "compute.machineTypes.get": "look at a machine type",
    "compute.zoneOperations.get": "wait until it is done",
    "compute.zones.get": "look at the zone",
}
# The guide's own list for AWS: start, stop, end a machine; make, attach, detach and delete a disk.
_SERVICE = {
    "compute.disks.delete": "delete its disk",
    "compute.disks.list": "find its disks",
    "compute.disks.use": "attach its disk: the disk",
    "compute.instances.attachDisk": "attach its disk: the machine",
    "compute.instances.delete": "end its machine",
    "compute.instances.detachDisk": "detach its disk",
    "compute.instances.start": "start its machine again",
    "compute.instances.stop": "stop its machine",
}
_BUILDER = {
    "compute.disks.delete": "delete the disk of a build",
    "compute.disks.list": "find disks that dead builds left",
    "compute.disks.useReadOnly": "make an image: of the disk",
    "compute.globalOperations.get": "wait until an image is made",
    "compute.images.create": "make an image: itself",
    "compute.images.getIamPolicy": "see who may use an image",
    "compute.images.list": "find the images of the family",
    "compute.images.setLabels": "put labels on what a killed build made",
    "compute.instances.delete": "end the machine of a build",
    "compute.instanceTemplates.list": "see whether an image is used",
}
_SHARE = {"compute.images.setIamPolicy": "say who may use an image"}
_REMOVE = {"compute.images.delete": "remove an image"}
_RUN_AS = {"compute.instances.setServiceAccount": "start a machine: the account that it runs as"}

# What a thief would like, by the words for it. What a purpose needs is taken out.
_DANGERS = {
    "become anybody in the project": ("iam.serviceAccounts.actAs", "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.signJwt"),
    "sign as another account": ("iam.serviceAccounts.signBlob",),
    "make keys of accounts": ("iam.serviceAccountKeys.create",),
    "give rights away": ("resourcemanager.projects.setIamPolicy", "iam.serviceAccounts.setIamPolicy", "iam.roles.update"),
    "give rights to a machine away": ("compute.instances.setIamPolicy",),
    "give rights to a disk away": ("compute.disks.setIamPolicy",),
    "publish an image": ("compute.images.setIamPolicy",),
    "publish a snapshot": ("compute.snapshots.setIamPolicy",),
    "run a machine as another account": ("compute.instances.setServiceAccount",),
    "log in to any machine": ("compute.instances.osLogin", "compute.instances.osAdminLogin"),
    "put an SSH key on machines": ("compute.instances.setMetadata",),
    "put an SSH key on every machine": ("compute.projects.setCommonInstanceMetadata",),
    "read what a machine tells at its console": ("compute.instances.getSerialPortOutput",),
    "end machines": ("compute.instances.delete", "compute.instances.stop", "compute.instances.reset"),
    "start machines": ("compute.instances.create",),
    "delete disks": ("compute.disks.delete",),
    "copy any disk": ("compute.disks.createSnapshot", "compute.machineImages.create", "compute.snapshots.create"),
    "read a copy of a disk": ("compute.snapshots.useReadOnly", "compute.machineImages.useReadOnly"),
    "make an image of any disk": ("compute.images.create", "compute.disks.useReadOnly"),
    "delete copies of disks": ("compute.snapshots.delete", "compute.machineImages.delete"),
    "delete images": ("compute.images.delete",),
    "leave a template that starts machines": ("compute.instanceTemplates.create",),
    "open the firewall": ("compute.firewalls.create", "compute.firewalls.update"),
    "change the network": ("compute.networks.updatePolicy", "compute.subnetworks.setIamPolicy", "compute.routes.create"),
}
_STORE_DANGERS = {
    "delete the bucket": ("storage.buckets.delete",),
    "change the bucket, its versions and its locks": ("storage.buckets.update",),
    "publish the bucket": ("storage.buckets.setIamPolicy",),
    "publish an object": ("storage.objects.setIamPolicy",),
    "change how long an object is locked": ("storage.objects.update", "storage.objects.setRetention"),
}
_OBJECTS = ("create", "delete", "get", "list")


def velero_rights(given: Mapping[str, Any]) -> tuple[list[Json], tuple[Right, ...], tuple[Right, ...]]:
    """Velero: its roles, what it needs, what is dangerous. Raises BadInput."""
    _known(given, ("bucket", "snapshots", "workload_identity", "name"), "Velero's roles")
    snapshots, identity = flag("snapshots", given.get("snapshots")), flag("workload_identity", given.get("workload_identity"))
    roles = gcp_roles(given.get("bucket"), given.get("name") or "velero", snapshots, identity)
    needed = tuple(Right(f"Velero: {role['title']}", Call(one, role["place"])) for role in roles for one in role["permissions"])
    others = [Right(f"{verb} objects of another bucket", Call(f"storage.objects.{verb}", "bucket another")) for verb in _OBJECTS]
    store = [Right(words, Call(one, "bucket")) for words, several in _STORE_DANGERS.items() for one in several]
    return roles, needed, (*store, *others, *_dangers(needed))


def vm_service_rights(given: Mapping[str, Any]) -> tuple[list[Json], tuple[Right, ...], tuple[Right, ...]]:
    """The VM service. `external_ip`: machines have public addresses. `service_account`: they run as one, which it must then be let act as."""
    _known(given, ("name", "external_ip", "service_account"), "the VM service's role")
    more = _asked(given, external_ip=_OUTSIDE, service_account=_RUN_AS)
    return _project(given.get("name") or "vm_service", "VM service", {**_START, **_LOOK, **_SERVICE, **more})


def vm_image_rights(given: Mapping[str, Any]) -> tuple[list[Json], tuple[Right, ...], tuple[Right, ...]]:
    """The builder of images. `sharing` and `removal` as on AWS."""
    _known(given, ("name", "external_ip", "sharing", "removal"), "the role of the builder of images")
    more = _asked(given, external_ip=_OUTSIDE, sharing=_SHARE, removal=_REMOVE)
    return _project(given.get("name") or "vm_image", "builder of machine images", {**_START, **_LOOK, **_BUILDER, **more})


def _asked(given: Mapping[str, Any], **choices: Mapping[str, str]) -> dict[str, str]:
    """The permissions of what is wished. A public address is, unless it is said not to be."""
    return {one: words for name, several in choices.items() if flag(name, given.get(name), name == "external_ip") for one, words in several.items()}


def _project(name: str, title: str, wanted: Mapping[str, str]) -> tuple[list[Json], tuple[Right, ...], tuple[Right, ...]]:
    """One role on the project."""
    role = {"role_id": name.replace("-", "_"), "title": title, "permissions": sorted(wanted), "place": "project"}
    needed = tuple(Right(words, Call(one, "project")) for one, words in sorted(wanted.items()))
    store = [Right(f"{verb} objects of any bucket", Call(f"storage.objects.{verb}", "bucket another")) for verb in _OBJECTS]
    return [role], needed, (*store, *_dangers(needed))


def _dangers(needed: Sequence[Right]) -> list[Right]:
    """Accounts are others than its own."""
    wanted = [right.call for right in needed]
    places = {"iam.serviceAccounts": "account another", "iam.serviceAccountKeys": "account another"}
    found = [Right(words, Call(one, places.get(one.rpartition(".")[0], "project"))) for words, several in _DANGERS.items() for one in several]
    return [one for one in found if one.call not in wanted]


def _known(given: Mapping[str, Any], names: Sequence[str], what: str) -> None:
    for name in given:
        if name not in names:
            raise BadInput(f"parameters has {name}, which {what} does not know; it knows {', '.join(names)}")
