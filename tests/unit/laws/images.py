# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_image as a subject of the laws: a build, one that is there, one that died, one under way elsewhere, a copy that fails, one too many."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.image_world import AWAY, CANARY, HOME, ImageWorld
from unit.laws.running import module_run
from unit.laws.subject import Reading, Subject

from lab.images.account import refusal

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
DOOR = import_module(MODULES + "vm_image").DOOR
PARAMS: Json = {
    "name": "circleci-linux",
    "template": "linux.json",
    "scripts": ["setup.sh"],
    "base_image": "ami-base",
    "region": HOME,
    "secret_variables": {"password": CANARY},
    "digest_key": "canary-key-of-the-digest",
    "shared_with": ["111111111111"],
}
SECOND, THIRD = "ami-00000000000000003", "ami-00000000000000005"  # of those of _many
SHARED = ({"UserId": "111111111111"},)
CLEAN: Json = {"machines": 0, "others": {"volumes": 0, "keys": 0, "groups": 0}}
BASE = ("ubuntu", "available", ())


def _ends(*images: Any) -> Json:
    return {"images": sorted([BASE, *images], key=str), **CLEAN}


BUILT: Json = {HOME: _ends(("circleci", "available", SHARED))}


def _built() -> ImageWorld:
    world = ImageWorld()
    result = module_run(DOOR, world, PARAMS)
    assert not result.get("failed"), result
    return world.settle_in()


def _under_way() -> ImageWorld:
    """An earlier run began the build and was killed; the build goes on."""
    world = ImageWorld()
    module_run(DOOR, world, {**PARAMS, "wait": False})
    world.clock.sleep(20)
    return world.settle_in()


def _died() -> ImageWorld:
    """The build died in the middle, with a machine, a key and a group."""
    world = _under_way()
    [name] = world.builder.builds
    world.builder.look(name)
    world.builder.kill(name)
    return world


def _died_late() -> ImageWorld:
    """It died when the image was made and had no tags yet."""
    world = _under_way()
    [name] = world.builder.builds
    world.clock.sleep(60)
    world.builder.look(name)
    world.builder.kill(name)
    return world


def _public() -> ImageWorld:
    """Somebody has published it, and let a stranger in."""
    world = _built()
    [one] = [body for body in world.account.region(HOME)["images"].values() if body["ImageId"] != "ami-base"]
    one["permissions"], one["Public"] = [{"Group": "all"}, {"UserId": "999999999999"}], True
    return world


def _copy_fails() -> ImageWorld:
    world = ImageWorld()
    world.account.tries[AWAY] = 1
    return world


def _many() -> ImageWorld:
    """Three older images, of which a machine runs on the oldest."""
    world = ImageWorld()
    for number in range(3):
        tags = {"serverops_image": "circleci-linux", "serverops_digest": f"{number}", "serverops_owner": "serverops.circleci"}
        one = world.account.image(HOME, f"circleci-linux-old{number}", tags)
        if not number:
            machine = {"InstanceId": "i-user", "ImageId": one, "State": {"Name": "running"}, "SecurityGroups": [], "Tags": []}
            world.account.region(HOME)["instances"]["i-user"] = machine
        world.clock.sleep(50)
    return world.settle_in()


def _superseding() -> ImageWorld:
    """Three older images, of which the second one may be used by others."""
    world = _many()
    world.account.region(HOME)["images"][SECOND]["permissions"] = list(SHARED)
    return world.settle_in()


def _refuses(act: str, code: str) -> Any:
    def trouble(world: Any) -> None:
        def fail() -> None:
            raise refusal(code, f"no {act}", act)

        world.account.fails[act] = fail

    return trouble


TROUBLES = (
    _refuses("describe_images", "UnauthorizedOperation"),
    _refuses("describe_images", "RequestLimitExceeded"),
    _refuses("modify_image_attribute", "InvalidAMIAttributeItemValue"),
    lambda world: setattr(world, "version", ""),
    lambda world: setattr(world, "text", "{}"),
    lambda world: setattr(world.builder, "fails", "provision"),
)


def _image(name: str, make: Any, ends: Json, short: float | None = 60.0, **params: Any) -> Subject:
    more = {key: params.pop(key) for key in ("foreseeable",) if key in params}
    volatile = ("waited", "image", "regions", "log", "leftovers", "reason", "digest", "name")
    return Subject(f"vm_image {name}", DOOR, make, {**PARAMS, **params}, ends, CANARY, short, volatile, troubles=TROUBLES, **more)


def subjects() -> list[Subject]:
    """From nothing, and from every state in which an earlier run, a build or a person left it."""
    both: Json = {HOME: _ends(("circleci", "available", SHARED)), AWAY: {"images": [("circleci", "available", SHARED)], **CLEAN}}
    older = [("circleci", "available", ()), ("circleci", "available", ())]
    kept = [*older, ("circleci", "available", SHARED)]
    return [
        _image("from nothing", ImageWorld, BUILT),
        _image("there already", _built, BUILT, None),
        _image("under way", _under_way, BUILT, 30.0),
        _image("died in the middle", _died, BUILT),
        _image("died before its tags", _died_late, BUILT, None),
        _image("published by somebody", _public, BUILT, None),
        _image("copied", ImageWorld, both, regions=[AWAY]),
        _image("copied at the second try", _copy_fails, both, regions=[AWAY], foreseeable=False),
        _image("one too many", _many, {HOME: {**_ends(("circleci", "available", SHARED), *older), "machines": 1}}, keep=2),
        _image("superseding another", _superseding, {HOME: {**_ends(("circleci", "available", SHARED), *kept), "machines": 1}}, keep=1, supersedes=THIRD),
    ]


def listed() -> ImageWorld:
    """Three images: one that a launch template names, one that a machine runs on, a public one without tags that nothing uses."""
    world = ImageWorld()
    here = world.account.region(HOME)
    for number in range(3):
        one = world.account.image(HOME, f"circleci-linux-{number}", {"serverops_digest": str(number)} if number < 2 else {})
        if number == 0:
            here["templates"]["lt-1"] = {"LaunchTemplateId": "lt-1", "versions": [{"LaunchTemplateData": {"ImageId": one}}]}
        if number == 1:
            here["instances"]["i-1"] = {"InstanceId": "i-1", "ImageId": one, "State": {"Name": "stopped"}}
        here["images"][one]["permissions"] = [[], list(SHARED), [{"Group": "all"}]][number]
        world.clock.sleep(50)
    return world.settle_in()


def readings() -> list[Reading]:
    """The module that reads."""
    params = {"name": "circleci-linux", "region": HOME, "regions": [AWAY], "cloud": {"access_key": "lab", "secret_key": CANARY}}
    return [Reading("vm_image_info", import_module(MODULES + "vm_image_info").DOOR, listed, params, CANARY, TROUBLES[:2])]
