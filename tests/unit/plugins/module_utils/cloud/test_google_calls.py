# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights on Google Cloud: the least ones allow all that is needed and nothing dangerous; the roles that guides name are seen to allow dangerous things."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.google_roles import PREDEFINED, grants
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Call
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.purposes import judged, purpose_of
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

WISHES: list[tuple[str, dict[str, Any]]] = [
    ("velero_gcp", {"bucket": "backups"}),
    ("velero_gcp", {"bucket": "backups", "snapshots": True, "workload_identity": True}),
    ("vm_service_gcp", {}),
    ("vm_service_gcp", {"external_ip": False, "service_account": True}),
    ("vm_image_gcp", {}),
    ("vm_image_gcp", {"sharing": True, "removal": True}),
]


@pytest.mark.parametrize(("name", "parameters"), WISHES)
def test_all_that_is_needed_and_nothing_dangerous(name: str, parameters: dict[str, Any]) -> None:
    purpose = purpose_of(name, parameters)
    found = judged(purpose, purpose.documents)
    assert found["verdict"] == "least"
    assert found["summary"]["refused"] == found["summary"]["open"] == 0
    assert found["summary"]["dangers"] >= 30 and len({(one["what"], one["action"], one["resource"]) for one in found["dangers"]}) == len(found["dangers"])


@pytest.mark.parametrize(("name", "parameters"), WISHES)
def test_each_permission_is_needed(name: str, parameters: dict[str, Any]) -> None:
    purpose = purpose_of(name, parameters)
    for role in purpose.roles:
        for one in role["permissions"]:
            less = [{**grant, "permissions": [other for other in grant["permissions"] if other != one]} for grant in purpose.documents]
            assert judged(purpose, less)["verdict"] == "too narrow", one
    assert purpose.permissions == sorted({one for role in purpose.roles for one in role["permissions"]}) and not purpose.policy


@pytest.mark.parametrize(
    ("name", "role", "opens"),
    [
        ("vm_service_gcp", "roles/compute.instanceAdmin", {"log in to any machine", "run a machine as another account", "copy any disk"}),
        ("vm_service_gcp", "roles/compute.instanceAdmin.v1", {"put an SSH key on every machine", "publish an image", "delete copies of disks"}),
        ("vm_service_gcp", "roles/compute.admin", {"open the firewall", "publish a snapshot", "give rights to a machine away", "delete images"}),
        ("vm_service_gcp", "roles/editor", {"open the firewall", "become anybody in the project", "log in to any machine"}),
        ("vm_image_gcp", "roles/compute.admin", {"open the firewall", "publish a snapshot", "put an SSH key on every machine"}),
        ("velero_gcp", "roles/compute.admin", {"end machines", "delete disks", "open the firewall"}),
    ],
)
def test_roles_that_guides_name_allow_dangerous_things(name: str, role: str, opens: set[str]) -> None:
    found = judged(purpose_of(name, {"bucket": "backups"} if name == "velero_gcp" else {}), [{"role": role}])
    assert "broad" in found["verdict"] and found["summary"]["open"] > 0
    assert opens <= {one["what"] for one in found["dangers"] if one["allowed"]}
    assert name == "velero_gcp" or found["summary"]["refused"] == 0, "they do suffice for Compute Engine"


def test_the_guide_s_roles_for_velero() -> None:
    """objectAdmin on the bucket suffices without snapshots, and publishes objects; given on the project it reads every bucket."""
    purpose = purpose_of("velero_gcp", {"bucket": "backups"})
    on_bucket, on_project = ([{"role": "roles/storage.objectAdmin", "place": place}] for place in ("bucket", "project"))
    opened = [{one["what"] for one in judged(purpose, documents)["dangers"] if one["allowed"]} for documents in (on_bucket, on_project)]
    assert opened[0] == {"publish an object", "change how long an object is locked"}
    assert opened[1] - opened[0] == {f"{verb} objects of another bucket" for verb in ("create", "delete", "get", "list")}


@pytest.mark.parametrize(
    ("grant", "action", "place", "wanted"),
    [
        ({"permissions": ["a.b.get"]}, "a.b.get", "project", True),
        ({"permissions": ["a.b.get"]}, "a.b.list", "project", False),
        ({"permissions": ["a.b.get"]}, "a.b.get", "bucket another", True),  # the project is everything in it
        ({"permissions": ["a.b.get"], "place": "bucket"}, "a.b.get", "bucket", True),
        ({"permissions": ["a.b.get"], "place": "bucket"}, "a.b.get", "bucket another", False),
        ({"permissions": ["a.b.get"], "place": "account"}, "a.b.get", "project", False),
        ({"role": "roles/editor"}, "compute.instances.setIamPolicy", "project", False),
        ({"role": "roles/editor"}, "compute.instances.setMetadata", "project", True),
        ({"role": "roles/compute.imageUser"}, "compute.images.useReadOnly", "project", True),
        ({"role": "roles/compute.imageUser"}, "compute.images.create", "project", False),
        ({"role": "roles/owner"}, "anything.at.all", "account another", True),
    ],
)
def test_grants(grant: dict[str, Any], action: str, place: str, wanted: bool) -> None:
    assert grants([grant], Call(action, place)) is wanted
    assert not grants([], Call(action, place))


@pytest.mark.parametrize(
    ("grant", "words"),
    [
        ({"role": "roles/made.up"}, "role roles/made.up is not known here"),
        ({"permissions": ["a.b.get"], "condition": {"expression": "true"}}, "condition"),
        ({"permissions": ["a.b.get"], "place": "folder"}, "not understood here"),
        ({"role": "roles/owner", "permissions": []}, "give role or permissions"),
        ({}, "give role or permissions"),
    ],
)
def test_what_is_not_understood_is_refused(grant: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match="cannot be judged") as refused:
        judged(purpose_of("vm_service_gcp", {}), [{"role": "roles/owner"}, grant])
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("velero_gcp", {}), ("velero_gcp", {"bucket": "a*"}), ("velero_gcp", {"bucket": "b", "prefix": "x"}), ("vm_service_gcp", {"zone": "x"})],
)
def test_parameters_that_cannot_be(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        purpose_of(name, parameters)


def test_every_role_known_is_a_role_of_google_s() -> None:
    assert all(name.startswith("roles/") and permissions for name, permissions in PREDEFINED.items())
