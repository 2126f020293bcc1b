# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done about a machine image, line by line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Look
from ansible_collections.serverops.circleci.plugins.module_utils.image import build
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import Image, ImageSpec, ImageState, Leftover

HOME, AWAY, THIRD = "eu-west-1", "us-east-1", "ap-south-1"
DIGEST = "d" * 64
SPEC = ImageSpec("linux", "linux.json", HOME, shared_with=("111111111111",), max_build_time=100.0)
WIDE = replace(SPEC, regions=(HOME, AWAY, THIRD))
NAME = f"linux-{DIGEST[:12]}"
MINE = Image("ami-1", NAME, HOME, digest=DIGEST, family="linux", owned=True, shared=frozenset({"111111111111"}))
PENDING = replace(MINE, state="pending")
COPY, COPY3 = replace(MINE, id="ami-2", region=AWAY), replace(MINE, id="ami-3", region=THIRD)
FAILED = replace(COPY, state="failed", why="Client.InternalError")
NONE = ImageState(DIGEST, log="/logs/x")
THERE = replace(NONE, images=(MINE,))
KEY, MACHINE, DISK = Leftover("key_pair", "packer_1"), Leftover("instance", "i-1"), Leftover("disk", "d-1")
OTHER = replace(PENDING, id="ami-9", name="linux-other", digest="e" * 64)
OLD = [
    replace(MINE, id=f"ami-old{number}", name=f"linux-old{number}", digest=f"{number}", created=f"2026-0{number + 1}", shared=frozenset())
    for number in range(3)
]
LENT = replace(OLD[0], shared=frozenset({"222222222222"}))
AFTER = replace(MINE, previous="ami-old0")


def images(*ones: Image, **more: Any) -> ImageState:
    return replace(NONE, images=ones, **more)


def decide(spec: ImageSpec, state: ImageState, **memory: Any) -> Decision:
    return build.decide(Look(spec, state, memory))["image"]


def told(decision: Decision) -> str:
    """Its kind, and the steps in order."""
    return " ".join([decision.kind, *(str(step.describe()["step"]) for step in decision.steps)])


TABLE: list[tuple[str, ImageSpec, ImageState, str]] = [
    ("nothing there", SPEC, NONE, "steps build"),
    ("a build here goes on", SPEC, replace(NONE, here=True), "waiting"),
    ("one on another machine goes on", SPEC, replace(NONE, elsewhere="other/1", elsewhere_age=5.0), "waiting"),
    ("one on another machine is too old to live", SPEC, replace(NONE, leftovers=(MACHINE, KEY)), "steps sweep"),
    ("the machine of a dead build ends", SPEC, replace(NONE, ending=True, leftovers=(KEY,)), "waiting"),
    ("a dead build left a key", SPEC, replace(NONE, leftovers=(KEY,)), "steps sweep"),
    ("a dead build left its variables beside the image", SPEC, replace(THERE, leftovers=(Leftover("variables", DIGEST),)), "steps sweep"),
    ("all is there", SPEC, THERE, "settled"),
    ("EC2 still makes it", SPEC, images(PENDING), "waiting"),
    ("a disk of a dead build waits for the image that may be made of it", SPEC, images(PENDING, leftovers=(DISK,)), "waiting"),
    ("what else it left does not", SPEC, images(PENDING, leftovers=(DISK, KEY)), "steps sweep"),
    ("another image is made, and there is a disk", SPEC, images(OTHER, leftovers=(DISK,)), "steps build"),
    ("a disk of a dead build beside its image", SPEC, replace(THERE, leftovers=(DISK,)), "steps sweep"),
    ("one that is being deleted", SPEC, images(replace(MINE, state="deleting")), "waiting"),
    ("EC2 failed", SPEC, images(replace(MINE, state="failed")), "steps remove"),
    ("it is there by its name only, without tags", SPEC, images(replace(MINE, digest="", family="", owned=False)), "steps tag"),
    ("its tags are half on", SPEC, images(replace(MINE, owned=False)), "steps tag"),
    ("one of that name, untagged and pending", SPEC, images(replace(PENDING, digest="", family="", owned=False)), "waiting"),
    ("everybody may use it", SPEC, images(replace(MINE, shared=frozenset({"all", "111111111111"}))), "steps share"),
    ("the sharing is half done", replace(SPEC, shared_with=("111111111111", "222222222222")), THERE, "steps share"),
    ("too many may use it", replace(SPEC, shared_with=()), THERE, "steps share"),
    ("not encrypted and should be", replace(SPEC, encrypted=True), THERE, "stuck"),
    ("encrypted as it should be", replace(SPEC, encrypted=True), images(replace(MINE, encrypted=True)), "settled"),
    ("copies are missing", WIDE, THERE, "steps copy"),
    ("one copy is missing", WIDE, images(MINE, COPY), "steps copy"),
    ("a copy is pending", WIDE, images(MINE, COPY, replace(COPY3, state="pending")), "waiting"),
    ("a copy failed", WIDE, images(MINE, FAILED, COPY3), "steps remove"),
    ("the copy has no tags and is shut", WIDE, images(MINE, replace(COPY, digest="", shared=frozenset()), COPY3), "steps tag share"),
    ("all copies are there", WIDE, images(MINE, COPY, COPY3), "settled"),
    ("older ones are kept where nothing is said", SPEC, images(MINE, *OLD), "settled"),
    ("older ones than two", replace(SPEC, keep=2), images(replace(MINE, created="2026-09"), *OLD), "steps remove remove"),
    ("older ones, one used", replace(SPEC, keep=2), images(MINE, *OLD, used=frozenset({"ami-old0"})), "steps remove"),
    ("older ones, one named by the server", replace(SPEC, keep=2, in_use=("ami-old0", "ami-old1")), images(MINE, *OLD), "settled"),
    ("older ones, one of which others may use", replace(SPEC, keep=2), images(MINE, LENT, *OLD[1:]), "steps remove"),
    ("the only older one may be used by others", replace(SPEC, keep=1), images(MINE, LENT), "settled"),
    ("everybody may use it, which is others too", replace(SPEC, keep=1), images(MINE, replace(LENT, shared=frozenset({"all"}))), "settled"),
    ("others may use it, and that is consented to", replace(SPEC, keep=1, remove_shared=True), images(MINE, LENT), "steps remove"),
    ("consent does not take what is used", replace(SPEC, keep=1, remove_shared=True), images(MINE, LENT, used=frozenset({"ami-old0"})), "settled"),
    ("one was used before, which is new", replace(SPEC, supersedes="ami-old0"), THERE, "steps note"),
    ("one was used before, and is noted", replace(SPEC, supersedes="ami-old0"), images(AFTER), "settled"),
    ("another was used before", replace(SPEC, supersedes="ami-x"), images(AFTER), "steps note"),
    ("it was itself what was used before", replace(SPEC, supersedes="ami-1"), images(AFTER), "settled"),
    ("so was its copy", replace(WIDE, supersedes="ami-2"), images(AFTER, COPY, COPY3), "settled"),
    ("noted in an earlier run, it stays", replace(SPEC, keep=1), images(AFTER, *OLD), "steps remove remove"),
    ("it stays in spite of consent", replace(SPEC, keep=1, remove_shared=True), images(AFTER, LENT), "settled"),
    ("older ones of somebody else", replace(SPEC, keep=1), images(MINE, replace(OLD[0], owned=False), replace(OLD[1], family="linux-x")), "settled"),
    ("an older one in another state", replace(SPEC, keep=1), images(MINE, replace(OLD[0], state="pending")), "settled"),
]


@pytest.mark.parametrize(("spec", "state", "wanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_decisions(spec: ImageSpec, state: ImageState, wanted: str) -> None:
    assert told(decide(spec, state)) == wanted


def test_a_build_that_ended_without_an_image_is_told_and_not_begun_again() -> None:
    ended = decide(SPEC, replace(NONE, said="Script exited with non-zero exit status: 1"), built=True)
    assert ended.kind == "stuck" and "Script exited" in ended.reason and "/logs/x" in ended.reason
    assert told(decide(SPEC, replace(NONE, leftovers=(MACHINE,)), built=True)) == "steps sweep", "what it left goes first"


def test_how_many_stay_for_others_is_told() -> None:
    assert "others may use them: 1 (remove_shared)" in decide(replace(SPEC, keep=1), images(MINE, LENT)).reason
    assert "others" not in decide(replace(SPEC, keep=2), images(MINE, LENT)).reason


def test_what_was_built_is_remembered() -> None:
    memory = build.remember(Look(SPEC, replace(NONE, here=True), {}))
    assert build.remember(Look(SPEC, NONE, memory))["built"] is True
    assert build.remember(Look(SPEC, NONE, {}))["built"] is False


def test_f94_a_copy_that_fails_twice_is_told_and_a_failure_is_counted_once() -> None:
    memory: dict[str, Any] = {}
    for state in (images(MINE, FAILED, COPY3), images(MINE, FAILED, COPY3), images(MINE, COPY3)):
        memory = build.remember(Look(WIDE, state, memory))
    assert memory["failed"] == {AWAY: 1}
    again = images(MINE, replace(FAILED, id="ami-9"), COPY3)
    memory = build.remember(Look(WIDE, again, memory))
    found = decide(WIDE, again, **memory)
    assert found.kind == "stuck" and "us-east-1 failed twice: Client.InternalError" in found.reason


@pytest.mark.parametrize("state", [images(MINE), images(MINE, COPY), images(MINE, COPY, replace(COPY3, state="pending")), images(MINE, FAILED, COPY3)])
def test_f94_ids_are_told_only_when_it_is_available_everywhere(state: ImageState) -> None:
    def published(given: ImageState) -> Any:
        look = Look(WIDE, given, {})
        return build.view(look, build.decide(look))["regions"]

    assert published(state) == {}
    assert published(images(MINE, COPY, COPY3)) == {HOME: "ami-1", AWAY: "ami-2", THIRD: "ami-3"}


def test_a_sweep_takes_what_hangs_on_a_machine_after_the_machine() -> None:
    group = Leftover("security_group", "sg-1")
    state = build.effect(replace(NONE, leftovers=(MACHINE, KEY, group)), build.Sweep((MACHINE, KEY, group)))
    assert (state.leftovers, state.ending) == ((group,), True)


def test_the_tags_and_people_of_a_copy_are_not_taken_for_granted() -> None:
    state = build.effect(THERE, build.Copy("ami-1", AWAY))
    [copy] = [one for one in state.images if one.region == AWAY]
    assert (copy.digest, copy.owned, copy.shared, copy.state) == ("", False, frozenset(), "pending")


def test_sweeping_a_machine_leaves_its_disk_to_the_next_look_and_what_is_held_stays() -> None:
    state = replace(NONE, leftovers=(MACHINE, DISK, KEY))
    after = build.effect(state, build.Sweep((MACHINE, DISK, KEY)))
    assert after.leftovers == (DISK,) and after.ending
    held = images(PENDING, leftovers=(DISK, KEY))
    assert build.effect(held, build.Sweep(held.free)).leftovers == (DISK,)
