# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2 as it is asked: pages, people of one digest only, disks of images that come up meanwhile, sweeping what is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound
from ansible_collections.serverops.circleci.plugins.module_utils.image.ec2_client import Ec2, builder_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import Leftover
from unit.laws.image_world import HOME, ImageWorld

from lab.images.account import refusal

TAGS = {"serverops_image": "circleci-linux", "serverops_digest": "d1"}


@pytest.fixture
def world() -> Iterator[ImageWorld]:
    made = ImageWorld()
    with made.open():
        yield made


def asked(world: ImageWorld) -> list[str]:
    return [point.partition("after ")[2] for point in world.tap.points if point.startswith("after ")]


def test_people_are_asked_of_the_wanted_image_only(world: ImageWorld) -> None:
    world.account.image(HOME, "circleci-linux-1", TAGS)
    world.account.image(HOME, "circleci-linux-2", {**TAGS, "serverops_digest": "d2"})
    assert len(Ec2(None).images("circleci-linux", HOME, "d1")) == 2
    assert asked(world).count("describe_image_attribute") == 1


def test_a_snapshot_is_free_when_no_image_has_it(world: ImageWorld) -> None:
    world.account.image(HOME, "circleci-linux-1", TAGS)
    world.account.region(HOME)["snapshots"]["snap-free"] = {"SnapshotId": "snap-free", "Tags": [{"Key": "serverops_image", "Value": "circleci-linux"}]}
    assert Ec2(None).disks("circleci-linux", HOME) == [Leftover("snapshot", "snap-free")]
    assert asked(world).index("describe_snapshots") < asked(world).index("describe_images"), "an image that comes meanwhile has its snapshot"


def test_a_base_that_is_gone(world: ImageWorld) -> None:
    Ec2(None).base(HOME, "ami-base")
    with pytest.raises(NotFound, match="base_image ami-0 is not in eu-west-1"):
        Ec2(None).base(HOME, "ami-0")


def test_sweeping_what_is_gone_is_no_failure(world: ImageWorld) -> None:
    for kind in ("volume", "snapshot", "key_pair", "security_group"):
        Ec2(None).sweep(HOME, Leftover(kind, "gone"))
    assert world.account.writes == []


def test_exactly_the_change_of_people_is_sent(world: ImageWorld) -> None:
    image = world.account.image(HOME, "circleci-linux-1", TAGS)
    body = world.account.region(HOME)["images"][image]
    body["permissions"] = [{"Group": "all"}, {"UserId": "1" * 12}, {"UserId": "9" * 12}]
    Ec2(None).share(HOME, image, ("1" * 12, "2" * 12), ("all", "1" * 12, "9" * 12))
    assert body["permissions"] == [{"UserId": "1" * 12}, {"UserId": "2" * 12}] and not body["Public"]


def test_an_organization_is_somebody_who_may_use_it_and_is_shut_out_as_one(world: ImageWorld) -> None:
    image = world.account.image(HOME, "circleci-linux-1", TAGS)
    body = world.account.region(HOME)["images"][image]
    whole, part = "arn:aws:organizations::111111111111:organization/o-1", "arn:aws:organizations::111111111111:ou/o-1/ou-2"
    body["permissions"] = [{"OrganizationArn": whole}, {"OrganizationalUnitArn": part}]
    [found] = Ec2(None).images("circleci-linux", HOME)
    assert found.shared == {whole, part}
    Ec2(None).share(HOME, image, (), sorted(found.shared))
    assert body["permissions"] == []


def test_one_that_went_after_the_list_was_made_is_no_failure(world: ImageWorld) -> None:
    world.account.image(HOME, "circleci-linux-1", TAGS)

    def gone() -> None:
        raise refusal("InvalidAMIID.Unavailable", "it is no longer available", "describe_image_attribute")

    world.account.fails["describe_image_attribute"] = gone
    assert [one.state for one in Ec2(None).images("circleci-linux", HOME)] == ["deregistered"]


def test_what_was_used_before_is_noted_beside_the_other_tags(world: ImageWorld) -> None:
    image = world.account.image(HOME, "circleci-linux-1", TAGS)
    Ec2(None).note(HOME, image, "circleci-linux", "ami-0")
    [found] = Ec2(None).images("circleci-linux", HOME)
    assert (found.previous, found.digest, found.family) == ("ami-0", "d1", "circleci-linux")


def test_a_machine_tells_its_age_and_what_packer_made_for_it() -> None:
    body: dict[str, Any] = {"InstanceId": "i-1", "State": {"Name": "stopped"}, "KeyName": "packer_1", "SecurityGroups": [{"GroupName": "default"}]}
    made = builder_from_api({**body, "LaunchTime": datetime.fromtimestamp(100, timezone.utc)})
    assert made.age(160.0) == 60.0 and builder_from_api(body).age(160.0) == 0.0
    assert made.made == (Leftover("key_pair", "packer_1"),), "a group of the operator's own stays"


@pytest.mark.parametrize(("said", "state"), [("pending", "living"), ("stopped", "living"), ("shutting-down", "ending"), ("terminated", "gone")])
def test_a_machine_lives_until_it_ends(said: str, state: str) -> None:
    assert builder_from_api({"InstanceId": "i-1", "State": {"Name": said}}).state == state
