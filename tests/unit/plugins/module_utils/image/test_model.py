# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes from EC2 and from Packer's log, as values; and what no image can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import (
    Image,
    ImageSpec,
    ImageState,
    Leftover,
    checked,
    image_from_api,
    last_said,
    must_be_ours,
    temporary_names,
)

SPEC = ImageSpec("circleci-linux", "linux.json", "eu-west-1")
SECRET = Secret("canary-3a")
BODY: dict[str, Any] = {
    "ImageId": "ami-1",
    "Name": "circleci-linux-1",
    "State": "available",
    "Public": False,
    "Tags": [{"Key": "serverops_digest", "Value": "d1"}, {"Key": "serverops_image", "Value": "circleci-linux"}, {"Key": "serverops_owner", "Value": "x"}],
    "BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-2", "Encrypted": True}}, {"Ebs": {"SnapshotId": "snap-1"}}, {"VirtualName": "ephemeral0"}],
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "x"}, "name is 'x'; give 3 to 115"),
        ({"name": "-linux"}, "beginning with a letter or digit"),
        ({"name": "linux;rm"}, "name is 'linux;rm'"),
        ({"shared_with": ("all",)}, "never public"),
        ({"shared_with": ("1234",)}, "12 digits"),
        ({"variables": {"password": "x"}, "secret_variables": {"password": SECRET}, "digest_key": SECRET}, "password is in variables and in secret_variables"),
        ({"secret_variables": {"password": SECRET}}, "without digest_key"),
        ({"keep": -1}, "keep is -1"),
        ({"max_build_time": 0.0}, "max_build_time 0"),
    ],
)
def test_what_no_image_can_be(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        checked(replace(SPEC, **change))
    assert "canary" not in str(caught.value)


def test_what_can_be() -> None:
    good = replace(SPEC, shared_with=("111111111111",), secret_variables={"password": SECRET}, digest_key=SECRET)
    assert checked(good) == good


def test_an_image_from_ec2() -> None:
    image = image_from_api("eu-west-1", BODY, [{"UserId": "111111111111"}])
    assert (image.digest, image.family, image.owned, image.shared) == ("d1", "circleci-linux", False, frozenset({"111111111111"}))
    assert (image.encrypted, image.snapshots) == (False, ("snap-1", "snap-2")), "encrypted is what all of its disks are"


@pytest.mark.parametrize(("body", "people"), [({"Public": True}, []), ({}, [{"Group": "all"}])])
def test_public_by_either_word(body: dict[str, Any], people: list[dict[str, str]]) -> None:
    assert "all" in image_from_api("eu-west-1", {**BODY, **body}, people).shared


def test_the_home_region_is_not_copied_to() -> None:
    assert replace(SPEC, regions=("eu-west-1", "us-east-1")).copies == ("us-east-1",)


def test_of_several_of_a_digest_the_one_that_can_be_used() -> None:
    ones = [Image(f"ami-{state}", "circleci-linux-x", "eu-west-1", state=state, digest="d") for state in ("failed", "pending", "available")]
    found = [ImageState("d", images=tuple(given)).wanted(SPEC, "eu-west-1") for given in (ones, ones[:2], ones[:1])]
    assert [one.state if one else None for one in found] == ["available", "pending", "failed"]
    assert ImageState("d", images=tuple(ones)).wanted(SPEC, "us-east-1") is None
    assert ImageState("e", images=tuple(ones)).wanted(SPEC, "eu-west-1") is None


LOG = """amazon-ebs: output will be in this color.

==> amazon-ebs: Prevalidating any provided VPC information
==> amazon-ebs: Creating temporary keypair: packer_5fc1
==> amazon-ebs: Creating temporary security group for this instance: packer_5fc2
    amazon-ebs: Adding tag: "Name": "x"
Build 'amazon-ebs' finished.
"""


def test_what_packer_said_last_and_what_it_made_for_itself() -> None:
    assert last_said(LOG) == 'Adding tag: "Name": "x"'
    assert last_said("") == ""
    assert temporary_names(LOG) == [Leftover("key_pair", "packer_5fc1"), Leftover("security_group", "packer_5fc2")]


def test_a_template_that_does_not_name_its_image() -> None:
    must_be_ours("x.json", "image_name image_digest image_run")
    with pytest.raises(BadInput, match="template x.json does not use the variables image_digest, image_run"):
        must_be_ours("x.json", "image_name")
