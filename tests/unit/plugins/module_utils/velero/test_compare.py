# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects compared: what differs is told, no Secret's value among it; what an older installation left is taken out, what others added is not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.velero import compare
from ansible_collections.serverops.circleci.plugins.module_utils.velero.manifests import wanted_objects
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils.velero.recorded import dry_run
from unit.plugins.module_utils.velero.wishes import ROLE, wish

KEY = Secret("0" * 32)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=3), JSON, max_size=4)


def recorded(kind: str, version: str = "1.6.3") -> dict[str, Any]:
    return next(copy.deepcopy(one) for one in dry_run(version, True) if one["kind"] == kind)


def body(item: str, **wished: Any) -> dict[str, Any]:
    return dict(next(one.body for one in wanted_objects(wish(**wished), (), KEY, None) if one.item == item))


def test_with_an_identity_the_key_leaves_server_and_agents() -> None:
    identity = {"credentials": None, "service_account_annotations": ROLE}
    for kind, item in (("Deployment", "Deployment velero"), ("DaemonSet", "DaemonSet restic")):
        made = compare.pruned(recorded(kind), body(item, **identity))
        assert "credentials" not in str(made).replace("cloud_credentials", "") and "AWS_SHARED" not in str(made)
        assert compare.pruned(recorded(kind), body(item)) == recorded(kind), "with a key nothing is left over"


def test_a_plugin_that_is_not_named_goes_and_a_helper_of_somebodys_stays() -> None:
    there = recorded("Deployment")
    pod = there["spec"]["template"]["spec"]
    pod["initContainers"] += [
        {"name": "velero-velero-plugin-for-gcp", "image": "g", "volumeMounts": [{"mountPath": "/target", "name": "plugins"}]},
        {"name": "waits-for-dns", "image": "w"},
    ]
    pod["containers"].append({"name": "sidecar", "image": "s"})
    pod["containers"][0]["env"].append({"name": "HTTPS_PROXY", "value": "http://proxy"})
    made = compare.pruned(there, body("Deployment velero"))["spec"]["template"]["spec"]
    assert [one["name"] for one in made["initContainers"]] == ["velero-velero-plugin-for-aws", "waits-for-dns"]
    assert [one["name"] for one in made["containers"]] == ["velero", "sidecar"]
    assert "HTTPS_PROXY" in [one["name"] for one in made["containers"][0]["env"]]


def test_a_locations_old_keys_go_and_its_certificate_stays() -> None:
    there = recorded("BackupStorageLocation")
    there["spec"]["objectStorage"] |= {"prefix": "old", "caCert": "PEM"}
    made = compare.pruned(there, body("BackupStorageLocation default", backup_location_config={"region": "us-east-1"}))
    assert made["spec"]["config"] == {"region": "us-east-1"} and made["spec"]["objectStorage"] == {"bucket": "lab-bucket", "caCert": "PEM"}


def test_an_accounts_old_identity_goes_and_other_annotations_stay() -> None:
    there = {"kind": "ServiceAccount", "metadata": {"name": "velero", "annotations": {**ROLE, "mine": "1"}}}
    assert compare.pruned(there, body("ServiceAccount velero"))["metadata"]["annotations"] == {"mine": "1"}
    kept = body("ServiceAccount velero", credentials=None, service_account_annotations=ROLE)
    assert compare.pruned(there, kept) == there


def test_what_is_left_over_belongs_to_somebody() -> None:
    there = recorded("BackupStorageLocation")
    path = ("f:spec", "f:config", "f:s3Url")
    there["metadata"]["managedFields"] = [
        {"manager": "kotsadm", "fieldsV1": {"f:spec": {"f:config": {"f:s3Url": {}}}}},
        {"manager": "velero", "fieldsV1": {"f:spec": {"f:provider": {}}}},
    ]
    assert path in compare.leftovers(there, body("BackupStorageLocation default", backup_location_config={"region": "us-east-1"}))
    assert compare.owners(there, path) == {"kotsadm"} and compare.shown(path) == "spec.config.s3Url"
    assert compare.owners({"metadata": {}}, path) == set()


@pytest.mark.parametrize(
    ("manager", "guides"),
    [
        ("velero", True),
        ("kubectl", True),
        ("kubectl-edit", True),
        ("before-first-apply", True),
        ("ours", True),
        ("kotsadm", False),
        ("argocd", False),
        ("velero-x", False),
    ],
)
def test_whose_fields_may_be_taken(manager: str, guides: bool) -> None:
    assert compare.is_guides(manager, "ours") == guides


def test_of_a_secret_only_that_it_changed() -> None:
    old, new = {"metadata": {}, "data": {"cloud": "b2xk", "x": "1"}}, {"metadata": {}, "data": {"cloud": "bmV3", "x": "1"}}
    assert compare.differences(old, new, True) == ("data.cloud: changed",)
    assert compare.differences(old, old, True) == ()


def test_differences_name_entries_and_hide_digests() -> None:
    old = {"metadata": {}, "spec": {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "d": "a" * 40}}
    new = {"metadata": {}, "spec": {"env": [{"name": "B", "value": "3"}, {"name": "A", "value": "1"}], "d": "b" * 40}}
    assert compare.differences(old, new, False) == ("spec.d: (digest) -> (digest)", "spec.env[B].value: 2 -> 3")


def test_what_the_api_fills_in_as_nothing_is_no_difference() -> None:
    assert compare.differences({"metadata": {}, "spec": {"a": None, "b": {}}}, {"metadata": {}, "spec": {}}, False) == ()


def merged(old: Any, patch: Any) -> Any:
    """A merge patch as the API applies it."""
    if not isinstance(patch, dict):
        return patch
    made = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merged(made.get(name), value)
    return made


def without_nulls(value: Any) -> Any:
    return {name: without_nulls(inner) for name, inner in value.items() if inner is not None} if isinstance(value, dict) else value


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_leads_from_the_one_to_the_other(old: Any, new: Any) -> None:
    old, new = without_nulls(old), without_nulls(new)
    assert merged(old, compare.merge_patch(old, new)) == new
    assert compare.merge_patch(old, old) == {}
