# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of gcp_bucket: made closed, set right over the version that was seen, and never moved."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS, reconcile
from unit.laws.gcp_world import BUCKET, Fault, GoogleWorld
from unit.plugins.modules.gcp_doors import change, steps
from unit.plugins.modules.indoors import check_options, module, process, returned

from lab.nomad.clock import VirtualClock

NAME = "gcp_bucket"
WISH: dict[str, Any] = {"name": BUCKET, "location": "europe-west1"}


@pytest.fixture
def world() -> GoogleWorld:
    return GoogleWorld()


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


def test_a_new_one_is_closed_from_its_first_moment(world: GoogleWorld) -> None:
    result, failure = change(world, NAME, **WISH)
    body = world.world.buckets[BUCKET].body
    assert failure == "" and steps(result) == ["make_bucket"] and len(world.writes()) == 1
    assert body["iamConfiguration"] == {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
    assert (body["location"], body["versioning"], body["softDeletePolicy"]["retentionDurationSeconds"]) == ("EUROPE-WEST1", {"enabled": True}, "604800")
    assert result["bucket"]["public_access_prevention"] and result["bucket"]["soft_delete"] == 604800
    assert set(result) - {"changed", "diff"} == set(returned(NAME))


def test_one_that_is_there_keeps_what_is_not_asked_for(world: GoogleWorld) -> None:
    world.control.bucket(BUCKET, settings={"labels": {"team": "a"}, "lifecycle": {"rule": []}, "storageClass": "NEARLINE"})
    result, failure = change(world, NAME, **WISH)
    assert failure == "" and result["steps"][0]["settings"] == {"versioning": True, "uniform": True, "closed": True}
    body = world.world.buckets[BUCKET].body
    assert (body["labels"], body["lifecycle"], body["storageClass"]) == ({"team": "a"}, {"rule": []}, "NEARLINE")


@pytest.mark.parametrize(("given", "made"), [({"soft_delete_days": 0}, "0"), ({"soft_delete_days": 30}, "2592000"), ({"versioning": False}, "604800")])
def test_its_settings(world: GoogleWorld, given: dict[str, Any], made: str) -> None:
    change(world, NAME, **WISH)
    _result, failure = change(world, NAME, **WISH, **given)
    body = world.world.buckets[BUCKET].body
    assert failure == "" and body["softDeletePolicy"]["retentionDurationSeconds"] == made
    assert body["versioning"]["enabled"] == given.get("versioning", True)


def test_one_elsewhere_is_left_alone(world: GoogleWorld) -> None:
    world.control.bucket(BUCKET, location="US")
    result, failure = change(world, NAME, **WISH)
    assert (result, world.writes()) == ({}, []) and "is in US, but location is EUROPE-WEST1" in failure


def test_one_of_somebody_else_s_is_told(world: GoogleWorld) -> None:
    world.control.bucket(BUCKET, project="other-project")
    _result, failure = change(world, NAME, **WISH)
    assert "storage.buckets.get" in failure and "or it is somebody else's" in failure and world.writes() == []


def test_somebody_else_changes_it_meanwhile(world: GoogleWorld) -> None:
    """Between our look and our write: nothing of theirs is lost, and ours is done over theirs."""
    world.control.bucket(BUCKET)
    theirs = world.world.buckets[BUCKET].body
    handle, first = world.api.handle, []

    def meanwhile(asked: Any) -> Any:
        if asked.method == "PATCH" and not first:
            first.append(True)
            theirs["labels"], theirs["metageneration"] = {"team": "b"}, "7"
        return handle(asked)

    world.api.handle = meanwhile  # type: ignore[method-assign]
    result, failure = change(world, NAME, **WISH)
    assert failure == "" and steps(result) == ["set_bucket"]
    assert [call["status"] for call in world.world.calls if call["method"] == "PATCH"] == [412, 200]
    assert theirs["labels"] == {"team": "b"} and theirs["versioning"] == {"enabled": True} and theirs["metageneration"] == "8"


def test_a_right_that_is_missing_is_named(world: GoogleWorld) -> None:
    poor = GoogleWorld(("roles/storage.objectAdmin",))
    _result, failure = change(poor, NAME, **WISH)
    assert "make bucket circleci-backups" in failure and "storage.buckets.create" in failure


@pytest.mark.parametrize("answer", ["busy", "unavailable", "reset"])
def test_what_passes_is_gone_through(world: GoogleWorld, answer: str) -> None:
    world.api.faults = [Fault(answer, "", 2)]
    result, failure = change(world, NAME, **WISH)
    assert failure == "" and steps(result) == ["make_bucket"]


@pytest.mark.parametrize(
    ("given", "words"),
    [({"name": "Has Blanks"}, "name is 'Has Blanks'"), ({"location": "x/y"}, "location is 'x/y'"), ({"soft_delete_days": 3}, "soft_delete_days is 3")],
)
def test_what_cannot_be_is_told_first(world: GoogleWorld, given: dict[str, Any], words: str) -> None:
    result, failure = change(world, NAME, **{**WISH, **given})
    assert words in failure and result == {} and world.tap.points == []


def test_what_cannot_be_reached_is_asked_again_for_a_while_and_told() -> None:
    made, clock = module(NAME).DOOR, VirtualClock()
    full = {key: option.get("default") for key, option in {**made.options, **WAIT_OPTIONS}.items()}
    given = {**WISH, "project": "p", "access_token": "canary-token", "endpoint_url": "http://127.0.0.1:1"}
    with pytest.raises(CollectionError, match="Google Cloud: no answer came") as caught:
        reconcile(made, {**full, **given}, False, clock)
    assert "canary-token" not in str(caught.value) and 5 < clock.now() < 60


def test_a_key_that_is_none_is_not_quoted() -> None:
    result = process(NAME, {}, **WISH, project="p", service_account_contents="canary-text")
    assert result["failed"] and "service_account_contents is no key" in result["msg"] and "canary-text" not in str(result)
