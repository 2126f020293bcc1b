# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights: asked one by one in order, told all at once."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import NODE, POD, SECRET, Kind
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.rights import Right, is_allowed, rights_sentence
from unit.plugins.module_utils.kubernetes.scripted import Answer, Asked, recorded, scripted

BACKUP = Kind("velero.io", "v1", "backups", "Backup")
REVIEWS = [line for line in recorded("auth") if line.get("request", {}).get("path", "").endswith("/selfsubjectaccessreviews")]


def test_a_right_is_asked_for_as_recorded() -> None:
    asked = [line["request"]["body"]["spec"]["resourceAttributes"] for line in REVIEWS if "resourceAttributes" in line["request"]["body"].get("spec", {})]
    ours = Right("get", SECRET, "lab", "known", "status").review()["spec"]["resourceAttributes"]
    assert {name for one in asked for name in one} <= set(ours)
    assert Right("list", NODE).review()["spec"]["resourceAttributes"] == {"verb": "list", "group": "", "version": "v1", "resource": "nodes"}


def test_the_recorded_answers_are_understood() -> None:
    bodies = [line["response"]["body"] for line in REVIEWS if line["response"]["status"] == 201]
    assert {is_allowed(body) for body in bodies} == {True, False}
    assert all(is_allowed(body) == body["status"]["allowed"] for body in bodies)


@pytest.mark.parametrize("body", [{}, {"status": None}, {"status": {}}, {"status": {"allowed": "true"}}, {"status": {"allowed": False}}])
def test_what_is_no_clear_yes_is_no(body: Any) -> None:
    assert not is_allowed(body)


def test_each_right_is_asked_once_in_order_and_all_missing_ones_are_told() -> None:
    def script(asked: Asked) -> Answer:
        wanted = asked.body["spec"]["resourceAttributes"]
        return Answer(201, {"kind": "SelfSubjectAccessReview", "status": {"allowed": wanted["resource"] == "pods"}})

    client, asked = scripted(script=script)
    rights = [Right("list", POD, "velero"), Right("create", BACKUP, "velero"), Right("list", NODE), Right("create", BACKUP, "velero")]
    missing = client.missing_rights(rights)
    assert missing == (rights[1], rights[2])
    assert [one.body["spec"]["resourceAttributes"]["resource"] for one in asked] == ["pods", "backups", "nodes"]
    sentence = rights_sentence(missing, "Kubernetes at x")
    assert "create on backups.velero.io in namespace velero; list on nodes" in sentence and "ClusterRoleBinding" in sentence and "\n" not in sentence


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (Right("get", POD, "x", sub="log"), "get on pods/log in namespace x"),
        (Right("get", SECRET, "x", "y"), "get on secrets y in namespace x"),
        (Right("list", BACKUP), "list on backups.velero.io in all namespaces"),
        (Right("list", NODE), "list on nodes"),
        (Right("update", BACKUP, "x", sub="status"), "update on backups/status.velero.io in namespace x"),
    ],
)
def test_a_right_for_people(right: Right, words: str) -> None:
    assert right.words == words


def test_the_remedy_fits_what_is_missing() -> None:
    assert "a Role with a RoleBinding" in rights_sentence([Right("get", POD, "x")]) and rights_sentence(()) == ""
