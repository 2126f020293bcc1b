# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine images when EC2 is slow, fails or was left half way: copies, names that are taken, bases that are gone, sharing that broke off."""

from __future__ import annotations

from typing import Any

from unit.laws.image_world import AWAY, HOME, ImageWorld
from unit.laws.images import DOOR, PARAMS
from unit.laws.running import module_run

from lab.images.account import refusal

THIRD = "ap-south-1"
HOUR = 3600.0


def run(world: ImageWorld, **params: Any) -> dict[str, Any]:
    return module_run(DOOR, world, {**PARAMS, "regions": [AWAY, THIRD], **params})


def steps(result: dict[str, Any]) -> list[str]:
    return [str(step["step"]) for step in result["steps"]]


def ours(world: ImageWorld, region: str) -> list[dict[str, Any]]:
    return [one for one in world.account.region(region)["images"].values() if one["ImageId"] != "ami-base"]


def test_f94_a_copy_that_takes_an_hour_is_taken_up_again_by_its_name_and_told_only_then() -> None:
    world = ImageWorld()
    run(world, regions=[])
    assert steps(run(world, wait=False)) == ["copy"]
    [copy] = ours(world, AWAY)
    copy["ready"] = world.clock.now() + HOUR
    late = run(world, wait_timeout=600)
    assert late["failed"] and "copies to us-east-1 are made" in late["msg"] and late["regions"] == {}
    world.clock.sleep(HOUR)
    result = run(world)
    assert not result.get("failed") and set(result["regions"]) == {HOME, AWAY, THIRD}
    assert result["regions"][AWAY] == copy["ImageId"], "it was not copied a second time"
    assert world.builder.starts == 1


def test_f94_one_region_fails_and_the_ids_are_told_for_none() -> None:
    world = ImageWorld()
    world.account.tries[AWAY] = 2
    result = run(world)
    assert result["failed"] and "to us-east-1 failed twice: Client.InternalError" in result["msg"]
    assert result["regions"] == {} and [one["State"] for one in ours(world, THIRD)] == ["available"], "the region that is well has its copy"
    again = run(world)
    assert not again.get("failed") and set(again["regions"]) == {HOME, AWAY, THIRD}
    assert [len(ours(world, region)) for region in (HOME, AWAY, THIRD)] == [1, 1, 1] and world.builder.starts == 1


def test_f94_a_region_that_does_not_answer_is_not_taken_for_empty() -> None:
    world = ImageWorld()
    run(world)
    world.settle_in()
    world.account.fails["describe_images"] = _fail("InternalError")
    result = run(world, wait_timeout=60)
    assert result["failed"] and world.writes() == []
    world.account.fails.clear()
    assert run(world)["changed"] is False


def test_f95_an_image_of_that_name_without_tags_is_taken_over_not_built_again() -> None:
    world = ImageWorld()
    name = run(world, regions=[])["name"]
    [image] = ours(world, HOME)
    image["Tags"] = []
    world.settle_in()
    result = run(world, regions=[])
    assert (steps(result), result["image"]["name"], world.builder.starts) == (["tag"], name, 1)
    assert {one["Key"] for one in image["Tags"]} == {"serverops_image", "serverops_digest", "serverops_owner"}
    [disk] = image["BlockDeviceMappings"]
    assert world.account.region(HOME)["snapshots"][disk["Ebs"]["SnapshotId"]]["Tags"] == image["Tags"], "its snapshot too"


def test_f95_a_base_that_is_gone_matters_only_while_there_is_no_image() -> None:
    world = ImageWorld()
    base = world.account.region(HOME)["images"].pop("ami-base")
    result = run(world, regions=[])
    assert result["failed"] and "base_image ami-base is not in eu-west-1" in result["msg"] and world.builder.starts == 0
    world.account.region(HOME)["images"]["ami-base"] = base
    assert not run(world, regions=[]).get("failed")
    del world.account.region(HOME)["images"]["ami-base"]
    assert run(world, regions=[])["changed"] is False


def test_f95_sharing_that_broke_off_is_finished_with_the_missing_people_only() -> None:
    world = ImageWorld()
    run(world)
    world.settle_in()
    world.account.fails["modify_image_attribute"] = _fail("UnauthorizedOperation")
    wanted = ["111111111111", "222222222222"]
    half = run(world, shared_with=wanted)
    assert half["failed"] and "who may use" in half["msg"] and world.writes() == []
    world.account.fails.clear()
    [one] = ours(world, AWAY)
    one["permissions"].append({"UserId": "222222222222"})
    result = run(world, shared_with=wanted)
    assert sorted(step["region"] for step in result["steps"] if step["step"] == "share") == [THIRD, HOME], "where it was done it is not done again"
    assert all([who["UserId"] for who in image["permissions"]] == wanted for region in (HOME, AWAY, THIRD) for image in ours(world, region))


def _fail(code: str) -> Any:
    def fail() -> None:
        raise refusal(code, "not now", "call")

    return fail
