# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluator of policies: each rule of AWS's that it knows, and that it guesses nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Call, allows, like


def one(effect: str = "Allow", action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Statement": {"Effect": effect, "Action": action, "Resource": resource, **more}}


@pytest.mark.parametrize(
    ("action", "asked", "wanted"),
    [
        ("s3:GetObject", "s3:GetObject", True),
        ("S3:getobject", "s3:GetObject", True),
        ("s3:Get*", "s3:GetObject", True),
        ("s3:Get*", "s3:PutObject", False),
        ("s3:GetObjec?", "s3:GetObject", True),
        ("s3:GetObject?", "s3:GetObject", False),
        ("*", "ec2:CreateTags", True),
        (["s3:PutObject", "s3:GetObject"], "s3:GetObject", True),
        ("s3.GetObject", "s3:GetObject", False),
    ],
)
def test_actions(action: Any, asked: str, wanted: bool) -> None:
    assert allows([one(action=action)], Call(asked, "x")) is wanted


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:s3:::b", "arn:aws:s3:::B", False),
        ("arn:aws:s3:::b.c/*", "arn:aws:s3:::bxc/d", False),
        ("*", "a\nb", True),
    ],
)
def test_resources(pattern: str, text: str, wanted: bool) -> None:
    assert like(pattern, text) is wanted
    assert allows([one(resource=pattern)], Call("s3:GetObject", text)) is wanted


@pytest.mark.parametrize(
    ("policies", "wanted"),
    [
        ([], False),
        ([one()], True),
        ([one("Deny")], False),
        ([one(), one("Deny")], False),
        ([one("Deny"), one()], False),
        ([one(), one("Deny", "s3:Put*")], True),
    ],
)
def test_a_denial_beats_and_nothing_is_no(policies: list[dict[str, Any]], wanted: bool) -> None:
    assert allows(policies, Call("s3:GetObject", "x")) is wanted


@pytest.mark.parametrize(
    ("operator", "wanted", "had", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", None, False),
        ("StringLike", "a*", "ab", True),
        ("StringLike", "a/*", "ab/c", False),
        ("StringLike", "*", None, False),
        ("StringLikeIfExists", "a*", None, True),
        ("StringLikeIfExists", "a*", "b", False),
        ("ArnLike", "arn:aws:iam::*:role/x", "arn:aws:iam::1:role/x", True),
        ("ArnLike", "arn:aws:iam::1", "arn:aws:iam::1:role/x", False),
        ("ArnLike", "arn:aws:*:role/x", "arn:aws:iam::1:role/x", False),
        ("Bool", "false", "false", True),
        ("Bool", "false", "true", False),
        ("Bool", "false", None, False),
    ],
)
def test_conditions(operator: str, wanted: Any, had: Any, holds: bool) -> None:
    context = {} if had is None else {"KEY": had}
    assert allows([one(Condition={operator: {"key": wanted}})], Call("s3:GetObject", "x", context)) is holds


def test_all_keys_and_all_operators_must_hold() -> None:
    policy = one(Condition={"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}})
    assert allows([policy], Call("s3:GetObject", "x", {"a": "1", "b": "2", "c": "true"}))
    for lacking in ("a", "b", "c"):
        assert not allows([policy], Call("s3:GetObject", "x", {key: value for key, value in {"a": "1", "b": "2", "c": "true"}.items() if key != lacking}))


@pytest.mark.parametrize(
    "more",
    [
        {"NotAction": "s3:*"},
        {"NotResource": "*"},
        {"NotPrincipal": "*"},
        {"Principal": {"AWS": "arn:aws:iam::1:root"}},
        {"Condition": {"NumericLessThan": {"a": "1"}}},
        {"Condition": {"ForAnyValue:StringLike": {"a": "1"}}},
        {"Effect": "Maybe"},
    ],
)
def test_what_is_not_understood_is_no_answer(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not understood"):
        allows([{"Statement": [{**one()["Statement"], **more}]}], Call("s3:GetObject", "x"))
