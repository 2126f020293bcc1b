# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of vm_image: options, result, the whole way of a build; names taken, bases gone, sharing half done; no secret on the way."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.image import build, build_client
from unit.laws import google_images
from unit.laws.google_image_world import FAMILY, PROJECT, ZONE, GoogleImageWorld
from unit.laws.image_world import AWAY, CANARY, HOME, TEMPLATE, ImageWorld
from unit.laws.images import PARAMS
from unit.laws.running import module_run
from unit.plugins.modules.indoors import check_options, module, process, returned

from lab.images.account import refusal

NAME = "vm_image"
DOOR = module(NAME).DOOR


def run(world: ImageWorld, check: bool = False, **params: Any) -> dict[str, Any]:
    world.settle_in()
    return module_run(DOOR, world, {**PARAMS, **params}, check)


def steps(result: dict[str, Any]) -> list[str]:
    return [str(step["step"]) for step in result["steps"]]


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**DOOR.options, **WAIT_OPTIONS})


def test_built_told_and_left_alone() -> None:
    world = ImageWorld()
    result = run(world)
    assert not result.get("failed"), result
    assert set(result) - {"changed", "diff", "waited"} == set(returned(NAME)) - {"waited"}
    assert steps(result) == ["build", "share"]
    assert (result["image"]["public"], result["image"]["shared_with"], result["leftovers"]) == (False, ["111111111111"], [])
    assert result["regions"] == {HOME: result["image"]["id"]}
    again = run(world)
    assert (again["changed"], again["regions"], world.writes()) == (False, result["regions"], [])


CHANGES: list[dict[str, Any]] = [
    {"variables": {"disk_gb": "200"}},
    {"secret_variables": {"password": "another"}},
    {"encrypted": False, "scripts": ["setup.sh", "more.sh"]},
    {"base_image": "ami-newer"},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_is_different_makes_another_image(change: dict[str, Any]) -> None:
    world = ImageWorld()
    base = world.account.region(HOME)["images"]
    base["ami-newer"] = {**base["ami-base"], "ImageId": "ami-newer"}
    first = run(world)
    second = run(world, **change)
    assert not second.get("failed"), second
    assert second["digest"] != first["digest"] and "build" in steps(second)


def test_people_and_regions_make_no_other_image() -> None:
    world = ImageWorld()
    first = run(world)
    second = run(world, shared_with=["222222222222"], regions=[AWAY])
    assert second["digest"] == first["digest"] and "build" not in steps(second)
    assert set(second["regions"]) == {HOME, AWAY} and second["image"]["shared_with"] == ["222222222222"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shared_with": ["all"]}, "never public"),
        ({"supersedes": "a\nb"}, "which no tag can hold"),
        ({"base_image": "ami-gone"}, "base_image ami-gone is not in eu-west-1"),
        ({"digest_key": None}, "without digest_key"),
        ({"template": "setup.sh"}, "does not use the variables image_name"),
    ],
)
def test_bad_input_is_told_and_nothing_is_begun(change: dict[str, Any], words: str) -> None:
    world = ImageWorld()
    result = run(world, **change)
    assert result["failed"] and words in result["msg"]
    assert (world.writes(), world.builder.starts) == ([], 0) and CANARY not in str(result)


def test_without_packer_nothing_is_begun() -> None:
    world = ImageWorld()
    world.version = ""
    result = run(world)
    assert result["failed"] and "packer is 'packer', which is not on PATH" in result["msg"]
    assert world.writes() == []


def test_check_mode_begins_nothing() -> None:
    world = ImageWorld()
    result = run(world, check=True)
    assert result["changed"] and steps(result) == ["build", "share"] and world.builder.starts == 0


def test_a_build_that_fails_is_told_in_its_words_without_the_secret() -> None:
    world = ImageWorld()
    world.builder.fails = "provision"
    result = run(world)
    assert result["failed"] and "Packer ended without the image" in result["msg"]
    assert CANARY not in str(result)
    assert [build.kept for build in world.builder.builds.values()] == [False], "its variables are gone"


def test_what_it_does_is_told_while_it_does_it_and_a_secret_in_its_words_is_hidden() -> None:
    world = ImageWorld()
    result = run(world, wait=False)
    assert steps(result) == ["build"]
    world.clock.sleep(31)
    result = run(world, wait=False)
    assert "the password is " in result["reason"] and CANARY not in str(result)


def test_a_file_of_variables_that_a_killed_build_left_goes_at_the_latest_when_the_image_is_there() -> None:
    world = ImageWorld()
    run(world, wait=False)
    [name] = world.builder.builds
    world.clock.sleep(112)
    world.builder.look(name)
    world.builder.kill(name)
    assert world.builder.builds[name].kept
    result = run(world)
    assert not result.get("failed") and "sweep" in steps(result), result
    assert not world.builder.builds[name].kept


def test_a_build_whose_locks_are_in_another_folder_is_waited_for_not_swept() -> None:
    """Of another user of this machine, or of a play with another log_directory: no lock here tells that it lives."""
    world = ImageWorld()
    begun = run(world, wait=False, log_directory="/home/other/images")
    [name] = world.builder.builds
    world.clock.sleep(20)
    world.builder.look(name)
    waits = run(world, wait=False)
    assert (begun["changed"], waits["changed"], waits["leftovers"], world.writes()) == (True, False, [], []) and "a build on lab/1/" in waits["reason"]
    world.clock.sleep(300)
    world.builder.look(name)
    result = run(world)
    assert not result.get("failed") and steps(result) == ["share"] and world.builder.starts == 1, result


def test_a_machine_of_which_it_is_not_known_who_builds_on_it_is_waited_for() -> None:
    world = ImageWorld()
    tags = [{"Key": "serverops_image", "Value": "circleci-linux"}]
    now = datetime.fromtimestamp(world.clock.wall().timestamp(), timezone.utc)
    world.account.region(HOME)["instances"]["i-whose"] = {"InstanceId": "i-whose", "State": {"Name": "running"}, "Tags": tags, "LaunchTime": now}
    result = run(world, wait=False)
    assert (result["changed"], result["leftovers"]) == (False, []) and "a build on i-whose" in result["reason"]


def test_what_others_may_use_goes_by_consent_only_and_not_when_it_is_shared_at_the_last_moment() -> None:
    world = ImageWorld()
    tags = {"serverops_image": "circleci-linux", "serverops_digest": "0", "serverops_owner": "serverops.circleci"}
    old = world.account.image(HOME, "circleci-linux-old", tags)
    body = world.account.region(HOME)["images"][old]
    body["permissions"] = [{"UserId": "222222222222"}]
    world.clock.sleep(50)
    result = run(world, keep=1)
    assert not result.get("failed") and "remove" not in steps(result) and "others may use them: 1 " in result["reason"], result
    body["permissions"] = []
    port = build_client.ImagePort(build_client.image_spec({**defaults(), **PARAMS, "keep": 1}), {}, world.clock)
    with world.open():
        [step] = build.decide(Look(port._spec, port.read(frozenset()), {}))["image"].steps
        body["permissions"] = [{"UserId": "222222222222"}]
        with pytest.raises(Refused, match="has been shared"):
            port.apply(step)
    assert steps(run(world, keep=1, remove_shared=True)) == ["remove"] and old not in world.account.region(HOME)["images"]


def defaults() -> dict[str, Any]:
    return {name: option.get("default") for name, option in DOOR.options.items()}


def test_what_was_used_before_stays_and_is_told_in_later_runs_that_do_not_name_it() -> None:
    world = ImageWorld()
    first = run(world, shared_with=[])["image"]["id"]
    second = run(world, shared_with=[], variables={"disk_gb": "200"}, keep=1, supersedes=first)
    assert (steps(second), second["previous"]) == (["build", "note"], first), second
    again = run(world, shared_with=[], variables={"disk_gb": "200"}, keep=1)
    assert (again["changed"], again["previous"]) == (False, first) and first in world.account.region(HOME)["images"]
    third = run(world, shared_with=[], variables={"disk_gb": "300"}, keep=1, supersedes=second["image"]["id"])
    assert (steps(third), third["previous"]) == (["build", "note", "remove"], second["image"]["id"])
    assert first not in world.account.region(HOME)["images"]


FREE = {"SnapshotId": "snap-free", "Tags": [{"Key": "serverops_image", "Value": "circleci-linux"}], "State": "completed"}


def test_a_snapshot_that_a_removed_copy_left_is_taken_away_in_its_region() -> None:
    world = ImageWorld()
    assert not run(world, regions=[AWAY]).get("failed")
    snapshots = world.account.region(AWAY)["snapshots"]
    snapshots["snap-free"] = dict(FREE)
    told = run(world, check=True, regions=[AWAY])
    assert steps(told) == ["sweep"] and "snap-free" in snapshots
    result = run(world, regions=[AWAY], wait=False)
    assert steps(result) == ["sweep"] and "snap-free" not in snapshots and len(snapshots) == 1, result
    assert run(world, regions=[AWAY])["changed"] is False


def test_a_snapshot_elsewhere_that_cannot_go_keeps_no_image_from_being_built() -> None:
    world = ImageWorld()
    world.account.region(AWAY)["snapshots"]["snap-free"] = dict(FREE)

    def fail() -> None:
        raise refusal("UnauthorizedOperation", "You are not authorized to perform this operation", "DeleteSnapshot")

    world.account.fails["delete_snapshot"] = fail
    result = run(world, regions=[AWAY])
    assert result["failed"] and "UnauthorizedOperation" in result["msg"], result
    assert steps(result)[0] == "build" and "copy" in steps(result) and [one["id"] for one in result["leftovers"]] == ["snap-free"]
    world.account.fails.clear()
    last = run(world, regions=[AWAY])
    assert steps(last) == ["sweep"] and set(last["regions"]) == {HOME, AWAY}


def test_what_lies_in_a_region_where_another_controller_builds_is_that_ones() -> None:
    world = ImageWorld()
    assert not run(world, regions=[AWAY]).get("failed")
    away = world.account.region(AWAY)
    away["snapshots"]["snap-free"] = dict(FREE)
    away["volumes"]["vol-free"] = {"VolumeId": "vol-free", "Status": "available", "Tags": FREE["Tags"]}
    away["instances"]["i-other"] = {"InstanceId": "i-other", "State": {"Name": "running"}, "SecurityGroups": [], "Tags": FREE["Tags"]}
    assert run(world, regions=[AWAY])["changed"] is False
    away["instances"].clear()
    assert steps(run(world, regions=[AWAY])) == ["sweep"] and "snap-free" not in away["snapshots"] and "vol-free" in away["volumes"]


def test_an_image_is_told_as_removed_although_its_snapshot_cannot_go() -> None:
    world = ImageWorld()
    tags = {"serverops_image": "circleci-linux", "serverops_digest": "0", "serverops_owner": "serverops.circleci"}
    old = world.account.image(HOME, "circleci-linux-old", tags)
    world.clock.sleep(60)

    def fail() -> None:
        raise refusal("InvalidSnapshot.InUse", "The snapshot is currently in use by ami-by-hand", "DeleteSnapshot")

    assert not run(world).get("failed")
    world.account.fails["delete_snapshot"] = fail
    result = run(world, keep=1)
    assert result["failed"] and result["changed"] and steps(result) == ["remove"], result
    assert old not in world.account.region(HOME)["images"] and "InvalidSnapshot.InUse" in result["msg"]
    assert [one["kind"] for one in result["leftovers"]] == ["snapshot"]
    world.account.fails.clear()
    assert steps(run(world, keep=1)) == ["sweep"]


def test_a_real_process_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "linux.json").write_text(TEMPLATE)
    answer = process(NAME, {"AWS_REGION": "eu-west-1"}, name="x", template=str(tmp_path / "linux.json"), shared_with=["everybody"])
    assert answer["failed"] and "name is 'x'" in answer["msg"], "the region came from the environment"


# -- on Google Cloud -------------------------------------------------------------------------------------------------


def google(world: GoogleImageWorld, check: bool = False, **params: Any) -> dict[str, Any]:
    world.settle_in()
    return module_run(DOOR, world, {**google_images.PARAMS, **params}, check)


def test_built_told_and_left_alone_on_google_cloud() -> None:
    world = GoogleImageWorld()
    result = google(world)
    assert not result.get("failed"), result
    assert (steps(result), result["regions"], result["image"]["shared_with"]) == (["build", "share"], {"global": result["name"]}, ["user:a@example.com"])
    again = google(world)
    assert (again["changed"], world.writes()) == (False, [])


def test_what_others_may_use_or_was_used_before_stays_on_google_cloud() -> None:
    world = GoogleImageWorld()
    labels = {"serverops_image": FAMILY, "serverops_digest": "0", "serverops_owner": "serverops_circleci"}
    old, lent, before = (f"{FAMILY}-00000000000{number}" for number in range(3))
    for name in (old, lent, before):
        world.api.compute.put_image(PROJECT, name, labels)
        world.clock.sleep(50)
    world.world.grant(f"images/{PROJECT}/{lent}", "roles/compute.imageUser", "serviceAccount:vm-service@another.iam.gserviceaccount.com")
    result = google(world, keep=1, supersedes=f"projects/{PROJECT}/global/images/{before}")
    assert (steps(result), result["previous"]) == (["build", "share", "note", "remove"], before), result
    again = google(world, keep=1)
    assert (again["changed"], again["previous"]) == (False, before)
    assert set(world.control.made()["images"]) == {lent, before, again["name"]}


def test_a_build_on_another_controller_is_waited_for_by_its_machine_and_by_its_disk_then_taken_for_dead() -> None:
    for seconds in (5, 18):  # with a machine, with a disk alone
        world = google_images.died(seconds)
        world.machine = "other/2"
        waits = google(world, wait=False)
        assert (waits["changed"], waits["leftovers"]) == (False, []) and "a build on " in waits["reason"]
        result = google(world, max_build_time=60.0)
        assert not result.get("failed") and steps(result)[0] == "sweep", result
        assert world.end() == google_images.BUILT


def test_what_looks_like_ours_and_is_not_stays() -> None:
    world = GoogleImageWorld()
    world.control.disk("circleci-linux-data", ZONE)
    world.api.compute.put_image(PROJECT, "circleci-linux-by-hand")
    result = google(world, keep=1)
    assert not result.get("failed"), result
    made = world.control.made()
    assert made["disks"] == [f"{ZONE}/circleci-linux-data"] and "circleci-linux-by-hand" in made["images"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shared_with": ["allUsers"]}, "never public"),
        ({"base_image": "gone"}, "base_image gone is not in project lab-project"),
        ({"regions": ["us-east1"]}, "is in all of them"),
        ({"zone": ""}, "zone is ''"),
        ({"supersedes": "a.b"}, "it is a label, too"),
    ],
)
def test_bad_input_on_google_cloud_is_told_and_nothing_is_begun(change: dict[str, Any], words: str) -> None:
    world = GoogleImageWorld()
    result = google(world, **change)
    assert result["failed"] and words in result["msg"] and (world.writes(), world.builder.starts) == ([], 0)
    assert CANARY not in str(result)


def test_an_image_that_google_fails_to_make_is_removed_and_the_next_run_makes_it() -> None:
    world = GoogleImageWorld()
    world.api.compute.fails = {"images": "INTERNAL_ERROR"}
    result = google(world)
    assert result["failed"] and "Packer ended without the image" in result["msg"] and steps(result) == ["build", "remove"]
    result = google(world)
    assert not result.get("failed") and world.end() == google_images.BUILT, result


def test_the_name_of_a_member_is_not_hidden_as_a_password_would_be(tmp_path: Path) -> None:
    """It is written like an address with a password in it."""
    (tmp_path / "t.json").write_text(TEMPLATE)
    given = {"provider": "gcp", "name": "linux", "template": str(tmp_path / "t.json"), "project": "example-project", "zone": "no-zone"}
    answer = process(NAME, {}, **given, shared_with=["serviceAccount:zone@example-project.iam.gserviceaccount.com"])
    assert answer["failed"] and "zone is 'no-zone'" in answer["msg"]
