# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole installation is backed up and the backup proven: a young proven one is taken, one that runs is joined, else one is begun, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial import TrialStep, advanced, waited
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_view import backup_view
from ansible_collections.serverops.circleci.plugins.module_utils.kots.choice import (
    BackupLook,
    BackupState,
    candidates,
    checks_of,
    is_stalled,
    named,
    on_trial,
    ours,
    proofs_of,
    settled_choice,
    subject,
    to_join,
    trial_of,
    with_checks,
    with_trial,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import blind_gates, failures, gates_view
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import FAILED, PASSED, outcome, reasons
from ansible_collections.serverops.circleci.plugins.module_utils.kots.repository_check import (
    CHECK,
    CheckStep,
    TidyStep,
    check_begun,
    check_tidied,
    check_waited,
)
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Backup, Meta

ITEM = "backup"
IMAGINED = "imagined"
ASKED = 60.0  # s in which a backup that was asked for must show
SILENT = 3600.0  # s without progress after which a running one is taken for stalled; Velero tells bytes every ten seconds
ANEW = "if its pod was OOMKilled, give it more memory; delete that backup, and run this again"
AGAIN = 10.0  # s until what could not be read is tried again


@dataclass(frozen=True)
class StartBackup:
    """Ask kotsadm for a backup of the whole installation."""

    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "backup", "id": ITEM}


# -- the kernel's questions --------------------------------------------------------------------------------


def refusals(look: BackupLook) -> list[str]:
    """Why none can be begun, where one would have to be."""
    begins = not look.memory["uid"] and not look.spec.backup
    return obstacles(look) if begins and settled_choice(look) is None and not look.state.sent else []


def decide(look: BackupLook) -> dict[str, Decision]:
    """What is due now."""
    return {ITEM: _followed(look) if look.memory["uid"] else _unfollowed(look)}


def effect(state: BackupState, step: Any) -> BackupState:
    """One more runs, or a trial is a step further."""
    if isinstance(step, TrialStep):
        return with_trial(state, step.uid, advanced(trial_of(state, step.uid), step))
    if isinstance(step, CheckStep):
        return with_checks(state, step.uid, check_begun(checks_of(state, step.uid), step))
    if isinstance(step, TidyStep):
        return with_checks(state, step.uid, check_tidied(checks_of(state, step.uid)))
    meta = Meta("(new)", uid=IMAGINED, created=state.now)
    made = InstanceBackup(Backup(meta, "InProgress", started=state.now), "manual")
    return replace(state, backups=(*state.backups, made), sent=True)


def assume(look: BackupLook, _item: str) -> BackupState:
    """The one that is waited for has ended well, and is proven; or its trial has."""
    uid, state = look.memory["uid"], look.state
    found = on_trial(look)
    if found and found[1].phase in ("check", "locked"):
        return with_checks(state, found[0].uid, check_waited(checks_of(state, found[0].uid) or ()))
    if found:
        return with_trial(state, found[0].uid, waited(trial_of(state, found[0].uid)))
    if not uid:
        return effect(state, StartBackup())
    ended = tuple(_ended_well(one, state.now) if one.uid == uid else one for one in state.backups)
    return replace(state, backups=ended, sure=state.sure | {uid})


def remember(look: BackupLook) -> Json:
    """When this task began, which backups were there then, and which one it follows."""
    state = look.state
    past = look.memory or {"began": state.now, "known": [one.uid for one in state.backups], "uid": "", "name": "", "joined": False, "skipped": [], "gates": []}
    if state.gates is not None:
        past = {**past, "gates": gates_view(state.gates)}
    if past["uid"]:
        return past if look.spec.backup else _unless_joined_in_vain(look, past)
    asked = named(look)
    if asked:
        return {**past, "uid": asked.uid, "name": asked.name, "joined": asked.backup.is_running}
    if not state.sent:  # later slices prove them no more
        past = {**past, "skipped": _with_passed_over(look, past["skipped"])}
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
        "reused": decision.kind == "settled" and (not look.memory["uid"] or bool(look.spec.backup and not look.memory["joined"])),
        "reason": decision.reason,
        "passed_over": look.memory["skipped"],
        "stalled": [found.name for found in look.state.backups if is_stalled(found, look.state)],
        "stale_locks": [lock for check in (checks_of(look.state, one.uid) if one else None) or () for lock in check.stale],
        "gates": look.memory["gates"],
        "waited": round(look.waited.get(ITEM, 0.0), 1),
    }


def obstacles(look: BackupLook) -> list[str]:
    """What forbids to begin one now."""
    state = look.state
    running = [one for one in state.backups if one.backup.is_running and not is_stalled(one, state)]
    remedy = "wait for its end" if look.spec.max_age is not None else "give max_age to join it, or wait for its end"
    busy = [f"backup {one.name} runs already, begun {int(state.now - one.begun)} s ago; {remedy}" for one in running]
    return [*busy, *failures(state.gates or ()), *([state.hindered] if state.hindered else [])]


# -- decisions ---------------------------------------------------------------------------------------------------


def _unfollowed(look: BackupLook) -> Decision:
    if look.spec.backup:
        listed = ", ".join(sorted(one.name for one in look.state.backups)[-10:]) or "none"
        return stuck(f"there is no backup {look.spec.backup} of this installation; there are: {listed}")
    chosen, trial = settled_choice(look), on_trial(look)
    if trial:
        return trial[1]
    if chosen and chosen[1] == PASSED:
        return settled(f"backup {chosen[0].name} is proven, and younger than {look.spec.max_age:g} s{_gone_through(look, chosen[0])}")
    if look.state.sent:
        if look.phases.get(ITEM, 0.0) > ASKED:
            return stuck(f"kotsadm was asked for a backup, but none has shown within {ASKED:g} s; see the log of the pod kotsadm, then run this again")
        return waiting("kotsadm was asked for a backup, which has not shown yet", phase="asked", recheck=5.0)
    if chosen:
        return waiting(f"backup {chosen[0].name} is young enough, but cannot be proven now: {_why(look, chosen[0])}", recheck=AGAIN, unknown=True)
    why, unseen = obstacles(look), blind_gates(look.state.gates or ())
    if unseen and not why:
        return waiting("; ".join(unseen), phase="unseen", recheck=AGAIN, unknown=True)
    return stuck("; ".join(why)) if why else act("no proven backup is young enough" if look.spec.max_age else "a backup is asked for", StartBackup())


def _followed(look: BackupLook) -> Decision:
    one, name = subject(look), look.memory["name"]
    if one is None:
        again = any(found.name == name for found in look.state.backups)
        what = "is another object now, of another uid" if again else "has vanished while this task followed it"
        return stuck(f"backup {name} {what}; see who deletes backups, and whether the bucket was emptied or exchanged", confirm=1.0)
    if one.backup.is_running:
        return _running(look, one)
    trial = on_trial(look)
    if trial:
        return trial[1]
    result = outcome(proofs_of(look, one))
    if result == PASSED:
        return settled(f"backup {name} is proven{_gone_through(look, one)}")
    if result == FAILED:
        return stuck(f"backup {name} is not proven: {_why(look, one)}")
    return waiting(f"backup {name} has ended, but cannot be proven yet: {_why(look, one)}", phase="proving", recheck=AGAIN, unknown=True)


def _running(look: BackupLook, one: InstanceBackup) -> Decision:
    if is_stalled(one, look.state):
        return stuck(f"backup {one.name} is {one.backup.phase}, but Velero's pod began anew since: nobody works on it any more; {ANEW}")
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


def _with_passed_over(look: BackupLook, before: list[str]) -> list[str]:
    """What was passed over so far, and the young ones that are proven bad now."""
    bad = {one.name: f"{one.name}: {_why(look, one)}" for one in candidates(look) if outcome(proofs_of(look, one)) == FAILED}
    return [*(entry for entry in before if entry.partition(":")[0] not in bad), *bad.values()]


def _why(look: BackupLook, one: InstanceBackup) -> str:
    return "; ".join(reasons(proofs_of(look, one)))


def _gone_through(look: BackupLook, one: InstanceBackup) -> str:
    """Of when the check by restic is: its pass is kept, and may be older than this task."""
    return f"; {proofs_of(look, one)[CHECK].reason}" if CHECK in look.spec.required_proofs else ""


def _verdict(look: BackupLook, decision: Decision, one: Optional[InstanceBackup]) -> str:
    if decision.kind == "settled":
        return "verified"
    if not look.memory["uid"]:
        if on_trial(look):
            return "unproven"
        waited_for = "asked" if look.state.sent else "unproven" if settled_choice(look) else "unknown"
        return {"stuck": "refused", "waiting": waited_for}.get(decision.kind, "due")
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
