# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore of a whole installation as values: what is asked for, the Restore objects by part, the mark, the console, the pods, and what the cluster shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.durations import checked_name
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Look
from ansible_collections.serverops.circleci.plugins.module_utils.kots.cluster import is_ready, state_of
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Gate
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import INSTANCE, InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import DEFAULT, PROOFS, Proof
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import meta_from_api, restore_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import PodVolumeBackup, Restore
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import epoch_of, text_of

CONSOLE = "kotsadm"  # the part of a restore that brings the console; each other part is an app's slug
OWNER = "serverops.circleci"
MARKED, SAVED, MAPPED = "serverops-kots-restore", "serverops-kots-console", "serverops-storage-classes"  # objects in Velero's namespace, for each installation
CONSOLE_LABEL = "kots.io/kotsadm=true"
ENDED_PODS = ("Succeeded", "Failed")
SEALED = re.compile(r"vault is sealed|\bsealed\b[\s:=|\"]+true", re.IGNORECASE)
WORKS = "app.kubernetes.io/managed-by"
RESTORE_OPTIONS: dict[str, dict[str, Any]] = {
    "backup": {"type": "str", "required": True},
    "confirm": {"type": "str", "required": True},
    "required_proofs": {"type": "list", "elements": "str", "default": list(DEFAULT)},
    "allow_empty": {"type": "list", "elements": "str", "default": []},
    **{name: {"type": "bool", "default": False} for name in ("allow_unproven", "allow_foreign", "fenced", "allow_other_version", "take_over")},
    "server_version": {"type": "str"},
    "storage_classes": {"type": "dict", "default": {}},
    "allow_missing_kinds": {"type": "list", "elements": "str", "default": []},
    "kots_executable": {"type": "str"},
    "log_directory": {"type": "path", "default": "~/.local/state/serverops"},
    "owner": {"type": "str", "default": OWNER},
}


@dataclass(frozen=True)
class RestoreSpec:
    """What is wanted, and what the operator states about it."""

    backup: str
    owner: str = OWNER
    required_proofs: tuple[str, ...] = DEFAULT
    allow_empty: tuple[str, ...] = ()
    allow_unproven: bool = False
    allow_foreign: bool = False
    allow_other_version: bool = False
    allow_missing_kinds: tuple[str, ...] = ()
    server_version: str = ""
    storage_classes: Mapping[str, str] = field(default_factory=dict)
    fenced: bool = False
    take_over: bool = False
    log_directory: str = ""


@dataclass(frozen=True)
class Mark:
    """Who restores what, since when, and where its program runs. `place` is the machine, `run` names the program's files there; `begun` is its last start.

    `uid` and `version` are those of its object as it was read; an order that rests on it is sent for that very one alone.
    """

    backup: str
    owner: str = OWNER
    run: str = ""
    since: float = 0.0
    place: str = ""
    folder: str = ""
    begun: str = ""
    version: str = ""
    uid: str = ""


@dataclass(frozen=True)
class Console:
    """kotsadm in the cluster, as far as the API knows. `saved`: its objects are kept for the case that it is gone; `since`: for which restore."""

    there: bool = False
    ready: bool = False
    saved: bool = False
    since: str = ""


@dataclass(frozen=True)
class PodState:
    """A pod of the installation that is not ready. `sealed`: it is a Vault, and says that it is sealed."""

    name: str
    words: str
    sealed: bool = False


@dataclass(frozen=True)
class VolumeRestore:
    """One volume of one Restore, which `restore_uid` names for good: its name may be another one's by now."""

    restore: str
    namespace: str
    pod: str
    volume: str
    phase: str
    done: Optional[int] = None
    total: Optional[int] = None
    message: str = ""
    restore_uid: str = ""


@dataclass(frozen=True)
class RestoreState:
    """The cluster as of `now` (the API server's clock, epoch s).

    `program` is whether the official CLI that the mark names lives, None where that cannot be known from here; `said` is its last word of an error.
    `running`: there is a pod beside the console's; `installed`: there is one, or a claim, so that something can be lost.
    `sent` are the steps that this task has done. `gates` and `proofs` are None while nothing is to be begun.
    """

    now: float
    backup: Optional[InstanceBackup] = None
    is_there: bool = False
    names: tuple[str, ...] = ()
    restores: tuple[Restore, ...] = ()
    volumes: tuple[VolumeRestore, ...] = ()
    wanted: tuple[PodVolumeBackup, ...] = ()
    mark: Optional[Mark] = None
    program: Optional[bool] = False
    said: str = ""
    console: Console = field(default_factory=Console)
    pods: tuple[PodState, ...] = ()
    running: bool = False
    installed: bool = False
    mapped: bool = False
    server_started: Optional[float] = None
    velero: str = ""
    origin: str = ""
    gates: Optional[tuple[Gate, ...]] = None
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    sent: tuple[str, ...] = ()
    rested: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The console, then every app of the backup."""
        return (CONSOLE, *sorted(self.backup.sequences)) if self.backup else ()


RestoreLook = Look[RestoreSpec, RestoreState]


def restore_spec(params: Mapping[str, Any]) -> RestoreSpec:
    """What is wanted, checked: what cannot be is refused before any call."""
    name = checked_name(str(params["backup"]), "backup")
    if params.get("confirm") != name:
        raise BadInput(f"confirm is not {name}: a restore deletes what is there, so confirm must repeat the name of the backup")
    asked = tuple(params.get("required_proofs") or ())
    unknown = [one for one in asked if one not in PROOFS]
    if unknown or not asked:
        raise BadInput(f"required_proofs names {', '.join(unknown) or 'nothing'}; there are {', '.join(PROOFS)}")
    owner = str(params.get("owner") or OWNER)
    if len(owner) > 63 or not owner.isprintable():
        raise BadInput("owner has more than 63 letters, or one that cannot be printed; give a short name")
    classes = {str(old): str(new) for old, new in (params.get("storage_classes") or {}).items()}
    for old, new in classes.items():
        checked_name(new, f"storage_classes of {old}")
    flags = {name: bool(params.get(name)) for name in ("allow_unproven", "allow_foreign", "allow_other_version", "fenced", "take_over")}
    lists: dict[str, Any] = {name: tuple(map(str, params.get(name) or ())) for name in ("allow_empty", "allow_missing_kinds")}
    texts = {name: str(params.get(name) or "") for name in ("server_version", "log_directory")}
    return RestoreSpec(backup=name, owner=owner, required_proofs=asked, storage_classes=classes, **flags, **lists, **texts)  # type: ignore[arg-type]


# -- what is read ----------------------------------------------------------------------------------------


def mark_from_api(data: Any) -> Mark:
    """The mark out of its ConfigMap."""
    held = data.get("data") or {}
    return Mark(
        backup=str(held.get("backup") or ""),
        owner=str(held.get("owner") or ""),
        run=str(held.get("run") or ""),
        since=epoch_of(held.get("since")) or meta_from_api(data).created or 0.0,
        place=str(held.get("place") or ""),
        folder=str(held.get("folder") or ""),
        begun=str(held.get("begun") or ""),
        version=meta_from_api(data).version,
        uid=meta_from_api(data).uid,
    )


def mark_manifest(mark: Mark, name: str, namespace: str) -> Json:
    """The mark as a ConfigMap."""
    data = {"intent": "restore", "backup": mark.backup, "owner": mark.owner, "run": mark.run, "since": text_of(mark.since) or "", "place": mark.place}
    meta: Json = {"name": name, "namespace": namespace, "labels": {WORKS: OWNER}}
    if mark.version:
        meta["resourceVersion"] = mark.version
    return {"metadata": meta, "data": {**data, "folder": mark.folder, "begun": mark.begun}}


def volume_restore_from_api(data: Any) -> VolumeRestore:
    """A PodVolumeRestore. Every version labels it with the uid of its Restore (newPodVolumeRestore in Velero's source; not recorded)."""
    spec, status = data.get("spec") or {}, data.get("status") or {}
    pod, progress = spec.get("pod") or {}, status.get("progress") or {}
    return VolumeRestore(
        restore=str(meta_from_api(data).labels.get("velero.io/restore-name") or ""),
        namespace=str(pod.get("namespace") or ""),
        pod=str(pod.get("name") or ""),
        volume=str(spec.get("volume") or ""),
        phase=str(status.get("phase") or "New"),
        done=progress.get("bytesDone"),
        total=progress.get("totalBytes"),
        message=str(status.get("message") or ""),
        restore_uid=str(meta_from_api(data).labels.get("velero.io/restore-uid") or ""),
    )


def restores_from_api(items: Iterable[Any], backups: Iterable[str]) -> tuple[Restore, ...]:
    """The Restores of whole installations, oldest first: the CLI and kotsadm name them after the backup. One for trial, into another namespace, is none."""
    known = set(backups)
    back = (one for one in items if not (one.get("spec") or {}).get("namespaceMapping"))
    found = [one for one in map(restore_from_api, back) if one.meta.annotations.get(INSTANCE) == "true" or _is_part(one, known)]
    return tuple(sorted(found, key=lambda one: (one.meta.created or 0.0, one.meta.name)))


def _is_part(one: Restore, backups: set[str]) -> bool:
    return one.backup in backups and one.meta.name.startswith(f"{one.backup}.")


def pods_from_api(items: Iterable[Any]) -> tuple[PodState, ...]:
    """The pods that are neither ready nor done."""
    open_ones = [one for one in items if not is_ready(one) and (one.get("status") or {}).get("phase") not in ENDED_PODS]
    return tuple(PodState(str(one["metadata"]["name"]), state_of(one)) for one in sorted(open_ones, key=lambda one: str(one["metadata"]["name"])))


def is_vault(pod: Any) -> bool:
    """Whether a pod is the installation's Vault, and its container runs, which is all that a sealed one shows outside."""
    labels, status = pod["metadata"].get("labels") or {}, pod.get("status") or {}
    named = labels.get("app") == "vault" or labels.get("app.kubernetes.io/name") == "vault" or str(pod["metadata"]["name"]).startswith("vault-")
    return named and status.get("phase") == "Running"


def says_sealed(texts: Iterable[str]) -> bool:
    """Whether a probe's or a log's words tell that Vault is sealed. The words themselves are shown to nobody: they may hold a key."""
    return any(SEALED.search(text) for text in texts)


def last_error(text: str) -> str:
    """The last word of an error in what the official CLI printed: a line of text, or JSON in newer ones."""
    found = [line.partition("Error:")[2].strip() for line in text.splitlines() if line.strip().startswith("Error:")]
    found += [str(one) for one in _errors_in(text)]
    return " ".join(found[-1].split())[:300] if found else ""


def _errors_in(text: str) -> list[str]:
    start = text.rfind("{")
    try:
        told = json.loads(text[start:]) if start >= 0 else None
    except ValueError:
        return []
    return [told["error"]] if isinstance(told, dict) and isinstance(told.get("error"), str) and told["error"] else []
