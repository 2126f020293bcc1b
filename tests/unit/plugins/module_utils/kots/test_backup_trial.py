# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trial restore: what is due in each state, what the comparison says, what is restored and what never."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial import (
    MARK,
    Copy,
    Mark,
    Seen,
    Trial,
    course,
    judged,
    mark_of,
    mark_text,
    name_of,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial_plan import is_ours, meta, plan, restore_manifest, with_bytes
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import restored_proof
from ansible_collections.serverops.circleci.plugins.module_utils.kots.volumes import Workload, held_by
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Meta, Restore
from unit.plugins.module_utils.kots.values import NAMESPACE, instance, volume

GOOD, BAD = Mark("passed", "all of it"), Mark("failed", "half of it")
LOST = Mark("untried", "restore x is Failed", run="mine")
THERE = Trial(space=True, begun=True, ended=True, left=True)
PG = replace(volume(total=1000), snapshot="5e0f")


@pytest.mark.parametrize(
    ("trial", "kind", "what"),
    [
        (Trial(), "steps", "scratch"),
        (Trial(space=True, left=True), "steps", "restore"),
        (replace(THERE, ended=False), "waiting", "is restored for trial"),
        (replace(THERE, verdict=GOOD), "steps", "note"),
        (replace(THERE, verdict=BAD), "steps", "note"),
        (replace(THERE, mark=GOOD), "steps", "clear"),
        (replace(THERE, mark=BAD), "steps", "clear"),
        (Trial(mark=GOOD, left=True, going=True), "waiting", "being removed"),
        (Trial(left=True, going=True), "waiting", "former trial"),
        (Trial(left=True, stray=True), "steps", "clear"),
        (Trial(cannot="namespace x is there, and not ours"), "stuck", "not ours"),
        (Trial(blind="refused (403)"), "waiting", "refused (403)"),
        (Trial(mark=LOST), "stuck", "restore x is Failed"),
        (Trial(mark=LOST, left=True), "steps", "clear"),
        (Trial(mark=GOOD), None, ""),
        (Trial(mark=BAD), None, ""),
    ],
)
def test_what_is_due(trial: Trial, kind: str | None, what: str) -> None:
    found = course(trial, "instance-a", "uid-a")
    assert (found.kind if found else None) == kind
    if found:
        assert what in (found.steps[0].what if found.steps else found.reason)  # type: ignore[attr-defined]
        assert found.unknown == bool(trial.blind)


@pytest.mark.parametrize(("trial", "kind"), [(Trial(), None), (THERE, "steps"), (Trial(left=True, going=True), "waiting"), (Trial(cannot="x"), None)])
def test_a_backup_that_is_bad_anyway_is_not_tried_but_what_is_left_of_a_trial_goes(trial: Trial, kind: str | None) -> None:
    found = course(trial, "instance-a", "uid-a", wanted=False)
    assert (found.kind if found else None) == kind


def restore(phase: str = "Completed", errors: int = 0, reason: str = "") -> Restore:
    return Restore(Meta("trial-x-sets"), "instance-a", phase=phase, errors=errors, failure_reason=reason)


def seen(**changes: Any) -> Seen:
    names = {"Pod": frozenset({"postgresql-0"}), "PersistentVolumeClaim": frozenset({"data-postgresql-0"}), "Secret": frozenset({"a", "b"})}
    return replace(Seen((restore(),), (PG,), (Copy("postgresql-0", "data", "Completed", 1000, 1000),), names, names), **changes)


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({}, "passed", "1 volumes with 1000 bytes and 4 objects"),
        ({"copies": ()}, "failed", "postgresql-0/data was not restored"),
        ({"copies": (Copy("postgresql-0", "data", "Failed", 0, 0, "pack is damaged"),)}, "failed", "pack is damaged"),
        ({"copies": (Copy("postgresql-0", "data", "Completed", 900, 1000),)}, "failed", "900 of 1000 bytes"),
        ({"copies": (Copy("postgresql-0", "data", "Completed", 900, 900),)}, "failed", "900 of 1000 bytes"),
        ({"copies": (Copy("postgresql-0", "data", "Completed", 900, 900, snapshot="5e0f"),)}, "passed", "1 volumes with 900 bytes"),
        ({"copies": (Copy("postgresql-0", "data", "Completed", 0, 0, snapshot="5e0f"),)}, "failed", "0 of 1000 bytes"),
        ({"copies": (Copy("postgresql-0", "data", "Completed", 1000, 1000, snapshot="0the"),)}, "failed", "1000 of 1000 bytes"),
        ({"copies": (Copy("postgresql-0", "data", "", 0, 0),)}, "failed", "New"),
        ({"there": {"Pod": frozenset({"postgresql-0"}), "PersistentVolumeClaim": frozenset({"data-postgresql-0"})}}, "failed", "Secret a, b did not come back"),
        ({"unbound": ("data-postgresql-0",)}, "failed", "claim data-postgresql-0 got no volume"),
        ({"restores": (restore("Failed", 0, "store is gone"),), "copies": ()}, "untried", "store is gone"),
        ({"restores": (restore("PartiallyFailed", 2),)}, "untried", "PartiallyFailed with 2 errors"),
        ({"restores": (restore("PartiallyFailed", 1),), "copies": (Copy("postgresql-0", "data", "Failed", message="lost"),)}, "failed", "lost"),
    ],
)
def test_the_comparison(changes: Any, state: str, words: str) -> None:
    found = judged(seen(**changes))
    assert (found.state, words in found.reason) == (state, True), found.reason


def test_a_mark_is_read_back_and_what_is_none_is_none() -> None:
    text = mark_text(replace(GOOD, volumes=4, bytes=9, objects=3), "2026-11-23T09:00:00Z", "run-1")
    assert mark_of({MARK: text}) == Mark("passed", "all of it", 4, 9, 3, "2026-11-23T09:00:00Z", "run-1")
    for bad in ("", "{", "[]", "7", '{"state": "passed"}', text.replace('"passed"', '"perhaps"')):
        assert mark_of({MARK: bad}) is None
    lost = mark_text(LOST, "", "run-1")
    assert mark_of({MARK: lost}) is None and mark_of({MARK: lost}, "run-2") is None and (mark_of({MARK: lost}, "run-1") or GOOD).state == "untried"


def test_the_proof_needs_the_mark_and_that_nothing_is_left() -> None:
    good = instance(notes={MARK: mark_text(GOOD, "", "")})
    assert restored_proof(good).state == "passed" and restored_proof(instance()).state == "unknown"
    assert restored_proof(instance(notes={MARK: mark_text(BAD, "", "")})).state == "failed"
    assert restored_proof(good, Trial(mark=GOOD, left=True)).state == "unknown"


def pod(name: str, **labels: str) -> Workload:
    return Workload(NAMESPACE, name, {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}, {})


def test_pods_are_chosen_by_their_labels_and_no_more_is_restored_than_they_need() -> None:
    other = replace(PG, pod="web-5d4f8c7b9-x2x7q", claim="web")
    numbered = Workload(NAMESPACE, "postgresql-0", {"statefulset.kubernetes.io/pod-name": "postgresql-0"}, {})
    web = pod("web-77c9d8b5f-aaaaa", app="web", pod_template_hash="77c9d8b5f")
    parts, cannot = plan([PG, other], [numbered, web], NAMESPACE)
    assert cannot == "" and [part.name for part in parts] == ["ground", "sets", "pod-0"]
    assert parts[1].selector == {"matchExpressions": [{"key": "statefulset.kubernetes.io/pod-name", "operator": "In", "values": ["postgresql-0"]}]}
    assert parts[2].selector == {"matchLabels": {"app": "web"}}
    kinds = {kind for part in parts for kind in part.kinds}
    assert kinds == {"secrets", "configmaps", "serviceaccounts", "pods", "persistentvolumeclaims", "persistentvolumes"}
    body = restore_manifest(parts[1], "trial-x", instance(), "run-1")
    assert body["spec"]["namespaceMapping"] == {NAMESPACE: "trial-x"} and body["spec"]["includedNamespaces"] == [NAMESPACE]
    assert is_ours(body, "uid-instance-a") and not is_ours(body, "another") and not is_ours({"metadata": {}}, "uid-instance-a")


def test_a_pod_whose_labels_nobody_knows_and_volumes_elsewhere_are_told() -> None:
    assert "nobody knows its labels" in plan([replace(PG, pod="web-5d4f8c7b9-x2x7q")], [], NAMESPACE)[1]
    assert plan([PG], [], NAMESPACE)[1] == "", "a numbered one that is away has its name for a label"
    assert "other namespaces (elsewhere)" in plan([replace(PG, pod_namespace="elsewhere")], [], NAMESPACE)[1]
    assert plan([], [], NAMESPACE)[1] == "no volume with bytes is in it"
    assert with_bytes([PG, volume(total=0), replace(PG, snapshot="")]) == (PG,)


def test_what_must_come_back_is_what_the_backup_lists_of_this_namespace() -> None:
    listed = {"v1/Secret": [f"{NAMESPACE}/a", "other/b"], "v1/Service": [f"{NAMESPACE}/web"]}
    held = held_by(listed, [PG], NAMESPACE)
    assert held["Secret"] == {"a"} and held["Pod"] == {"postgresql-0"} and "Service" not in held
    assert meta("n", "u", "r")["labels"]["serverops.circleci/trial-of"] == "u"


@pytest.mark.parametrize("name", ["instance-a", "a" * 300, "Ünïcode_und.Punkte", "-", "x."])
def test_the_scratch_namespace_has_a_legal_name_that_is_the_same_each_time(name: str) -> None:
    made = name_of(name, "uid-1")
    assert made == name_of(name, "uid-1") != name_of(name, "uid-2") and len(made) <= 50
    assert all(sign.isascii() and (sign.isdigit() or sign.islower() or sign == "-") for sign in made) and made[0] != "-" != made[-1]
