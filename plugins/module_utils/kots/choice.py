# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backup counts: the newest that is proven, one that runs, or the one that a task asked for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.durations import checked_name
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Look
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial import Trial, course
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Gate
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import (
    DEFAULT,
    LONG,
    NOT_ASKED,
    PASSED,
    PROOFS,
    RESTORED,
    UNKNOWN_PROOF,
    Evidence,
    Proof,
    check_proof,
    outcome,
    prove,
    restored_proof,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.repository_check import CHECK, RepositoryCheck, check_course, checked_subset

GRACE = 1.0  # s: the API's times are whole seconds


@dataclass(frozen=True)
class BackupSpec:
    """What is wanted. Times in seconds. `backup` is the name of the one that is to be proven; then none is begun, and no other counts."""

    max_age: Optional[float] = None
    backup: str = ""
    required_proofs: tuple[str, ...] = DEFAULT
    allow_empty: tuple[str, ...] = ()
    restic_program: str = "restic"
    read_data_subset: str = ""
    log_directory: str = ""


@dataclass(frozen=True)
class BackupState:
    """The installation's backups as of `now` (the API server's clock, epoch s).

    `sent`: this task asked for one; `named` is what it was told then. `bytes` are what the volumes of a running one have so far, by uid.
    `sure` are uids that check mode takes as proven. `hindered`: why a proof that is asked for cannot be made of any backup.
    """

    now: float
    backups: tuple[InstanceBackup, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    gates: Optional[tuple[Gate, ...]] = None
    server_started: Optional[float] = None
    sent: bool = False
    named: str = ""
    bytes: Mapping[str, int] = field(default_factory=dict)
    sure: frozenset[str] = frozenset()
    hindered: str = ""


BackupLook = Look[BackupSpec, BackupState]


def backup_spec(params: Mapping[str, Any]) -> BackupSpec:
    """What is wanted, checked: proofs and ages that cannot be are refused before any call."""
    asked = tuple(params.get("required_proofs") or ())
    there = (*PROOFS, *([CHECK] if "restic_program" in params else []))  # who lists backups begins nothing
    unknown = [name for name in asked if name not in there]
    if unknown:
        raise BadInput(f"required_proofs names {', '.join(unknown)}; there are {', '.join(there)}")
    if not asked:
        raise BadInput("required_proofs is empty; a backup that nothing proves is none: name one of " + ", ".join(PROOFS))
    age = params.get("max_age")
    if age is not None and not 0 < age < 1e9:
        raise BadInput(f"max_age is {age}, but it must be more than 0 seconds; leave it out for a new backup each time")
    name = str(params.get("backup") or "")
    if name and age is not None:
        raise BadInput("backup and max_age are both given; a backup that is named counts whatever its age: give one of them")
    spec = BackupSpec(age, checked_name(name, "backup") if name else "", asked, tuple(params.get("allow_empty") or ()))
    subset, program = checked_subset(params.get("read_data_subset")), str(params.get("restic_program") or "restic")
    return replace(spec, restic_program=program, read_data_subset=subset, log_directory=str(params.get("log_directory") or ""))


def is_stalled(found: InstanceBackup, state: BackupState) -> bool:
    """It runs by its phase alone: Velero began anew since, and 1.6 leaves such a one InProgress for ever (recorded)."""
    began = found.backup.started
    return found.backup.is_running and began is not None and state.server_started is not None and began < state.server_started


def candidates(look: BackupLook) -> list[InstanceBackup]:
    """Ended ones, begun within max_age, newest first; or the one that is named."""
    age, name = look.spec.max_age, look.spec.backup
    if name:
        return [one for one in look.state.backups if one.name == name and not one.backup.is_running]
    young = [one for one in look.state.backups if age is not None and not one.backup.is_running and look.state.now - one.begun <= age]
    return sorted(young, key=lambda one: (-one.begun, one.name))


def settled_choice(look: BackupLook) -> Optional[tuple[InstanceBackup, str]]:
    """The newest that passes, or, where none does, the newest whose proof cannot be made; None where all are proven bad."""
    judged = [(one, outcome(proofs_of(look, one))) for one in candidates(look)]
    passing = [pair for pair in judged if pair[1] == PASSED]
    unknown = [pair for pair in judged if pair[1] == UNKNOWN_PROOF]
    return next(iter(passing + unknown), None)


def to_join(look: BackupLook, past: Mapping[str, Any]) -> Optional[InstanceBackup]:
    """One that runs and began within max_age; not where an ended one counts, or this task asked for its own already."""
    age, state = look.spec.max_age, look.state
    if age is None or settled_choice(look):
        return None
    skipped = {entry.partition(":")[0] for entry in past["skipped"]}
    running = [one for one in state.backups if one.backup.is_running and not is_stalled(one, state) and state.now - one.begun <= age]
    return min((one for one in running if one.name not in skipped), key=lambda one: (one.begun, one.name), default=None)


def named(look: BackupLook) -> Optional[InstanceBackup]:
    """The one that is asked for by its name."""
    return next((one for one in look.state.backups if look.spec.backup and one.name == look.spec.backup), None)


def ours(state: BackupState, past: Mapping[str, Any]) -> Optional[InstanceBackup]:
    """The one that this task asked for: by the name it was told, else the first made since it began."""
    made = [one for one in state.backups if one.uid not in past["known"] and (one.backup.meta.created or 0.0) >= past["began"] - GRACE]
    named = [one for one in made if one.name == state.named]
    if state.named:
        return named[0] if named else None
    return min(made, key=lambda one: (one.backup.meta.created or 0.0, one.name), default=None)


def subject(look: BackupLook) -> Optional[InstanceBackup]:
    """The backup that the result is about: the followed one, which a named one is, else the reused, else the newest."""
    if look.memory.get("uid") or look.spec.backup:
        return next((one for one in look.state.backups if one.uid == look.memory.get("uid")), None)
    chosen = settled_choice(look)
    return chosen[0] if chosen else max(look.state.backups, key=lambda one: (one.begun, one.name), default=None)


def proofs_of(look: BackupLook, one: InstanceBackup) -> dict[str, Proof]:
    """The proofs of a backup; what check mode imagines to end is imagined to be proven."""
    seen = look.state.evidence.get(one.uid)
    if one.uid in look.state.sure:
        assumed = {name: Proof(PASSED if name in look.spec.required_proofs else NOT_ASKED, "assumed") for name in PROOFS}
        long = {CHECK: check_proof(checks_of(look.state, one.uid)), RESTORED: restored_proof(one, seen.trial if seen else None)}
        return {**assumed, **{name: proof for name, proof in long.items() if name in look.spec.required_proofs}}
    return prove(one, seen, look.spec.required_proofs, look.spec.allow_empty)


def gone_through(look: BackupLook, one: InstanceBackup) -> Optional[Decision]:
    """What the check of its repositories has due, once all but the trial is proven; None where it has no say."""
    if CHECK not in look.spec.required_proofs or not one.backup.is_terminal:
        return None
    alone = set(look.spec.required_proofs) <= set(LONG)
    if not alone and outcome({name: proof for name, proof in proofs_of(look, one).items() if name not in LONG}) != PASSED:
        return None
    return check_course(checks_of(look.state, one.uid), one.name, one.uid)


def checks_of(state: BackupState, uid: str) -> Optional[tuple[RepositoryCheck, ...]]:
    """How far the checks of its repositories are; None where they were not looked at."""
    seen = state.evidence.get(uid)
    return seen.checks if seen else None


def with_checks(state: BackupState, uid: str, checks: tuple[RepositoryCheck, ...]) -> BackupState:
    """The same with the checks a step further."""
    return replace(state, evidence={**state.evidence, uid: replace(state.evidence.get(uid) or Evidence(), checks=checks)})


def tried(look: BackupLook, one: InstanceBackup, wanted: bool = True) -> Optional[Decision]:
    """What its restore for trial has due, once all else that is asked for is proven; None where it has no say."""
    if RESTORED not in look.spec.required_proofs or not one.backup.is_terminal:
        return None
    rest = outcome({name: proof for name, proof in proofs_of(look, one).items() if name != RESTORED})
    alone = look.spec.required_proofs == (RESTORED,)
    if rest == UNKNOWN_PROOF and not alone:
        return None
    return course(trial_of(look.state, one.uid), one.name, one.uid, wanted and (alone or rest == PASSED))


def trial_of(state: BackupState, uid: str) -> Trial:
    """How far its trial is."""
    seen = state.evidence.get(uid)
    return seen.trial if seen and seen.trial else Trial()


def with_trial(state: BackupState, uid: str, trial: Trial) -> BackupState:
    """The same with another trial."""
    return replace(state, evidence={**state.evidence, uid: replace(state.evidence.get(uid) or Evidence(), trial=trial)})


def on_trial(look: BackupLook) -> Optional[tuple[InstanceBackup, Decision]]:
    """The backup whose check or trial has something due, and what: the followed one; else one of which something is left; else what lacks this alone."""
    uid = look.memory.get("uid")
    ended = [one for one in look.state.backups if one.uid == uid] if uid else [] if look.state.sent else candidates(look)
    chosen = None if uid or look.state.sent else settled_choice(look)
    for one in ended:
        wanted = bool(uid) or (chosen is not None and chosen[0].uid == one.uid and chosen[1] == UNKNOWN_PROOF)
        left = any(check.left for check in checks_of(look.state, one.uid) or ())
        due = (gone_through(look, one) if wanted or left else None) or tried(look, one, wanted)
        if due:
            return one, due
    return None
