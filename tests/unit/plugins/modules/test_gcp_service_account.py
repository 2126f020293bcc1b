# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of gcp_service_account: just the permissions that are named, where they are needed, and nothing of anybody else's touched."""

from __future__ import annotations

import copy
from typing import Any
from unittest import mock

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.door import WAIT_OPTIONS
from ansible_collections.serverops.circleci.plugins.module_utils.gcp import policy_client
from unit.laws.gcp import ACCOUNT_WISH, OBJECTS
from unit.laws.gcp_world import BUCKET, EMAIL, PROJECT, Fault, GoogleWorld
from unit.plugins.modules.gcp_doors import change, steps
from unit.plugins.modules.indoors import check_options, module, returned

from lab.google.answers import Said, error
from lab.google.model import Role

NAME = "gcp_service_account"
MEMBER = f"serviceAccount:{EMAIL}"
ROLE = f"projects/{PROJECT}/roles/velero_objects"
SNAPSHOTS = {"role_id": "velero_snapshots", "title": None, "permissions": ["compute.disks.get"], "place": "project", "bucket": None}


@pytest.fixture
def world() -> GoogleWorld:
    made = GoogleWorld()
    made.control.bucket(BUCKET)
    return made


def go(world: GoogleWorld, check: bool = False, **more: Any) -> tuple[dict[str, Any], str]:
    return change(world, NAME, check, **{**ACCOUNT_WISH, **more})


def test_documentation_and_code_tell_the_same_options() -> None:
    check_options(NAME, {**module(NAME).DOOR.options, **WAIT_OPTIONS})


def test_account_roles_and_rights_are_made_in_this_order(world: GoogleWorld) -> None:
    before = copy.deepcopy(world.control.policy(f"buckets/{BUCKET}"))
    result, failure = go(world)
    assert failure == "" and steps(result) == ["make_account", "make_role", "make_role", "add_binding", "add_binding", "add_binding"]
    assert world.control.roles() == {ROLE: sorted(OBJECTS), f"projects/{PROJECT}/roles/velero_sign": ["iam.serviceAccounts.signBlob"]}
    assert world.control.policy(f"buckets/{BUCKET}") == [*before, {"role": ROLE, "members": [MEMBER]}]
    assert world.control.policy(f"accounts/{EMAIL}") == [
        {"role": f"projects/{PROJECT}/roles/velero_sign", "members": [MEMBER]},
        {"role": "roles/iam.workloadIdentityUser", "members": [f"serviceAccount:{PROJECT}.svc.id.goog[velero/velero]"]},
    ]
    assert result["other_rights"] == [] and len(result["rights"]) == 3 and result["account"]["exists"]
    assert set(result) - {"changed", "diff"} == set(returned(NAME))
    assert not go(world)[0]["changed"]


def test_the_project_s_policy_is_asked_for_only_where_a_role_is_on_the_project(world: GoogleWorld) -> None:
    poor = GoogleWorld(("roles/storage.admin", "roles/iam.serviceAccountAdmin", "roles/iam.roleAdmin"))
    poor.control.bucket(BUCKET)
    assert go(poor)[1] == ""
    _result, failure = go(poor, roles=[SNAPSHOTS])
    assert "The caller does not have permission" in failure
    result, failure = go(world, roles=[SNAPSHOTS])
    assert failure == "" and {"role": f"projects/{PROJECT}/roles/velero_snapshots", "members": [MEMBER]} in world.control.policy(f"projects/{PROJECT}")


def test_conditions_and_others_in_a_policy_stay_as_they_are(world: GoogleWorld) -> None:
    condition = {"title": "until", "expression": "request.time < timestamp('2030-01-01T00:00:00Z')"}
    world.control.grant(f"projects/{PROJECT}", "roles/viewer", "user:a@example.com", condition)
    world.control.grant(f"projects/{PROJECT}", "roles/viewer", "user:b@example.com")
    before = copy.deepcopy(world.control.policy(f"projects/{PROJECT}"))
    assert go(world, roles=[SNAPSHOTS])[1] == ""
    after = world.control.policy(f"projects/{PROJECT}")
    assert [one for one in before if one not in after] == [] and len(after) == len(before) + 1


def test_without_version_3_it_would_not_go(world: GoogleWorld) -> None:
    """That the care for conditions is what the test before depends on."""
    world.control.grant(f"projects/{PROJECT}", "roles/viewer", "user:a@example.com", {"title": "t", "expression": "true"})
    with mock.patch.object(policy_client, "VERSION", 1):
        _result, failure = go(world, roles=[SNAPSHOTS])
    assert "_withcond_" in failure


def test_a_policy_that_somebody_else_writes_meanwhile_is_read_again(world: GoogleWorld) -> None:
    handle, first = world.api.handle, []

    def meanwhile(asked: Any) -> Any:
        if asked.path.endswith(":setIamPolicy") and f"projects/{PROJECT}:" in asked.path and len(first) < 2:
            first.append(True)
            world.control.grant(f"projects/{PROJECT}", "roles/viewer", f"user:{len(first)}@example.com")
        return handle(asked)

    world.api.handle = meanwhile  # type: ignore[method-assign]
    result, failure = go(world, roles=[SNAPSHOTS])
    members = [member for one in world.control.policy(f"projects/{PROJECT}") for member in one["members"]]
    assert failure == "" and {"user:1@example.com", "user:2@example.com", MEMBER} <= set(members)
    assert steps(result).count("add_binding") == 2


def test_an_account_that_one_part_of_google_shows_and_another_does_not_yet(world: GoogleWorld) -> None:
    handle, late = world.api.handle, []

    def slow(asked: Any) -> Any:
        if asked.path.endswith(f"{EMAIL}:getIamPolicy") and len(late) < 3:
            late.append(True)
            return error(Said(404, f"Unknown service account: {EMAIL}"), False)
        return handle(asked)

    world.api.handle = slow  # type: ignore[method-assign]
    result, failure = go(world)
    assert failure == "" and len(late) == 3 and steps(result).count("add_binding") == 3 and not go(world)[0]["changed"]


def test_a_member_more_joins_the_binding_that_is_there(world: GoogleWorld) -> None:
    assert go(world)[1] == ""
    other = f"serviceAccount:{PROJECT}.svc.id.goog[other/velero]"
    world.world.policies[f"accounts/{EMAIL}"].bindings[1]["members"] = [other]
    result, failure = go(world)
    assert failure == "" and steps(result) == ["add_binding"]
    assert set(world.control.policy(f"accounts/{EMAIL}")[1]["members"]) == {other, f"serviceAccount:{PROJECT}.svc.id.goog[velero/velero]"}


def test_what_the_guide_gave_is_told_and_left(world: GoogleWorld) -> None:
    world.control.account("velero")
    world.control.grant(f"buckets/{BUCKET}", "roles/storage.objectAdmin", MEMBER)
    result, failure = go(world)
    assert failure == "" and result["other_rights"] == [{"place": f"bucket {BUCKET}", "role": "roles/storage.objectAdmin", "member": MEMBER}]
    assert {"role": "roles/storage.objectAdmin", "members": [MEMBER]} in world.control.policy(f"buckets/{BUCKET}")


def test_a_role_of_ours_is_set_right_and_one_that_was_deleted_comes_back(world: GoogleWorld) -> None:
    assert go(world)[1] == ""
    role = world.world.roles[ROLE]
    role.permissions = [*OBJECTS, "storage.buckets.delete"]
    assert steps(go(world)[0]) == ["set_role"] and sorted(role.permissions) == sorted(OBJECTS)
    role.deleted, role.permissions = True, []
    assert steps(go(world)[0]) == ["undelete_role", "set_role"] and sorted(role.permissions) == sorted(OBJECTS)


def test_a_role_of_somebody_else_s_is_refused_until_it_is_taken_over(world: GoogleWorld) -> None:
    world.world.roles[ROLE] = Role(ROLE, ["storage.buckets.list"], etag=world.world.etag())
    _result, failure = go(world)
    assert "was not made here" in failure and world.writes() == []
    assert go(world, take_over=True)[1] == "" and sorted(world.world.roles[ROLE].permissions) == sorted(OBJECTS)
    assert not go(world)[0]["changed"]


def test_a_disabled_account_is_told(world: GoogleWorld) -> None:
    world.control.account("velero", disabled=True)
    _result, failure = go(world)
    assert "is disabled; enable it" in failure and world.writes() == []


def test_a_cluster_without_workload_identity_is_told_by_google_s_words(world: GoogleWorld) -> None:
    world.world.pools.clear()
    _result, failure = go(world)
    assert "Identity Pool does not exist (lab-project.svc.id.goog)" in failure


def test_a_bucket_that_is_not_there_is_foreseen_and_fails(world: GoogleWorld) -> None:
    world.world.buckets.clear()
    predicted, failure = go(world, check=True)
    assert failure == "" and "add_binding" in steps(predicted) and world.writes() == []
    _result, failure = go(world)
    assert "The specified bucket does not exist" in failure


@pytest.mark.parametrize("answer", ["busy", "unavailable", "reset"])
def test_an_answer_that_is_lost_makes_nothing_twice(world: GoogleWorld, answer: str) -> None:
    world.api.faults = [Fault(answer, "^POST .*serviceAccounts$", 1, done=True)]
    result, failure = go(world)
    assert failure == "" and steps(result).count("make_account") == 1
    assert len([one for one in world.world.accounts if one.startswith("velero@")]) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"account_id": "abc"}, "account_id is 'abc'"),
        ({"roles": [{**SNAPSHOTS, "permissions": ["storage.*"]}]}, "has 'storage.*'"),
        ({"roles": [{**SNAPSHOTS, "permissions": ["roles/owner"]}]}, "never a star or a role"),
        ({"roles": [{**SNAPSHOTS, "permissions": []}]}, "is empty"),
        ({"roles": [{**SNAPSHOTS, "role_id": "a b"}]}, "role_id is 'a b'"),
        ({"roles": [{**SNAPSHOTS, "place": "bucket"}]}, "give bucket with place: bucket"),
        ({"roles": [SNAPSHOTS, SNAPSHOTS]}, "names velero_snapshots twice"),
    ],
)
def test_what_cannot_be_is_told_first(world: GoogleWorld, given: dict[str, Any], words: str) -> None:
    result, failure = go(world, **given)
    assert words in failure and result == {} and world.tap.points == []


def test_no_basic_role_and_no_predefined_one_is_given_to_the_account(world: GoogleWorld) -> None:
    assert go(world, roles=[*ACCOUNT_WISH["roles"], SNAPSHOTS])[1] == ""
    held = [one["role"] for policy in world.world.policies.values() for one in policy.bindings if MEMBER in one["members"]]
    assert held and all(role.startswith(f"projects/{PROJECT}/roles/velero_") for role in held)
