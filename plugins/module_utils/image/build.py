# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of building a machine image: one for each digest, never public, in all wanted regions, and nothing left behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, Step, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.image.build_view import (
    ITEM,
    facts,
    out_of_sight,
    progress,
    remember,
    superfluous,
    view,
    withheld,
)
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import EVERYBODY, LATER, Image, ImageSpec, ImageState, Leftover

__all__ = ["assume", "decide", "effect", "facts", "out_of_sight", "progress", "refusals", "remember", "view"]

ImageLook = Look[ImageSpec, ImageState]
BAD = ("failed", "error", "invalid", "deregistered")


@dataclass(frozen=True)
class StartBuild:
    """Have Packer build it, on its own."""

    digest: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "build", "id": ITEM, "digest": self.digest}


@dataclass(frozen=True)
class Sweep:
    """Take away what a dead build left."""

    leftovers: tuple[Leftover, ...]
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "sweep", "id": ITEM, "kinds": sorted({one.kind for one in self.leftovers})}


@dataclass(frozen=True)
class Tag:
    """Put on the tags that a killed build did not come to."""

    image: str
    region: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "tag", "id": ITEM, "region": self.region}


@dataclass(frozen=True)
class Share:
    """Let exactly these accounts use it, and nobody else."""

    image: str
    region: str
    accounts: tuple[str, ...]
    was: tuple[str, ...]
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "share", "id": ITEM, "region": self.region, "accounts": list(self.accounts), "was": list(self.was)}


@dataclass(frozen=True)
class Note:
    """Put on the tag that says which image was used before, so that it outlives us and stays."""

    image: str
    region: str
    previous: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "note", "id": ITEM, "region": self.region, "previous": self.previous}


@dataclass(frozen=True)
class Copy:
    """Copy it to another region."""

    image: str
    region: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "copy", "id": ITEM, "region": self.region}


@dataclass(frozen=True)
class Remove:
    """Take away an image with its snapshots: one that failed, or one that is superseded and that nothing uses."""

    image: str
    region: str
    name: str
    item: str = ITEM

    def describe(self) -> Json:
        return {"step": "remove", "id": ITEM, "name": self.name, "region": self.region}


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(_look: ImageLook) -> list[str]:
    """Nothing keeps a task from beginning: what is wrong with a template Packer tells, and what is wrong with the options is found before."""
    return []


def decide(look: ImageLook) -> dict[str, Decision]:
    """What is to be done now."""
    home = look.state.wanted(look.spec, look.spec.region)
    if home is not None and home.state in BAD:
        return {ITEM: act(f"image {home.name} failed: {home.why or home.state}", Remove(home.id, home.region, home.name))}
    if look.state.here:
        return {ITEM: waiting(f"Packer builds {look.state.name_of(look.spec)}: {look.state.said or 'it has said nothing yet'}", phase="building")}
    if home is None:
        return {ITEM: _absent(look)}
    if look.state.ending:
        return {ITEM: waiting("the machine of a dead build ends", phase="ending")}
    if look.state.free:
        return {ITEM: act("an earlier build left things behind", Sweep(look.state.free))}
    if home.state != "available":
        return {ITEM: waiting(f"image {home.name} is {home.state} in {home.region}", phase="pending")}
    return {ITEM: _present(look, home)}


def _absent(look: ImageLook) -> Decision:
    """There is no such image. A build elsewhere is its owner's until it is older than any may be."""
    state, limit = look.state, look.spec.max_build_time
    if state.elsewhere and state.elsewhere_age < limit:
        words = f"a build on {state.elsewhere} makes it; it is waited for until it is {limit:g} s old, then taken for dead"
        return waiting(words, phase="elsewhere", recheck=limit - state.elsewhere_age)
    if look.memory.get("built") and not state.free and not state.ending:
        return stuck(f"Packer ended without the image {state.name_of(look.spec)}: {state.said or 'it said nothing'}; its log is {state.log}")
    if state.ending:
        return waiting("the machine of a dead build ends", phase="ending")
    if state.free:
        return act("an earlier build died", Sweep(state.free))
    return act("there is no image of this digest", StartBuild(state.digest))


def _present(look: ImageLook, home: Image) -> Decision:
    """It is there: closed, copied, shared, and what it superseded taken away, in this order."""
    steps = [*_to_make_right(look, home), *_to_note(look, home)]
    if steps:
        return act(f"image {home.name} is there", *steps)
    if look.spec.encrypted and not home.encrypted:
        return stuck(f"image {home.name} is not encrypted; encrypted is wanted, so have the template encrypt it (encrypt_boot: true)")
    return _copies(look, home) or _older(look, home)


def _copies(look: ImageLook, home: Image) -> Optional[Decision]:
    """What is to be done, or waited for, in the other regions; None where all is there."""
    for region in look.spec.copies:
        copy = look.state.wanted(look.spec, region)
        if copy is None:
            return act(f"there is none in {region}", Copy(home.id, region))
        if copy.state in BAD and look.memory.get("failed", {}).get(region, 0) > 1:
            return stuck(f"the copy of {home.name} to {region} failed twice: {copy.why or copy.state}")
        if copy.state in BAD:
            return act(f"the copy to {region} failed: {copy.why or copy.state}", Remove(copy.id, region, copy.name))
    pending = [region for region in look.spec.copies for copy in [look.state.wanted(look.spec, region)] if copy and copy.state != "available"]
    return waiting(f"copies to {', '.join(pending)} are made", phase="copying") if pending else None


def _older(look: ImageLook, home: Image) -> Decision:
    old = superfluous(look)
    if old:
        return act("older images than keep says, used by nothing", *(Remove(one.id, one.region, one.name) for one in old))
    if look.state.strays:
        return act("copies that are gone have left snapshots", Sweep(look.state.strays))
    stay = len(withheld(look))
    words = f"; more than keep says, for others may use them: {stay} (remove_shared)" if stay else ""
    return settled(f"image {home.name} is there{words}")


def _to_note(look: ImageLook, home: Image) -> list[Step]:
    """What was used before, unless that is the image itself, by its id in any region."""
    own = [one.id for region in (home.region, *look.spec.copies) for one in [look.state.wanted(look.spec, region)] if one is not None]
    before = look.spec.supersedes
    return [Note(home.id, home.region, before)] if before and before not in (home.previous, *own) else []


def _to_make_right(look: ImageLook, home: Image) -> list[Step]:
    steps: list[Step] = []
    wanted = frozenset(look.spec.shared_with)
    for region in (home.region, *look.spec.copies):
        one = look.state.wanted(look.spec, region)
        if one is None or one.state != "available":
            continue
        if one.digest != look.state.digest or not one.owned or one.family != look.spec.name:
            steps.append(Tag(one.id, region))
        if one.shared != wanted:
            steps.append(Share(one.id, region, tuple(sorted(wanted)), tuple(sorted(one.shared))))
    return steps


def effect(state: ImageState, step: Step) -> ImageState:
    """The state after a step, when all goes well."""
    if isinstance(step, StartBuild):
        return replace(state, here=True)
    if isinstance(step, Sweep):
        machines = any(one.kind == "instance" for one in step.leftovers)
        stay = tuple(one for one in state.leftovers if one not in step.leftovers or (machines and one.kind in LATER))
        return replace(state, leftovers=stay, elsewhere="", ending=machines)
    if isinstance(step, Remove):
        return replace(state, images=tuple(one for one in state.images if one.id != step.image))
    if isinstance(step, Copy):
        [home] = [one for one in state.images if one.id == step.image]
        copy = replace(home, id=f"copy-{step.region}", region=step.region, state="pending", shared=frozenset(), digest="", owned=False)  # EC2 copies no tags
        return replace(state, images=(*state.images, copy))
    return replace(state, images=tuple(_changed(one, step, state) for one in state.images))


def _changed(image: Image, step: Step, state: ImageState) -> Image:
    if isinstance(step, Share) and image.id == step.image:
        return replace(image, shared=frozenset(step.accounts) - {EVERYBODY})
    if isinstance(step, Note) and image.id == step.image:
        return replace(image, previous=step.previous)
    if isinstance(step, Tag) and image.id == step.image:
        return replace(image, digest=state.digest, owned=True, family=image.name[: image.name.rfind("-")])
    return image


def assume(look: ImageLook, _item: str) -> ImageState:
    """Builds and copies end well."""
    state = look.state
    images = tuple(replace(one, state="available") if one.state == "pending" else one for one in state.images)
    made: Optional[Image] = None
    if state.here or state.elsewhere:
        made = Image(
            "being built", state.name_of(look.spec), look.spec.region, digest=state.digest, family=look.spec.name, owned=True, encrypted=look.spec.encrypted
        )
    return replace(state, images=images + ((made,) if made else ()), here=False, elsewhere="", ending=False)
