# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine as the builder of images sees it: a project's images and who may use them, builds under way in a zone, and what dead ones left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotFound, NotPermitted, Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import COMPUTE, GcpClient, client_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.image.google_model import (
    LABEL_DIGEST,
    US_LABEL,
    USER,
    base_of,
    builders_from_google,
    image_from_google,
    sources_of,
)
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import DIGEST, FAMILY, OWNER, PREVIOUS, SHORT, Builder, Image, Leftover

PATIENCE, PAUSE = 20.0, 0.5  # s for what was ordered to end: a step returns within half a minute
KINDS = {"instance": "instances", "disk": "disks"}


class Compute:
    """One project, and the zone in which is built."""

    def __init__(self, project: str, zone: str, cloud: Mapping[str, Any], clock: Clock) -> None:
        names = ("service_account_file", "service_account_contents", "endpoint_url")
        self._client: GcpClient = client_from_params({"project": project, **{name: cloud.get(name) for name in names}}, clock, "cloud.")
        self._project, self._clock = project, clock
        self._root = f"/compute/v1/projects/{quote(project, safe='')}"
        self._zone = f"{self._root}/zones/{zone}"

    # -- reading ---------------------------------------------------------------------------------------------

    def images(self, family: str, _region: str, digest: Optional[str] = None) -> list[Image]:
        """Images of the family, with the people who may use those of this digest; of all without one."""
        with doing(f"list the images of {self._project}"):
            bodies = self._pages(f"{self._root}/global/images", filter=f"name eq {family}-.*")
        return [self._with_people(one) if digest is None or _is_of(one, digest) else image_from_google(one, {}) for one in bodies]

    def base(self, _region: str, image: str) -> None:
        """Prove that the base image is there. Raises NotFound."""
        project, name = base_of(image, self._project)
        try:
            with doing(f"look at the base image {image}"):
                self._client.read("GET", COMPUTE, f"/compute/v1/projects/{quote(project, safe='')}/global/images/{name}")
        except NotFound:
            raise NotFound(f"base_image {image} is not in project {project}, or not to be seen from here; give one that is") from None

    def builders(self, family: str, _region: str) -> list[Builder]:
        """Machines on which an image of the family is built, and disks that are left of them. The disks are asked for first: one that is let go of

        meanwhile is then still seen on its machine, and not taken for one that a dead build left.
        """
        with doing(f"look for builds of {family}"):
            disks = self._pages(f"{self._zone}/disks", filter=f"name eq {family}-.*")
            machines = self._pages(f"{self._zone}/instances", filter=f"labels.{FAMILY} = {family}")
        return builders_from_google(family, machines, disks)

    def disks(self, _family: str, _region: str) -> list[Leftover]:
        """Those that are left are told by `builders`."""
        return []

    def named(self, _region: str, things: Sequence[Leftover]) -> list[Leftover]:
        """Disks of machines that are there. Packer makes nothing else that has a name."""
        return [one for one in things if one.kind == "disk"]

    def used(self, _region: str, images: Sequence[str]) -> set[str]:
        """Of which of these images there is a disk, or a template that names them. Where that cannot be seen, all of them."""
        if not images:
            return set()
        try:
            with doing("see which images are used"):
                found = [self._everywhere(kind) for kind in ("disks", "instanceTemplates")]
        except NotPermitted:
            return set(images)
        if None in found:
            return set(images)
        return sources_of((one for several in found for one in several or ()), self._project) & set(images)

    def _everywhere(self, kind: str) -> Optional[list[Json]]:
        """In all zones and regions; None where one of them did not answer."""
        found: list[Json] = []
        for page in self._client.pages(COMPUTE, f"{self._root}/aggregated/{kind}", returnPartialSuccess="true"):
            for place in (page.get("items") or {}).values():
                if (place.get("warning") or {}).get("code", "NO_RESULTS_ON_PAGE") != "NO_RESULTS_ON_PAGE":
                    return None
                found += place.get(kind) or []
            if page.get("unreachables"):
                return None
        return found

    def _with_people(self, body: Json) -> Image:
        try:
            return image_from_google(body, self._policy(body["name"]))
        except NotFound:
            return image_from_google({**body, "status": "DELETING"}, {})  # it went after the list was made

    def _policy(self, image: str) -> Json:
        with doing(f"ask who may use {image}"):
            path = f"{self._root}/global/images/{image}/getIamPolicy"
            return self._client.read("GET", COMPUTE, path, query={"optionsRequestedPolicyVersion": "3"})

    def _pages(self, path: str, **query: str) -> list[Json]:
        return list(self._client.entries(COMPUTE, path, "items", **query))

    # -- acting ----------------------------------------------------------------------------------------------

    def tag(self, _region: str, things: Sequence[str], family: str, digest: str) -> None:
        """The labels by which an image is known, beside those that it has."""
        self._label(things[0], {FAMILY: family, DIGEST: digest[:LABEL_DIGEST], OWNER: US_LABEL})

    def note(self, _region: str, image: str, family: str, previous: str) -> None:
        """Which image was used before."""
        self._label(image, {FAMILY: family, PREVIOUS: previous})

    def _label(self, image: str, more: Mapping[str, str]) -> None:
        path = f"{self._root}/global/images/{image}"
        with doing(f"label {image}"):
            body = self._client.read("GET", COMPUTE, path)
            labels = {**(body.get("labels") or {}), **more}
            self._order("POST", f"{path}/setLabels", {"labels": labels, "labelFingerprint": body.get("labelFingerprint", "")})

    def share(self, _region: str, image: str, accounts: Sequence[str], _was: Sequence[str]) -> None:
        """Exactly these accounts may use it, by its own policy, over the version that is read now."""
        etag = self._policy(image).get("etag", "")
        bindings = [{"role": USER, "members": list(accounts)}] if accounts else []
        with doing(f"say who may use {image}"):
            policy = {"etag": etag, "version": 3, "bindings": bindings}
            self._client.write("POST", COMPUTE, f"{self._root}/global/images/{image}/setIamPolicy", {"policy": policy})

    def copy(self, image: Image, region: str, encrypted: bool) -> None:
        """There is nothing to copy."""
        raise BadInput(f"image {image.name} cannot be copied to {region}: an image of Google Cloud is in all regions")

    def remove(self, image: Image) -> None:
        """Take an image away."""
        with doing(f"remove {image.name}"):
            self._order("DELETE", f"{self._root}/global/images/{image.id}")

    def sweep(self, _region: str, leftover: Leftover) -> None:
        """Take one thing away; one that is gone is no failure."""
        try:
            with doing(f"take away the {leftover.kind} {leftover.id}"):
                self._order("DELETE", f"{self._zone}/{KINDS[leftover.kind]}/{leftover.id}")
        except NotFound:
            pass

    def _order(self, method: str, path: str, body: Optional[Json] = None) -> None:
        """Order it, and look for a while whether it is done; what takes longer is seen by the next look at the thing itself."""
        operation = self._client.write(method, COMPUTE, path, body)
        place, ends = path.partition("/global/")[0] + "/global", self._clock.now() + PATIENCE
        if operation.get("zone"):
            place = self._zone
        while operation.get("status") != "DONE":
            if self._clock.now() + PAUSE >= ends:
                return
            self._clock.sleep(PAUSE)
            operation = self._client.read("GET", COMPUTE, f"{place}/operations/{operation['name']}")
        for one in (operation.get("error") or {}).get("errors") or ():
            raise Refused(f"Google says {one.get('code')}: {one.get('message')}")


def _is_of(body: Mapping[str, Any], digest: str) -> bool:
    """By its label, or by its name where it has none."""
    return (body.get("labels") or {}).get(DIGEST) == digest or str(body["name"]).endswith(f"-{digest[:SHORT]}")
