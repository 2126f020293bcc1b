# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole installation is backed up and the backup proven: a young proven one is taken, one that runs is joined, else one is begun, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_view import backup_view
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Gate, failures, gates_view
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import (
    DEFAULT,
    FAILED,
    PASSED,
    UNKNOWN_PROOF,
    Evidence,
    Proof,
    outcome,
    prove,
    reasons,
)
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Backup, Meta

ITEM = "backup"
IMAGINED = "imagined"
ASKED = 60.0  # s in which a backup that was asked for must show
SILENT = 3600.0  # s without progress after which a running one is taken for stalled; Velero tells bytes every ten seconds
GRACE = 1.0  # s: the API's times are whole seconds
AGAIN = 10.0  # s until what could not be read is tried again


@dataclass(frozen=True)
class BackupSpec:
    """What is wanted. Times in seconds."""

    max_age: Optional[float] = None
    required_proofs: tuple[str, ...] = DEFAULT
    allow_empty: tuple[str, ...] = ()


@dataclass(frozen=True)
class BackupState:
    """The installation's backups as of `now` (the API server's clock, epoch s).

    `sent`: this task asked for one; `named` is what it was told then. `bytes` are what the volumes of a running one have so far, by uid.
    `sure` are uids that check mode takes as proven.
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


@dataclass(frozen=True)
class StartBackup:
    """Ask kotsadm for a backup of the whole installation."""

    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "backup"}


BackupLook = Look[BackupSpec, BackupState]


# -- the kernel's questions --------------------------------------------------------------------------------


def refusals(look: BackupLook) -> list[str]:
    """Why none can be begun, where one would have to be."""
    return obstacles(look) if not look.memory["uid"] and settled_choice(look) is None and not look.state.sent else []


def decide(look: BackupLook) -> dict[str, Decision]:
    """What is due now."""
    return {ITEM: _followed(look) if look.memory["uid"] else _unfollowed(look)}


def effect(state: BackupState, _step: Any) -> BackupState:
    """One more runs."""
    meta = Meta("(new)", uid=IMAGINED, created=state.now)
    made = InstanceBackup(Backup(meta, "InProgress", started=state.now), "manual")
    return replace(state, backups=(*state.backups, made), sent=True)


def assume(look: BackupLook, _item: str) -> BackupState:
    """The one that is waited for has ended well, and is proven."""
    uid, state = look.memory["uid"], look.state
    if not uid:
        return effect(state, None)
    ended = tuple(_ended_well(one, state.now) if one.uid == uid else one for one in state.backups)
    return replace(state, backups=ended, sure=state.sure | {uid})


def remember(look: BackupLook) -> Json:
    """When this task began, which backups were there then, and which one it follows."""
    state = look.state
    past = look.memory or {"began": state.now, "known": [one.uid for one in state.backups], "uid": "", "name": "", "joined": False, "skipped": []}
    if past["uid"]:
        return _unless_joined_in_vain(look, past)
    found = ours(state, past) if state.sent else to_join(look, past)
    return {**past, "uid": found.uid, "name": found.name, "joined": not state.sent} if found else past


def facts(look: BackupLook) -> dict[str, Json]:
    """The state as seen: how many backups there are, and how far the one is that counts."""
    one = subject(look)
    proven = one is not None and outcome(proofs_of(look, one)) == PASSED
    size = look.state.bytes.get(one.uid) if one and one.backup.is_running else None
    items = one.backup.items if one and one.backup.is_running else None
    return {ITEM: {"backups": len(look.state.backups), "phase": one.backup.phase if one else None, "items": items, "bytes": size, "verified": proven}}


def out_of_sight(last: Json) -> Json:
    """The last view once no answer comes any more."""
    return {**last, "verdict": "unknown"} if last.get("verdict") in ("running", "asked", "unproven") else last


def progress(look: BackupLook, decisions: Mapping[str, Decision]) -> str:
    """Such as "instance-x2x7q: InProgress, 120 of 400 items, 1.2 GB"."""
    one = subject(look)
    if one is None or not one.backup.is_running:
        return decisions[ITEM].reason
    parts = [f"{one.name}: {one.backup.phase}"]
    parts += [f"{one.backup.items or 0} of {one.backup.total_items} items"] if one.backup.total_items else []
    parts += [in_units(look.state.bytes[one.uid])] if look.state.bytes.get(one.uid) else []
    return ", ".join(parts)


def view(look: BackupLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    one, decision = subject(look), decisions[ITEM]
    return {
        "backup": backup_view(one, look.state, proofs_of(look, one)) if one else None,
        "verdict": _verdict(look, decision, one),
        "verified": decision.kind == "settled",
        "joined": bool(look.memory["joined"]),
        "reused": decision.kind == "settled" and not look.memory["uid"],
        "reason": decision.reason,
        "skipped": look.memory["skipped"] or [f"{found.name}: {why}" for found, why in _passed_over(look)],
        "stalled": [found.name for found in look.state.backups if is_stalled(found, look.state)],
        "gates": gates_view(look.state.gates or ()),
        "waited": round(look.waited.get(ITEM, 0.0), 1),
    }


# -- which backup counts -----------------------------------------------------------------------------------------


def is_stalled(found: InstanceBackup, state: BackupState) -> bool:
    """It runs by its phase alone: Velero began anew since, and 1.6 leaves such a one InProgress for ever (recorded)."""
    began = found.backup.started
    return found.backup.is_running and began is not None and state.server_started is not None and began < state.server_started


def candidates(look: BackupLook) -> list[InstanceBackup]:
    """Ended ones, begun within max_age, newest first."""
    age = look.spec.max_age
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


def ours(state: BackupState, past: Mapping[str, Any]) -> Optional[InstanceBackup]:
    """The one that this task asked for: by the name it was told, else the first made since it began."""
    made = [one for one in state.backups if one.uid not in past["known"] and (one.backup.meta.created or 0.0) >= past["began"] - GRACE]
    named = [one for one in made if one.name == state.named]
    if state.named and state.named != IMAGINED:
        return named[0] if named else None
    return min(made, key=lambda one: (one.backup.meta.created or 0.0, one.name), default=None)


def subject(look: BackupLook) -> Optional[InstanceBackup]:
    """The backup that the result is about: the followed one, else the reused, else the newest."""
    if look.memory.get("uid"):
        return next((one for one in look.state.backups if one.uid == look.memory["uid"]), None)
    chosen = settled_choice(look)
    return chosen[0] if chosen else max(look.state.backups, key=lambda one: (one.begun, one.name), default=None)


def proofs_of(look: BackupLook, one: InstanceBackup) -> dict[str, Proof]:
    """The proofs of a backup; what check mode imagines to end is imagined to be proven."""
    if one.uid in look.state.sure:
        names = ("phase", "volumes", "files", "repository")
        return {name: Proof(PASSED if name in look.spec.required_proofs else "not_asked", "assumed") for name in names}
    return prove(one, look.state.evidence.get(one.uid), look.spec.required_proofs, look.spec.allow_empty)


def obstacles(look: BackupLook) -> list[str]:
    """What forbids to begin one now."""
    state = look.state
    running = [one for one in state.backups if one.backup.is_running and not is_stalled(one, state)]
    remedy = "wait for its end" if look.spec.max_age is not None else "give max_age to join it, or wait for its end"
    return [f"backup {one.name} runs already, begun {int(state.now - one.begun)} s ago; {remedy}" for one in running] + failures(state.gates or ())


# -- decisions ---------------------------------------------------------------------------------------------------


def _unfollowed(look: BackupLook) -> Decision:
    chosen = settled_choice(look)
    if chosen and chosen[1] == PASSED:
        return settled(f"backup {chosen[0].name} is proven, and younger than {look.spec.max_age:g} s")
    if chosen:
        return waiting(f"backup {chosen[0].name} is young enough, but cannot be proven now: {_why(look, chosen[0])}", recheck=AGAIN, unknown=True)
    if look.state.sent:
        if look.phases.get(ITEM, 0.0) > ASKED:
            return stuck(f"kotsadm was asked for a backup, but none has shown within {ASKED:g} s; see the log of the pod kotsadm, then run this again")
        return waiting("kotsadm was asked for a backup, which has not shown yet", phase="asked", recheck=5.0)
    why = obstacles(look)
    return stuck("; ".join(why)) if why else act("no proven backup is young enough" if look.spec.max_age else "a backup is asked for", StartBackup())


def _followed(look: BackupLook) -> Decision:
    one, name = subject(look), look.memory["name"]
    if one is None:
        again = any(found.name == name for found in look.state.backups)
        what = "is another object now, of another uid" if again else "has vanished while this task followed it"
        return stuck(f"backup {name} {what}; see who deletes backups, and whether the bucket was emptied or exchanged", confirm=1.0)
    if one.backup.is_running:
        return _running(look, one)
    result = outcome(proofs_of(look, one))
    if result == PASSED:
        return settled(f"backup {name} is proven")
    if result == FAILED:
        return stuck(f"backup {name} is not proven: {_why(look, one)}")
    return waiting(f"backup {name} has ended, but cannot be proven yet: {_why(look, one)}", phase="proving", recheck=AGAIN, unknown=True)


def _running(look: BackupLook, one: InstanceBackup) -> Decision:
    if is_stalled(one, look.state):
        return stuck(f"backup {one.name} is {one.backup.phase}, but Velero's pod began anew since: nobody works on it any more; delete it, and run this again")
    silent = look.still.get(ITEM, 0.0)
    if silent > SILENT:
        return stuck(f"backup {one.name} is {one.backup.phase} and made no progress for {int(silent // 60)} minutes; see the log of Velero's pod")
    return waiting(f"backup {one.name} is {one.backup.phase}", phase=one.backup.phase)


def _unless_joined_in_vain(look: BackupLook, past: Json) -> Json:
    """A joined one that is proven bad is passed over, as any other: then one of our own is begun."""
    one = next((found for found in look.state.backups if found.uid == past["uid"]), None)
    if not past["joined"] or one is None or one.backup.is_running or outcome(proofs_of(look, one)) != FAILED:
        return past
    return {**past, "uid": "", "name": "", "joined": False, "skipped": [*past["skipped"], f"{one.name}: {_why(look, one)}"]}


def _passed_over(look: BackupLook) -> list[tuple[InstanceBackup, str]]:
    return [(one, _why(look, one)) for one in candidates(look) if one.uid != look.memory["uid"] and outcome(proofs_of(look, one)) == FAILED]


def _why(look: BackupLook, one: InstanceBackup) -> str:
    return "; ".join(reasons(proofs_of(look, one)))


def _verdict(look: BackupLook, decision: Decision, one: Optional[InstanceBackup]) -> str:
    if decision.kind == "settled":
        return "verified"
    if not look.memory["uid"]:
        return {"stuck": "refused", "waiting": "asked" if look.state.sent else "unproven"}.get(decision.kind, "due")
    if one is None:
        return "gone"
    if one.backup.is_running:
        return "stalled" if decision.kind == "stuck" else "running"
    return "unverified" if decision.kind == "stuck" else "unproven"


def _ended_well(one: InstanceBackup, now: float) -> InstanceBackup:
    return replace(one, backup=replace(one.backup, phase="Completed", started=one.backup.started or now, completed=now))


def in_units(size: int) -> str:
    """Such as 1.2 GB."""
    number, unit = float(size), 0
    while number >= 1000 and unit < 4:
        number, unit = number / 1000, unit + 1
    return f"{number:.{0 if unit == 0 else 1}f} {('B', 'kB', 'MB', 'GB', 'TB')[unit]}"
