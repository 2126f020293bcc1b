# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of kots_backup: its words and its code agree; one backup, asked for once, proven or not called one, whatever kotsadm and Velero do meanwhile."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from unit.laws.kots_world import NAMESPACE, VELERO, Installation
from unit.plugins.modules.indoors import check_options, module, process, returned
from unit.plugins.modules.kots_doors import asked, change

from lab.kots.model import Answer

NAME = "kots_backup"
every = pytest.mark.parametrize("velero", ["1.6.3", "1.14.0"])


@pytest.fixture
def velero() -> str:
    return "1.6.3"


@pytest.fixture
def world(velero: str) -> Installation:
    return Installation(velero).settle_in()


def backup_object(world: Installation) -> Any:
    return copy.deepcopy(world.backups()[0])


def test_documentation_and_code_tell_the_same_options() -> None:
    from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS

    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


@every
def test_a_new_backup_is_made_waited_for_and_proven(world: Installation) -> None:
    result, failure = change(world, NAME)
    assert failure == "" and (result["verdict"], result["verified"], result["changed"]) == ("verified", True, True)
    assert result["backup"]["proofs"] == {"phase": "passed", "volumes": "passed", "files": "passed", "repository": "not_asked", "restored": "not_asked"}
    assert [(one["claim"], one["bytes"]) for one in result["backup"]["volumes"]] == [("data-postgresql-0", 4096)]
    assert (result["joined"], result["reused"], result["steps"]) == (False, False, [{"step": "backup", "id": "backup"}])
    assert {gate["state"] for gate in result["gates"]} <= {"passed", "unknown"} and len(result["gates"]) == 10
    assert asked(world) == 1 and result["waited"] >= 30
    assert set(result) - {"changed", "diff"} == set(returned(NAME))


def test_without_max_age_the_next_run_makes_another(world: Installation) -> None:
    first, _failure = change(world, NAME)
    second, failure = change(world, NAME)
    assert failure == "" and second["backup"]["name"] != first["backup"]["name"] and asked(world) == 2


@every
def test_with_max_age_the_next_run_takes_the_one_that_is_there(world: Installation) -> None:
    first, _failure = change(world, NAME, max_age=3600.0)
    world.clock.sleep(3000)
    second, failure = change(world, NAME, max_age=3600.0)
    assert failure == "" and (second["reused"], second["changed"], second["backup"]["uid"]) == (True, False, first["backup"]["uid"])
    assert second["backup"]["age"] > 3000 and asked(world) == 1
    world.clock.sleep(700)
    third, failure = change(world, NAME, max_age=3600.0)
    assert failure == "" and third["backup"]["uid"] != first["backup"]["uid"]


def test_check_mode_predicts_one_and_asks_for_nothing(world: Installation) -> None:
    result, failure = change(world, NAME, check=True)
    assert failure == "" and (result["changed"], result["verdict"]) == (True, "verified")
    assert asked(world) == 0 and world.backups() == []


def test_one_that_runs_is_refused_or_joined(world: Installation) -> None:
    name = world.console.call("POST", "/api/v1/snapshot/backup").body["backupName"]
    world.clock.sleep(2)
    result, failure = change(world, NAME)
    assert result == {} and name in failure and "give max_age to join it" in failure and asked(world) == 0
    result, failure = change(world, NAME, max_age=600.0)
    assert failure == "" and (result["joined"], result["verified"], result["backup"]["name"]) == (True, True, name)
    assert asked(world) == 0 and result["changed"] is False


def test_one_of_the_schedule_is_joined_too(world: Installation) -> None:
    world.console.schedule("* * * * *")
    while not world.backups():
        world.clock.sleep(1)
    result, failure = change(world, NAME, max_age=600.0)
    assert failure == "" and (result["joined"], result["backup"]["trigger"]) == (True, "schedule")


# -- doubtful answers ---------------------------------------------------------------------------------


LOST = [
    pytest.param(Answer(0, close=True), id="connection lost"),
    pytest.param(Answer(500), id="500 without a word"),
    pytest.param(Answer(502, "<html>bad gateway</html>", "text/html"), id="502"),
    pytest.param(Answer(500, {"success": False, "error": "failed to create instance backup"}), id="500 with a reason"),
    pytest.param(Answer(200, "<html>log in</html>", "text/html"), id="200 and a page"),
    pytest.param(Answer(200, {"success": True}), id="200 without a name"),
]


@pytest.mark.parametrize("answer", LOST)
def test_an_answer_that_is_lost_is_resolved_by_looking(world: Installation, answer: Answer) -> None:
    world.console.fault("POST", answer, apply=True)
    result, failure = change(world, NAME)
    assert failure == "" and result["verified"] and asked(world) == 1 and len(world.backups()) == 1


@pytest.mark.parametrize("answer", LOST)
def test_where_nothing_came_of_it_that_is_said_and_kotsadm_is_not_asked_again(world: Installation, answer: Answer) -> None:
    world.console.fault("POST", answer)
    result, failure = change(world, NAME)
    assert "none has shown within 60 s" in failure and result["verified"] is False
    assert asked(world) == 1 and world.backups() == []


def test_minimal_rights_are_refused_before_anything_is_asked_for(world: Installation) -> None:
    world.state.remove("clusterrolebindings.rbac.authorization.k8s.io", "", "kotsadm-rolebinding")
    result, failure = change(world, NAME)
    assert result == {} and "ensure-permissions" in failure and asked(world) == 0


def test_a_refusal_at_the_last_moment_is_no_success(world: Installation) -> None:
    world.console.fault(
        "POST", Answer(409, {"success": False, "error": "kotsadm does not have access to velero", "kotsadmRequiresVeleroAccess": True}), count=9
    )
    result, failure = change(world, NAME)
    assert "may not see Velero" in failure and not result["verified"] and world.backups() == []


# -- what Velero does meanwhile ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("velero", "verdict", "words"), [("1.6.3", "stalled", "began anew since"), ("1.14.0", "unverified", "Failed")])
def test_a_server_that_dies_in_between_is_seen(world: Installation, verdict: str, words: str) -> None:
    world.clock.after(10.0, world.restart_velero)
    result, failure = change(world, NAME, wait_timeout=900.0)
    assert result["verdict"] == verdict and words in failure and result["verified"] is False
    again, failure = change(world, NAME, max_age=3600.0)
    assert failure == "" and again["verified"] and again["changed"], "the dead one is neither joined nor in the way"
    assert again["stalled"] == ([result["backup"]["name"]] if verdict == "stalled" else [])


@every
def test_a_volume_that_fails_is_no_backup(world: Installation) -> None:
    world.velero.volumes.broken[NAMESPACE, "data-postgresql-0"] = "repository is locked"
    result, failure = change(world, NAME)
    assert result["verdict"] == "unverified" and "repository is locked" in failure and result["backup"]["phase"] == "PartiallyFailed"


def test_one_that_failed_is_passed_over_and_named(world: Installation) -> None:
    world.velero.volumes.broken[NAMESPACE, "data-postgresql-0"] = "repository is locked"
    first = change(world, NAME)[0]["backup"]["name"]
    world.velero.volumes.broken.clear()
    result, failure = change(world, NAME, max_age=3600.0)
    assert failure == "" and result["verified"] and result["changed"] and result["backup"]["name"] != first
    assert [one.partition(":")[0] for one in result["passed_over"]] == [first] and asked(world) == 2


def test_one_that_is_named_is_proven_and_no_other_is_begun_where_it_fails(world: Installation) -> None:
    name = change(world, NAME)[0]["backup"]["name"]
    change(world, NAME)
    result, failure = change(world, NAME, backup=name)
    assert failure == "" and (result["backup"]["name"], result["verdict"], result["changed"]) == (name, "verified", False)
    assert (result["reused"], result["joined"], result["gates"]) == (True, False, [])
    world.store.delete("lab-bucket", f"backups/{name}/{name}.tar.gz")
    for check in (False, True):
        result, failure = change(world, NAME, check=check, backup=name)
        assert f"backup {name} is not proven" in failure and (result["verdict"], result["changed"], result["passed_over"]) == ("unverified", False, [])
    assert asked(world) == 2


def test_one_that_is_named_and_runs_is_waited_for(world: Installation) -> None:
    name = world.console.call("POST", "/api/v1/snapshot/backup").body["backupName"]
    world.clock.sleep(0.1)
    result, failure = change(world, NAME, backup=name)
    assert failure == "" and result["verified"] and (result["backup"]["name"], result["joined"], result["reused"]) == (name, True, False)
    result, failure = change(world, NAME, backup="instance-none")
    assert "there is no backup instance-none" in failure and name in failure and (result["verdict"], result["backup"]) == ("refused", None)


def test_one_that_is_joined_in_vain_is_passed_over_too(world: Installation) -> None:
    world.velero.volumes.broken[NAMESPACE, "data-postgresql-0"] = "repository is locked"
    name = world.console.call("POST", "/api/v1/snapshot/backup").body["backupName"]
    world.clock.sleep(0.1)
    world.state.controllers.append(
        lambda change: world.velero.volumes.broken.clear() if change.type == "ADDED" and change.key[0] == "backups.velero.io" else None
    )
    result, failure = change(world, NAME, max_age=3600.0)
    assert failure == "" and result["verified"] and result["changed"] and not result["joined"]
    assert [one.partition(":")[0] for one in result["passed_over"]] == [name] and asked(world) == 1


def test_an_empty_volume_is_no_backup_unless_that_is_right(world: Installation) -> None:
    world.volume("mongodb-0", {})
    result, failure = change(world, NAME)
    assert result["backup"]["phase"] == "Completed" and "mongodb-0/data is empty" in failure and "allow_empty" in failure
    result, failure = change(world, NAME, allow_empty=["mongodb-0/data"])
    assert failure == "" and result["verified"]


def test_a_pod_that_waits_leaves_its_volume_out_and_that_is_seen(world: Installation) -> None:
    world.volume("mongodb-0", {"a": b"1"})
    world.state.set_pod(NAMESPACE, "mongodb-0", "Pending", False)
    world.clock.sleep(2)
    result, failure = change(world, NAME)
    assert "mongodb-0/data is not in it" in failure and result["backup"]["phase"] == "Completed"


def test_a_store_that_is_away_is_unknown_and_waited_for(world: Installation) -> None:
    change(world, NAME)
    world.store.fault = "down"
    result, failure = change(world, NAME, max_age=3600.0, wait_timeout=60.0)
    assert "cannot be proven now" in failure and result["verdict"] == "unproven" and asked(world) == 1
    world.clock.after(30.0, lambda: setattr(world.store, "fault", ""))
    result, failure = change(world, NAME, max_age=3600.0, wait_timeout=600.0)
    assert failure == "" and result["reused"] and result["waited"] >= 30 and asked(world) == 1


@pytest.mark.parametrize("file", ["velero-backup.json", "{}.tar.gz", "{}-logs.gz", "{}-podvolumebackups.json.gz"])
def test_a_file_that_is_gone_from_the_store_is_no_backup(world: Installation, file: str) -> None:
    name = change(world, NAME)[0]["backup"]["name"]
    world.store.delete("lab-bucket", f"backups/{name}/{file.format(name)}")
    result, failure = change(world, NAME, max_age=3600.0, check=True, wait=False)
    assert failure == "" and result["changed"], "a new one would be begun"
    assert result["passed_over"] == [f"{name}: files: in the object store {file.format(name)} is missing"]


def test_one_that_vanishes_is_an_error(world: Installation) -> None:
    world.clock.after(10.0, lambda: world.state.remove("backups.velero.io", VELERO, world.backups()[0]["metadata"]["name"]))
    result, failure = change(world, NAME)
    assert result["verdict"] == "gone" and "has vanished" in failure


def test_another_of_its_name_is_an_error(world: Installation) -> None:
    def exchange() -> None:
        made = backup_object(world)
        name = made["metadata"]["name"]
        world.state.remove("backups.velero.io", VELERO, name)
        made["metadata"].pop("uid")
        world.state.put("backups.velero.io", VELERO, name, {**made, "status": {"phase": "Completed"}})

    world.clock.after(10.0, exchange)
    result, failure = change(world, NAME)
    assert result["verdict"] == "gone" and "another uid" in failure


def test_an_object_that_stops_velero_is_named_before_anything_is_done(world: Installation) -> None:
    world.state.put("backups.velero.io", VELERO, "by-hand", {"spec": {"ttl": "30d"}})
    result, failure = change(world, NAME)
    assert result == {} and "by-hand (30d)" in failure and asked(world) == 0


def test_a_dead_velero_is_seen_by_the_age_of_its_last_word(world: Installation) -> None:
    world.velero.kill_server()
    world.clock.sleep(600)
    result, failure = change(world, NAME)
    assert result == {} and "Velero is dead or stuck" in failure and asked(world) == 0


def test_no_progress_for_an_hour_is_stalled(world: Installation) -> None:
    world.velero.volumes.stalled.add((NAMESPACE, "data-postgresql-0"))
    result, failure = change(world, NAME, wait_timeout=18000.0)
    assert result["verdict"] in ("stalled", "unverified") and ("no progress for" in failure or "timed out" in failure)


# -- how much is asked -------------------------------------------------------------------------------------------


def test_waiting_asks_for_next_to_nothing(world: Installation) -> None:
    """From the order to its end: a list and a watch of its volumes, nothing else; the watch of the backups stood before."""
    world.velero.volumes.least = 200.0
    change(world, NAME, required_proofs=["phase"])
    order = world.tap.points.index("before POST /api/v1/snapshot/backup")
    later = world.tap.points[order:]
    beside = [point for point in later if "backups" not in point]
    assert not [point for point in beside if "/api/v1" in point and "POST" not in point], "kotsadm is not asked again"
    assert len([point for point in beside if "deployments" in point]) <= 2, "Velero's pod is looked at when nothing was heard for a while"


# -- bad input -----------------------------------------------------------------------------------------------------


BAD = [
    pytest.param({"max_age": 0.0}, ["max_age is 0"], id="no age"),
    pytest.param({"max_age": 60.0, "backup": "instance-a"}, ["backup and max_age"], id="a name and an age"),
    pytest.param({"backup": "Not A Name"}, ["backup", "Not A Name"], id="no name"),
    pytest.param({"max_age": float("nan")}, ["max_age is nan"], id="no number"),
    pytest.param({"required_proofs": []}, ["required_proofs is empty"], id="no proof"),
    pytest.param({"required_proofs": ["phase", "faith"]}, ["required_proofs", "faith"], id="a proof that is none"),
    pytest.param({"wait_timeout": 0.0}, ["wait_timeout is 0"], id="no time"),
    pytest.param({"namespace": "Not_A_Name"}, ["namespace", "Not_A_Name"], id="no namespace"),
    pytest.param({"app": "other"}, ["kotsadm has no app other", "circleci-server"], id="another app"),
]


@pytest.mark.parametrize(("params", "words"), BAD)
@pytest.mark.parametrize("check", [False, True])
def test_bad_input_is_one_sentence_and_starts_nothing(world: Installation, params: dict[str, Any], words: list[str], check: bool) -> None:
    result, failure = change(world, NAME, check=check, **params)
    assert all(word in failure for word in words), failure
    assert "\n" not in failure and result == {} and asked(world) == 0


def test_a_process_says_what_it_needs() -> None:
    found = process(NAME, host="http://127.0.0.1:9", wait_timeout=1, required_proofs=["faith"])
    assert found["failed"] and "faith" in found["msg"]
