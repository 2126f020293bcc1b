# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine as it is asked: pages, policies of one digest only, orders that take their time or fail, what cannot be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.image.google_client import Compute
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import Image, Leftover
from unit.laws.google_image_world import BASE, FAMILY, KEY, PROJECT, ZONE, GoogleImageWorld

from lab.google.api import Fault


@pytest.fixture
def world() -> Iterator[GoogleImageWorld]:
    made = GoogleImageWorld()
    with made.open():
        yield made


def compute(world: GoogleImageWorld) -> Compute:
    return Compute(PROJECT, ZONE, {"service_account_contents": KEY}, world.clock)


def image(world: GoogleImageWorld, name: str, **labels: str) -> dict[str, Any]:
    return world.api.compute.put_image(PROJECT, name, labels)


def test_lists_come_in_pages_and_policies_of_one_digest_only(world: GoogleImageWorld) -> None:
    world.control.compute(page=2)
    for number in range(5):
        image(world, f"{FAMILY}-{number}", serverops_digest=f"d{number}")
    image(world, "another-1")
    found = compute(world).images(FAMILY, "global", "d3")
    assert [one.name for one in found] == [f"{FAMILY}-{number}" for number in range(5)]
    assert [one["path"].rpartition("/images/")[2] for one in world.control.calls() if "IamPolicy" in one["path"]] == [f"{FAMILY}-3/getIamPolicy"]


def test_a_base_that_is_gone(world: GoogleImageWorld) -> None:
    compute(world).base("global", f"projects/ubuntu-os-cloud/global/images/{BASE}")
    with pytest.raises(NotFound, match=f"base_image {BASE} is not in project {PROJECT}"):
        compute(world).base("global", BASE)


def test_sweeping_what_is_gone_is_no_failure(world: GoogleImageWorld) -> None:
    for kind in ("instance", "disk"):
        compute(world).sweep("global", Leftover(kind, "gone"))
    assert [one["status"] for one in world.control.calls()] == [404, 404]


def test_a_disk_goes_and_one_that_a_machine_has_does_not(world: GoogleImageWorld) -> None:
    world.control.disk("free", ZONE)
    world.api.compute.put_instance(PROJECT, ZONE, "m", {}, world.api.compute.put_disk(PROJECT, ZONE, "held"))
    compute(world).sweep("global", Leftover("disk", "free"))
    with pytest.raises(Refused, match="already being used"):
        compute(world).sweep("global", Leftover("disk", "held"))
    assert world.control.made()["disks"] == [f"{ZONE}/held"]


def test_an_order_that_fails_later_is_told(world: GoogleImageWorld) -> None:
    image(world, f"{FAMILY}-1")
    world.control.compute(fails={"delete": "INTERNAL_ERROR"})
    with pytest.raises(Refused, match="Google says INTERNAL_ERROR"):
        compute(world).remove(Image(f"{FAMILY}-1", f"{FAMILY}-1", "global"))


def test_an_order_that_takes_longer_is_left_to_the_next_look(world: GoogleImageWorld) -> None:
    image(world, f"{FAMILY}-1")
    world.control.compute(seconds={"delete": 300.0})
    began = world.clock.now()
    compute(world).remove(Image(f"{FAMILY}-1", f"{FAMILY}-1", "global"))
    assert world.clock.now() - began < 30
    assert [one.state for one in compute(world).images(FAMILY, "global")] == ["deleting"]


def test_labels_are_put_beside_those_that_are_there(world: GoogleImageWorld) -> None:
    body = image(world, f"{FAMILY}-1", team="builds")
    compute(world).tag("global", (f"{FAMILY}-1",), FAMILY, "d" * 64)
    world.pass_time(2)
    assert body["labels"] == {"team": "builds", "serverops_image": FAMILY, "serverops_digest": "d" * 40, "serverops_owner": "serverops_circleci"}


def test_what_was_used_before_is_noted_beside_them(world: GoogleImageWorld) -> None:
    body = image(world, f"{FAMILY}-1", team="builds")
    compute(world).note("global", f"{FAMILY}-1", FAMILY, f"{FAMILY}-0")
    world.pass_time(2)
    assert body["labels"] == {"team": "builds", "serverops_image": FAMILY, "serverops_previous": f"{FAMILY}-0"}
    assert [one.previous for one in compute(world).images(FAMILY, "global")] == [f"{FAMILY}-0"]


def test_one_that_went_after_the_list_was_made_is_no_failure(world: GoogleImageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    image(world, f"{FAMILY}-1")
    asked = compute(world)

    def gone(_image: str) -> Any:
        raise NotFound("it is not there")

    monkeypatch.setattr(asked, "_policy", gone)
    assert [one.state for one in asked.images(FAMILY, "global")] == ["deleting"]


def test_people_are_written_over_the_version_that_was_read(world: GoogleImageWorld) -> None:
    image(world, f"{FAMILY}-1")
    place = f"images/{PROJECT}/{FAMILY}-1"
    world.world.grant(place, "roles/compute.imageUser", "allUsers")
    compute(world).share("global", f"{FAMILY}-1", ("user:a@example.com",), ())
    assert world.control.policy(place) == [{"role": "roles/compute.imageUser", "members": ["user:a@example.com"]}]
    compute(world).share("global", f"{FAMILY}-1", (), ())
    assert world.control.policy(place) == []


@pytest.mark.parametrize("match", ["aggregated/disks", "aggregated/instanceTemplates"])
def test_what_may_not_be_seen_counts_as_used(match: str, world: GoogleImageWorld) -> None:
    assert compute(world).used("global", ["a", "b"]) == set()
    world.api.faults.append(Fault("denied", match))
    assert compute(world).used("global", ["a", "b"]) == {"a", "b"}


@pytest.mark.parametrize("answer", [{"items": {"zones/x": {"warning": {"code": "UNREACHABLE"}}}}, {"items": {}, "unreachables": ["zones/x"]}])
def test_a_zone_that_does_not_answer_is_not_taken_for_empty(answer: dict[str, Any], world: GoogleImageWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = compute(world)
    monkeypatch.setattr(asked._client, "read", lambda *_given, **_more: answer)
    assert asked.used("global", ["a"]) == {"a"}


def test_nothing_is_copied(world: GoogleImageWorld) -> None:
    with pytest.raises(BadInput, match="is in all regions"):
        compute(world).copy(Image("a", "a", "global"), "us-east1", False)
