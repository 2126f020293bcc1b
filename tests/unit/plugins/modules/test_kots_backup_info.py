# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of kots_backup_info: the same proofs as kots_backup makes, of every backup, and nothing written."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from unit.laws.kots_world import NAMESPACE, VELERO, Installation
from unit.plugins.modules.indoors import check_options, module, process, returned
from unit.plugins.modules.kots_doors import change, read

NAME = "kots_backup_info"


@pytest.fixture
def world() -> Installation:
    return Installation(seconds=3.0).settle_in()


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


def test_there_are_none_at_first(world: Installation) -> None:
    found = read(world, NAME)
    assert (found["backups"], found["newest_verified"]) == ([], None)
    assert set(found) == set(returned(NAME))


def test_newest_first_each_with_its_proofs(world: Installation) -> None:
    good = change(world, "kots_backup")[0]["backup"]["name"]
    world.clock.sleep(5)
    world.velero.volumes.broken[NAMESPACE, "data-postgresql-0"] = "repository is locked"
    bad = change(world, "kots_backup")[0]["backup"]["name"]
    world.told.clear()
    found = read(world, NAME)
    assert [one["name"] for one in found["backups"]] == [bad, good]
    assert [one["verified"] for one in found["backups"]] == [False, True] and found["newest_verified"] == good
    assert found["backups"][0]["proofs"]["volumes"] == "failed" and "repository is locked" in " ".join(found["backups"][0]["reasons"])
    assert world.told == [], "kotsadm is not asked for what Kubernetes tells"
    told = returned(NAME)["backups"]["contains"]
    assert set(found["backups"][0]) == set(told)


def test_it_says_the_same_as_the_module_that_made_it(world: Installation) -> None:
    made = change(world, "kots_backup", required_proofs=["phase", "volumes", "files", "repository"])[0]["backup"]
    [found] = read(world, NAME, required_proofs=["phase", "volumes", "files", "repository"])["backups"]
    assert {key: value for key, value in found.items() if key not in ("age", "stalled")} == {key: value for key, value in made.items() if key != "age"}


def test_one_that_runs_is_neither_good_nor_bad(world: Installation) -> None:
    world.velero.volumes.least = 60.0
    world.console.call("POST", "/api/v1/snapshot/backup")
    world.clock.sleep(2)
    [found] = read(world, NAME)["backups"]
    assert (found["phase"], found["verified"], found["stalled"]) == ("InProgress", False, False)
    assert set(found["proofs"].values()) == {"unknown", "not_asked"}
    world.restart_velero()
    [found] = read(world, NAME)["backups"]
    assert found["stalled"] is True


def test_a_store_that_is_away_is_unknown_and_the_task_goes_on(world: Installation) -> None:
    change(world, "kots_backup")
    world.store.fault = "down"
    [found] = read(world, NAME)["backups"]
    assert (found["proofs"]["files"], found["verified"]) == ("unknown", False) and "does not answer" in " ".join(found["reasons"])


def test_only_those_that_are_named(world: Installation) -> None:
    first = change(world, "kots_backup")[0]["backup"]["name"]
    change(world, "kots_backup")
    assert [one["name"] for one in read(world, NAME, backups=[first])["backups"]] == [first]
    with pytest.raises(BadInput, match="backups names instance-none, which are no backups of this installation"):
        read(world, NAME, backups=["instance-none"])


def test_those_of_others_are_not_ours(world: Installation) -> None:
    notes = {"kots.io/instance": "true", "kots.io/kotsadm-deploy-namespace": "other"}
    world.state.put("backups.velero.io", VELERO, "instance-other", {"metadata": {"annotations": notes}, "spec": {}, "status": {"phase": "Completed"}})
    world.state.put("backups.velero.io", VELERO, "nightly", {"spec": {"ttl": "30d"}})
    found = read(world, NAME)
    assert found["backups"] == [] and found["gates"][0]["state"] == "failed" and "nightly (30d)" in found["gates"][0]["reason"]


def test_a_process_says_what_it_needs() -> None:
    found = process(NAME, host="http://127.0.0.1:9", required_proofs=["faith"])
    assert found["failed"] and "faith" in found["msg"]
