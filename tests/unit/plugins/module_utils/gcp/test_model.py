# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies and other answers of Google's as values, and one member more in a policy."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.errors import Conflict, NotYet, answer_error
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.model import Binding, bindings_from_api, bucket_from_api, with_binding

CONDITION = {"title": "t", "expression": "true"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [{"role": "r", "members": ["m"]}]),
        ([{"role": "r", "members": ["a"]}], [{"role": "r", "members": ["a", "m"]}]),
        ([{"role": "r", "members": ["m"]}], [{"role": "r", "members": ["m"]}]),
        ([{"role": "s", "members": ["a"]}], [{"role": "s", "members": ["a"]}, {"role": "r", "members": ["m"]}]),
        (
            [{"role": "r", "members": ["a"], "condition": CONDITION}],
            [{"role": "r", "members": ["a"], "condition": CONDITION}, {"role": "r", "members": ["m"]}],
        ),
    ],
)
def test_one_member_more(before: list[Any], after: list[Any]) -> None:
    policy = {"bindings": before, "etag": "e", "version": 3, "auditConfigs": [1]}
    assert with_binding(policy, "r", "m") == {"bindings": after, "etag": "e", "version": 3, "auditConfigs": [1]}
    assert policy["bindings"] is before and "m" not in str([one["members"] for one in before if one["members"] == ["a"]])


def test_only_the_members_that_are_asked_for_are_seen() -> None:
    policy = {"bindings": [{"role": "r", "members": ["a", "m"]}, {"role": "s", "members": ["m"], "condition": CONDITION}]}
    assert bindings_from_api("project", policy, ["m"]) == {Binding("project", "r", "m"), Binding("project", "s", "m", True)}
    assert bindings_from_api("project", {}, ["m"]) == frozenset()


def test_a_bucket_that_says_little_is_open() -> None:
    found = bucket_from_api({"name": "b", "location": "eu", "metageneration": "3"})
    assert (found.location, found.versioning, found.uniform, found.closed, found.soft_delete, found.generation) == ("EU", False, False, False, 0, "3")


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "no", NotPermitted),
        (403, "no", NotPermitted),
        (404, "no", NotFound),
        (409, "no", Conflict),
        (412, "no", Conflict),
        (400, "Service account velero@p.iam.gserviceaccount.com does not exist.", NotYet),
        (400, "Role (projects/p/roles/x) does not exist in the resource's hierarchy.", NotYet),
        (400, "Identity Pool does not exist (p.svc.id.goog).", Refused),
        (408, "no", Unreachable),
        (429, "no", Unreachable),
        (503, "no", Unreachable),
        (302, "no", Refused),
    ],
)
def test_what_an_answer_means(status: int, message: str, kind: type[CollectionError]) -> None:
    found = answer_error(status, message, 7.0)
    assert found.__class__ is kind
    assert getattr(found, "after", None) == (7.0 if status in (408, 429, 503) else None)
