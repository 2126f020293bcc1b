# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of kinds: what the program of a version prints is right for that version alone, and a cluster's are judged by mark and by what is installed."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.velero.crds import checked_crds, is_established, unfit
from ansible_collections.serverops.circleci.plugins.module_utils.velero.manifests import VERSION
from unit.plugins.module_utils.velero.recorded import crds

OLD, NEW = (6, "1.6.3"), (14, "1.14.0")


@pytest.mark.parametrize(("minor", "version"), [OLD, NEW])
def test_what_the_program_prints_is_taken_and_marked(minor: int, version: str) -> None:
    listed = [{"kind": "List", "items": crds(version)}]
    found = checked_crds(listed, version, minor, "x")
    assert [one["metadata"]["name"] for one in found] == sorted(one["metadata"]["name"] for one in crds(version))
    assert {one["metadata"]["annotations"][VERSION] for one in found} == {version}
    assert not any("status" in one or one["metadata"].get("creationTimestamp", 1) is None for one in found)
    assert checked_crds(crds(version), version, minor, "x") == found


def broken(change: str) -> list[Any]:
    made = copy.deepcopy(crds("1.6.3"))
    if change == "one less":
        return made[1:]
    if change == "old api":
        made[0]["apiVersion"] = "apiextensions.k8s.io/v1beta1"
    if change == "other group":
        made[0]["spec"]["group"] = "example.com"
    if change == "not served":
        made[0]["spec"]["versions"][0]["served"] = False
    return made


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ([], "holds no CustomResourceDefinition"),
        ([{"kind": "Secret"}, "text", None], "holds no CustomResourceDefinition"),
        (broken("one less"), "backups.velero.io are missing"),
        (crds("1.14.0"), "do not belong to it"),
        (broken("old api"), "v1beta1"),
        (broken("other group"), "of another group"),
        (broken("not served"), "does not serve v1"),
    ],
)
def test_a_wrong_set_is_refused_by_what_is_wrong(documents: list[Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        checked_crds(documents, "1.6.3", 6, "crds_file x")


def there(version: str, mark: str = "") -> dict[str, Any]:
    found = {one["metadata"]["name"]: copy.deepcopy(one) for one in crds(version)}
    for one in found.values() if mark else ():
        one["metadata"]["annotations"] = {VERSION: mark}
    return found


@pytest.mark.parametrize(
    ("cluster", "minor", "running", "words"),
    [
        ({}, 6, None, "are missing"),
        (there("1.6.3"), 6, (1, 6, 0), ""),
        (there("1.6.3"), 6, None, "nothing tells"),
        (there("1.6.3"), 8, (1, 6, 3), "they are of 1.6.3"),
        (there("1.6.3", "1.8.1"), 8, (1, 6, 3), ""),
        (there("1.14.0", "1.13.0"), 14, (1, 14, 0), "they are of 1.13.0"),
        (there("1.6.3"), 14, (1, 14, 0), "backuprepositories.velero.io"),
    ],
)
def test_a_clusters_kinds(cluster: dict[str, Any], minor: int, running: Any, words: str) -> None:
    found = unfit(cluster, minor, running)
    assert words in found and bool(words) == bool(found)


def test_established() -> None:
    assert is_established({"status": {"conditions": [{"type": "Established", "status": "True"}]}})
    assert not is_established({"status": {"conditions": None}}) and not is_established({})
