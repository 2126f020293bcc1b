# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup is restored for trial into a scratch namespace of ours and compared: what is due next, and what the comparison says. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, act, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import PodVolumeBackup, Restore

OWNER = {"serverops.circleci/owner": "serverops.circleci"}
OF = "serverops.circleci/trial-of"  # label: the uid of the backup that is tried
MARK = "serverops.circleci/restored"  # annotation of the Backup: what the trial said
LONGEST = 50  # of 63, the rest is for the parts' names
AGAIN = 10.0  # s until what goes on elsewhere is looked at again
SOON = 1.0  # s, where no watch tells of it and it is a matter of moments
PASSED, FAILED, UNTRIED = "passed", "failed", "untried"


@dataclass(frozen=True)
class Mark:
    """What a trial said. UNTRIED: it came to no end that tells anything of the backup; `run` is whose trial that was."""

    state: str
    reason: str
    volumes: int = 0
    bytes: int = 0
    objects: int = 0
    at: str = ""
    run: str = ""


@dataclass(frozen=True)
class Trial:
    """How far it is. `left`: something of ours is there, `going`: and all of that is on its way out; `stray`: restores without their namespace.

    `mark`: it is over, but for the clearing. `cannot`: why there can be none at all.
    """

    space: bool = False
    begun: bool = False
    ended: bool = False
    left: bool = False
    going: bool = False
    stray: bool = False
    words: str = ""
    verdict: Optional[Mark] = None
    mark: Optional[Mark] = None
    cannot: str = ""
    blind: str = ""


@dataclass(frozen=True)
class TrialStep:
    """One act of a trial: scratch (make the namespace), restore (begin the restores), note (what came of it), clear (remove it all)."""

    what: str
    uid: str
    item: str = "backup"

    def describe(self) -> Json:
        return {"step": self.what, "id": self.item}


def name_of(backup: str, uid: str) -> str:
    """The scratch namespace of a backup: a legal name, the same each time, so that a killed run's is found again."""
    plain = re.sub(r"[^a-z0-9-]+", "-", backup.lower()).strip("-") or "backup"
    tail = hashlib.sha256(f"{backup}/{uid}".encode()).hexdigest()[:8]
    return f"trial-{plain[: LONGEST - 15].strip('-')}-{tail}"


# -- what is due -------------------------------------------------------------------------------------------


def course(trial: Trial, name: str, uid: str, wanted: bool = True) -> Optional[Decision]:
    """What the trial of backup `name` has due; None where it is over, or not wanted and nothing is left of it."""
    if trial.blind or trial.cannot:
        return _hindered(trial, name) if wanted else None
    if trial.mark or trial.stray or not wanted:
        return _clearing(trial, name, uid)
    if trial.going:
        return waiting(f"what is left of a former trial of backup {name} is being removed", phase="clearing", recheck=SOON)
    if not trial.space:
        return act(f"backup {name} is restored for trial", TrialStep("scratch", uid))
    if not trial.begun:
        return act(f"backup {name} is restored for trial", TrialStep("restore", uid))
    if not trial.ended or trial.verdict is None:
        words = f"backup {name} is restored for trial" + (f": {trial.words}" if trial.words else "")
        return waiting(words, phase="trial", recheck=SOON if trial.ended else AGAIN)
    return act(f"the trial of backup {name} {trial.verdict.state}", TrialStep("note", uid))


def _hindered(trial: Trial, name: str) -> Decision:
    if trial.cannot:
        return stuck(f"backup {name} cannot be restored for trial: {trial.cannot}")
    return waiting(f"the trial restore of backup {name} cannot be looked at: {trial.blind}", phase="trial", recheck=AGAIN, unknown=True)


def _clearing(trial: Trial, name: str, uid: str) -> Optional[Decision]:
    if trial.going:
        return waiting(f"the scratch namespace of backup {name} is being removed", phase="clearing", recheck=SOON)
    if trial.left:
        return act(f"what the trial of backup {name} made is removed", TrialStep("clear", uid))
    if trial.mark and trial.mark.state == UNTRIED:
        return stuck(f"backup {name} could not be restored for trial: {trial.mark.reason}; mend that, and run this again")
    return None


# -- for check mode ----------------------------------------------------------------------------------------


def advanced(trial: Trial, step: TrialStep) -> Trial:
    """After the step."""
    if step.what == "scratch":
        return replace(trial, space=True, left=True)
    if step.what == "restore":
        return replace(trial, begun=True)
    if step.what == "note":
        return replace(trial, mark=trial.verdict)
    return replace(trial, going=True)


def waited(trial: Trial) -> Trial:
    """After what is waited for has gone well."""
    if trial.going:
        return replace(trial, space=False, begun=False, ended=False, left=False, going=False)
    return replace(trial, ended=True, verdict=Mark(PASSED, "assumed"))


# -- what it says -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Copy:
    """A volume that is restored (a PodVolumeRestore)."""

    pod: str
    volume: str
    phase: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    snapshot: str = ""


@dataclass(frozen=True)
class Seen:
    """What there is to compare. `held` are the names that the backup has by kind, `there` those of the scratch namespace. `unbound` are claims."""

    restores: tuple[Restore, ...] = ()
    wanted: tuple[PodVolumeBackup, ...] = ()
    copies: tuple[Copy, ...] = ()
    held: Mapping[str, frozenset[str]] = field(default_factory=dict)
    there: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unbound: tuple[str, ...] = ()


def judged(seen: Seen) -> Mark:
    """Failed where the backup is to blame; untried where the restore came to no good end and no volume tells why."""
    bad = [word for one in seen.wanted for word in [_volume(one, seen)] if word]
    failed = any(one.phase == "Failed" for one in seen.copies)
    broken = [_ended(one) for one in seen.restores if one.phase != "Completed" or one.errors]
    if broken and not failed:
        return Mark(UNTRIED, "; ".join(broken))
    gone = {kind: sorted(names - seen.there.get(kind, frozenset())) for kind, names in sorted(seen.held.items())}
    bad += [f"{kind} {', '.join(names)} did not come back" for kind, names in gone.items() if names]
    bad += [f"claim {name} got no volume" for name in seen.unbound]
    volumes, size = len(seen.wanted), sum(one.total for one in seen.copies)
    objects = sum(len(names) for names in seen.held.values())
    if bad:
        return Mark(FAILED, "; ".join(bad), volumes, size, objects)
    return Mark(PASSED, f"{volumes} volumes with {size} bytes and {objects} objects were restored and compared", volumes, size, objects)


def _volume(one: PodVolumeBackup, seen: Seen) -> str:
    """What is wrong with a volume's copy, empty where nothing is."""
    words = f"{one.pod}/{one.volume}"
    copy = next((copy for copy in seen.copies if (copy.pod, copy.volume) == (one.pod, one.volume)), None)
    if copy is None:
        return f"{words} was not restored"
    if copy.phase != "Completed":
        return f"{words} was not restored: {copy.phase or 'New'}" + (f" ({copy.message[:160]})" if copy.message else "")
    if not one.is_back(copy.snapshot, copy.done, copy.total):
        return f"{words} came back with {copy.done} of {one.bytes_total} bytes"
    return ""


def _ended(one: Restore) -> str:
    why = "; ".join((*one.validation_errors, *([one.failure_reason] if one.failure_reason else ())))
    return f"restore {one.meta.name} is {one.phase}" + (f" with {one.errors} errors" if one.errors else "") + f": {why or 'see velero restore logs'}"


# -- the mark -----------------------------------------------------------------------------------------------------


def mark_text(mark: Mark, at: str, run: str) -> str:
    """For the annotation."""
    said = {"state": mark.state, "reason": mark.reason[:400], "volumes": mark.volumes, "bytes": mark.bytes, "objects": mark.objects}
    return json.dumps({**said, "at": at, "run": run}, sort_keys=True)


def mark_of(annotations: Mapping[str, str], run: str = "") -> Optional[Mark]:
    """What a trial left on the Backup. None where there is none that can be read, or where another run's came to no end: it may be tried again."""
    try:
        found: Any = json.loads(annotations.get(MARK) or "null")
        mark = Mark(
            str(found["state"]),
            str(found["reason"]),
            int(found["volumes"]),
            int(found["bytes"]),
            int(found["objects"]),
            str(found["at"]),
            str(found.get("run") or ""),
        )
    except (KeyError, TypeError, ValueError):
        return None
    if mark.state not in (PASSED, FAILED):
        return mark if mark.state == UNTRIED and run and mark.run == run else None
    return mark


def mark_view(mark: Optional[Mark]) -> Optional[Json]:
    """For the result."""
    return {"at": mark.at or None, "volumes": mark.volumes, "bytes": mark.bytes, "objects": mark.objects} if mark and mark.state == PASSED else None
