# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Velero 1.5 and 1.18, as tables: agents, uploaders, plugins, server flags, CRDs; and what fits what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

OLDEST, NEWEST = 5, 18  # the minors of Velero 1 that the tables below were compared over
NODE_AGENT_FROM = 10  # before: DaemonSet restic, and no choice of the uploader
RESTIC_UNTIL = 16  # restic writes no backups from 1.17 on
DATA_MOVER_FROM = 12
# Minor of Velero -> minor of the plugins for AWS and Google Cloud, which share their numbers. 1.18's is in no README yet: 1.14 was tried (1.18.3 with 1.14.3).
PLUGIN_MINOR: Mapping[int, int] = {5: 1, 6: 2, 7: 3, 8: 4, 9: 5, 10: 6, 11: 7, 12: 8, 13: 9, 14: 10, 15: 11, 16: 12, 17: 13, 18: 14}
PLUGIN_IMAGES: Mapping[str, str] = {"aws": "velero/velero-plugin-for-aws", "gcp": "velero/velero-plugin-for-gcp"}
CSI_PLUGIN, CSI_INSIDE_FROM = "velero-plugin-for-csi", 14  # from 1.14 on it is part of the server, which then refuses to load it twice

# KOTS from this version on takes Velero up to this minor (guide of the vendor).
KOTS_TAKES: tuple[tuple[tuple[int, int, int], int], ...] = (((1, 130, 7), 18), ((1, 125, 2), 16), ((1, 124, 0), 15), ((1, 117, 3), 14))

# Server flags that came or went: name -> (first minor, last minor, what to use instead).
FLAGS: Mapping[str, tuple[int, int, str]] = {
    "default-volumes-to-restic": (5, 9, "default-volumes-to-fs-backup"),
    "default-volumes-to-fs-backup": (10, NEWEST, "default-volumes-to-restic"),
    "restic-timeout": (5, 9, "fs-backup-timeout"),
    "fs-backup-timeout": (10, NEWEST, "restic-timeout"),
    "default-restic-prune-frequency": (5, 9, "default-repo-maintain-frequency"),
    "default-repo-maintain-frequency": (10, NEWEST, "default-restic-prune-frequency"),
    "garbage-collection-frequency": (9, NEWEST, ""),
    "default-item-operation-timeout": (11, NEWEST, ""),
    "resource-timeout": (11, NEWEST, ""),
    "default-snapshot-move-data": (12, NEWEST, ""),
    "disable-informer-cache": (12, NEWEST, ""),
    "pod-volume-operation-timeout": (13, NEWEST, ""),
    "schedule-skip-immediately": (13, NEWEST, ""),
    "keep-latest-maintenance-jobs": (14, NEWEST, ""),
    "backup-repository-configmap": (15, NEWEST, ""),
    "item-block-worker-count": (16, NEWEST, ""),
    "concurrent-backups": (18, NEWEST, ""),
    **{
        name: (OLDEST, NEWEST, "")
        for name in (
            "backup-sync-period",
            "client-burst",
            "client-qps",
            "default-backup-ttl",
            "log-format",
            "log-level",
            "store-validation-frequency",
            "terminating-resource-timeout",
        )
    },
}
OURS = ("features", "uploader-type", "restore-only", "namespace")  # set through options of their own, or not at all
DURATION = re.compile(r".*(timeout|ttl|period|frequency)$")

_CRDS = (
    "backups backupstoragelocations deletebackuprequests downloadrequests podvolumebackups podvolumerestores restores schedules "
    "serverstatusrequests volumesnapshotlocations"
).split()


def version_of(text: str) -> Optional[tuple[int, int, int]]:
    """Three numbers of "v1.6.3" or "1.6.3", with or without a suffix; None where it is no such version."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)([-+].*)?", text.strip())
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def checked_version(text: str) -> tuple[int, int, int]:
    """The version to install; raises BadInput where it is none or outside the tables."""
    found = version_of(text)
    if found is None:
        raise BadInput(f"version is {text!r}; give the whole version of Velero, such as 1.9.7")
    if found[0] != 1 or not OLDEST <= found[1] <= NEWEST:
        raise BadInput(f"version is {text!r}, but 1.{OLDEST} to 1.{NEWEST} are known here; a 3.x server's backups need Velero 1.18 or older to be restored")
    return found


def is_known(version: Optional[tuple[int, int, int]]) -> bool:
    """Whether it is within the tables."""
    return version is not None and version[0] == 1 and OLDEST <= version[1] <= NEWEST


def tag_of(image: str) -> str:
    """The tag of an image, without a digest; empty where it has none."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]


def image_version(image: str) -> Optional[tuple[int, int, int]]:
    """The version that an image's tag names."""
    return version_of(tag_of(image))


def agents_name(minor: int) -> str:
    """The DaemonSet of the agents."""
    return "node-agent" if minor >= NODE_AGENT_FROM else "restic"


def default_uploader(minor: int) -> str:
    """restic as long as it can, which is also what KOTS expects."""
    return "restic" if minor <= RESTIC_UNTIL else "kopia"


def check_uploader(uploader: str, minor: int) -> None:
    """Raises BadInput where that version has no such uploader."""
    if uploader == "kopia" and minor < NODE_AGENT_FROM:
        raise BadInput(f"uploader is kopia, but Velero 1.{minor} knows only restic; use restic, or version 1.10 or newer")
    if uploader == "restic" and minor > RESTIC_UNTIL:
        raise BadInput("uploader is restic, but from 1.17 on Velero backs up with kopia only; use kopia, or version 1.16 or older")


def crd_names(minor: int) -> frozenset[str]:
    """The CustomResourceDefinitions that this version works with."""
    names = [*_CRDS, "backuprepositories" if minor >= NODE_AGENT_FROM else "resticrepositories"]
    names += ["datadownloads", "datauploads"] if minor >= DATA_MOVER_FROM else []
    return frozenset(f"{name}.velero.io" for name in names)


def served_version(crd: str) -> str:
    """The version of its kind that a CRD must serve."""
    return "v2alpha1" if crd in ("datadownloads.velero.io", "datauploads.velero.io") else "v1"


def default_plugin(provider: str, minor: int) -> str:
    """The plugin of the provider that belongs to this version."""
    return f"{PLUGIN_IMAGES[provider]}:v1.{PLUGIN_MINOR[minor]}.0"


def plugin_provider(image: str) -> str:
    """The provider that a plugin serves, by its image's name; empty where it is none of the known."""
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return next((provider for provider, known in PLUGIN_IMAGES.items() if known.endswith("/" + name)), "")


def plugin_fault(image: str, minor: int) -> str:
    """What is wrong with this plugin beside that version, naming the right one; empty where it fits."""
    provider, version = plugin_provider(image), image_version(image)
    if CSI_PLUGIN in image and minor >= CSI_INSIDE_FROM:
        return f"{image} is part of Velero itself from 1.{CSI_INSIDE_FROM} on; leave it out"
    if not provider:
        return f"{image} is in no table of plugins"
    right = f"{PLUGIN_IMAGES[provider]}:v1.{PLUGIN_MINOR[minor]}.x"
    if version is None:
        return f"{image} names no version in its tag; Velero 1.{minor} goes with {right}"
    if version[:2] != (1, PLUGIN_MINOR[minor]):
        return f"{image} does not go with Velero 1.{minor}, which needs {right}"
    return ""


def flag_fault(name: str, value: Any, minor: int) -> str:
    """Why the server of that version would not start with this flag, and the remedy; empty where it would."""
    if name in OURS or name.startswith("-"):
        return f"{name} has an option of its own or is written without dashes"
    if name not in FLAGS:
        return f"{name} is no server flag known here; a server that does not know a flag does not start"
    first, last, instead = FLAGS[name]
    if not first <= minor <= last:
        range_ = f"from 1.{first} on" if minor < first else f"until 1.{last}"
        return f"{name} is there {range_}" + (f"; Velero 1.{minor} calls it {instead}" if instead else "")
    return ""


def kots_fault(kots: Optional[tuple[int, int, int]], minor: int) -> str:
    """Why this version of KOTS does not go with that Velero; empty where it does, or nothing is known of it."""
    if kots is None:
        return ""
    newest = next((last for first, last in KOTS_TAKES if kots >= first), None)
    words = ".".join(map(str, kots))
    if newest is not None and minor > newest:
        return f"KOTS {words} goes with Velero up to 1.{newest}, not 1.{minor}"
    if kots >= (1, 130, 7) and minor < 11:
        return f"KOTS {words} goes with Velero from 1.11 on, not 1.{minor}"
    return ""
