# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of a backup's repositories: what restic's words mean, what is due when, and when it may not be begun. The words are those of restic 0.14."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.kots import backup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.choice import backup_spec
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import check_proof
from ansible_collections.serverops.circleci.plugins.module_utils.kots.repository_check import (
    CHECK,
    CheckStep,
    RepositoryCheck,
    TidyStep,
    forgotten,
    judged,
    lock_of,
    name_of_check,
    said,
    state_of,
)
from unit.plugins.module_utils.kots.values import NAMESPACE, NOW, evidence, following, instance, look, state, volume

ASKED = ("phase", "volumes", "files", CHECK)
ONE = RepositoryCheck(NAMESPACE)
PACK = "a505cb08c655d04f6bb15f0d885191365e04a6ea9055b164964a9fb8b4c57d4c"
FINE = "load indexes\ncheck all packs\ncheck snapshots, trees and blobs\n[0:00] 100.00%  1 / 1 snapshots\n\nno errors were found\n"
RETRY = "Load(<data/b4d1ba367d>, 247, 747) returned error, retrying after 1.5s: dial tcp 127.0.0.1:1: connect: connection refused\n"


def log(text: str, code: Optional[int] = 1, stood: str = "s1", run: str = "r1") -> str:
    end = f"\nserverops ended {code} {stood} {run}\n" if code is not None else ""
    return f"serverops begun {stood} {run}\nload indexes\n{text}{end}"


ERRORS = "Fatal: repository contains errors\n"


@pytest.mark.parametrize(
    ("text", "verdict", "words"),
    [
        ("", "", ""),
        (log(FINE, 0), "passed", "no error"),
        (log(RETRY + FINE, 0), "passed", "no error"),
        (log(f"pack {PACK}: does not exist\n{ERRORS}"), "failed", f"pack {PACK}: does not exist"),
        (log(f"pack {PACK}: unexpected file size: got 300117, expected 300127\n{ERRORS}"), "failed", "unexpected file size"),
        (log(f"{RETRY}pack {PACK}: does not exist\n{ERRORS}"), "failed", "does not exist"),
        (log(f"error for tree ad37076e:\n  ReadFull(<data/b4d1>): dial tcp: connection refused\n{ERRORS}"), "untried", "connection refused"),
        (log("Fatal: wrong password or no key found\n"), "untried", "wrong password"),
        (log("Fatal: unable to open config file: Stat: Access Denied.\n"), "untried", "Access Denied"),
        (log("", None), "untried", "ended from outside"),
        (log("", None, run="another"), "", ""),
        (log("Fatal: wrong password or no key found\n", run="another"), "", ""),
        (log(f"pack {PACK}: does not exist\n{ERRORS}", run="another"), "failed", "does not exist"),
        (log(f"pack {PACK}: does not exist\n{ERRORS}", stood="s0"), "", ""),
        (log(FINE, 0) + log("", None), "untried", "ended from outside"),
        (log("", None) + log(FINE, 0), "passed", "no error"),
        (f"pack {PACK}: does not exist\n{ERRORS}\nserverops ended 1 s1 r1\n", "failed", "does not exist"),
        ("serverops ended what\n", "", ""),
    ],
)
def test_what_the_log_of_restic_means(text: str, verdict: str, words: str) -> None:
    found, reason = judged(said(text), "s1", "r1")
    assert found == verdict and words in reason


def test_a_pass_says_of_when_it_is() -> None:
    whole = f"serverops begun s1 r1 2026-11-22T03:10:00Z\n{FINE}\nserverops ended 0 s1 r1 2026-11-22T03:10:00Z\n"
    assert judged(said(whole), "s2", "r2") == ("passed", "restic found no error, as it stood at 2026-11-22T03:10:00Z")
    assert judged(said("serverops begun s1 r1 2026-11-22T03:10:00Z\n"), "s1", "r1")[0] == "untried"
    ends = (replace(ONE, state="passed", at="2026-11-22T03:10:00Z"), replace(ONE, state="passed", at="2026-11-20T03:10:00Z"))
    assert check_proof(ends).reason.endswith("in 2 of 2 repositories, as it stood at 2026-11-20T03:10:00Z")


def test_a_volume_whose_snapshot_is_gone_is_named() -> None:
    there = [f"restic/{NAMESPACE}/index/5e0f1a2b77", f"restic/{NAMESPACE}/snapshots/ab12cd34{'0' * 56}"]
    assert forgotten((volume(snapshotID="ab12cd34"), volume()), there) == ()
    assert forgotten((volume(snapshotID="5e0f1a2b"),), there) == ("snapshot 5e0f1a2b of volume postgresql-0/data is not in it",)


def test_many_errors_are_counted_and_not_all_shown() -> None:
    lines = "".join(f"pack {number}: does not exist\n" for number in range(40))
    assert judged(said(log(lines + ERRORS)), "s1", "r1")[1].endswith("and 36 lines more")


LOCK = '{"time":"2026-11-23T11:50:00.123456789Z","exclusive":true,"hostname":"node-agent-x","username":"root","pid":7}'


@pytest.mark.parametrize(
    ("text", "live", "words"), [(LOCK, True, "PID 7 on node-agent-x, exclusive, 9 minutes old"), ("", True, "an unknown host"), ("[]", True, "")]
)
def test_a_lock_is_live_while_somebody_renews_it_and_when_nobody_can_tell(text: str, live: bool, words: str) -> None:
    found = lock_of("5e0f1a2b3c", text)
    assert found.is_live(NOW) == live and words in found.words(NOW)


def test_a_lock_that_nobody_renews_is_stale() -> None:
    found = lock_of("5e0f1a2b3c", LOCK)
    assert found.is_live(NOW + 1190) and not found.is_live(NOW + 1210) and found.words(NOW).startswith("lock 5e0f1a2b of PID 7")


@pytest.mark.parametrize(
    ("check", "kind", "proof", "words"),
    [
        (ONE, "steps", "unknown", "is checked"),
        (replace(ONE, going=True), "waiting", "unknown", "is checked"),
        (replace(ONE, locked="lock 5e0f of PID 7"), "waiting", "unknown", "in use: lock 5e0f of PID 7"),
        (replace(ONE, stale=("lock 5e0f of PID 7",)), "steps", "unknown", "is checked"),
        (replace(ONE, blind="refused (403)"), "waiting", "unknown", "refused (403)"),
        (replace(ONE, cannot="not made: Kopia repositories have no such check here"), "stuck", "unknown", "Kopia"),
        (replace(ONE, state="untried", reason="wrong password"), "stuck", "unknown", "wrong password"),
        (replace(ONE, state="failed", reason="pack x: does not exist"), "stuck", "failed", "damaged: pack x: does not exist"),
        (replace(ONE, state="passed", reason="fine", locked="lock of a backup of now"), "settled", "passed", "proven"),
    ],
)
def test_what_is_due(check: RepositoryCheck, kind: str, proof: str, words: str) -> None:
    shown = look(state(instance(), seen={"instance-a": evidence(checks=(check,))}), following(), required_proofs=ASKED)
    decision = backup.decide(shown)[backup.ITEM]
    found = backup.view(shown, {backup.ITEM: decision})
    assert (decision.kind, found["backup"]["proofs"][CHECK]) == (kind, proof) and words in decision.reason
    assert found["verified"] == (proof == "passed") and found["stale_locks"] == list(check.stale)


def test_one_repository_after_the_other_and_the_trial_last() -> None:
    both = (replace(ONE, state="passed"), RepositoryCheck("other"))
    for checks, step in ((both, ("check", "other")), ((both[0],), ("scratch", ""))):
        shown = look(state(instance(), seen={"instance-a": evidence(checks=checks)}), following(), required_proofs=(*ASKED, "restored"))
        due: Any = backup.decide(shown)[backup.ITEM].steps[0]
        assert (due.describe()["step"], getattr(due, "namespace", "")) == step


@pytest.mark.parametrize("check", [ONE, replace(ONE, state="untried", reason="killed"), replace(ONE, cannot="no restic"), replace(ONE, locked="lock 5e0f")])
def test_a_password_that_was_left_is_removed_before_all_else(check: RepositoryCheck) -> None:
    shown = look(state(instance(), seen={"instance-a": evidence(checks=(replace(check, left=True),))}), following(), required_proofs=ASKED)
    (due,) = backup.decide(shown)[backup.ITEM].steps
    assert due == TidyStep("uid-instance-a") and due.describe()["step"] == "tidy"
    after = replace(shown, state=backup.effect(shown.state, due))
    assert TidyStep("uid-instance-a") not in backup.decide(after)[backup.ITEM].steps


def test_a_proven_one_tells_of_when_its_check_is() -> None:
    passed = replace(ONE, state="passed", at="2026-11-22T03:10:00Z")
    shown = look(state(instance(), seen={"instance-a": evidence(checks=(passed,))}), following(), required_proofs=ASKED)
    assert backup.decide(shown)[backup.ITEM].reason.endswith("as it stood at 2026-11-22T03:10:00Z")


def test_nothing_is_checked_of_what_is_proven_bad_or_not_over() -> None:
    for one, seen in ((instance("instance-a", "PartiallyFailed"), evidence()), (instance(), evidence(volumes=(volume(phase="Failed"),)))):
        shown = look(state(one, seen={"instance-a": seen}), following(), required_proofs=ASKED)
        assert backup.decide(shown)[backup.ITEM].kind == "stuck"
    running = look(state(instance("instance-a", "InProgress")), following(), required_proofs=ASKED)
    assert backup.decide(running)[backup.ITEM].kind == "waiting"


def test_without_restic_none_is_begun_and_the_reason_is_told() -> None:
    shown = look(state(hindered="restic is not on PATH where this module runs"), required_proofs=ASKED)
    assert backup.refusals(shown) == ["restic is not on PATH where this module runs"]
    assert backup.decide(shown)[backup.ITEM].kind == "stuck"


def test_a_joined_one_whose_repository_is_damaged_is_passed_over() -> None:
    damaged = evidence(checks=(replace(ONE, state="failed", reason="pack x: does not exist"),))
    shown = look(state(instance(), seen={"instance-a": damaged}), max_age=3600.0, required_proofs=ASKED)
    assert "pack x: does not exist" in shown.memory["skipped"][0] and backup.decide(shown)[backup.ITEM].steps[0].describe()["step"] == "backup"


def test_check_mode_imagines_it_to_go_well() -> None:
    shown = look(state(instance(), seen={"instance-a": evidence()}), following(), required_proofs=ASKED)
    begun = replace(shown, state=backup.effect(shown.state, CheckStep("uid-instance-a", NAMESPACE)))
    assert backup.decide(begun)[backup.ITEM].phase == "check"
    over = replace(begun, state=backup.assume(begun, backup.ITEM))
    assert backup.decide(over)[backup.ITEM].kind == "settled"


@pytest.mark.parametrize("text", ["5", "500M", "5%", "2.5%", "1/10"])
def test_shares_that_restic_takes(text: str) -> None:
    assert backup_spec({"required_proofs": list(ASKED), "restic_program": "restic", "read_data_subset": text}).read_data_subset == text


@pytest.mark.parametrize("text", ["all", "5 %", "-1", "1/10; rm", "5%\n"])
def test_shares_that_it_does_not_take_are_refused_by_name(text: str) -> None:
    with pytest.raises(BadInput, match="read_data_subset is"):
        backup_spec({"required_proofs": list(ASKED), "restic_program": "restic", "read_data_subset": text})


def test_who_lists_backups_cannot_ask_for_it() -> None:
    with pytest.raises(BadInput, match="required_proofs names repository_check"):
        backup_spec({"required_proofs": list(ASKED)})


def test_a_check_has_one_name_for_each_repository_backup_and_share() -> None:
    names = {name_of_check(url, uid, part) for url in ("s3:a", "s3:b") for uid in ("u1", "u2") for part in ("", "5%")}
    assert len(names) == 8 and state_of(["a", "b"]) == state_of(["b", "a"]) != state_of(["a"])
