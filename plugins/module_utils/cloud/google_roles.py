# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would these roles allow that call on Google Cloud? Rights add up; what is given on the project holds for all in it. Pure.

A document is a grant: a role of Google's by its name, or the permissions of a role of one's own, and the place where it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Call, like

# Roles that guides name, as far as a call of ours asks for them: https://cloud.google.com/iam/docs/roles-permissions. A star is all of that kind.
_LOOK = ("compute.*.get", "compute.*.list", "compute.*.getFromFamily")
PREDEFINED: Mapping[str, tuple[str, ...]] = {
    "roles/owner": ("*",),
    "roles/editor": ("compute.*", "storage.buckets.create", "storage.buckets.delete", "storage.buckets.list", "iam.serviceAccounts.actAs"),
    "roles/compute.admin": ("compute.*", "resourcemanager.projects.get"),
    # "Compute Instance Admin (beta)", which the guide of CircleCI Server names
    "roles/compute.instanceAdmin": (
        *("compute.instances.*", "compute.instanceTemplates.*", "compute.machineImages.*", "compute.instanceGroups.*", "compute.instanceGroupManagers.*"),
        *(f"compute.disks.{verb}" for verb in ("create", "createSnapshot", "delete", "resize", "setLabels", "update", "use", "useReadOnly")),
        *("compute.images.useReadOnly", "compute.networks.use", "compute.networks.useExternalIp"),
        *("compute.subnetworks.use", "compute.subnetworks.useExternalIp", "resourcemanager.projects.get", *_LOOK),
    ),
    "roles/compute.instanceAdmin.v1": (
        *("compute.instances.*", "compute.disks.*", "compute.images.*", "compute.snapshots.*", "compute.instanceTemplates.*", "compute.machineImages.*"),
        *("compute.projects.setCommonInstanceMetadata", "compute.networks.use", "compute.networks.useExternalIp"),
        *("compute.subnetworks.use", "compute.subnetworks.useExternalIp", "resourcemanager.projects.get", *_LOOK),
    ),
    "roles/compute.storageAdmin": ("compute.disks.*", "compute.images.*", "compute.snapshots.*", *_LOOK),
    "roles/compute.imageUser": ("compute.images.get", "compute.images.getFromFamily", "compute.images.list", "compute.images.useReadOnly"),
    "roles/iam.serviceAccountUser": ("iam.serviceAccounts.actAs", "iam.serviceAccounts.get", "iam.serviceAccounts.list"),
    "roles/iam.serviceAccountTokenCreator": tuple(f"iam.serviceAccounts.{one}" for one in ("getAccessToken", "getOpenIdToken", "signBlob", "signJwt")),
    "roles/storage.admin": ("storage.buckets.*", "storage.objects.*"),
    "roles/storage.objectAdmin": ("storage.objects.*",),
    "roles/storage.objectUser": tuple(f"storage.objects.{one}" for one in ("create", "delete", "get", "list", "update")),
}
UNGOVERNED = "roles/editor"  # all of a service but its policies
KNOWN = {"role", "permissions", "place"}
PLACES = ("project", "bucket", "account")


def grants(documents: Sequence[Mapping[str, Any]], call: Call) -> bool:
    """Whether one of these grants allows it. `resource` of a call is project, bucket or account, with "another" after it for one that no grant names.

    Raises ValueError for what is not understood here, such as a condition.
    """
    answers = [_grants(one, call) for one in documents]  # all of them: what is not understood is said of each, whatever others allow
    return any(answers)


def _grants(document: Mapping[str, Any], call: Call) -> bool:
    unknown = set(document) - KNOWN
    place = document.get("place", "project")
    if unknown or place not in PLACES or ("role" in document) == ("permissions" in document):
        raise ValueError(f"a grant says what is not understood here: {sorted(unknown) or dict(document)}; give role or permissions, and place")
    if document.get("role") == UNGOVERNED and call.action.endswith("IamPolicy"):
        return False
    return place in ("project", call.resource) and any(like(one, call.action) for one in _permissions(document))


def _permissions(document: Mapping[str, Any]) -> Sequence[str]:
    if "role" not in document:
        return [str(one) for one in document["permissions"]]
    if document["role"] not in PREDEFINED:
        raise ValueError(f"role {document['role']} is not known here; give its permissions, which `gcloud iam roles describe` tells")
    return PREDEFINED[document["role"]]
