# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine images, what a build leaves behind, and what Packer says, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret

# Tags on images, and on what a build makes on its way.
FAMILY, DIGEST, RUN, OWNER = "serverops_image", "serverops_digest", "serverops_run", "serverops_owner"
PREVIOUS = "serverops_previous"  # on an image: the one that was used before it
US = "serverops.circleci"
EVERYBODY = "all"
AWS, GCP = "aws", "gcp"
LATER = ("security_group", "volume", "disk")  # cannot go before the machine that has them
SHORT = 12  # letters of the digest in an image's name
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9()\[\] ./\-'@_]{2,114}")  # what EC2 takes, less the digest
ACCOUNT = re.compile(r"\d{12}")
PEOPLE = ("UserId", "Group", "OrganizationArn", "OrganizationalUnitArn")  # by what a launch permission names them; a group is everybody
TAG_VALUE = re.compile(r"[A-Za-z0-9 +=._:/@-]{0,256}")


@dataclass(frozen=True)
class ImageSpec:
    """One image: what it is made of, where it shall be and who may use it. Times in seconds."""

    name: str
    template: str
    region: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    secret_variables: Mapping[str, Secret] = field(default_factory=dict)
    digest_key: Optional[Secret] = None
    scripts: tuple[str, ...] = ()
    base_image: str = ""
    regions: tuple[str, ...] = ()
    shared_with: tuple[str, ...] = ()
    encrypted: bool = False
    keep: int = 0
    in_use: tuple[str, ...] = ()
    supersedes: str = ""
    remove_shared: bool = False
    max_build_time: float = 7200.0
    log_directory: str = "~/.serverops/images"
    packer: str = "packer"
    provider: str = AWS
    project: str = ""
    zone: str = ""

    @property
    def copies(self) -> tuple[str, ...]:
        """The other regions."""
        return tuple(one for one in self.regions if one != self.region)


@dataclass(frozen=True)
class Image:
    """An image in one region. `shared` holds who else may use it, and "all" when it is public. `previous` is what was used before it, by its tag."""

    id: str
    name: str
    region: str
    state: str = "available"
    digest: str = ""
    family: str = ""
    owned: bool = False
    shared: frozenset[str] = frozenset()
    encrypted: bool = False
    created: str = ""
    snapshots: tuple[str, ...] = ()
    why: str = ""
    previous: str = ""


@dataclass(frozen=True)
class Leftover:
    """Something that a build made for itself and did not take away. `region` is empty where that is the one in which is built."""

    kind: str
    id: str
    region: str = ""


@dataclass(frozen=True)
class Builder:
    """What an image is built on, or was: a machine, or the disk that is left of one while its image is made. `made` is what goes with it.

    `state` is living, ending or gone; `run` says where Packer runs, `started` when it began, in seconds since 1970 (0: not known).
    """

    id: str
    state: str
    kind: str = "instance"
    digest: str = ""
    run: str = ""
    started: float = 0.0
    made: tuple[Leftover, ...] = ()

    def age(self, now: float) -> float:
        """Seconds since it began."""
        return now - self.started if self.started else 0.0


@dataclass(frozen=True)
class ImageState:
    """All that is known: images of the family in all wanted regions, builds, and what dead builds left."""

    digest: str
    images: tuple[Image, ...] = ()
    here: bool = False
    elsewhere: str = ""
    elsewhere_age: float = 0.0
    ending: bool = False
    leftovers: tuple[Leftover, ...] = ()
    used: frozenset[str] = frozenset()
    said: str = ""
    log: str = ""

    @property
    def free(self) -> tuple[Leftover, ...]:
        """What can be taken away now: not a disk while an image is being made, since that may be made of it."""
        making = any(one.state == "pending" for one in self.images)
        return tuple(one for one in self.leftovers if not one.region and not (making and one.kind == "disk"))

    @property
    def strays(self) -> tuple[Leftover, ...]:
        """What copies that are gone left in their regions: in nobody's way, so it goes last."""
        return tuple(one for one in self.leftovers if one.region)

    def name_of(self, spec: ImageSpec) -> str:
        """The image's name: the family's with the digest's beginning."""
        return image_name(spec.name, self.digest)

    def wanted(self, spec: ImageSpec, region: str) -> Optional[Image]:
        """The image of this digest in a region; an untagged one (its build was killed before it put tags on) is known by its name."""
        found = [one for one in self.images if one.region == region and (one.digest == self.digest or one.name == self.name_of(spec))]
        order = {"available": 0, "pending": 1}
        return min(found, key=lambda one: (order.get(one.state, 2), one.created, one.id), default=None)


def image_name(family: str, digest: str) -> str:
    """What EC2 calls the image."""
    return f"{family}-{digest[:SHORT]}"


def checked(spec: ImageSpec) -> ImageSpec:
    """Raises BadInput for what no image can be."""
    if spec.provider == AWS:
        _checked_aws(spec)
    if set(spec.variables) & set(spec.secret_variables):
        both = ", ".join(sorted(set(spec.variables) & set(spec.secret_variables)))
        raise BadInput(f"{both} is in variables and in secret_variables; give it once")
    if spec.secret_variables and spec.digest_key is None:
        raise BadInput(
            "secret_variables are given without digest_key; give a secret of your own, so that a changed value makes a new image "
            "and the tag tells nobody what it is"
        )
    if spec.keep < 0 or spec.max_build_time <= 0:
        raise BadInput(f"keep is {spec.keep} and max_build_time {spec.max_build_time:g}; keep must not be below 0, and a build needs time")
    return spec


def _checked_aws(spec: ImageSpec) -> None:
    if not NAME.fullmatch(spec.name):
        raise BadInput(f"name is {spec.name!r}; give 3 to 115 letters, digits and any of ( ) [ ] space . / - ' @ _, beginning with a letter or digit")
    for one in spec.shared_with:
        if not ACCOUNT.fullmatch(one):
            raise BadInput(f"shared_with holds {one!r}; give account ids of 12 digits: an image of ours is never public")
    if not TAG_VALUE.fullmatch(spec.supersedes):
        raise BadInput(f"supersedes is {spec.supersedes!r}, which no tag can hold; give the id of an image")


def image_from_api(region: str, body: Mapping[str, Any], shared: Sequence[Mapping[str, Any]] = ()) -> Image:
    """An entry of DescribeImages; `shared` are its launch permissions."""
    tags = tags_of(body)
    disks = [one["Ebs"] for one in body.get("BlockDeviceMappings", ()) if one.get("Ebs")]
    people = {one[key] for one in shared for key in PEOPLE if one.get(key)}
    return Image(
        id=body["ImageId"],
        name=body.get("Name", ""),
        region=region,
        state=body.get("State", ""),
        digest=tags.get(DIGEST, ""),
        family=tags.get(FAMILY, ""),
        owned=tags.get(OWNER) == US,
        shared=frozenset(people | ({EVERYBODY} if body.get("Public") else set())),
        encrypted=bool(disks) and all(one.get("Encrypted") for one in disks),
        created=body.get("CreationDate", ""),
        snapshots=tuple(sorted(one["SnapshotId"] for one in disks if one.get("SnapshotId"))),
        why=str((body.get("StateReason") or {}).get("Message", "")),
        previous=tags.get(PREVIOUS, ""),
    )


def tags_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Tags as a dictionary."""
    return {one["Key"]: one["Value"] for one in body.get("Tags", ())}


SAYS = re.compile(r"^(?:==>|   ) [\w.-]+: (.*)$")
TEMPORARY = re.compile(r"Creating temporary (keypair|security group for this instance): (\S+)")


def last_said(log: str) -> str:
    """The last line by which a builder told what it does."""
    for line in reversed(log.splitlines()):
        found = SAYS.match(line)
        if found and found[1].strip():
            return found[1].strip()
    return ""


def temporary_names(log: str) -> list[Leftover]:
    """Key pairs and security groups that a build said it makes for itself: EC2 keeps no tag of ours on them."""
    kinds = {"keypair": "key_pair"}
    return [Leftover(kinds.get(kind, "security_group"), name) for kind, name in TEMPORARY.findall(log)]


MUST_USE = ("image_name", "image_digest", "image_run")


def must_be_ours(path: str, text: str, provider: str = AWS) -> None:
    """Raises BadInput for a template that does not take the name and the tags by which its image is found again.

    On Google Cloud a disk has no label of ours: it has the name of the machine that it was made for.
    """
    missing = [one for one in (*MUST_USE, *(("instance_name",) if provider == GCP else ())) if one not in text]
    if missing:
        raise BadInput(
            f"template {path} does not use the variables {', '.join(missing)}; its image could not be found again: name it by image_name, "
            "tag it and its snapshots with image_digest, and what it starts with image_run, as the template of the role vm_image does"
        )
