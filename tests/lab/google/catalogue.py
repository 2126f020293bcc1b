"""The predefined roles of Google that the lab knows, with the permissions of theirs that its API asks for."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# https://cloud.google.com/iam/docs/understanding-roles
OBJECTS = frozenset(f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list", "update", "getIamPolicy", "setIamPolicy"))
BUCKETS = frozenset(f"storage.buckets.{verb}" for verb in ("create", "delete", "get", "list", "update", "getIamPolicy", "setIamPolicy"))
ACCOUNTS = frozenset(
    f"iam.serviceAccounts.{verb}" for verb in ("create", "delete", "disable", "enable", "get", "list", "update", "getIamPolicy", "setIamPolicy")
)
KEYS = frozenset(f"iam.serviceAccountKeys.{verb}" for verb in ("create", "delete", "disable", "enable", "get", "list"))
ROLES = frozenset(f"iam.roles.{verb}" for verb in ("create", "delete", "get", "list", "undelete", "update"))
PROJECT = frozenset({"resourcemanager.projects.get", "resourcemanager.projects.getIamPolicy", "resourcemanager.projects.setIamPolicy"})
COMPUTE = frozenset(
    f"compute.{what}"
    for what in (
        *("disks.create", "disks.createSnapshot", "disks.delete", "disks.get", "disks.list", "disks.setIamPolicy"),
        *("snapshots.create", "snapshots.delete", "snapshots.get", "snapshots.useReadOnly", "snapshots.setIamPolicy"),
        *("instances.create", "instances.delete", "instances.setMetadata", "zones.get", "projects.get"),
        *("disks.setLabels", "disks.use", "disks.useReadOnly", "globalOperations.get", "instanceTemplates.list", "machineTypes.get"),
        *(f"images.{verb}" for verb in ("create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "setLabels", "useReadOnly")),
        *(f"instances.{verb}" for verb in ("attachDisk", "detachDisk", "get", "getSerialPortOutput", "list", "setLabels", "setTags", "start", "stop")),
        *("instances.setServiceAccount", "subnetworks.use", "subnetworks.useExternalIp", "zoneOperations.get"),
    )
)
DNS = frozenset(
    f"dns.{what}.{verb}"
    for what, verbs in (
        ("managedZones", ("create", "delete", "get", "list", "update")),
        ("resourceRecordSets", ("create", "delete", "get", "list", "update")),
        ("changes", ("create", "get", "list")),
    )
    for verb in verbs
)
ACTING = frozenset(f"iam.serviceAccounts.{verb}" for verb in ("actAs", "getAccessToken", "getOpenIdToken", "implicitDelegation", "signBlob", "signJwt"))

PREDEFINED: dict[str, frozenset[str]] = {
    "roles/owner": OBJECTS | BUCKETS | ACCOUNTS | KEYS | ROLES | PROJECT | COMPUTE | {"iam.serviceAccounts.actAs"},
    "roles/editor": frozenset(one for one in COMPUTE if "IamPolicy" not in one)
    | {"storage.buckets.create", "storage.buckets.delete", "storage.buckets.list", "iam.serviceAccounts.actAs"},
    "roles/viewer": frozenset({"compute.disks.get", "storage.buckets.list", "resourcemanager.projects.get"}),
    "roles/storage.admin": OBJECTS | BUCKETS,
    "roles/storage.objectAdmin": OBJECTS,
    "roles/storage.objectUser": OBJECTS - {"storage.objects.getIamPolicy", "storage.objects.setIamPolicy"},
    "roles/storage.objectViewer": frozenset({"storage.objects.get", "storage.objects.list"}),
    "roles/storage.legacyBucketOwner": frozenset(
        {f"storage.buckets.{verb}" for verb in ("get", "update", "getIamPolicy", "setIamPolicy")}
        | {f"storage.objects.{verb}" for verb in ("create", "delete", "list")}
    ),
    "roles/storage.legacyBucketReader": frozenset({"storage.buckets.get", "storage.objects.list"}),
    "roles/iam.serviceAccountAdmin": ACCOUNTS,
    "roles/iam.serviceAccountKeyAdmin": KEYS | {"iam.serviceAccounts.get", "iam.serviceAccounts.list"},
    "roles/iam.roleAdmin": ROLES,
    "roles/resourcemanager.projectIamAdmin": PROJECT,
    "roles/compute.admin": COMPUTE,
    "roles/compute.imageUser": frozenset({"compute.images.get", "compute.images.list", "compute.images.useReadOnly"}),
    "roles/dns.admin": DNS | {"resourcemanager.projects.get"},
    "roles/dns.reader": frozenset(one for one in DNS if one.endswith((".get", ".list"))) | {"resourcemanager.projects.get"},
    "roles/iam.workloadIdentityUser": frozenset({"iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken"}),
    "roles/iam.serviceAccountTokenCreator": ACTING - {"iam.serviceAccounts.actAs"},
}
# What a custom role may hold: https://cloud.google.com/iam/docs/custom-roles-permissions-support
KNOWN = frozenset().union(*PREDEFINED.values()) | ACTING
