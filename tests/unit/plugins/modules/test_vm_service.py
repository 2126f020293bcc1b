# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of vm_service: options, result, what is told and what goes; EC2 that says no, and a server that cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from unit.laws.running import module_run
from unit.laws.vms import PARAMS, peopled
from unit.laws.vms_world import VmWorld, refuses
from unit.plugins.modules.indoors import check_options, module, returned

NAME = "vm_service"
DOOR = module(NAME).DOOR


def run(world: VmWorld, check: bool = False, **params: Any) -> dict[str, Any]:
    return module_run(DOOR, world, {**PARAMS, **params}, check)


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**DOOR.options, **WAIT_OPTIONS})


def test_listed_without_asking_the_server() -> None:
    world = peopled("lost")
    result = run(world, orphans="listed", records="none")
    assert not result.get("failed") and set(result) - {"changed", "diff"} == set(returned(NAME))
    assert (result["changed"], result["count"], result["orphans"], world.ran) == (False, 5, None, [])
    assert sorted(result["old"]) == sorted(world.id_of(name) for name in ("old", "busy", "lost"))


def test_an_orphan_goes_and_the_rest_stays() -> None:
    world = peopled("lost")
    foreseen = run(world, check=True)
    assert (foreseen["terminated"], world.writes()) == ([world.id_of("lost")], [])
    result = run(world)
    assert (result["terminated"], result["orphans"], result["count"]) == ([world.id_of("lost")], [], 4)
    assert world.writes() == [("terminate", "lost")] and result["reason"] == "4 machines; 2 older than 86400 s"
    assert run(world)["changed"] is False


def test_one_that_became_known_between_look_and_act_stays() -> None:
    world = peopled("lost")
    looks = []

    def later() -> None:
        looks.append(1)
        if len(looks) == 2:
            (world.records or {})["vms"].append({"provider_id": world.id_of("lost")})

    world.later = later
    result = run(world)
    assert not result.get("failed") and world.writes() == [] and result["terminated"] == []


def test_records_that_are_emptied_between_look_and_act_end_nothing() -> None:
    world = peopled("lost")
    looks = []

    def later() -> None:
        looks.append(1)
        if len(looks) == 2:
            world.records = {"vms": [], "tasks": []}

    world.later = later
    result = run(world)
    assert result["failed"] and "hold no machine at all" in result["msg"] and (world.writes(), result["orphans"]) == ([], None)


def test_one_that_is_protected_is_told_and_the_task_fails() -> None:
    world = peopled("lost")
    refuses("terminate_instances", "OperationNotPermitted")(world)
    result = run(world)
    assert result["failed"] and "OperationNotPermitted" in result["msg"] and world.writes() == []
    assert result["terminated"] == []


@pytest.mark.parametrize("orphans", ["listed", "terminated"])
def test_a_server_that_cannot_be_asked(orphans: str) -> None:
    world = peopled("lost")
    world.records = None
    result = run(world, orphans=orphans, wait_timeout=30.0)
    assert bool(result.get("failed")) is (orphans == "terminated") and world.writes() == []
    assert result["orphans"] is None and "could not connect to server" in result["reason"]


@pytest.mark.parametrize("check", [False, True])
def test_a_server_that_can_never_be_asked_is_not_waited_for_all_the_time(check: bool) -> None:
    world = peopled("lost")
    world.records = None
    began = world.clock.now()
    result = run(world, check, wait_timeout=18000.0)
    assert result["failed"] and "that was so for 300 s" in result["msg"] and 300 <= world.clock.now() - began < 400
    assert (world.writes(), result["orphans"]) == ([], None)


def test_a_server_that_can_be_asked_again_is_waited_for() -> None:
    world = peopled("lost")
    kept, world.records = world.records, None

    def later() -> None:
        world.records = kept if world.clock.now() - began > 120 else None

    began = world.clock.now()
    world.later = later
    assert run(world)["terminated"] == [world.id_of("lost")] and world.writes() == [("terminate", "lost")]


def test_in_another_region_or_group_there_is_nothing() -> None:
    result = run(peopled("lost"), security_groups=["sg-none"])
    assert (result["count"], result["vms"], result["changed"]) == (0, [], False)
