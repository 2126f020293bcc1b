# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of vm_image_info: what is there, who may use it, whether it is used; what may not be seen counts as used."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from unit.laws import google_images
from unit.laws.image_world import AWAY, HOME, ImageWorld
from unit.laws.images import listed
from unit.plugins.modules.indoors import check_options, module, returned

from lab.images.account import refusal

NAME = "vm_image_info"


def read(world: ImageWorld, **params: Any) -> dict[str, Any]:
    given = {"name": "circleci-linux", "region": HOME, "regions": [], "cloud": None, "provider": "aws", **params}
    with world.open():
        return dict(module(NAME).DOOR.read(given, world.clock))


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, module(NAME).DOOR.options)


def test_newest_first_with_people_and_use() -> None:
    found = read(listed())
    assert set(found) == set(returned(NAME))
    names = [(one["name"], one["used"], one["public"], one["shared_with"]) for one in found["images"]]
    assert names == [
        ("circleci-linux-2", False, True, []),
        ("circleci-linux-1", True, False, ["111111111111"]),
        ("circleci-linux-0", True, False, []),
    ]
    assert [one["digest"] for one in found["images"]] == [None, "1", "0"]


def test_a_region_named_twice_is_read_once() -> None:
    found = read(listed(), regions=[HOME, AWAY])
    assert [one["region"] for one in found["images"]] == [HOME] * 3


def test_what_may_not_be_seen_counts_as_used() -> None:
    world = listed()

    def fail() -> None:
        raise refusal("UnauthorizedOperation", "no", "DescribeLaunchTemplates")

    world.account.fails["describe_launch_templates"] = fail
    assert [one["used"] for one in read(world)["images"]] == [True, True, True]


def test_of_another_family_none() -> None:
    assert read(listed(), name="circleci-windows") == {"images": []}


def test_on_google_cloud() -> None:
    world = google_images.listed()
    given = {**google_images.readings()[0].params, "region": None, "regions": []}
    with world.open():
        found = dict(module(NAME).DOOR.read(given, world.clock))
    names = [(one["name"], one["used"], one["public"], one["shared_with"], one["region"]) for one in found["images"]]
    assert names == [
        ("circleci-linux-2", False, True, [], "global"),
        ("circleci-linux-1", True, False, ["user:a@example.com"], "global"),
        ("circleci-linux-0", True, False, [], "global"),
    ]


@pytest.mark.parametrize(("given", "words"), [({"region": None}, "region is not given"), ({"provider": "gcp", "project": None}, "project is None")])
def test_a_place_must_be_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read(ImageWorld(), **given)
