# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be so before a restore may delete anything: each gate passed, failed or unknown, with the reason and the remedy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import FAILED, PASSED, UNKNOWN_GATE, Gate, Site, gates
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup, version_numbers
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import FAILED as UNPROVEN
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import PASSED as PROVEN
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import Proof, outcome, reasons
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_contents import DEFAULT_CLASS, Contents
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import RestoreSpec
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_versions import uploader_trouble, version_trouble
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import PodVolumeBackup, Restore
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import text_of

IMAGE, DEPLOYED_TO, VERSIONS = "kots.io/kotsadm-image", "kots.io/kotsadm-deploy-namespace", "kots.io/apps-versions"
IN_PARTS = "replicated.com/backup-name"
SHARED = ("velero", "location", "agents")  # gates of a backup that hold for a restore too
TOLERATED = ("versions", "program_version", "uploader")  # of old servers nothing is known here, and nothing is lost by it
GRACE = 1.0  # s: the API's times are whole seconds
HERE, ELSEWHERE = "here", "elsewhere"


@dataclass(frozen=True)
class Ground:
    """What is looked at once, before the first step. None: could not be read; `site.blind` then says why, by the field's name.

    `mappings` are the ConfigMaps by which Velero maps storage classes, by name; `classes` tell which is the default; `claims` are the uids of claims here.
    `traces` are objects in the store that a restore of this backup left whose Restore is not here; `lives` is when this cluster's Velero was installed;
    `lacking` is the sentence on rights that we have not.
    """

    site: Site
    place: tuple[str, str] = ("", "")
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    contents: Optional[Contents] = None
    served: Optional[frozenset[str]] = None
    classes: Optional[Mapping[str, bool]] = None
    mappings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    claims: frozenset[str] = frozenset()
    backups: tuple[InstanceBackup, ...] = ()
    restores: tuple[Restore, ...] = ()
    traces: tuple[str, ...] = ()
    lives: Optional[float] = None
    volumes: tuple[PodVolumeBackup, ...] = ()
    claim_uids: frozenset[str] = frozenset()
    program: Optional[str] = None
    program_words: str = ""
    lacking: Optional[str] = None


def restore_gates(found: InstanceBackup, spec: RestoreSpec, ground: Ground) -> tuple[Gate, ...]:
    """Every gate, in the order in which they are best mended."""
    own = (
        _backup(found, ground),
        _proofs(spec, ground),
        *_shared(ground),
        _rights(ground),
        _program(ground),
        _program_version(found, ground),
        _origin(found, spec, ground),
        _rivals(found, spec, ground),
        _versions(found, spec, ground),
        _uploader(ground),
        _kinds(spec, ground),
        _storage(spec, ground),
    )
    return own


def is_open(gate: Gate) -> bool:
    """Unknown, and it must be known."""
    return gate.state == UNKNOWN_GATE and gate.name not in TOLERATED


def origin_of(found: InstanceBackup, ground: Ground) -> str:
    """here, if something proves that the backup was made in this cluster; else elsewhere. What a synchronisation brought is younger than the backup's end."""
    made, began = found.backup.meta.created, found.begun
    native = made is not None and made <= began + GRACE
    return HERE if native or ground.claim_uids & ground.claims else ELSEWHERE


def server_held(found: InstanceBackup, app: str) -> str:
    """The version of the app in a backup, as newer kotsadms note it; empty where it is not noted."""
    noted = found.backup.meta.annotations.get(VERSIONS) or ""
    return _value(noted, app)


def kots_held(found: InstanceBackup) -> str:
    """The version of KOTS in a backup: the tag of its image, where that is one."""
    tag = (found.backup.meta.annotations.get(IMAGE) or "").partition("@")[0].rpartition("/")[2].partition(":")[2].removeprefix("v")
    numbers = version_numbers(tag)
    return tag if numbers and tag.count(".") == 2 else ""


def _value(text: str, key: str) -> str:
    try:
        told = json.loads(text)
    except ValueError:
        return ""
    return str(told.get(key) or "") if isinstance(told, dict) else ""


# -- the backup itself -------------------------------------------------------------------------------------


def _backup(found: InstanceBackup, ground: Ground) -> Gate:
    """What the official CLI passes over in silence, with exit code 0: it is refused here, with the reason."""
    backup, notes = found.backup, found.backup.meta.annotations
    namespace, app = ground.place
    lacking = [name for name in (IMAGE, DEPLOYED_TO) if not notes.get(name)]
    wrong = {
        f"backup {found.name} is one part of several, which only its own installer restores": IN_PARTS in backup.meta.labels,
        f"backup {found.name} lacks the annotation {', '.join(lacking)}, without which the CLI does nothing": bool(lacking),
        f"backup {found.name} has not ended: it is {backup.phase}; wait for its end, or name another": backup.is_running,
        f"backup {found.name} is {backup.phase}, and only a Completed one can be restored; name another": not backup.is_running and backup.phase != "Completed",
        f"backup {found.name} is being deleted": backup.meta.deleting is not None,
        f"backup {found.name} is of the installation in namespace {found.namespace}, and goes back there alone; give namespace: {found.namespace}": (
            found.namespace not in ("", namespace)
        ),
        f"backup {found.name} holds no app {app}; it holds {', '.join(sorted(found.sequences)) or 'none'}": app not in found.sequences,
        f"backup {found.name} is in the location {backup.location}, which KOTS does not use": backup.location not in ("", "default"),
    }
    told = [words for words, holds in wrong.items() if holds]
    return Gate("backup", FAILED, told[0]) if told else Gate("backup", PASSED, f"backup {found.name} is Completed, and of this installation's name")


def _proofs(spec: RestoreSpec, ground: Ground) -> Gate:
    state, why = outcome(ground.proofs), "; ".join(reasons(ground.proofs))
    if state == PROVEN:
        return Gate("proofs", PASSED, "the backup is proven")
    if spec.allow_unproven and ground.proofs.get("phase", Proof(PROVEN)).state != UNPROVEN:
        return Gate("proofs", PASSED, f"the backup is not proven ({why}), which is allowed")
    remedy = "name another backup; or give allow_unproven: true, and lose what it lacks"
    return Gate("proofs", FAILED if state == UNPROVEN else UNKNOWN_GATE, f"the backup is not proven: {why}", remedy)


def _shared(ground: Ground) -> list[Gate]:
    """Of the gates of a backup those that hold here too. A location may be ReadOnly: Velero's own advice for a restore."""
    where = ground.site.location
    site = replace(ground.site, location=replace(where, access_mode="ReadWrite") if where else None)
    return [gate for gate in gates(site) if gate.name in SHARED]


def _rights(ground: Ground) -> Gate:
    if ground.lacking is None:
        return Gate("rights", UNKNOWN_GATE, f"our rights could not be read: {ground.site.blind.get('rights', 'no answer')}")
    return Gate("rights", FAILED, ground.lacking) if ground.lacking else Gate("rights", PASSED, "we may do what a restore does")


# -- the official CLI --------------------------------------------------------------------------------------


def _program(ground: Ground) -> Gate:
    if ground.program is None:
        return Gate("program", FAILED, ground.program_words or "the official CLI of KOTS was not found", "install it, or give its path in kots_executable")
    return Gate("program", PASSED, f"the official CLI is {ground.program}")


def _program_version(found: InstanceBackup, ground: Ground) -> Gate:
    here, held = version_numbers(ground.program or ""), version_numbers(kots_held(found))
    if here is None or held is None:
        return Gate("program_version", UNKNOWN_GATE, f"the version of KOTS {'here' if here is None else 'in the backup'} is not known")
    if here < (1, 40, 0) or here < held:
        least = kots_held(found) if here < held else "1.40.0"
        return Gate("program_version", FAILED, f"the official CLI is {ground.program}, older than KOTS {least}", f"install {least} where this module runs")
    return Gate("program_version", PASSED, f"the official CLI is {ground.program}, the backup's KOTS {kots_held(found)}")


# -- where it comes from -------------------------------------------------------------------------------------


def _origin(found: InstanceBackup, spec: RestoreSpec, ground: Ground) -> Gate:
    if origin_of(found, ground) == HERE:
        return Gate("origin", PASSED, "the backup was made in this cluster")
    if spec.allow_foreign:
        return Gate("origin", PASSED, "nothing shows that the backup was made in this cluster, which is allowed")
    remedy = "where this is the new cluster of a lost one, or Velero was installed anew, say so: allow_foreign: true"
    reason = "nothing shows that the backup was made in this cluster: its object came out of the store, and no claim here is in it"
    return Gate("origin", FAILED, reason, remedy)


def _rivals(found: InstanceBackup, spec: RestoreSpec, ground: Ground) -> Gate:
    """Whether another installation lives on the same bucket: two of them on one set of data destroy it."""
    signs = [f"backup {one.name} was begun {text_of(one.begun)} elsewhere, after Velero was installed here" for one in ground.backups if _is_rival(one, ground)]
    signs += [f"the store holds {trace}, left by a restore of this backup in another cluster" for trace in ground.traces]
    if not signs:
        return Gate("rivals", PASSED, "nothing shows that another installation lives on this bucket")
    if spec.fenced:
        return Gate("rivals", PASSED, f"another installation lived on this bucket ({signs[0]}); it is stated to be fenced")
    remedy = "stop the other one and take its rights on the bucket and the databases, then give fenced: true"
    return Gate("rivals", FAILED, f"another installation seems to live on this bucket: {'; '.join(signs[:3])}", remedy)


def _is_rival(one: InstanceBackup, ground: Ground) -> bool:
    native = one.backup.meta.created is not None and one.backup.meta.created <= one.begun + GRACE
    return not native and ground.lives is not None and one.begun > ground.lives + GRACE


# -- versions ------------------------------------------------------------------------------------------------


def _versions(found: InstanceBackup, spec: RestoreSpec, ground: Ground) -> Gate:
    held = server_held(found, ground.place[1])
    wanted = spec.server_version or (ground.site.app.deployed_label if ground.site.app else "")
    if not held or not wanted:
        which = "in the backup is not noted" if not held else "that is to run is not known (server_version)"
        return Gate("versions", UNKNOWN_GATE, f"the version of the server {which}")
    trouble = version_trouble(held, wanted)
    if trouble and spec.allow_other_version:
        return Gate("versions", PASSED, f"{trouble}; which is allowed")
    remedy = "go that way; or give allow_other_version: true, where no database outside and no client depends on it"
    return Gate("versions", FAILED, trouble, remedy) if trouble else Gate("versions", PASSED, f"the backup holds server {held}, here is {wanted}")


def _uploader(ground: Ground) -> Gate:
    velero = ground.site.velero
    trouble = uploader_trouble((one.uploader for one in ground.volumes), velero)
    if trouble:
        return Gate("uploader", FAILED, trouble)
    known = version_numbers(velero) is not None
    return Gate("uploader", PASSED if known else UNKNOWN_GATE, f"Velero {velero} reads its volumes" if known else "the version of Velero is not known")


# -- what this cluster has -------------------------------------------------------------------------------------


def _kinds(spec: RestoreSpec, ground: Ground) -> Gate:
    if ground.contents is None or ground.served is None:
        return _blind("kinds", spec, ground, "whether this cluster knows the kinds of the backup")
    held = {kind for kind in ground.contents.kinds if kind.rpartition("/")[0].partition("/")[0] not in ground.contents.brought}
    lost = sorted(held - ground.served - set(spec.allow_missing_kinds))
    if lost:
        told = ", ".join(f"{kind} ({ground.contents.kinds[kind]})" for kind in lost)
        remedy = "restore into a cluster of the Kubernetes that the backup was made in; or name what can be lost in allow_missing_kinds"
        return Gate("kinds", FAILED, f"this cluster does not serve, as the backup holds them: {told}", remedy)
    return Gate("kinds", PASSED, f"this cluster serves the {len(held)} kinds of the backup")


def _storage(spec: RestoreSpec, ground: Ground) -> Gate:
    if ground.contents is None or ground.classes is None:
        return _blind("storage", spec, ground, "which storage classes are asked for, and there")
    foreign = {name: held for name, held in ground.mappings.items() if dict(held) != dict(spec.storage_classes)}
    if spec.storage_classes and foreign:
        names = ", ".join(sorted(foreign))
        return Gate("storage", FAILED, f"Velero maps storage classes already, by ConfigMap {names}, and takes one", "put storage_classes there, or delete it")
    mapped = {**{old: new for held in ground.mappings.values() for old, new in held.items()}, **spec.storage_classes}
    lost = [_lost(name, mapped.get(name, name), ground) for name in sorted(ground.contents.classes)]
    told = [words for words in lost if words]
    if told:
        remedy = "map them: storage_classes: {old: new}, with a class that is there" + (f" ({', '.join(sorted(ground.classes))})" if ground.classes else "")
        return Gate("storage", FAILED, "; ".join(told), remedy)
    return Gate("storage", PASSED, "every storage class that its claims ask for is there" + (", or mapped" if mapped else ""))


def _lost(asked: str, name: str, ground: Ground) -> str:
    assert ground.contents is not None and ground.classes is not None
    there = any(ground.classes.values()) if name == DEFAULT_CLASS else name in ground.classes
    if there:
        return ""
    claims = ground.contents.classes[asked]
    words = "a default storage class, which is not set here" if name == DEFAULT_CLASS else f"storage class {name}, which is not here"
    return f"{claims[0]}{f' and {len(claims) - 1} more' if len(claims) > 1 else ''} need {words}"


def _blind(name: str, spec: RestoreSpec, ground: Ground, what: str) -> Gate:
    why = ground.site.blind.get("contents") or ground.site.blind.get(name) or "no answer"
    if spec.allow_unproven:
        return Gate(name, PASSED, f"{what} is not known ({why}), which is allowed")
    return Gate(name, UNKNOWN_GATE, f"{what} is not known: {why}", "see that the store can be read (cloud); or give allow_unproven: true")
