# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to an image: files and Packer on this machine, the cloud in each wanted region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Optional, Protocol

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.image import build
from ansible_collections.serverops.circleci.plugins.module_utils.image.build_view import ITEM
from ansible_collections.serverops.circleci.plugins.module_utils.image.digest import digest_of, sealed
from ansible_collections.serverops.circleci.plugins.module_utils.image.ec2_client import Ec2
from ansible_collections.serverops.circleci.plugins.module_utils.image.google_client import Compute
from ansible_collections.serverops.circleci.plugins.module_utils.image.google_model import LABEL_DIGEST, checked_google
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import (
    GCP,
    LATER,
    Builder,
    Image,
    ImageSpec,
    ImageState,
    Leftover,
    checked,
    must_be_ours,
)
from ansible_collections.serverops.circleci.plugins.module_utils.image.packer_client import Packer
from ansible_collections.serverops.circleci.plugins.module_utils.transport.files import read_text

POLL = 15.0  # s between two looks at the cloud
GLANCE = 1.0  # s between two looks at the process here


class Cloud(Protocol):
    """What makes and keeps images, as far as it is asked."""

    def images(self, family: str, region: str, digest: Optional[str] = None) -> list[Image]: ...
    def base(self, region: str, image: str) -> None: ...
    def builders(self, family: str, region: str) -> list[Builder]: ...
    def disks(self, family: str, region: str) -> list[Leftover]: ...
    def named(self, region: str, things: Sequence[Leftover]) -> list[Leftover]: ...
    def used(self, region: str, images: Sequence[str]) -> set[str]: ...
    def tag(self, region: str, things: Sequence[str], family: str, digest: str) -> None: ...
    def note(self, region: str, image: str, family: str, previous: str) -> None: ...
    def share(self, region: str, image: str, accounts: Sequence[str], was: Sequence[str]) -> None: ...
    def copy(self, image: Image, region: str, encrypted: bool) -> None: ...
    def remove(self, image: Image) -> None: ...
    def sweep(self, region: str, leftover: Leftover) -> None: ...


def cloud_of(provider: str, project: str, zone: str, cloud: Mapping[str, Any], clock: Clock) -> Cloud:
    """The cloud of that provider."""
    return Compute(project, zone, cloud, clock) if provider == GCP else Ec2(cloud)


class ImagePort:
    """One image of a family."""

    def __init__(self, spec: ImageSpec, cloud: Mapping[str, Any], clock: Clock) -> None:
        self._spec, self._clock = spec, clock
        self._cloud, self._packer = cloud_of(spec.provider, spec.project, spec.zone, cloud, clock), Packer(spec, cloud)
        self._digest = ""

    def read(self, _confirming: frozenset[str]) -> ImageState:
        """Files, Packer and the cloud as they are now."""
        spec, digest = self._spec, self._own_digest()
        here = self._packer.is_alive(digest)  # first: what it leaves when it ends is then seen as it leaves it
        images = [one for region in (spec.region, *spec.copies) for one in self._cloud.images(spec.name, region, None if spec.keep else digest)]
        builders = self._cloud.builders(spec.name, spec.region)
        busy = here or any(self._packer.is_alive(one.digest or digest) for one in builders)
        elsewhere = self._elsewhere(builders)
        dead = () if busy or elsewhere else self._leftovers(builders)
        ending = any(one.state == "ending" for one in builders)
        state = ImageState(
            digest=digest,
            images=tuple(images),
            here=here,
            elsewhere=(elsewhere[0].run or elsewhere[0].id) if elsewhere else "",
            elsewhere_age=max((one.age(self._clock.wall().timestamp()) for one in elsewhere), default=0.0),
            ending=ending and not here,
            leftovers=tuple(one for one in dead if not ending or one.kind not in LATER),
            used=self._used(images),
            said=self._packer.said(digest),
            log=self._packer.log(digest),
        )
        if spec.base_image and not busy and not elsewhere and state.wanted(spec, spec.region) is None:
            self._cloud.base(spec.region, spec.base_image)  # it may be gone once the image is there
        return state

    def apply(self, step: Any) -> None:
        """One step."""
        if isinstance(step, build.StartBuild):
            with doing(f"build {self._spec.name}"):
                self._packer.start(step.digest, ImageState(step.digest))
        elif isinstance(step, build.Sweep):
            self._sweep(step.leftovers)
        elif isinstance(step, build.Tag):
            self._tag(step)
        elif isinstance(step, build.Note):
            self._cloud.note(step.region, step.image, self._spec.name, step.previous)
        elif isinstance(step, build.Share):
            self._cloud.share(step.region, step.image, step.accounts, step.was)
        elif isinstance(step, build.Copy):
            self._cloud.copy(self._image(self._spec.region, step.image), step.region, self._spec.encrypted)
        else:
            self._remove(step)

    def wait(self, seconds: float) -> None:
        """No cloud has anything to wait on: look again soon, at once when Packer here has ended."""
        ends = self._clock.now() + min(seconds, POLL)
        lives = self._packer.is_alive(self._own_digest())
        while self._clock.now() < ends and (not lives or self._packer.is_alive(self._own_digest())):
            self._clock.sleep(min(GLANCE, ends - self._clock.now()))

    # -- reading ---------------------------------------------------------------------------------------------

    def _own_digest(self) -> str:
        """Read once: what is built now is what was read then."""
        if not self._digest:
            spec = self._spec
            texts = {path: read_text(path, option).encode() for option, paths in (("template", (spec.template,)), ("scripts", spec.scripts)) for path in paths}
            must_be_ours(spec.template, texts[spec.template].decode("utf-8", "replace"), spec.provider)
            values = {"variables": dict(spec.variables), "base_image": spec.base_image, "encrypted": spec.encrypted}
            names = {f"{number}": text for number, text in enumerate(texts.values())}  # a file that is moved makes no new image
            whole = digest_of(names, values, {"packer": self._packer.version()}, sealed(spec.secret_variables, spec.digest_key))
            self._digest = whole[:LABEL_DIGEST] if spec.provider == GCP else whole
        return self._digest

    def _elsewhere(self, builders: list[Builder]) -> list[Builder]:
        """Builds of other controllers, users or folders, and those of which that is not known, that are not too old to live."""
        now, limit, ours = self._clock.wall().timestamp(), self._spec.max_build_time, self._packer.mark()
        return [one for one in builders if one.state == "living" and one.run != ours and one.age(now) < limit]

    def _leftovers(self, builders: list[Builder]) -> list[Leftover]:
        """What builds that no longer live have left."""
        spec = self._spec
        machines = [Leftover(one.kind, one.id) for one in builders if one.state == "living"]
        names = [name for one in builders for name in one.made] + self._packer.named(self._digest)
        files = self._packer.dead_files([self._digest, *(one.digest for one in builders)])
        return machines + files + self._cloud.named(spec.region, names) + self._cloud.disks(spec.name, spec.region) + self._elsewhere_left()

    def _elsewhere_left(self) -> list[Leftover]:
        """Snapshots of copies that are gone. Where another controller builds this family, all is that one's to take away."""
        name, regions = self._spec.name, self._spec.copies
        quiet = [region for region in regions if all(one.state == "gone" for one in self._cloud.builders(name, region))]
        return [replace(one, region=region) for region in quiet for one in self._cloud.disks(name, region) if one.kind == "snapshot"]

    def _used(self, images: list[Image]) -> frozenset[str]:
        if not self._spec.keep:
            return frozenset()
        regions = {one.region for one in images}
        return frozenset(name for region in regions for name in self._cloud.used(region, [one.id for one in images if one.region == region]))

    # -- acting ----------------------------------------------------------------------------------------------

    def _image(self, region: str, name: str) -> Image:
        """The image as it is now, with who may use it."""
        found = [one for one in self._cloud.images(self._spec.name, region) if one.id == name]
        if not found:
            raise NotFound(f"image {name} is not in {region} any more")
        return found[0]

    def _tag(self, step: build.Tag) -> None:
        image = self._image(step.region, step.image)
        self._cloud.tag(step.region, (image.id, *image.snapshots), self._spec.name, self._own_digest())

    def _remove(self, step: build.Remove) -> None:
        """Only after a second look: what came into use meanwhile stays."""
        image = self._image(step.region, step.image)
        if image.state == "available" and image.shared and not self._spec.remove_shared:
            raise Refused(f"image {image.name} in {step.region} has been shared, so who uses it is not to be seen; remove_shared is the consent")
        if image.state == "available" and image.id in self._cloud.used(step.region, [image.id]):
            raise Refused(f"image {image.name} in {step.region} has come into use")
        self._cloud.remove(image)

    def _sweep(self, leftovers: tuple[Leftover, ...]) -> None:
        """Only what a second look finds to be left still. Machines first: what hangs on them goes when they have ended."""
        state = self.read(frozenset())
        if state.here or state.elsewhere:
            raise Refused("a build has begun meanwhile")
        machines = [one for one in leftovers if one.kind == "instance"]
        for one in leftovers:
            if one not in (*state.free, *state.strays) or (machines and one.kind in LATER):
                continue
            if one.kind == "variables":
                self._packer.forget(one.id)
            else:
                self._cloud.sweep(one.region or self._spec.region, one)


def image_spec(params: Mapping[str, Any]) -> ImageSpec:
    """The spec; raises BadInput."""
    secrets = {name: Secret(str(value)) for name, value in (params.get("secret_variables") or {}).items()}
    given = {**params, "secret_variables": secrets}
    return checked(checked_google(given) if params.get("provider") == GCP else spec_from_params(ImageSpec, {**given, "zone": "", "project": ""}))


__all__ = ["ITEM", "ImagePort", "image_spec"]
