# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Compute Engine: what takes its time, who holds what, who may what, and that what breaks its rules is told so.

The pages of the API: https://cloud.google.com/compute/docs/reference/rest/v1. tests/integration/test_google_images.py has a real Packer speak with it.
"""

from __future__ import annotations

from typing import Any

import pytest

from lab.google.compute import PUBLIC
from lab.google.control import PROJECT
from lab.google.test_google import Lab

ROOT = f"/compute/v1/projects/{PROJECT}"
ZONE = f"{ROOT}/zones/europe-west1-b"
SOURCE = f"projects/{PUBLIC}/global/images/ubuntu-1"
MACHINE: dict[str, Any] = {"name": "m-1", "labels": {"a": "b"}, "disks": [{"autoDelete": False, "initializeParams": {"sourceImage": SOURCE}}]}
IMAGE = {"name": "i-1", "labels": {"c": "d"}, "sourceDisk": f"https://x/projects/{PROJECT}/zones/europe-west1-b/disks/m-1"}


@pytest.fixture
def lab() -> Lab:
    made = Lab()
    made.control.operator(["roles/compute.admin"])
    made.control.image("ubuntu-1", PUBLIC)
    return made


def later(lab: Lab, seconds: float) -> None:
    lab.world.offset += seconds


def names(lab: Lab, kind: str, **query: str) -> list[str]:
    status, body = lab.ask("GET", f"{ZONE}/{kind}", **query)
    assert status == 200
    return [one["name"] for one in body.get("items", [])]


def started(lab: Lab) -> None:
    assert lab.ask("POST", f"{ZONE}/instances", MACHINE)[0] == 200
    later(lab, 10)


def test_a_machine_has_a_disk_of_its_name_without_its_labels_that_stays_when_it_goes(lab: Lab) -> None:
    status, order = lab.ask("POST", f"{ZONE}/instances", MACHINE)
    assert (status, order["status"]) == (200, "RUNNING")
    assert lab.ask("GET", f"{ZONE}/instances/m-1")[1]["status"] == "PROVISIONING"
    later(lab, 10)
    assert lab.ask("GET", f"{ZONE}/operations/{order['name']}")[1]["status"] == "DONE"
    machine, disk = lab.ask("GET", f"{ZONE}/instances/m-1")[1], lab.ask("GET", f"{ZONE}/disks/m-1")[1]
    assert machine["status"] == "RUNNING" and disk["users"] == [machine["selfLink"]] and "labels" not in disk
    assert names(lab, "instances", filter="labels.a = b") == ["m-1"] and names(lab, "instances", filter="labels.a = c") == []
    assert lab.ask("DELETE", f"{ZONE}/disks/m-1")[0] == 400, "a machine has it"
    lab.ask("DELETE", f"{ZONE}/instances/m-1")
    assert lab.ask("GET", f"{ZONE}/instances/m-1")[1]["status"] == "STOPPING"
    later(lab, 10)
    assert (names(lab, "instances"), names(lab, "disks")) == ([], ["m-1"])


def test_an_image_is_made_of_a_disk_that_no_machine_has_and_holds_it_meanwhile(lab: Lab) -> None:
    started(lab)
    assert lab.ask("POST", f"{ROOT}/global/images", IMAGE)[0] == 400
    lab.ask("DELETE", f"{ZONE}/instances/m-1")
    later(lab, 10)
    assert lab.ask("POST", f"{ROOT}/global/images", IMAGE)[0] == 200
    assert lab.ask("GET", f"{ROOT}/global/images/i-1")[1]["status"] == "PENDING"
    assert lab.ask("DELETE", f"{ZONE}/disks/m-1")[0] == lab.ask("DELETE", f"{ROOT}/global/images/i-1")[0] == 400
    assert lab.ask("POST", f"{ROOT}/global/images", IMAGE)[0] == 409
    later(lab, 30)
    assert lab.ask("GET", f"{ROOT}/global/images/i-1")[1]["status"] == "READY"
    assert lab.ask("DELETE", f"{ZONE}/disks/m-1")[0] == 200
    later(lab, 10)
    assert names(lab, "disks") == []


def test_an_image_that_fails(lab: Lab) -> None:
    started(lab)
    lab.ask("DELETE", f"{ZONE}/instances/m-1")
    later(lab, 10)
    lab.control.compute(fails={"images": "RESOURCE_POOL_EXHAUSTED"})
    _status, order = lab.ask("POST", f"{ROOT}/global/images", IMAGE)
    later(lab, 30)
    assert lab.ask("GET", f"{ROOT}/global/images/i-1")[1]["status"] == "FAILED"
    assert lab.ask("GET", f"{ROOT}/global/operations/{order['name']}")[1]["error"]["errors"][0]["code"] == "RESOURCE_POOL_EXHAUSTED"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"{ZONE}/instances", {**MACHINE, "name": "M_1"}, 400),
        ("POST", f"{ZONE}/instances", {**MACHINE, "labels": {"a": "B"}}, 400),
        ("POST", f"{ZONE}/instances", {**MACHINE, "labels": {"a": "b" * 64}}, 400),
        ("POST", f"{ROOT}/global/images", {**IMAGE, "sourceDisk": f"https://x/projects/{PROJECT}/zones/europe-west1-b/disks/none"}, 404),
        ("GET", f"{ROOT}/zones/nowhere-1-a", None, 404),
        ("GET", f"{ROOT}/global/images/none", None, 404),
        ("GET", f"{ROOT}/global/operations/none", None, 404),
        ("DELETE", f"{ZONE}/instances/none", None, 404),
        ("GET", "/compute/v1/projects/nobodys/global/images", None, 403),
    ],
)
def test_what_cannot_be(method: str, path: str, body: Any, status: int, lab: Lab) -> None:
    assert lab.ask(method, path, body)[0] == status


def test_a_filter_that_is_none(lab: Lab) -> None:
    assert lab.ask("GET", f"{ROOT}/global/images", filter="name like x")[0] == 400


def test_labels_are_set_over_the_version_that_was_read(lab: Lab) -> None:
    lab.control.image("i-1")
    path = f"{ROOT}/global/images/i-1"
    assert lab.ask("POST", f"{path}/setLabels", {"labels": {"x": "y"}, "labelFingerprint": "old"})[0] == 412
    _status, body = lab.ask("GET", path)
    assert lab.ask("POST", f"{path}/setLabels", {"labels": {"x": "y"}, "labelFingerprint": body["labelFingerprint"]})[0] == 200
    later(lab, 2)
    assert lab.ask("GET", path)[1]["labels"] == {"x": "y"}


def test_an_image_s_own_policy_lets_in_whom_it_names_and_is_set_over_the_version_that_was_read(lab: Lab) -> None:
    lab.control.image("i-1")
    path, guest = f"{ROOT}/global/images/i-1", lab.world.token("user:guest@example.com")
    assert lab.ask("GET", path, token=guest)[0] == 403
    _status, policy = lab.ask("GET", f"{path}/getIamPolicy")
    given = {"policy": {"etag": policy["etag"], "bindings": [{"role": "roles/compute.imageUser", "members": ["user:guest@example.com"]}]}}
    assert lab.ask("POST", f"{path}/setIamPolicy", given)[0] == 200
    assert lab.ask("POST", f"{path}/setIamPolicy", given)[0] == 412
    assert lab.ask("GET", path, token=guest)[0] == 200 and lab.ask("DELETE", path, token=guest)[0] == 403


RIGHTS = [
    ("compute.instances.create", "POST", f"{ZONE}/instances", MACHINE),
    ("compute.instances.setLabels", "POST", f"{ZONE}/instances", MACHINE),
    ("compute.instances.setServiceAccount", "POST", f"{ZONE}/instances", {**MACHINE, "serviceAccounts": [{"email": "default"}]}),
    ("compute.subnetworks.useExternalIp", "POST", f"{ZONE}/instances", {**MACHINE, "networkInterfaces": [{"accessConfigs": [{"type": "ONE_TO_ONE_NAT"}]}]}),
    ("compute.images.list", "GET", f"{ROOT}/global/images", None),
    ("compute.disks.list", "GET", f"{ROOT}/aggregated/disks", None),
    ("compute.instanceTemplates.list", "GET", f"{ROOT}/aggregated/instanceTemplates", None),
]


@pytest.mark.parametrize(("permission", "method", "path", "body"), RIGHTS)
def test_each_call_takes_its_right(permission: str, method: str, path: str, body: Any, lab: Lab) -> None:
    every = sorted(lab.world.permissions("roles/compute.admin"))
    for missing, status in (("", 200), (permission, 403)):
        lab.control.role("some", [one for one in every if one != missing])
        lab.control.operator([f"projects/{PROJECT}/roles/some"])
        got, answer = lab.ask(method, path, body)
        assert got == status and (status == 200 or f"Required '{permission}' permission" in answer["error"]["message"])
        lab.api.compute.shelves.pop(PROJECT, None)


def test_lists_come_in_pages(lab: Lab) -> None:
    lab.control.compute(page=2)
    for number in range(3):
        lab.control.image(f"i-{number}")
    _status, first = lab.ask("GET", f"{ROOT}/global/images")
    _status, second = lab.ask("GET", f"{ROOT}/global/images", pageToken=first["nextPageToken"])
    assert [one["name"] for one in (*first["items"], *second["items"])] == ["i-0", "i-1", "i-2"] and "nextPageToken" not in second


def test_disks_of_every_zone_with_a_warning_where_there_is_none(lab: Lab) -> None:
    lab.control.disk("d", "us-east1-b")
    items = lab.ask("GET", f"{ROOT}/aggregated/disks")[1]["items"]
    assert [one["name"] for one in items["zones/us-east1-b"]["disks"]] == ["d"]
    assert items["zones/europe-west1-b"]["warning"]["code"] == "NO_RESULTS_ON_PAGE"
