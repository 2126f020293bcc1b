# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a backup is one: its phase, its volumes, its files in the store, their repository; each proof passed, failed, not asked or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_keys import Keys
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial import Mark, Trial, mark_of
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.repository_check import CHECK, RepositoryCheck, since
from ansible_collections.serverops.circleci.plugins.module_utils.kots.volumes import Volume
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Backup, PodVolumeBackup, Repository

PROOFS = ("phase", "volumes", "files", "repository", "restored")
RESTORED = "restored"
LONG = (CHECK, RESTORED)  # those that are made once all else is proven, in this order; CHECK is no proof where it is not asked for
DEFAULT = ("phase", "volumes", "files")
PASSED, FAILED, NOT_ASKED, UNKNOWN_PROOF = "passed", "failed", "not_asked", "unknown"
MAINTAINED = 14 * 86400.0  # s; Velero maintains a restic repository once a week


@dataclass(frozen=True)
class Proof:
    """One proof and what it rests on, in words."""

    state: str
    reason: str = ""


@dataclass(frozen=True)
class Evidence:
    """What was seen beside the Backup itself. None: not read, or not readable, `blind` then says why by the proof's name.

    `files` are keys and sizes of the store; `folders` whether there is anything in the repository of a namespace's volumes.
    `trial` is how far a trial restore is, where this task may make one.
    """

    expected: Optional[tuple[Volume, ...]] = None
    volumes: Optional[tuple[PodVolumeBackup, ...]] = None
    unasked: tuple[str, ...] = ()
    files: Optional[Mapping[str, int]] = None
    folders: Mapping[str, bool] = field(default_factory=dict)
    repositories: Optional[tuple[Repository, ...]] = None
    now: float = 0.0
    blind: Mapping[str, str] = field(default_factory=dict)
    trial: Optional[Trial] = None
    keys: Optional[Keys] = None
    checks: Optional[tuple[RepositoryCheck, ...]] = None


def prove(found: InstanceBackup, evidence: Optional[Evidence], required: Iterable[str], empty: Iterable[str] = ()) -> dict[str, Proof]:
    """Every proof by its name. While the backup runs, and without evidence, what is not in the Backup itself is unknown."""
    asked, seen = set(required), evidence or Evidence()
    over = found.backup.is_terminal
    proofs = {"phase": phase_proof(found.backup, seen.now)}
    proofs["volumes"] = volume_proof(found, seen, tuple(empty)) if over else Proof(UNKNOWN_PROOF, "the backup has not ended")
    proofs["files"] = file_proof(found.name, seen) if over else Proof(UNKNOWN_PROOF, "the backup has not ended")
    proofs["repository"] = repository_proof(seen)
    proofs["restored"] = restored_proof(found, seen.trial) if over else Proof(UNKNOWN_PROOF, "the backup has not ended")
    if CHECK in asked:
        proofs[CHECK] = check_proof(seen.checks) if over else Proof(UNKNOWN_PROOF, "the backup has not ended")
    return {name: proof if name in asked else Proof(NOT_ASKED) for name, proof in proofs.items()}


def outcome(proofs: Mapping[str, Proof]) -> str:
    """failed if one failed, else unknown if one is, else passed: the word for all that were asked. With none asked, nothing is proven."""
    states = {proof.state for proof in proofs.values()}
    if FAILED in states:
        return FAILED
    return PASSED if states <= {PASSED, NOT_ASKED} and PASSED in states else UNKNOWN_PROOF


def reasons(proofs: Mapping[str, Proof]) -> list[str]:
    """Why it is not proven, a line for each proof."""
    return [f"{name}: {proof.reason}" for name, proof in proofs.items() if proof.state in (FAILED, UNKNOWN_PROOF)]


def proofs_view(proofs: Mapping[str, Proof]) -> Json:
    """For the result."""
    return {name: proof.state for name, proof in proofs.items()}


# -- the phase -----------------------------------------------------------------------------------------


def phase_proof(backup: Backup, now: float = 0.0) -> Proof:
    """Completed without an error, by a server (whoever makes a Backup may write a phase into it: recorded), and not on its way out."""
    if backup.meta.deleting or backup.phase == "Deleting":
        return Proof(FAILED, "it is being deleted")
    if not backup.is_terminal:
        return Proof(UNKNOWN_PROOF, f"it is {backup.phase}")
    if backup.phase != "Completed":
        return Proof(FAILED, _ended(backup))
    if backup.errors:
        return Proof(FAILED, f"Completed, but with {_count(backup.errors, 'error')}; see its log: velero backup logs {backup.meta.name}")
    if backup.started is None or backup.completed is None:
        return Proof(FAILED, "it says Completed, but not when it began and ended: no server of Velero made it")
    if backup.expires is not None and now and backup.expires <= now:
        return Proof(FAILED, "it has expired: Velero deletes it at any moment")
    return Proof(PASSED, "Completed without an error" + (f", with {_count(backup.warnings, 'warning')}" if backup.warnings else ""))


def _ended(backup: Backup) -> str:
    why = "; ".join((*backup.validation_errors, *([backup.failure_reason] if backup.failure_reason else ())))
    count = f" with {_count(backup.errors, 'error')}" if backup.errors else ""
    return f"{backup.phase}{count}: {why or 'Velero gives no reason; see its log'}"


# -- the volumes -----------------------------------------------------------------------------------------


def volume_proof(found: InstanceBackup, seen: Evidence, empty: tuple[str, ...] = ()) -> Proof:
    """Every volume that belongs into it is there, whole, with bytes; and none that was begun failed."""
    if seen.volumes is None or seen.expected is None:
        return Proof(UNKNOWN_PROOF, seen.blind.get("volumes") or "the volumes could not be read")
    bad = [_trouble(one, empty) for one in seen.volumes]
    bad += [f"{one.words} is not in it" for one in missing(found, seen) if not one.is_named(empty)]
    bad = sorted(word for word in bad if word)
    if bad:
        return Proof(FAILED, "; ".join(bad))
    if not seen.volumes:
        return Proof(FAILED, "no volume at all is in it: no pod that it takes names one in the annotation backup.velero.io/backup-volumes")
    return Proof(PASSED, f"{_count(len(seen.volumes), 'volume')}, {_bytes(seen.volumes)} bytes")


def missing(found: InstanceBackup, seen: Evidence) -> list[Volume]:
    """Volumes that belong into it and are not there. One that came after the backup began could not be."""
    there = {(one.pod_namespace, one.claim) for one in seen.volumes or () if one.claim}
    there_by_pod = {(one.pod_namespace, one.pod, one.volume) for one in seen.volumes or ()}
    begun = found.begun
    wanted = [one for one in seen.expected or () if one.since <= begun]
    return [one for one in wanted if (one.namespace, one.claim or "-") not in there and not _is_there(one, there_by_pod)]


def _is_there(one: Volume, there: set[tuple[str, str, str]]) -> bool:
    """By its pod; a claim whose name the backup does not tell (1.6) also by a sibling pod of the same owner, since such pods change their names."""
    if (one.namespace, one.pod, one.name) in there:
        return True
    return bool(one.claim) and any((ns, volume) == (one.namespace, one.name) and owner_of(pod) == owner_of(one.pod) for ns, pod, volume in there)


def owner_of(pod: str) -> str:
    """What is left of a pod's name without the parts that change: web-5d4f8c7b9-x2x7q is web. Of a stateful set the number stays."""
    parts = pod.split("-")
    return pod if parts[-1].isdigit() or len(parts) < 3 else "-".join(parts[:-2])


def _trouble(one: PodVolumeBackup, empty: tuple[str, ...]) -> str:
    words = f"{one.pod_namespace}/{one.pod}/{one.volume}"
    if one.phase != "Completed":
        return f"{words} is {one.phase}" + (f" ({one.message[:160]})" if one.message else "")
    if Volume(one.pod_namespace, one.pod, one.volume, one.claim).is_named(empty):
        return ""
    if not one.bytes_total and "empty" in one.message:  # Velero's own word for it
        return f"{words} is empty (name it in allow_empty where that is right)"
    if not one.bytes_total:
        return f"{words} has {'no' if one.bytes_total == 0 else 'an unknown number of'} bytes (name it in allow_empty where that is right)"
    return f"{words} has {one.bytes_done} of {one.bytes_total} bytes" if (one.bytes_done or 0) < one.bytes_total else ""


# -- the files -----------------------------------------------------------------------------------------


def file_proof(name: str, seen: Evidence) -> Proof:
    """What Velero needs to restore it is in the store, and not empty. `files` are named from the folder of the backup on."""
    if seen.files is None:
        return Proof(UNKNOWN_PROOF, seen.blind.get("files") or "the object store could not be read")
    needed = ["velero-backup.json", f"{name}.tar.gz", f"{name}-logs.gz"]
    needed += [f"{name}-podvolumebackups.json.gz"] if seen.volumes else []
    bad = [f"{one} is {'empty' if one in seen.files else 'missing'}" for one in needed if not seen.files.get(one)]
    bad += [f"the repository of the volumes of namespace {namespace} is empty" for namespace, filled in sorted(seen.folders.items()) if not filled]
    if bad:
        return Proof(FAILED, "in the object store " + "; ".join(bad))
    return Proof(PASSED, f"{_count(len(seen.files), 'file')}, {sum(seen.files.values())} bytes")


# -- the repository -----------------------------------------------------------------------------------------


def repository_proof(seen: Evidence) -> Proof:
    """The repositories of its volumes are Ready and were maintained lately. What is in them only a restore tells."""
    if seen.repositories is None or seen.volumes is None:
        return Proof(UNKNOWN_PROOF, seen.blind.get("repository") or "the repositories could not be read")
    namespaces = sorted({one.pod_namespace for one in seen.volumes})
    states = [_repository(namespace, seen) for namespace in namespaces]
    bad = [proof for proof in states if proof.state == FAILED] or [proof for proof in states if proof.state == UNKNOWN_PROOF]
    if bad:
        return Proof(bad[0].state, "; ".join(proof.reason for proof in bad))
    if not states:
        return Proof(FAILED, "no volume is in it, hence no repository")
    return Proof(PASSED, f"Ready: {', '.join(namespaces)}")


def _repository(namespace: str, seen: Evidence) -> Proof:
    found = [one for one in seen.repositories or () if one.volume_namespace == namespace]
    if not found:
        return Proof(FAILED, f"there is no repository for the volumes of namespace {namespace}")
    broken = [one for one in found if not one.is_ready]
    if broken:
        return Proof(FAILED, f"repository {broken[0].meta.name} is {broken[0].phase}" + (f": {broken[0].message[:160]}" if broken[0].message else ""))
    kept = [one.maintained for one in found if one.maintained is not None]
    if not kept:
        return Proof(UNKNOWN_PROOF, f"repository {found[0].meta.name} does not say when it was maintained")
    late = seen.now - max(kept)
    if late > MAINTAINED:
        return Proof(FAILED, f"repository {found[0].meta.name} was not maintained for {int(late // 86400)} days")
    return Proof(PASSED)


def check_proof(checks: Optional[tuple[RepositoryCheck, ...]]) -> Proof:
    """restic itself has gone through every repository of the backup's volumes, and found no error."""
    damaged = [f"the repository of namespace {one.namespace} is damaged: {one.reason}" for one in checks or () if one.state == FAILED]
    if damaged:
        return Proof(FAILED, "; ".join(damaged))
    open_ones = [_open_check(one) for one in checks or () if one.state != PASSED]
    if open_ones or not checks:
        return Proof(UNKNOWN_PROOF, "; ".join(open_ones) or "the repositories were not checked yet")
    return Proof(PASSED, f"restic found no error in {len(checks)} of {len(checks)} repositories{since(min(one.at for one in checks))}")


def _open_check(one: RepositoryCheck) -> str:
    if one.cannot or one.blind:
        return one.cannot or one.blind
    words = f"the repository of namespace {one.namespace}"
    if one.reason or one.going:
        return f"{words} is being checked" if one.going else f"the check of {words} came to no end: {one.reason}"
    return f"{words} was not checked yet" + (f": {one.locked}" if one.locked else "")


# -- the trial restore -----------------------------------------------------------------------------------


def restored_proof(found: InstanceBackup, trial: Optional[Trial] = None) -> Proof:
    """It was restored into a scratch namespace and compared, and nothing is left of that. The Backup itself carries the mark."""
    mark = trial.mark if trial else mark_of(found.backup.meta.annotations)
    if mark is None:
        return Proof(UNKNOWN_PROOF, (trial.blind or trial.cannot if trial else "") or "it was not restored for trial yet")
    if trial and trial.left:
        return Proof(UNKNOWN_PROOF, "what the trial restore made is not removed yet")
    return _of_mark(mark)


def _of_mark(mark: Mark) -> Proof:
    states = {"passed": PASSED, "failed": FAILED}
    return Proof(states.get(mark.state, UNKNOWN_PROOF), mark.reason)


def _bytes(volumes: Iterable[PodVolumeBackup]) -> int:
    return sum(one.bytes_total or 0 for one in volumes)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
