# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of backups by their names: whatever goes wrong, no backup is called proven that is none, none is begun twice, and nothing good is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots import backup, console_client
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_keys import Keys, restorable
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_trial import name_of
from ansible_collections.serverops.circleci.plugins.module_utils.kots.choice import BackupState, ours
from ansible_collections.serverops.circleci.plugins.module_utils.kots.errors import NotSent
from unit.laws.kots import BACKUP, SCHEDULE
from unit.laws.kots_world import BUCKET, NAMESPACE, Installation
from unit.laws.running import module_run
from unit.plugins.module_utils.kots.values import NOW, evidence, following, instance, look, state, volume, wanted
from unit.plugins.modules.kots_doors import read

from lab.kots.model import Answer

ALL = ["phase", "volumes", "files"]
CLAIM = (NAMESPACE, "data-postgresql-0")


@pytest.fixture(params=["1.6.3", "1.14.0"])
def world(request: pytest.FixtureRequest) -> Installation:
    return Installation(str(request.param), seconds=20.0).settle_in()


def run(world: Installation, **params: Any) -> Json:
    """One task of an operator."""
    return dict(module_run(BACKUP, world, {"required_proofs": ALL, "wait_timeout": 600.0, **params}))


def asked(world: Installation) -> int:
    return sum(one == ("POST", "/api/v1/snapshot/backup") for one in world.told)


def phases(world: Installation) -> list[str]:
    return [str((one.get("status") or {}).get("phase")) for one in world.backups()]


BAD_ENDS = ("PartiallyFailed", "Failed", "FailedValidation", "Deleting")
NO_ENDS = ("FinalizingPartiallyFailed", "WaitingForPluginOperationsPartiallyFailed", "Pondering", "completed", "")


@pytest.mark.parametrize("phase", [*BAD_ENDS, *NO_ENDS])
def test_f46_only_completed_is_good_by_allow_list(phase: str) -> None:
    shown = look(state(instance("instance-a", phase or None)), following())
    found = backup.view(shown, backup.decide(shown))
    assert not found["verified"] and found["verdict"] == ("unverified" if phase in BAD_ENDS else "running")


@pytest.mark.parametrize(
    ("volumes", "words"),
    [((), "no volume at all"), ((volume(),), "mongodb-0/data is not in it"), ((volume(), volume("mongodb-0", total=0)), "mongodb-0/data has no bytes")],
    ids=["none", "fewer", "no bytes"],
)
def test_f47_completed_without_its_volumes_is_no_backup_of_data(volumes: Any, words: str) -> None:
    expected = (wanted(), wanted("mongodb-0")) if volumes else ()
    seen = {"instance-a": evidence(volumes=volumes, expected=expected)}
    shown = look(state(instance(), seen=seen), following())
    found = backup.view(shown, backup.decide(shown))
    assert found["verdict"] == "unverified" and words in found["reason"]


def test_f48_a_server_killed_in_the_middle_is_told_with_a_hint_at_its_memory(world: Installation) -> None:
    world.velero.volumes.least = 600.0
    begun = run(world, wait=False)
    assert begun["changed"]
    world.clock.sleep(5)
    world.restart_velero()
    world.clock.sleep(130)
    again = run(world, max_age=3600.0, wait_timeout=1200.0)
    assert again["verdict"] == "verified" and not again["joined"] and len(world.backups()) == 2
    if world.velero.core.profile.marks_left:  # from 1.8 on the server itself says Failed
        assert sorted(phases(world)) == ["Completed", "Failed"]
    else:
        assert again["stalled"] and sorted(phases(world)) == ["Completed", "InProgress"], "it stays so for ever, and is never taken for one that runs"
    shown = look(state(instance("instance-a", "InProgress", 90000)), following())
    assert "OOMKilled" in backup.decide(shown)[backup.ITEM].reason


def test_f49_a_node_with_volumes_and_no_agent_is_found_before_the_start(world: Installation) -> None:
    world.state.set_pod("velero", f"{world.agent}-1", ready=False)
    found = run(world)
    assert found["failed"] and "no agent is ready on node-1" in found["msg"] and asked(world) == 0 and world.backups() == []


def test_f50_kotsadm_dies_between_the_request_and_its_answer_and_no_second_backup_is_made(world: Installation) -> None:
    world.console.fault("POST", Answer(0, close=True), count=1, apply=True)
    found = run(world)
    assert found["verdict"] == "verified" and asked(world) == 1 and len(world.backups()) == 1


def test_f50_where_there_is_no_way_to_kotsadm_nothing_was_asked(world: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    write = console_client.ConsoleClient.write
    tries: list[str] = []

    def away(self: Any, method: str, path: str, body: Any = None) -> Any:
        tries.append(path)
        if len(tries) == 1:
            raise NotSent("kotsadm in namespace circleci-server has no pod that is ready")
        return write(self, method, path, body)

    monkeypatch.setattr(console_client.ConsoleClient, "write", away)
    found = run(world)
    assert found["verdict"] == "verified" and [step["step"] for step in found["steps"]] == ["backup"] and len(world.backups()) == 1
    tries.clear()

    def nowhere(*_args: Any, **_more: Any) -> None:
        raise NotSent("no pod that is ready")

    monkeypatch.setattr(console_client.ConsoleClient, "write", nowhere)
    found = run(world)
    assert found["failed"] and "nothing was asked" in found["msg"] and found["steps"] == [] and len(world.backups()) == 1


def test_f51_the_way_to_kotsadm_dies_in_the_middle_and_the_verdict_comes_from_the_object(world: Installation) -> None:
    begun = run(world, wait=False)
    world.console.fault("", Answer(0, close=True), count=10_000)
    found = run(world, max_age=3600.0)
    assert begun["changed"] and found["verdict"] == "verified" and found["joined"] and len(world.backups()) == 1


def test_f52_beside_one_of_the_schedule_none_is_begun(world: Installation) -> None:
    world.console.call("POST", "/api/v1/snapshot/backup")
    world.told.clear()
    refused = run(world)
    assert refused["failed"] and "runs already" in refused["msg"] and asked(world) == 0
    joined = run(world, max_age=3600.0)
    assert joined["verdict"] == "verified" and joined["joined"] and asked(world) == 0 and len(world.backups()) == 1


@pytest.mark.parametrize("fault", ["down", "NoSuchBucket", "BucketRegionError", "AccessDenied", "InvalidAccessKeyId"])
def test_f53_a_store_that_cannot_be_used_is_found_before_the_start(world: Installation, fault: str) -> None:
    world.store.fault = fault
    world.clock.sleep(130)
    found = run(world)
    assert found["failed"] and "the backup storage location default is Unavailable" in found["msg"] and asked(world) == 0 and world.backups() == []
    if world.velero.core.profile.says_why and fault not in ("down", "BucketRegionError"):
        assert fault in found["msg"]


def test_f54_keys_that_expire_in_the_middle_make_no_good_backup_and_new_ones_do(world: Installation) -> None:
    begun = run(world, wait=False)
    world.store.fault = "InvalidAccessKeyId"
    world.clock.sleep(120)
    world.store.fault = ""
    world.clock.sleep(130)
    assert begun["changed"] and "Completed" not in phases(world)
    found = run(world, max_age=3600.0)
    assert found["verdict"] == "verified" and not found["reused"] and sorted(phases(world))[0] == "Completed" and len(world.backups()) == 2


def test_f55_a_wrong_clock_is_refused_and_where_velero_says_why_named(world: Installation) -> None:
    world.store.skew = 1000.0
    world.clock.sleep(130)
    found = run(world)
    assert found["failed"] and asked(world) == 0
    if world.velero.core.profile.says_why:
        assert "RequestTimeTooSkewed" in found["msg"]


def test_f56_a_full_disk_fails_the_volume_by_its_name(world: Installation) -> None:
    world.velero.volumes.broken[CLAIM] = "error running restic backup: write /scratch/x: no space left on device"
    found = run(world)
    assert found["failed"] and found["verdict"] == "unverified" and "no space left on device" in found["msg"] and "postgresql-0/data" in found["msg"]


def test_f57_a_locked_repository_is_told_and_no_lock_is_touched(world: Installation) -> None:
    lock = f"restic/{NAMESPACE}/locks/5e0f"
    world.store.put(BUCKET, lock, b"of somebody")
    world.velero.volumes.broken[CLAIM] = "unable to create lock in backend: repository is already locked exclusively by PID 7 on node-9"
    found = run(world)
    assert found["failed"] and found["verdict"] == "unverified" and "locked exclusively by PID 7 on node-9" in found["msg"]
    assert world.store.get(BUCKET, lock) == b"of somebody"


DAMAGES = {"flipped": lambda data: bytes([data[0] ^ 0xFF]) + data[1:], "truncated": lambda data: data[:-1], "missing": lambda _data: None}


@pytest.mark.parametrize("how", DAMAGES)
def test_f58_a_damaged_repository_is_found_by_restoring_and_nothing_is_left_of_that(world: Installation, how: str) -> None:
    assert run(world)["verdict"] == "verified"
    place = world.velero.volumes.uploader
    start = f"{place}/{NAMESPACE}/" + ("p" if place == "kopia" else "data/")
    key = next(key for key, size in world.store.objects(BUCKET, start).items() if size == 4096)
    damaged = DAMAGES[how](world.store.get(BUCKET, key))
    world.store.delete(BUCKET, key) if damaged is None else world.store.put(BUCKET, key, damaged)
    # The bad one is passed over, and a new one begun. What is there by its name is not written again, damaged or not: only what was missing comes anew.
    found = run(world, max_age=3600.0, required_proofs=[*ALL, "restored"], wait_timeout=3600.0)
    told = json.dumps(found["passed_over"])
    assert "postgresql-0/data was not restored" in told and found["verdict"] == ("verified" if damaged is None else "unverified")
    assert world.left() == [] and len(world.backups()) == 2, "and no backup is deleted for it"


def test_f58_a_rehearsal_of_one_backup_that_does_not_come_back_begins_no_other(world: Installation) -> None:
    name = run(world)["backup"]["name"]
    place = world.velero.volumes.uploader
    start = f"{place}/{NAMESPACE}/" + ("p" if place == "kopia" else "data/")
    world.store.delete(BUCKET, next(key for key, size in world.store.objects(BUCKET, start).items() if size == 4096))
    found = run(world, backup=name, required_proofs=[*ALL, "restored"], wait_timeout=3600.0)
    assert found["failed"] and found["verdict"] == "unverified" and "postgresql-0/data was not restored" in found["msg"]
    assert found["backup"]["name"] == name and world.left() == [] and len(world.backups()) == 1


@pytest.mark.parametrize("fault", ["down", "AccessDenied"])
def test_f59_a_store_that_does_not_answer_is_not_taken_for_an_empty_one(world: Installation, fault: str) -> None:
    assert run(world)["verdict"] == "verified"
    world.told.clear()
    world.store.fault = fault
    found = run(world, max_age=3600.0, wait_timeout=60.0)
    assert found["failed"] and found["verdict"] == "unproven" and found["backup"]["proofs"]["files"] == "unknown"
    assert world.writes() == [] and len(world.backups()) == 1


def test_f60_two_backups_in_one_second_are_told_apart_and_names_are_always_legal() -> None:
    one, other = instance("instance-b", "New", 0), instance("instance-a", "New", 0)
    past = {"began": NOW, "known": [], "uid": ""}
    for named in ("instance-a", "instance-b"):
        found = ours(BackupState(NOW, (one, other), named=named), past)
        assert found is not None and found.name == named
    assert ours(BackupState(NOW, (one, other), named="instance-z"), past) is None, "another one's is not ours"
    names = {name_of(name, uid) for name in ("instance-a", "instance-b", "i" * 253, "Über_Größe.") for uid in ("u1", "u2")}
    assert len(names) == 8 and all(len(name) <= 50 and name.strip("-") == name and name == name.lower() and name.isascii() for name in names)


def test_f71_the_last_good_one_stays_whatever_becomes_of_the_next(world: Installation) -> None:
    good = run(world)["backup"]["name"]
    module_run(SCHEDULE, world, {"cron": "0 3 * * *", "retention": "1d"})
    world.velero.volumes.broken[CLAIM] = "lost"
    bad = run(world)
    assert bad["failed"] and good in [one["metadata"]["name"] for one in world.backups()]
    kept = next(one for one in world.backups() if one["metadata"]["name"] == good)
    assert kept["spec"]["ttl"] == "720h0m0s", "a new retention holds for new backups alone"
    assert not [one for one in world.writes() if one[0] == "DELETE"]
    assert run(world, max_age=3600.0)["backup"]["name"] == good


def test_f72_keys_that_are_missing_from_the_set_are_told_before_the_disaster(world: Installation) -> None:
    assert run(world)["backup"]["restorable"]["state"] == "yes"
    found = world.state.objects["secrets", NAMESPACE, "kotsadm-encryption"]
    bare = {**found, "metadata": {**found["metadata"], "labels": {}}}
    world.state.put("secrets", NAMESPACE, "kotsadm-encryption", bare)
    told = run(world)["backup"]["restorable"]
    assert told["state"] == "no" and "Secret kotsadm-encryption is not in the backup" in told["reasons"][0]
    listed = read(world, "kots_backup_info", required_proofs=ALL)["backups"]
    assert [one["restorable"]["state"] for one in listed] == ["no", "yes"]


HELD = {"Secret": frozenset({"kotsadm-encryption", "kotsadm-authstring"}), "ConfigMap": frozenset({"kotsadm-confg"})}
FULL = Keys(HELD, frozenset({"kotsadm-encryption", "kotsadm-authstring", "kotsadm-confg"}), "own")


@pytest.mark.parametrize(
    ("keys", "state", "words"),
    [
        (FULL, "yes", ""),
        (replace(FULL, password="absent"), "no", "no volume can be read"),
        (replace(FULL, held={**HELD, "ConfigMap": frozenset()}), "no", "ConfigMap kotsadm-confg is not in the backup"),
        (replace(FULL, held={**HELD, "Secret": frozenset({"kotsadm-authstring"})}), "no", "passwords in the app's configuration"),
        (replace(FULL, held={"ConfigMap": frozenset({"kotsadm-confg"})}), "no", "no Secret at all"),
        (replace(FULL, held=None), "unknown", "could not be read"),
        (Keys(blind="refused (403)"), "unknown", "refused (403)"),
    ],
)
def test_f72_what_is_told_of_each_key(keys: Keys, state: str, words: str) -> None:
    found = restorable(keys, True)
    assert found is not None and found["state"] == state
    assert words in " ".join(found["reasons"]) and bool(found["reasons"]) == (state != "yes")


def test_f72_what_no_backup_holds_is_named_and_a_known_password_is_not_among_it() -> None:
    own, known = restorable(FULL, True), restorable(replace(FULL, password="default"), True)
    assert own and known and len(own["keep"]) == len(known["keep"]) + 1 and "password of Velero's repositories" in own["keep"][0]
    assert restorable(None, True) is None
