"""Velero's definitions of kinds by version: names, status paths, the words that a phase may be, and which fields a Backup has. No more of their schemas."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.velero.profile import Profile

Json = dict[str, Any]
ANY: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SHORT = {"backupstoragelocations": ["bsl"], "serverstatusrequests": ["ssr"]}
OLD = (
    "Backup BackupStorageLocation DeleteBackupRequest DownloadRequest PodVolumeBackup PodVolumeRestore ResticRepository Restore Schedule "
    "ServerStatusRequest VolumeSnapshotLocation"
)
NEW = (
    "BackupRepository Backup BackupStorageLocation DeleteBackupRequest DownloadRequest PodVolumeBackup PodVolumeRestore Restore Schedule "
    "ServerStatusRequest VolumeSnapshotLocation DataDownload DataUpload"
)
COPY = {"": "New InProgress Completed Failed", "1.18": "New Accepted Prepared InProgress Canceling Canceled Completed Failed"}
PHASES = {
    "Backup": {
        "1.6": "New FailedValidation InProgress Completed PartiallyFailed Failed Deleting",
        "1.14": "New FailedValidation InProgress WaitingForPluginOperations WaitingForPluginOperationsPartiallyFailed Finalizing FinalizingPartiallyFailed "
        "Completed PartiallyFailed Failed Deleting",
        "1.18": "New Queued ReadyToStart FailedValidation InProgress WaitingForPluginOperations WaitingForPluginOperationsPartiallyFailed Finalizing "
        "FinalizingPartiallyFailed Completed PartiallyFailed Failed Deleting",
    },
    "Restore": {
        "1.6": "New FailedValidation InProgress Completed PartiallyFailed Failed",
        "": "New FailedValidation InProgress WaitingForPluginOperations WaitingForPluginOperationsPartiallyFailed Completed PartiallyFailed Failed "
        "Finalizing FinalizingPartiallyFailed",
    },
    "BackupStorageLocation": {"": "Available Unavailable"},
    "Schedule": {"": "New Enabled FailedValidation"},
    "DeleteBackupRequest": {"": "New InProgress Processed"},
    "DownloadRequest": {"": "New Processed"},
    "ServerStatusRequest": {"": "New Processed"},
    "PodVolumeBackup": COPY,
    "PodVolumeRestore": COPY,
    "ResticRepository": {"": "New Ready NotReady"},
    "BackupRepository": {"": "New Ready NotReady"},
}
TEXTS = "storageLocation ttl csiSnapshotTimeout itemOperationTimeout datamover"
LISTS = (
    "includedNamespaces excludedNamespaces includedResources excludedResources includedClusterScopedResources excludedClusterScopedResources "
    "includedNamespaceScopedResources excludedNamespaceScopedResources volumeSnapshotLocations"
)
SWITCHES = "snapshotVolumes includeClusterResources defaultVolumesToRestic defaultVolumesToFsBackup snapshotMoveData"
PARTS = "metadata labelSelector hooks orderedResources resourcePolicy uploaderConfig"
WITHOUT_NEWS = {"includedClusterScopedResources", "csiSnapshotTimeout", "itemOperationTimeout", "defaultVolumesToFsBackup", "snapshotMoveData", "datamover"}


def plural_of(kind: str) -> str:
    return f"{kind[:-1].lower()}ies" if kind.endswith("y") else f"{kind.lower()}s"


def phases(profile: Profile, kind: str) -> list[str]:
    """The words that `status.phase` may be."""
    of = PHASES.get(kind, {})
    minor = profile.version.rsplit(".", 1)[0]
    return (of.get(minor) or of.get("") or "").split()


def backup_spec(profile: Profile) -> Json:
    """Unknown fields are dropped from a Backup. Durations are only texts to the API: that is how one comes in that Go cannot read."""
    fields: Json = {name: {"type": "string"} for name in TEXTS.split()}
    fields |= {name: {"type": "array", "items": {"type": "string"}, "nullable": True} for name in LISTS.split()}
    fields |= {name: {"type": "boolean", "nullable": True} for name in SWITCHES.split()}
    fields |= {name: {**ANY, "nullable": True} for name in PARTS.split()}
    fields["orLabelSelectors"] = {"type": "array", "items": ANY, "nullable": True}
    if profile.agent == "restic":
        fields = {name: value for name, value in fields.items() if name not in WITHOUT_NEWS}
    return {"type": "object", "properties": fields}


def schema(profile: Profile, kind: str) -> Json:
    status: Json = dict(ANY)
    words = phases(profile, kind)
    if words:
        status["properties"] = {"phase": {"type": "string", "enum": words}}
    spec: Json = backup_spec(profile) if kind == "Backup" else dict(ANY)
    if kind == "DownloadRequest":
        target = {
            "type": "object",
            "properties": {"kind": {"type": "string", "enum": list(profile.download_kinds)}, "name": {"type": "string"}},
            "required": ["kind", "name"],
        }
        spec = {"type": "object", "properties": {"target": target}, "required": ["target"]}
    names = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    return {"type": "object", "properties": {**names, "spec": spec, "status": status}}


def definition(profile: Profile, kind: str) -> Json:
    plural = plural_of(kind)
    names: Json = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    short = {**SHORT, "volumesnapshotlocations": ["vsl"]} if profile.agent == "node-agent" else SHORT
    if plural in short:
        names["shortNames"] = short[plural]
    version: Json = {"name": "v2alpha1" if kind.startswith("Data") else "v1", "served": True, "storage": True}
    version["schema"] = {"openAPIV3Schema": schema(profile, kind)}
    if plural in profile.with_status_path:
        version["subresources"] = {"status": {}}
    note = {"controller-gen.kubebuilder.io/version": "v0.3.0" if profile.agent == "restic" else "v0.14.0"}
    meta = {"annotations": note, "creationTimestamp": None, "labels": {"component": "velero"}, "name": f"{plural}.velero.io"}
    spec = {"group": "velero.io", "names": names, "scope": "Namespaced", "versions": [version]}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}


def definitions(profile: Profile) -> list[Json]:
    return [definition(profile, kind) for kind in (OLD if profile.agent == "restic" else NEW).split()]
