# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates of a restore, its versions, and what is read out of an archive, a mark and a log: tables of plain values."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import FAILED, PASSED, UNKNOWN_GATE, Agents, Gate, Server, Site
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import Proof
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_contents import Contents, NoArchive, contents_of
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_gates import Ground, is_open, origin_of, restore_gates
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import (
    Mark,
    RestoreSpec,
    last_error,
    mark_from_api,
    mark_manifest,
    restore_spec,
    restores_from_api,
    says_sealed,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_versions import steps_between, uploader_trouble, version_trouble
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import Backup, BackupStorageLocation, Meta, PodVolumeBackup

NOTES = {
    "kots.io/kotsadm-image": "registry.example/kotsadm:v1.65.0",
    "kots.io/kotsadm-deploy-namespace": "circleci-server",
    "kots.io/apps-versions": '{"circleci-server":"3.4.0"}',
}
META = Meta("instance-a", created=100.0, annotations=NOTES)
FOUND = InstanceBackup(
    Backup(META, "Completed", location="default", started=100.0, completed=160.0), namespace="circleci-server", sequences={"circleci-server": 4}
)
PROVEN = {"phase": Proof("passed"), "volumes": Proof("passed"), "files": Proof("passed")}
PLACE = BackupStorageLocation(Meta("default"), phase="Available", validated=990.0, access_mode="ReadOnly")
SITE = Site("circleci-server", server=Server(True, "1.14.0", True), location=PLACE, agents=Agents("node-agent", 3, 3), now=1000.0)
CONTENTS = Contents({"v1/Pod": 3, "apps/v1/Deployment": 2}, {"gp2": ("ns/a", "ns/b"), "": ("ns/c",)})
GROUND = Ground(
    SITE,
    ("circleci-server", "circleci-server"),
    PROVEN,
    CONTENTS,
    frozenset(CONTENTS.kinds),
    {"gp2": True},
    program="1.124.18",
    lacking="",
    lives=50.0,
    volumes=(PodVolumeBackup(Meta("v")),),
)
SPEC = RestoreSpec("instance-a")


def backup(**more: Any) -> InstanceBackup:
    return replace(FOUND, backup=replace(FOUND.backup, **more))


def noted(**notes: str) -> InstanceBackup:
    return backup(meta=replace(META, annotations={**NOTES, **{f"kots.io/{name.replace('_', '-')}": text for name, text in notes.items()}}))


def found(name: str, one: InstanceBackup = FOUND, spec: RestoreSpec = SPEC, ground: Ground = GROUND) -> Gate:
    return next(gate for gate in restore_gates(one, spec, ground) if gate.name == name)


def test_on_good_ground_every_gate_is_open() -> None:
    assert {gate.state for gate in restore_gates(FOUND, replace(SPEC, server_version="3.4.0"), GROUND)} == {PASSED}


SYNCED = backup(meta=replace(META, created=500.0))
RIVAL = backup(meta=Meta("instance-z", created=700.0), started=600.0)
# gate, backup, spec, ground, state, words
TABLE: list[tuple[str, InstanceBackup, RestoreSpec, Ground, str, str]] = [
    ("backup", backup(phase="Failed"), SPEC, GROUND, FAILED, "is Failed"),
    ("backup", backup(phase="Deleting"), SPEC, GROUND, FAILED, "only a Completed one"),
    ("backup", backup(meta=replace(META, deleting=900.0)), SPEC, GROUND, FAILED, "being deleted"),
    ("proofs", FOUND, SPEC, replace(GROUND, proofs={**PROVEN, "files": Proof("failed", "log missing")}), FAILED, "log missing"),
    ("proofs", FOUND, SPEC, replace(GROUND, proofs={**PROVEN, "files": Proof("unknown", "away")}), UNKNOWN_GATE, "away"),
    ("proofs", FOUND, replace(SPEC, allow_unproven=True), replace(GROUND, proofs={**PROVEN, "files": Proof("failed", "x")}), PASSED, "which is allowed"),
    ("proofs", FOUND, replace(SPEC, allow_unproven=True), replace(GROUND, proofs={"phase": Proof("failed", "errors")}), FAILED, "errors"),
    ("velero", FOUND, SPEC, replace(GROUND, site=replace(SITE, server=Server())), FAILED, "no Deployment velero"),
    ("location", FOUND, SPEC, GROUND, PASSED, "Available"),
    ("location", FOUND, SPEC, replace(GROUND, site=replace(SITE, location=replace(PLACE, phase="Unavailable"))), FAILED, "Unavailable"),
    ("location", FOUND, SPEC, replace(GROUND, site=replace(SITE, now=9000.0)), FAILED, "dead or stuck"),
    ("agents", FOUND, SPEC, replace(GROUND, site=replace(SITE, agents=Agents("node-agent", 3, 2))), FAILED, "2 of 3"),
    ("rights", FOUND, SPEC, replace(GROUND, lacking="Kubernetes does not grant us: x"), FAILED, "does not grant"),
    ("rights", FOUND, SPEC, replace(GROUND, lacking=None), UNKNOWN_GATE, "could not be read"),
    ("program", FOUND, SPEC, replace(GROUND, program=None, program_words="none of kots is on PATH"), FAILED, "on PATH"),
    ("program_version", FOUND, SPEC, replace(GROUND, program="1.40.0"), FAILED, "older than KOTS 1.65.0"),
    ("program_version", noted(kotsadm_image="registry.example/kotsadm@sha256:00"), SPEC, GROUND, UNKNOWN_GATE, "in the backup"),
    ("origin", SYNCED, SPEC, GROUND, FAILED, "came out of the store"),
    ("origin", SYNCED, replace(SPEC, allow_foreign=True), GROUND, PASSED, "allowed"),
    ("origin", SYNCED, SPEC, replace(GROUND, claims=frozenset({"u1"}), claim_uids=frozenset({"u1", "u2"})), PASSED, "in this cluster"),
    ("rivals", FOUND, SPEC, replace(GROUND, backups=(FOUND, RIVAL)), FAILED, "backup instance-z was begun"),
    ("rivals", FOUND, SPEC, replace(GROUND, backups=(FOUND, RIVAL), lives=650.0), PASSED, "nothing shows"),
    ("rivals", FOUND, SPEC, replace(GROUND, traces=("restores/instance-a.kotsadm",)), FAILED, "restores/instance-a.kotsadm"),
    ("rivals", FOUND, replace(SPEC, fenced=True), replace(GROUND, traces=("restores/x",)), PASSED, "stated to be fenced"),
    ("versions", FOUND, replace(SPEC, server_version="3.1.2"), GROUND, FAILED, "3.1 -> 3.2 -> 3.3 -> 3.4"),
    ("versions", FOUND, replace(SPEC, server_version="3.1.2", allow_other_version=True), GROUND, PASSED, "allowed"),
    ("versions", noted(apps_versions="broken"), replace(SPEC, server_version="3.4.0"), GROUND, UNKNOWN_GATE, "not noted"),
    ("uploader", FOUND, SPEC, replace(GROUND, site=replace(SITE, server=Server(True, "1.19.0", True))), FAILED, "restic"),
    ("kinds", FOUND, SPEC, replace(GROUND, served=frozenset({"v1/Pod"})), FAILED, "apps/v1/Deployment (2)"),
    ("kinds", FOUND, replace(SPEC, allow_missing_kinds=("apps/v1/Deployment",)), replace(GROUND, served=frozenset({"v1/Pod"})), PASSED, "serves"),
    ("kinds", FOUND, SPEC, replace(GROUND, contents=replace(CONTENTS, kinds={"x.io/v1/Own": 1}, brought=frozenset({"x.io"}))), PASSED, "0 kinds"),
    ("kinds", FOUND, SPEC, replace(GROUND, contents=None), UNKNOWN_GATE, "not known"),
    ("kinds", FOUND, replace(SPEC, allow_unproven=True), replace(GROUND, contents=None), PASSED, "allowed"),
    ("storage", FOUND, SPEC, replace(GROUND, classes={"gp2": False}), FAILED, "a default storage class"),
    ("storage", FOUND, SPEC, replace(GROUND, classes={"gp3": True}), FAILED, "ns/a and 1 more need storage class gp2"),
    ("storage", FOUND, replace(SPEC, storage_classes={"gp2": "gp3"}), replace(GROUND, classes={"gp3": True}), PASSED, "or mapped"),
    ("storage", FOUND, replace(SPEC, storage_classes={"gp2": "x"}), GROUND, FAILED, "storage class x"),
    ("storage", FOUND, SPEC, replace(GROUND, classes={"gp3": True}, mappings={"m": {"gp2": "gp3"}}), PASSED, "or mapped"),
    ("storage", FOUND, replace(SPEC, storage_classes={"gp2": "gp3"}), replace(GROUND, mappings={"m": {"gp2": "x"}}), FAILED, "ConfigMap m"),
    ("storage", FOUND, SPEC, replace(GROUND, classes=None), UNKNOWN_GATE, "not known"),
]


@pytest.mark.parametrize(("name", "one", "spec", "ground", "state", "words"), TABLE, ids=[f"{row[0]}-{number}" for number, row in enumerate(TABLE)])
def test_gates(name: str, one: InstanceBackup, spec: RestoreSpec, ground: Ground, state: str, words: str) -> None:
    gate = found(name, one, spec, ground)
    assert (gate.state, words in gate.reason) == (state, True), gate
    assert state != FAILED or gate.remedy or name in ("backup", "rights", "uploader"), "a failed gate says what to do"


def test_what_must_be_known_holds_everything_up_and_what_old_servers_do_not_tell_does_not() -> None:
    assert is_open(Gate("proofs", UNKNOWN_GATE, "")) and is_open(Gate("kinds", UNKNOWN_GATE, ""))
    assert not is_open(Gate("versions", UNKNOWN_GATE, "")) and not is_open(Gate("proofs", PASSED, ""))


def test_a_backup_whose_object_has_no_time_is_from_elsewhere() -> None:
    assert origin_of(backup(meta=replace(META, created=None)), GROUND) == "elsewhere"


# -- versions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("3.1.0", "3.3.2", ["3.1", "3.2", "3.3"]),
        ("3.4.0", "3.4.1", ["3.4"]),
        ("3.4", "3.2", ["3.2", "3.3", "3.4"]),
        ("2.19.5", "3.4.0", None),
        ("x", "3.4.0", None),
    ],
)
def test_the_path_of_upgrades(old: str, new: str, path: list[str] | None) -> None:
    assert steps_between(old, new) == path


def test_versions_that_are_not_known_are_no_trouble_and_far_ones_are() -> None:
    assert version_trouble("", "3.4.0") == "" and version_trouble("3.3.9", "3.4.0") == ""
    assert "2.19.5 -> ... -> 3.4.0" in version_trouble("2.19.5", "3.4.0") and "newer" in version_trouble("4.0.0", "3.4.0")


@pytest.mark.parametrize(
    ("uploader", "velero", "bad"),
    [("restic", "1.18.3", False), ("restic", "1.19.0", True), ("kopia", "1.9.9", True), ("kopia", "1.14.0", False), ("restic", "", False)],
)
def test_uploaders(uploader: str, velero: str, bad: bool) -> None:
    assert bool(uploader_trouble([uploader], velero)) == bad


# -- the archive --------------------------------------------------------------------------------------------------


def archive(**files: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as made:
        for path, body in files.items():
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(raw)
            made.addfile(entry, io.BytesIO(raw))
    return out.getvalue()


def claim(name: str, storage: str | None) -> Any:
    spec = {} if storage is None else {"storageClassName": storage}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "ns"}, "spec": spec}


def test_an_archive_tells_kinds_classes_and_definitions_each_object_once() -> None:
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "owns.x.io"}, "spec": {"group": "x.io"}}
    root = "resources/persistentvolumeclaims"
    found_there = contents_of(
        archive(
            **{
                "metadata/version": b"1.1.0",
                f"{root}/namespaces/ns/a.json": claim("a", "gp2"),
                f"{root}/v1-preferredversion/namespaces/ns/a.json": claim("a", "gp2"),
                f"{root}/namespaces/ns/b.json": claim("b", None),
                "resources/customresourcedefinitions.apiextensions.k8s.io/cluster/owns.x.io.json": crd,
            }
        )
    )
    assert found_there.kinds == {"v1/PersistentVolumeClaim": 2, "apiextensions.k8s.io/v1/CustomResourceDefinition": 1}
    assert found_there.classes == {"gp2": ("ns/a",), "": ("ns/b",)} and found_there.brought == {"x.io"}


@pytest.mark.parametrize(
    "data", [b"", b"no archive", archive(**{"resources/pods/namespaces/ns/a.json": b"{"}), archive(**{"resources/pods/namespaces/ns/a.json": [1]})]
)
def test_what_is_no_archive_is_told(data: bytes) -> None:
    with pytest.raises(NoArchive):
        contents_of(data)


def test_half_an_archive_is_none() -> None:
    whole = archive(**{f"resources/pods/namespaces/ns/{number}.json": claim(f"{number:064d}", "x") for number in range(200)})
    with pytest.raises(NoArchive):
        contents_of(whole[: len(whole) // 2])


# -- Restores ------------------------------------------------------------------------------------------------------


def raw_restore(name: str, backup: str = "instance-a", at: str = "2026-11-23T09:00:00Z", **spec: Any) -> Any:
    return {"metadata": {"name": name, "creationTimestamp": at}, "spec": {"backupName": backup, **spec}}


def test_restores_of_whole_installations_are_told_from_trials_and_parts() -> None:
    noted_one = raw_restore("noted", "instance-gone", "2026-11-23T08:00:00Z")
    noted_one["metadata"]["annotations"] = {"kots.io/instance": "true"}
    listed = [
        raw_restore("instance-a.kotsadm", at="2026-11-23T10:00:00Z"),
        noted_one,
        raw_restore("instance-a.circleci-server"),
        raw_restore("serverops-trial-instance-a-app", namespaceMapping={"circleci-server": "scratch"}),
        raw_restore("instance-a.kotsadm.copy", namespaceMapping={"circleci-server": "scratch"}),
        raw_restore("by-hand"),
        raw_restore("nightly.kotsadm", "nightly"),
    ]
    assert [one.meta.name for one in restores_from_api(listed, ["instance-a"])] == ["noted", "instance-a.circleci-server", "instance-a.kotsadm"]


# -- the mark, the log, the parameters ---------------------------------------------------------------------------------


def test_a_mark_is_read_as_it_was_written() -> None:
    mark = Mark("instance-a", "me", "run-1", 1763800000.0, "host/boot", "/logs")
    body = mark_manifest(mark, "the-mark", "velero")
    assert mark_from_api(body) == mark and "resourceVersion" not in body["metadata"]
    assert mark_manifest(replace(mark, version="7"), "the-mark", "velero")["metadata"]["resourceVersion"] == "7"
    assert mark_from_api({"metadata": {"name": "x", "creationTimestamp": "2026-11-23T08:50:42Z"}}).since > 0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("  \u2022 Deleting Admin Console\nError: failed to restore instance backup: no rights\nUsage:\n", "failed to restore instance backup: no rights"),
        ('{\n    "success": false,\n    "error": "object is being deleted"\n}\n', "object is being deleted"),
        ('{"success": true}', ""),
        ("nothing wrong\n{ broken", ""),
        ("", ""),
    ],
)
def test_the_last_word_of_the_cli(text: str, word: str) -> None:
    assert last_error(text) == word


@pytest.mark.parametrize(
    ("text", "sealed"),
    [
        ("core: vault is sealed", True),
        ("Sealed          true\nTotal Shares    5", True),
        ("Sealed          false\nHA true", False),
        ("Vault is unsealed", False),
    ],
)
def test_what_tells_that_vault_is_sealed(text: str, sealed: bool) -> None:
    assert says_sealed([text]) == sealed


@pytest.mark.parametrize(
    ("wrong", "option"),
    [
        ({"confirm": None}, "confirm"),
        ({"confirm": "instance-b"}, "confirm"),
        ({"backup": "No Name", "confirm": "No Name"}, "backup"),
        ({"required_proofs": ["faith"]}, "required_proofs"),
        ({"required_proofs": []}, "required_proofs"),
        ({"owner": "x" * 64}, "owner"),
        ({"storage_classes": {"gp2": "No Class"}}, "storage_classes"),
    ],
)
def test_parameters_that_cannot_be_are_refused_by_name(wrong: dict[str, Any], option: str) -> None:
    with pytest.raises(BadInput, match=option):
        restore_spec({"backup": "instance-a", "confirm": "instance-a", "required_proofs": ["phase"], **wrong})
