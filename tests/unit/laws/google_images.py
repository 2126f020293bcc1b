# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_image on Google Cloud as a subject of the laws: a build, one that is there, those that died at each stage, one published, one too many."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.google_image_world import BASE, FAMILY, KEY, PROJECT, ZONE, GoogleImageWorld
from unit.laws.image_world import CANARY
from unit.laws.running import module_run
from unit.laws.subject import Reading, Subject

from lab.google.api import Fault

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
DOOR = import_module(MODULES + "vm_image").DOOR
SERVICE = "serviceAccount:vm-service@lab-project.iam.gserviceaccount.com"
PARAMS: Json = {
    "provider": "gcp",
    "name": FAMILY,
    "template": "linux-google.json",
    "scripts": ["setup.sh"],
    "base_image": f"projects/ubuntu-os-cloud/global/images/{BASE}",
    "project": PROJECT,
    "zone": ZONE,
    "secret_variables": {"password": CANARY},
    "digest_key": "canary-key-of-the-digest",
    "shared_with": ["user:a@example.com"],
    "cloud": {"service_account_contents": KEY},
}
SHARED = ["user:a@example.com"]
CLEAN: Json = {"machines": 0, "disks": 0}
BUILT: Json = {"images": [("circleci", "READY", SHARED)], **CLEAN}


def built() -> GoogleImageWorld:
    world = GoogleImageWorld()
    result = module_run(DOOR, world, PARAMS)
    assert not result.get("failed"), result
    world.pass_time(10)
    return world.settle_in()


def under_way(seconds: float = 5.0) -> GoogleImageWorld:
    """An earlier run began the build and was killed; the build goes on."""
    world = GoogleImageWorld()
    module_run(DOOR, world, {**PARAMS, "wait": False})
    world.pass_time(seconds)
    return world.settle_in()


def died(seconds: float) -> GoogleImageWorld:
    """Killed then: with a machine, with a disk alone, with an image that is being made of the disk, with an image and its disk."""
    world = under_way(seconds)
    [name] = world.builder.builds
    world.builder.kill(name)
    return world


def _public() -> GoogleImageWorld:
    """Somebody has published it, let a stranger in, and made another its administrator."""
    world = built()
    [name] = world.api.compute.shelf(PROJECT).images
    for role, member in (("roles/compute.imageUser", "allAuthenticatedUsers"), ("roles/compute.imageUser", "user:z@example.com")):
        world.world.grant(f"images/{PROJECT}/{name}", role, member)
    return world


def _many() -> GoogleImageWorld:
    """Three older images, of the oldest of which there is a disk."""
    world = GoogleImageWorld()
    for number in range(3):
        labels = {"serverops_image": FAMILY, "serverops_digest": f"{number}", "serverops_owner": "serverops_circleci"}
        link = world.api.compute.put_image(PROJECT, f"{FAMILY}-00000000000{number}", labels)["selfLink"]
        if not number:
            world.control.disk("of-a-job", "us-east1-b", link)
        world.clock.sleep(50)
    return world.settle_in()


def _fault(answer: str, match: str) -> Any:
    return lambda world: world.api.faults.append(Fault(answer, match))


TROUBLES = (
    _fault("denied", "GET .*/images"),
    _fault("busy", "GET .*/images"),
    _fault("denied", "POST .*setIamPolicy"),
    lambda world: setattr(world, "version", ""),
    lambda world: setattr(world, "text", "{}"),
    lambda world: setattr(world.builder, "fails", "provision"),
)


def _image(name: str, make: Any, ends: Json, short: float | None = 20.0, **params: Any) -> Subject:
    more = {key: params.pop(key) for key in ("foreseeable",) if key in params}
    volatile = ("waited", "image", "regions", "log", "leftovers", "reason", "digest", "name")
    return Subject(f"vm_image on Google Cloud {name}", DOOR, make, {**PARAMS, **params}, ends, CANARY, short, volatile, troubles=TROUBLES, **more)


def subjects() -> list[Subject]:
    """From nothing, and from every state in which an earlier run, a build or a person left it."""
    older = [("circleci", "READY", []), ("circleci", "READY", [])]
    return [
        _image("from nothing", GoogleImageWorld, BUILT),
        _image("there already", built, BUILT, None),
        _image("under way", under_way, BUILT, 15.0),
        _image("died with a machine", lambda: died(5), BUILT),
        _image("died with a disk alone", lambda: died(18), BUILT),
        _image("died while the image is made", lambda: died(22), BUILT, None),
        _image("died before its disk went", lambda: died(42), BUILT, None),
        _image("published by somebody", _public, BUILT, None),
        _image("one too many", _many, {"images": sorted([*BUILT["images"], *older]), "machines": 0, "disks": 1}, keep=2),
    ]


def listed() -> GoogleImageWorld:
    """Three images: one that a template names, one of which there is a disk, a public one without labels that nothing uses."""
    world = GoogleImageWorld()
    for number in range(3):
        labels = {"serverops_digest": str(number)} if number < 2 else {}
        link = world.api.compute.put_image(PROJECT, f"{FAMILY}-{number}", labels)["selfLink"]
        if number == 0:
            disks = [{"initializeParams": {"sourceImage": f"projects/{PROJECT}/global/images/{FAMILY}-0"}}]
            world.api.compute.shelf(PROJECT).templates["t"] = {"name": "t", "properties": {"disks": disks}}
        if number == 1:
            world.control.disk("of-a-job", "us-east1-b", link)
        for member in [[], SHARED, ["allUsers"]][number]:
            world.world.grant(f"images/{PROJECT}/{FAMILY}-{number}", "roles/compute.imageUser", member)
        world.clock.sleep(50)
    return world.settle_in()


def readings() -> list[Reading]:
    """The module that reads."""
    params = {"provider": "gcp", "name": FAMILY, "project": PROJECT, "cloud": {"service_account_contents": KEY}}
    return [Reading("vm_image_info on Google Cloud", import_module(MODULES + "vm_image_info").DOOR, listed, params, CANARY, TROUBLES[:2])]
