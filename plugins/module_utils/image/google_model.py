# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine images of Google Cloud as values: names, labels, who may use them, machines and disks of builds. Pure.

A label's value has at most 63 letters, digits, dashes and underscores. A machine of a build is called IMAGE-RUN, and its disk as well: labels of a machine are
not its disk's, and the disk is all there is while the image is made of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import (
    DIGEST,
    EVERYBODY,
    FAMILY,
    OWNER,
    PREVIOUS,
    RUN,
    SHORT,
    Builder,
    Image,
    ImageSpec,
    Leftover,
)

GLOBAL = "global"  # where images are: in no region
US_LABEL = "serverops_circleci"
LABEL_DIGEST = 40  # digits of the digest that a label has room for, with some to spare
RUN_LENGTH = 8
USER = "roles/compute.imageUser"
PUBLIC = ("allUsers", "allAuthenticatedUsers")
NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")  # 63 less the digest's and the run's part
PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]")
ZONE = re.compile(r"[a-z]+-[a-z]+\d+-[a-z]")
MEMBER = re.compile(r"(serviceAccount|user|group):[^\s:@]+@[^\s:@]+")
NUMBER = re.compile(r"\d{6,}")
LABEL_VALUE = re.compile(r"[-a-z0-9_]{0,63}")
BASE = re.compile(r"(?:projects/([^/]+)/global/images/)?([a-z]([-a-z0-9]{0,61}[a-z0-9])?)")
STATES = {"READY": "available", "PENDING": "pending", "FAILED": "failed", "DELETING": "deleting"}
ENDING = ("STOPPING", "DELETING")


def checked_google(params: Mapping[str, Any]) -> ImageSpec:
    """The spec; raises BadInput for what no image of Google Cloud can be."""
    [region] = google_regions(params)
    spec: ImageSpec = spec_from_params(ImageSpec, {**params, "region": region})
    if not NAME.fullmatch(spec.name):
        raise BadInput(f"name is {spec.name!r}; give up to 40 lower-case letters, digits and dashes, beginning with a letter: it is a label, too")
    if not ZONE.fullmatch(spec.zone):
        raise BadInput(f"zone is {spec.zone!r}; give the one to build in, such as europe-west1-b")
    if spec.base_image and not BASE.fullmatch(spec.base_image):
        raise BadInput(f"base_image is {spec.base_image!r}; give the name of an image, or projects/PROJECT/global/images/NAME")
    stay, before = tuple(map(_name, spec.in_use)), _name(spec.supersedes)
    if not LABEL_VALUE.fullmatch(before):
        raise BadInput(f"supersedes is {spec.supersedes!r}; give the name of an image: it is a label, too")
    return replace(spec, shared_with=tuple(dict.fromkeys(map(_member, spec.shared_with))), in_use=stay, supersedes=before)


def google_regions(params: Mapping[str, Any]) -> tuple[str]:
    """The one place where images of a project are."""
    if not PROJECT.fullmatch(params.get("project") or ""):
        raise BadInput(f"project is {params.get('project')!r}; give the id of the project whose images they are")
    if params.get("regions"):
        raise BadInput("regions are given; an image of Google Cloud is in all of them, so leave them out")
    return (GLOBAL,)


def _name(image: str) -> str:
    """A setting may name an image with its project."""
    return image.rpartition("/images/")[2]


def _member(text: str) -> str:
    """A project is the account by which it starts machines: https://cloud.google.com/compute/docs/images/managing-access-custom-images."""
    if NUMBER.fullmatch(text):
        return f"serviceAccount:{text}@cloudservices.gserviceaccount.com"
    if not MEMBER.fullmatch(text):
        raise BadInput(f"shared_with holds {text!r}; give serviceAccount:, user: or group: with an address, or a project's number: ours are never public")
    return text


def base_of(image: str, project: str) -> tuple[str, str]:
    """Project and name of an image to start from."""
    found = BASE.fullmatch(image)
    if found is None:
        raise BadInput(f"base_image is {image!r}, which names no image")
    return found[1] or project, found[2]


def run_label(place: str) -> str:
    """Where a build runs, short enough for names, and of their letters."""
    return hashlib.sha256(place.encode()).hexdigest()[:RUN_LENGTH]


def private_parts(key: str) -> list[str]:
    """What of a service account's key must be seen nowhere: the whole, and its secret."""
    try:
        return [key, *str(json.loads(key)["private_key"]).splitlines()[1:-1]] if key else []
    except (ValueError, KeyError, TypeError):
        return [key]


def image_from_google(body: Mapping[str, Any], policy: Mapping[str, Any]) -> Image:
    """An entry of images.list; `policy` is its own."""
    labels = body.get("labels") or {}
    return Image(
        id=body["name"],
        name=body["name"],
        region=GLOBAL,
        state=STATES.get(body.get("status", ""), "pending"),
        digest=labels.get(DIGEST, ""),
        family=labels.get(FAMILY, ""),
        owned=labels.get(OWNER) == US_LABEL,
        shared=people_of(policy),
        encrypted=True,  # all of Google's are, by its keys or by one's own
        created=_utc(body.get("creationTimestamp", "")),
        previous=labels.get(PREVIOUS, ""),
    )


def people_of(policy: Mapping[str, Any]) -> frozenset[str]:
    """Who may use it. Another role than that for users, or a condition, is told with the name: it is nothing that we give."""
    found = set()
    for one in policy.get("bindings") or ():
        for member in one.get("members") or ():
            if member in PUBLIC:
                found.add(EVERYBODY)
            else:
                found.add(member if one["role"] == USER and not one.get("condition") else f"{one['role']} {member}")
    return frozenset(found)


def builders_from_google(family: str, instances: Iterable[Mapping[str, Any]], disks: Iterable[Mapping[str, Any]]) -> list[Builder]:
    """Machines by their label; disks on no machine by their name."""
    name = re.compile(rf"{re.escape(family)}-([0-9a-f]{{{SHORT}}})-([0-9a-f]{{{RUN_LENGTH}}})")
    named = [(one, found) for one in disks if not one.get("users") for found in [name.fullmatch(one["name"])] if found]
    return [_machine(one, name) for one in instances] + [_disk(one, found[1], found[2]) for one, found in named]


def _machine(body: Mapping[str, Any], name: re.Pattern[str]) -> Builder:
    """With its disk, where that is Packer's and stays when the machine goes."""
    labels = body.get("labels") or {}
    sources = [one.get("source", "").rpartition("/")[2] for one in body.get("disks") or () if not one.get("autoDelete")]
    return Builder(
        id=body["name"],
        state="ending" if body.get("status") in ENDING else "living",
        digest=labels.get(DIGEST, ""),
        run=labels.get(RUN, ""),
        started=_seconds(body.get("creationTimestamp", "")),
        made=tuple(Leftover("disk", one) for one in sources if name.fullmatch(one)),
    )


def _disk(body: Mapping[str, Any], digest: str, run: str) -> Builder:
    state = "ending" if body.get("status") in ENDING else "living"
    return Builder(body["name"], state, "disk", digest, run, _seconds(body.get("creationTimestamp", "")))


def sources_of(bodies: Iterable[Mapping[str, Any]], project: str) -> set[str]:
    """Names of this project's images that disks, or the disks of templates, are made of."""
    found = set()
    for body in bodies:
        disks = (body.get("properties") or {}).get("disks") or ()
        for one in (body.get("sourceImage", ""), *((disk.get("initializeParams") or {}).get("sourceImage", "") for disk in disks)):
            place, _images, name = one.rpartition("/global/images/")
            if name and (not place or place.rpartition("projects/")[2] == project):
                found.add(name)
    return found


def _parsed(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp.replace("Z", "+00:00"))  # 3.9 does not know the Z


def _seconds(stamp: str) -> float:
    return _parsed(stamp).timestamp() if stamp else 0.0


def _utc(stamp: str) -> str:
    """Google tells times of its own zone, which texts of two seasons do not sort by."""
    return datetime.fromtimestamp(_seconds(stamp), timezone.utc).isoformat(timespec="milliseconds") if stamp else ""
