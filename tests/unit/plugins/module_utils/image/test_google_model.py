# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes from Compute Engine, as values; and what no image of Google Cloud can be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.image.build_client import image_spec
from ansible_collections.serverops.circleci.plugins.module_utils.image.google_model import (
    base_of,
    builders_from_google,
    image_from_google,
    people_of,
    private_parts,
    run_label,
    sources_of,
)
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import Builder, Leftover, must_be_ours

GIVEN: dict[str, Any] = {"provider": "gcp", "name": "circleci-linux", "template": "t.json", "project": "example-project", "zone": "europe-west1-b"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Circleci"}, "name is 'Circleci'; give up to 40 lower-case"),
        ({"name": "x" * 41}, "up to 40"),
        ({"name": "linux-"}, "name is 'linux-'"),
        ({"project": None}, "project is None"),
        ({"project": "a/b"}, "project is 'a/b'"),
        ({"zone": None}, "zone is ''"),
        ({"zone": "europe-west1"}, "zone is 'europe-west1'"),
        ({"zone": "../../x-y1-b"}, "zone is"),
        ({"regions": ["us-east1"]}, "regions are given"),
        ({"base_image": "ubuntu-*"}, "base_image is 'ubuntu-"),
        ({"base_image": "projects/x/global/images/"}, "base_image is"),
        ({"shared_with": ["allUsers"]}, "never public"),
        ({"shared_with": ["allAuthenticatedUsers"]}, "never public"),
        ({"shared_with": ["domain:example.com"]}, "never public"),
        ({"shared_with": ["111"]}, "holds '111'"),
        ({"secret_variables": {"password": "canary"}}, "without digest_key"),
        ({"keep": -1}, "keep is -1"),
    ],
)
def test_what_no_image_can_be(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as caught:
        image_spec({**GIVEN, **change})
    assert words in str(caught.value) and "canary" not in str(caught.value)


def test_what_can_be() -> None:
    people = ["serviceAccount:a@b.iam.gserviceaccount.com", "123456789012", "group:g@example.com", "group:g@example.com"]
    spec = image_spec({**GIVEN, "region": "eu-west-1", "regions": [], "shared_with": people})
    assert (spec.region, spec.copies, spec.provider) == ("global", (), "gcp"), "a region of AWS in the environment says nothing here"
    assert spec.shared_with == (people[0], "serviceAccount:123456789012@cloudservices.gserviceaccount.com", people[2])


@pytest.mark.parametrize(
    ("image", "wanted"),
    [("ubuntu-1", ("mine", "ubuntu-1")), ("projects/ubuntu-os-cloud/global/images/ubuntu-1", ("ubuntu-os-cloud", "ubuntu-1"))],
)
def test_a_base_image_names_its_project(image: str, wanted: tuple[str, str]) -> None:
    assert base_of(image, "mine") == wanted


def binding(role: str, *members: str, **more: Any) -> dict[str, Any]:
    return {"role": f"roles/{role}", "members": list(members), **more}


@pytest.mark.parametrize(
    ("bindings", "people"),
    [
        ([], set()),
        ([binding("compute.imageUser", "user:a@b")], {"user:a@b"}),
        ([binding("compute.imageUser", "allUsers", "user:a@b")], {"all", "user:a@b"}),
        ([binding("compute.admin", "allAuthenticatedUsers")], {"all"}),
        ([binding("compute.admin", "user:a@b")], {"roles/compute.admin user:a@b"}),
        ([binding("compute.imageUser", "user:a@b", condition={"expression": "true"})], {"roles/compute.imageUser user:a@b"}),
    ],
)
def test_who_may_use_an_image(bindings: list[Any], people: set[str]) -> None:
    assert people_of({"bindings": bindings}) == people


@pytest.mark.parametrize(
    ("status", "state"), [("READY", "available"), ("PENDING", "pending"), ("FAILED", "failed"), ("DELETING", "deleting"), ("NEW", "pending")]
)
def test_an_image(status: str, state: str) -> None:
    labels = {"serverops_image": "x", "serverops_digest": "d", "serverops_owner": "serverops_circleci"}
    found = image_from_google({"name": "x-1", "status": status, "labels": labels, "creationTimestamp": "2026-11-22T05:34:00.000-08:00"}, {})
    assert (found.id, found.region, found.state, found.digest, found.family, found.owned, found.encrypted) == ("x-1", "global", state, "d", "x", True, True)
    assert found.created == "2026-11-22T13:34:00.000+00:00"
    assert not image_from_google({"name": "x", "status": status}, {}).owned


def test_times_of_summer_and_winter_sort() -> None:
    stamps = ["2026-11-01T01:59:00.000-07:00", "2026-11-01T01:01:00.000-08:00"]  # the second one is two minutes later
    made = [image_from_google({"name": "x", "creationTimestamp": one}, {}).created for one in stamps]
    assert made == sorted(made)


DIGEST, RUN = "5b1d0c7f2a9e", "0123abcd"
NAME = f"linux-{DIGEST}-{RUN}"


def test_builds_are_machines_by_label_and_disks_by_name() -> None:
    boot = {"source": f"https://x/disks/{NAME}", "autoDelete": False}
    machine = {"name": NAME, "status": "RUNNING", "labels": {"serverops_digest": DIGEST, "serverops_run": RUN}, "disks": [boot]}
    disks = [
        {"name": NAME, "users": ["m"]},
        {"name": NAME.replace("5b", "6b")},
        {"name": "linux-data"},
        {"name": f"linux-{DIGEST}-{RUN}-more"},
        {"name": f"my{NAME}"},
    ]
    found = builders_from_google("linux", [machine], disks)
    assert found == [
        Builder(NAME, "living", "instance", DIGEST, RUN, made=(Leftover("disk", NAME),)),
        Builder(NAME.replace("5b", "6b"), "living", "disk", DIGEST.replace("5b", "6b"), RUN),
    ]


@pytest.mark.parametrize("disk", [{"source": "https://x/disks/data"}, {"source": f"https://x/disks/{NAME}", "autoDelete": True}, {}])
def test_a_disk_that_is_not_packer_s_or_goes_by_itself_is_not_its_machine_s_leftover(disk: dict[str, Any]) -> None:
    [found] = builders_from_google("linux", [{"name": NAME, "status": "STOPPING", "disks": [disk]}], [])
    assert (found.state, found.made) == ("ending", ())


def test_which_images_are_used() -> None:
    root = "https://www.googleapis.com/compute/v1/projects"
    bodies = [
        {"sourceImage": f"{root}/mine/global/images/a"},
        {"sourceImage": f"{root}/theirs/global/images/b"},
        {"properties": {"disks": [{"initializeParams": {"sourceImage": "projects/mine/global/images/c"}}, {"source": "x"}]}},
        {"properties": {"disks": [{"initializeParams": {"sourceImage": "projects/mine/global/images/family/d"}}]}},
        {},
    ]
    assert sources_of(bodies, "mine") == {"a", "c", "family/d"}


def test_what_must_be_seen_nowhere() -> None:
    assert private_parts("") == [] and private_parts("no json") == ["no json"]
    assert private_parts('{"private_key": "-----BEGIN\\nabc\\n-----END\\n"}')[1:] == ["abc"]


def test_where_a_build_runs_is_told_in_letters_that_names_have() -> None:
    assert len(run_label("a/1")) == 8 and run_label("a/1") != run_label("a/2") and set(run_label("a/1")) <= set("0123456789abcdef")


def test_a_template_for_google_must_name_its_machine() -> None:
    text = "image_name image_digest image_run"
    must_be_ours("t.json", text)
    with pytest.raises(BadInput, match="does not use the variables instance_name"):
        must_be_ours("t.json", text, "gcp")
