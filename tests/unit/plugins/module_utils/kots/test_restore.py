# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is due in every state of a restore: a table of plain values, no lab."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.kots import restore
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import FAILED, PASSED, UNKNOWN_GATE, Gate
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_course import lost_volumes
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import (
    Console,
    Mark,
    PodState,
    RestoreSpec,
    RestoreState,
    VolumeRestore,
)
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Backup, Meta, PodVolumeBackup, Restore

NAME, NOW = "instance-a", 10_000.0
SPEC = RestoreSpec(NAME)
BACKUP = InstanceBackup(Backup(Meta(NAME, uid="b", created=100.0), "Completed", started=100.0, completed=160.0), sequences={"circleci-server": 4})
MARK = Mark(NAME, since=NOW - 100, run="r", place="here", folder="/logs")
OPEN = (Gate("location", PASSED, "fine"),)
UP = Console(there=True, ready=True)
KEPT = Console(there=True, ready=True, saved=True)
GONE = Console(there=False, saved=True)
VOLUME = PodVolumeBackup(Meta("v"), NAME, "Completed", pod_namespace="ns", pod="postgresql-0", volume="data", snapshot="s", bytes_total=10)
BACK = VolumeRestore(f"{NAME}.circleci-server", "ns", "postgresql-0", "data", "Completed", 10, 10, restore_uid=f"uid of {NAME}.circleci-server")


def part(name: str, phase: str = "Completed", created: float = NOW - 50, **more: Any) -> Restore:
    backup = more.pop("backup", NAME)
    deleting = more.pop("deleting", None)
    uid = more.pop("uid", f"uid of {backup}.{name}")
    return Restore(Meta(f"{backup}.{name}", uid=uid, created=created, deleting=deleting), backup, phase=phase, started=created, **more)


BOTH = (part("kotsadm"), part("circleci-server"))
NAMELESS = (part("kotsadm", uid=""), part("circleci-server", uid=""))
FRESH = RestoreState(NOW, BACKUP, True, (NAME,), console=UP, gates=OPEN, wanted=(VOLUME,), running=True, installed=True)
BEGUN = replace(FRESH, mark=MARK, console=KEPT)
OTHERS = replace(KEPT, since="1970-01-01T00:00:07Z")  # kept for a restore of another time
DONE = replace(FRESH, restores=BOTH, volumes=(BACK,))

# title, state, kind of decision, steps or a word of the reason
TABLE: list[tuple[str, RestoreState, str, str]] = [
    ("nothing was begun", FRESH, "steps", "mark"),
    ("a kept console and one that is not ready", replace(FRESH, console=Console(True, False, True)), "steps", "mark"),
    ("a new cluster", replace(FRESH, console=Console(), installed=False), "steps", "mark"),
    ("a gate failed", replace(FRESH, gates=(Gate("x", FAILED, "no store", "mend it"),)), "stuck", "no store (mend it)"),
    ("a gate is unknown", replace(FRESH, gates=(Gate("proofs", UNKNOWN_GATE, "the store is away"),)), "waiting", "the store is away"),
    ("an unknown version", replace(FRESH, gates=(Gate("versions", UNKNOWN_GATE, "not noted"),)), "steps", "mark"),
    ("gates were not read", replace(FRESH, gates=None), "waiting", "not been looked at"),
    ("no backup, yet", replace(FRESH, backup=None, is_there=False), "waiting", "once a minute"),
    ("no backup of ours", replace(FRESH, backup=None), "stuck", "none of a whole installation"),
    ("restored by hand", replace(FRESH, restores=(part("kotsadm", "InProgress"),)), "waiting", "begun by somebody else"),
    ("another backup is restored", replace(FRESH, restores=(part("kotsadm", "InProgress", backup="instance-b"),)), "stuck", "another backup"),
    ("another backup was begun by us, here", replace(FRESH, mark=replace(MARK, backup="instance-b"), program=True), "stuck", "instance-b"),
    ("another backup was begun by us and died", replace(FRESH, mark=replace(MARK, backup="instance-b")), "steps", "mark"),
    ("a mark of somebody else", replace(FRESH, mark=replace(MARK, owner="they")), "stuck", "they restores"),
    ("the mark stands", BEGUN, "steps", "restore"),
    ("nothing is kept", replace(BEGUN, console=UP), "steps", "save_console"),
    ("nothing is kept, and the console is not ready", replace(BEGUN, console=Console(True)), "steps", "save_console"),
    ("what is kept is another restore's", replace(BEGUN, console=OTHERS), "steps", "save_console"),
    ("what is kept is another restore's, and the console is not ready", replace(BEGUN, console=replace(OTHERS, ready=False)), "steps", "restore"),
    ("what is kept is this restore's", replace(BEGUN, console=replace(KEPT, since="1970-01-01T02:45:00Z")), "steps", "restore"),
    ("nothing is kept, and there is no console", replace(BEGUN, console=Console()), "steps", "restore"),
    ("old Restores lie in the way", replace(BEGUN, restores=(part("kotsadm", created=NOW - 900),)), "steps", "clear_restores"),
    ("they are being deleted", replace(BEGUN, restores=(part("kotsadm", created=NOW - 900, deleting=NOW - 1),)), "waiting", "being deleted"),
    ("the CLI runs", replace(BEGUN, program=True), "waiting", "no Restore of the console yet"),
    ("the CLI runs elsewhere", replace(BEGUN, program=None), "waiting", "elsewhere"),
    ("the CLI ran elsewhere, long ago", replace(BEGUN, program=None, mark=replace(MARK, since=NOW - 1000)), "steps", "restore"),
    ("it ended with nothing, console there", replace(BEGUN, sent=("restore",), said="no rights"), "stuck", "no rights"),
    ("it ended with nothing, console gone", replace(BEGUN, sent=("restore",), console=GONE), "steps", "put_console_back"),
    ("console gone, nothing lives", replace(BEGUN, console=GONE), "steps", "restore"),
    ("console gone, and the store too", replace(BEGUN, console=GONE, gates=(Gate("x", FAILED, "no store"),)), "steps", "put_console_back"),
    ("the console is restored now", replace(BEGUN, restores=(part("kotsadm", "InProgress"),), program=True, console=GONE), "waiting", "InProgress"),
    ("an unheard-of phase", replace(BEGUN, restores=(part("kotsadm", "Polishing"),)), "waiting", "Polishing"),
    ("Velero is dead", replace(BEGUN, restores=(part("kotsadm", "InProgress"),), velero="no pod of Velero is ready"), "waiting", "no pod of Velero"),
    ("Velero began anew", replace(BEGUN, restores=(part("kotsadm", "InProgress"),), server_started=NOW - 5), "steps", "clear_restores"),
    ("and our CLI waits for it", replace(BEGUN, restores=(part("kotsadm", "InProgress"),), server_started=NOW - 5, program=True), "steps", "end_program"),
    ("the console's Restore failed, ours", replace(BEGUN, restores=(part("kotsadm", "Failed"),), sent=("restore",)), "stuck", "is Failed"),
    ("the same, console gone", replace(BEGUN, restores=(part("kotsadm", "Failed"),), sent=("restore",), console=GONE), "steps", "put_console_back"),
    ("it failed in an earlier run", replace(BEGUN, restores=(part("kotsadm", "Failed"),)), "steps", "clear_restores"),
    ("Completed with errors", replace(BEGUN, restores=(part("kotsadm", errors=2),), sent=("restore",)), "stuck", "2 errors"),
    ("console back, not ready", replace(BEGUN, restores=BOTH[:1], console=Console(True)), "waiting", "not ready yet"),
    ("console back, the CLI goes on", replace(BEGUN, restores=BOTH[:1], program=True), "waiting", "taken down"),
    ("console back, the CLI died just now", replace(BEGUN, restores=BOTH[:1]), "waiting", "may still take"),
    ("console back, the CLI died long ago", replace(BEGUN, restores=BOTH[:1], rested=True), "steps", "restore_apps"),
    ("console restored and deleted again", replace(BEGUN, restores=BOTH[:1], console=GONE), "steps", "clear_restores"),
    ("an app failed", replace(BEGUN, restores=(BOTH[0], part("circleci-server", "PartiallyFailed", errors=1)), sent=("restore",)), "stuck", "PartiallyFailed"),
    ("all restored, the mark stands", replace(DONE, mark=MARK), "steps", "close"),
    ("all restored, something is kept", replace(DONE, console=replace(UP, saved=True)), "steps", "close"),
    ("all restored", DONE, "settled", "last one restored"),
    ("a pod is not ready", replace(DONE, pods=(PodState("frontend-1", "CrashLoopBackOff"),)), "waiting", "frontend-1 (CrashLoopBackOff)"),
    ("Vault is sealed", replace(DONE, pods=(PodState("vault-0", "Vault is sealed", True),)), "waiting", "vault-0"),
    ("a volume is missing", replace(DONE, volumes=()), "stuck", "ns/postgresql-0/data"),
    ("a volume is missing, an earlier run's", replace(DONE, volumes=(), mark=MARK), "steps", "clear_restores"),
    ("a volume is missing, this run's", replace(DONE, volumes=(), mark=MARK, sent=("restore",)), "stuck", "delete instance-a.kotsadm"),
    ("a volume is not whole", replace(DONE, volumes=(replace(BACK, done=4),)), "stuck", "ns/postgresql-0/data"),
    ("a volume has fewer bytes than the backup", replace(DONE, volumes=(replace(BACK, done=4, total=4),)), "stuck", "ns/postgresql-0/data"),
    ("a volume tells no bytes", replace(DONE, volumes=(replace(BACK, done=None, total=None),)), "stuck", "ns/postgresql-0/data"),
    ("a volume came back with another backup", replace(DONE, volumes=(replace(BACK, restore_uid="uid of instance-b.x"),)), "stuck", "ns/postgresql-0/data"),
    ("a volume came back with a Restore that is gone", replace(DONE, volumes=(replace(BACK, restore_uid="of before"),)), "stuck", "ns/postgresql-0/data"),
    ("a volume that nobody owns", replace(DONE, restores=NAMELESS, volumes=(replace(BACK, restore_uid=""),)), "stuck", "ns/postgresql-0/data"),
    ("one volume twice, once whole", replace(DONE, volumes=(replace(BACK, done=4), BACK, replace(BACK, done=4))), "settled", "whole"),
    ("a volume that was empty", replace(DONE, volumes=(), wanted=(replace(VOLUME, snapshot=""),)), "settled", "whole"),
    ("another one was restored since", replace(DONE, restores=(*BOTH, part("kotsadm", created=NOW - 10, backup="instance-b"))), "steps", "mark"),
    ("all was lost since", replace(DONE, running=False, installed=False, console=Console()), "steps", "mark"),
    ("all was scaled to nothing since", replace(DONE, running=False), "waiting", "have not come yet"),
]


def look(state: RestoreState, spec: RestoreSpec = SPEC, **more: Any) -> Any:
    made: Any = Look(spec, state, **more)
    return replace(made, memory=restore.remember(made))


@pytest.mark.parametrize(("state", "kind", "words"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_due(state: RestoreState, kind: str, words: str) -> None:
    found = restore.decide(look(state))["restore"]
    assert found.kind == kind, found.reason
    if kind == "steps":
        assert [step.name for step in found.steps] == words.split()
    else:
        assert words in found.reason


@pytest.mark.parametrize(("state", "kind"), [(row[1], row[2]) for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_state_has_a_view_words_and_a_way_on(state: RestoreState, kind: str) -> None:
    """What check mode imagines is another state each time, and never the same one twice."""
    here = look(state)
    decisions = restore.decide(here)
    shown = restore.view(here, decisions)
    assert shown["reason"] and restore.progress(here, decisions) and shown["restored"] == (kind == "settled")
    for step in decisions["restore"].steps:
        after = restore.effect(here.state, step)
        assert after != here.state
        here = replace(here, state=after)
    if kind == "waiting" and not decisions["restore"].unknown:
        assert restore.assume(here, "restore") != here.state


def test_take_over_takes_what_is_somebody_elses() -> None:
    state = replace(BEGUN, mark=replace(MARK, owner="they"), program=None)
    assert [step.name for step in restore.decide(look(state, replace(SPEC, take_over=True)))["restore"].steps] == ["restore"]


def test_storage_is_mapped_before_the_start_and_once() -> None:
    spec = replace(SPEC, storage_classes={"gp2": "gp3"})
    assert [step.name for step in restore.decide(look(BEGUN, spec))["restore"].steps] == ["map_storage"], "alone: if it is refused, nothing may follow"
    assert [step.name for step in restore.decide(look(replace(BEGUN, mapped=True), spec))["restore"].steps] == ["restore"]


def test_time_ends_what_a_person_must_end() -> None:
    sealed = replace(DONE, pods=(PodState("vault-0", "Vault is sealed", True),))
    assert restore.decide(look(sealed, phases={"restore": 301.0}))["restore"].kind == "stuck"
    nowhere = replace(FRESH, backup=None, is_there=False)
    assert restore.decide(look(nowhere, waited={"restore": 151.0}))["restore"].kind == "stuck"
    hanging = replace(BEGUN, restores=(part("kotsadm", "Failed"),), program=True)
    assert restore.decide(look(hanging))["restore"].kind == "waiting"
    assert [step.name for step in restore.decide(look(hanging, phases={"restore": 61.0}))["restore"].steps] == ["end_program"]


def test_progress_tells_bytes() -> None:
    ours = replace(BACK, restore_uid=f"uid of {NAME}.kotsadm", done=4)
    volumes = (ours, replace(BACK, restore=ours.restore, restore_uid="of another"))
    here = look(replace(BEGUN, restores=(part("kotsadm", "InProgress", items=3, total_items=9),), volumes=volumes))
    assert restore.progress(here, restore.decide(here)) == f"{NAME}.kotsadm: InProgress, 3 of 9 items, 4 B of 10 B"


def test_an_order_names_the_very_objects_that_were_seen() -> None:
    """What took a name meanwhile is not deleted, and what was decided beside one mark is not done beside another."""
    old = replace(BEGUN, restores=(part("kotsadm", created=NOW - 900, uid="u1"),), mark=replace(MARK, version="7"))
    (clear,) = restore.decide(look(old))["restore"].steps
    assert clear.restores == ((f"{NAME}.kotsadm", "u1"),)
    assert clear.describe() == {"step": "clear_restores", "id": "restore", "restores": [f"{NAME}.kotsadm"]}
    anew = replace(old, restores=(part("kotsadm", created=NOW - 900, uid="u2"),))
    assert restore.effect(anew, clear) == anew
    (mark,) = restore.decide(look(replace(FRESH, mark=replace(MARK, backup="instance-b", version="6"))))["restore"].steps
    assert (mark.mark.version, mark.mark.run) == ("6", ""), "the place of the one that was seen is taken, and of no other"
    for state in (replace(BEGUN, mark=old.mark), replace(BEGUN, mark=old.mark, console=UP), replace(DONE, mark=old.mark)):
        (step,) = restore.decide(look(state))["restore"].steps
        assert step.mark == old.mark


def test_what_is_not_whole_is_said_after_a_second_look() -> None:
    found = restore.decide(look(replace(DONE, volumes=())))["restore"]
    assert (found.kind, found.confirm) == ("stuck", 1.0)


def test_check_mode_thinks_of_volumes_of_these_restores_alone() -> None:
    here = look(replace(BEGUN, restores=(part("kotsadm", "InProgress"),), volumes=(replace(BACK, restore_uid="of another"),), mark=MARK))
    assert lost_volumes(replace(here, state=restore.assume(here, "restore"))) == []


def test_out_of_sight_is_unknown() -> None:
    assert restore.out_of_sight({"verdict": "restoring", "restored": False})["verdict"] == "unknown"
    assert restore.out_of_sight({"verdict": "restored", "restored": True}) == {"verdict": "unknown", "restored": False}
    assert restore.out_of_sight({"verdict": "refused"})["verdict"] == "refused"
