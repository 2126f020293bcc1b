# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restic repositories of a backup are checked by restic itself: what is due next, and what its words tell of damage. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, act, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import PodVolumeBackup
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import epoch_of

CHECK = "repository_check"
PASSED, FAILED, UNTRIED = "passed", "failed", "untried"
LOCK_LIFE = 1800.0  # s; restic renews a lock every 5 minutes, and calls one that is older than this stale
AGAIN = 10.0  # s until what goes on elsewhere is looked at again
BEGUN, ENDED = "serverops begun", "serverops ended"  # lines of the log, around what restic says
# What restic ends with where something in the repository is not as it must be.
DAMAGE = ("repository contains errors", "LoadIndex returned errors", "ciphertext verification failed", "hash mismatch", "invalid data returned")
# Words of a store that was not reached or refused: then nothing is known of the repository, whatever else is said.
ROAD = re.compile(
    r"connection re|dial tcp|no such host|i/o timeout|timeout exceeded|TLS handshake|x509|Access ?Denied|InvalidAccessKey|SignatureDoesNot"
    r"|ExpiredToken|RequestTimeTooSkewed|SlowDown|Service Unavailable|Internal ?Error|context (canceled|deadline)",
    re.IGNORECASE,
)
SUBSET = re.compile(r"(\d+/\d+|\d+(\.\d+)?%|\d+[kKmMgGtT]?)\Z")
NOISE = ("using temporary cache", "create exclusive lock", "load indexes", "check all packs", "check snapshots, trees", "read ", "repository ", "[", "rclone")


@dataclass(frozen=True)
class Lock:
    """A lock of restic's in a repository."""

    name: str
    exclusive: bool = False
    time: Optional[float] = None
    host: str = ""
    pid: int = 0

    def is_live(self, now: float) -> bool:
        """Young enough that somebody renews it; one that does not say when it was made counts as live."""
        return self.time is None or now - self.time < LOCK_LIFE

    def words(self, now: float) -> str:
        """Such as "lock 5e0f1a2b of PID 7 on node-agent-x, exclusive, 40 minutes old"."""
        kind = ", exclusive" if self.exclusive else ""
        age = f", {int((now - self.time) // 60)} minutes old" if self.time is not None else ""
        return f"lock {self.name[:8]} of PID {self.pid} on {self.host or 'an unknown host'}{kind}{age}"


@dataclass(frozen=True)
class RepositoryCheck:
    """The check of one namespace's repository. `state`: how it ended, of one begun `at`; `locked`: a live lock; `stale`: locks that nobody renews.

    `cannot`: why there is none. `left`: a check that was killed, this or another, left the password behind.
    """

    namespace: str
    going: bool = False
    state: str = ""
    reason: str = ""
    locked: str = ""
    stale: tuple[str, ...] = ()
    cannot: str = ""
    blind: str = ""
    at: str = ""
    left: bool = False


@dataclass(frozen=True)
class TidyStep:
    """Remove the password that checks which were killed left behind."""

    uid: str
    item: str = "backup"

    def describe(self) -> Json:
        return {"step": "tidy", "id": self.item}


@dataclass(frozen=True)
class CheckStep:
    """Begin the check of one namespace's repository."""

    uid: str
    namespace: str = ""
    item: str = "backup"

    def describe(self) -> Json:
        return {"step": "check", "id": self.item}


def checked_subset(text: Optional[str]) -> str:
    """The part of the data that is read. Raises BadInput for what restic does not take."""
    if text and not SUBSET.match(text):
        raise BadInput(f"read_data_subset is {text}; give a share such as 5%, a part such as 1/10, or a size such as 500M")
    return text or ""


# -- what is due -------------------------------------------------------------------------------------------


def check_course(checks: Optional[tuple[RepositoryCheck, ...]], name: str, uid: str) -> Optional[Decision]:
    """What the checks of backup `name` have due, one repository after the other; None where they are over."""
    if checks is None:
        return act(f"the repositories of backup {name} are checked", CheckStep(uid))
    if any(one.left for one in checks):
        return act("a check that was killed left the password of the repositories behind", TidyStep(uid))
    return next((due for one in checks for due in [_due(one, name, uid)] if due), None)


def _due(one: RepositoryCheck, name: str, uid: str) -> Optional[Decision]:
    where = f"the repository of namespace {one.namespace}"
    if one.cannot:
        return stuck(f"the repositories of backup {name} cannot be checked: {one.cannot}")
    if one.blind:
        return waiting(f"the repositories of backup {name} cannot be looked at: {one.blind}", phase="check", recheck=AGAIN, unknown=True)
    if one.going:
        return waiting(f"{where} is checked", phase="check", recheck=AGAIN)
    if one.state == UNTRIED:
        return stuck(f"the check of {where} came to no end: {one.reason}; mend that, and run this again")
    if not one.state and one.locked:
        return waiting(f"{where} is in use: {one.locked}", phase="locked", recheck=AGAIN)
    return None if one.state else act(f"{where} is checked", CheckStep(uid, one.namespace))


def check_begun(checks: Optional[tuple[RepositoryCheck, ...]], step: CheckStep) -> tuple[RepositoryCheck, ...]:
    """After the step, for check mode."""
    return tuple(replace(one, going=True) if one.namespace == step.namespace else one for one in checks or (RepositoryCheck(step.namespace),))


def check_tidied(checks: Optional[tuple[RepositoryCheck, ...]]) -> tuple[RepositoryCheck, ...]:
    """After what was left is removed."""
    return tuple(replace(one, left=False) for one in checks or ())


def check_waited(checks: tuple[RepositoryCheck, ...]) -> tuple[RepositoryCheck, ...]:
    """After what is waited for has gone well."""
    return tuple(replace(one, going=False, state=PASSED, reason="assumed") if one.going else replace(one, locked="", blind="", reason="") for one in checks)


# -- what it says -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What the log tells of the last check: its exit code (None: no end is told), which run it was, when it began, and how the repository stood then."""

    code: Optional[int] = None
    state: str = ""
    run: str = ""
    lines: tuple[str, ...] = ()
    at: str = ""


def said(log: str) -> Optional[Said]:
    """The last check of a log; None where there is none."""
    lines = [line.strip() for line in log.splitlines()]
    first = max((number for number, line in enumerate(lines) if line.startswith(BEGUN)), default=-1)
    rest = lines[first + 1 :]
    marks = [line.split() for line in (*lines[first : first + 1], *rest) if line.startswith((BEGUN, ENDED))]
    if not marks:
        return None
    words = tuple(line for line in rest if line and not line.startswith(ENDED))
    last = marks[-1]
    if last[1] == "ended" and len(last) in (5, 6) and last[2].isdigit():  # logs of before had no time
        return Said(int(last[2]), last[3], last[4], words, "".join(last[5:]))
    return Said(None, "", last[3] if last[1] == "begun" and len(last) in (4, 5) else "", words)


def judged(found: Optional[Said], state: str, run: str) -> tuple[str, str]:
    """How it ended, and why. Empty: it is to be made (again). `state` is how the repository stands now, `run` is ours.

    Errors count only where the repository stands as it did: beside a backup, or a prune, a check without a lock sees what is half.
    """
    if found is None:
        return "", ""
    if found.code is None:
        return (UNTRIED, f"restic was ended from outside{_last(found)}") if found.run == run else ("", "")
    if found.code == 0:
        return PASSED, f"restic found no error{since(found.at)}"
    wrong = _wrong(found)
    if any(map(ROAD.search, wrong)) or not any(word in line for line in wrong for word in DAMAGE):
        return (UNTRIED, f"restic ended with {found.code}{_last(found)}") if found.run == run else ("", "")
    return (FAILED, "; ".join(_shown(wrong))) if found.state == state else ("", "")


def since(at: str) -> str:
    """How old what is known is, in words; empty where no log tells."""
    return f", as it stood at {at}" if at else ""


def forgotten(volumes: Iterable[PodVolumeBackup], names: Iterable[str]) -> tuple[str, ...]:
    """The volumes whose snapshot is not among what the repository has: restic goes through the snapshots that are there, and misses none."""
    there = [name.rpartition("/")[2] for name in names if "/snapshots/" in name]
    gone = [one for one in volumes if one.snapshot and not any(name.startswith(one.snapshot) for name in there)]
    return tuple(f"snapshot {one.snapshot[:8]} of volume {one.pod}/{one.volume} is not in it" for one in gone)


def _wrong(found: Said) -> list[str]:
    """What it complains of in the end; what it tries again is not yet wrong."""
    return [line for line in found.lines if not line.startswith(NOISE) and "retrying after" not in line]


def _shown(lines: Iterable[str]) -> list[str]:
    kept = list(dict.fromkeys(line[:160] for line in lines))
    return [*kept[:5], *([f"and {len(kept) - 5} lines more"] if len(kept) > 5 else [])]


def _last(found: Said) -> str:
    wrong = _wrong(found)
    return f" ({'; '.join(_shown(wrong[-3:]))})" if wrong else ""


def lock_of(name: str, text: str) -> Lock:
    """What `restic cat lock` says; one that cannot be read says nothing of its age."""
    try:
        found: Any = json.loads(text)
        return Lock(name, bool(found["exclusive"]), epoch_of(str(found["time"])), str(found.get("hostname") or ""), int(found.get("pid") or 0))
    except (KeyError, TypeError, ValueError, AttributeError):
        return Lock(name)


def state_of(names: Iterable[str]) -> str:
    """How a repository stands: the names of its indexes and snapshots, as one word. Whatever writes into it changes them."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]


def name_of_check(repository: str, uid: str, subset: str) -> str:
    """The same each time, so that a killed run's is found again; one for each repository, backup and share of the data."""
    return "check-" + hashlib.sha256(f"{repository}\n{uid}\n{subset}".encode()).hexdigest()[:16]
