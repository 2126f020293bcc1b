# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket for backups: where it is, and how it is closed. It is made and set right, never emptied and never deleted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.model import Bucket

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
DAY = 86400
SOFT_DELETE = range(7, 91)  # days that Google allows besides 0


@dataclass(frozen=True)
class BucketSpec:
    """What is wanted. `soft_delete_days` None: as it is."""

    name: str
    location: str
    storage_class: str = "STANDARD"
    versioning: bool = True
    soft_delete_days: Optional[int] = 7


@dataclass(frozen=True)
class MakeBucket:
    """Make it as it should be."""

    bucket: Bucket

    @property
    def item(self) -> str:
        return self.bucket.name

    def describe(self) -> Json:
        return {"step": "make_bucket", "id": self.item, "location": self.bucket.location}


@dataclass(frozen=True)
class SetBucket:
    """Change these of its settings, over the version that was seen."""

    item: str
    settings: tuple[tuple[str, Any], ...]
    generation: str

    def describe(self) -> Json:
        return {"step": "set_bucket", "id": self.item, "settings": dict(self.settings)}


BucketLook = Look[BucketSpec, Optional[Bucket]]


def bucket_spec(params: Mapping[str, Any]) -> BucketSpec:
    """The wish; raises BadInput with the first option that cannot be."""
    spec = spec_from_params(BucketSpec, params)
    if not NAME.fullmatch(spec.name):
        raise BadInput(f"name is {spec.name!r}, which is no name of a bucket; give 3 to 222 lower-case letters, digits, dots, dashes and underscores")
    if not re.fullmatch(r"[A-Za-z0-9-]+", spec.location):
        raise BadInput(f"location is {spec.location!r}; give a region such as europe-west1, or EU, US or ASIA")
    days = spec.soft_delete_days
    if days is not None and days != 0 and days not in SOFT_DELETE:
        raise BadInput(f"soft_delete_days is {days}; Google takes 0 (off) or 7 to 90")
    return replace(spec, location=spec.location.upper())


def wanted(spec: BucketSpec, now: Optional[Bucket]) -> Bucket:
    """The bucket as it should be; what is not asked for stays."""
    keep = now or Bucket(spec.name, spec.location, spec.storage_class, soft_delete=7 * DAY)
    soft = keep.soft_delete if spec.soft_delete_days is None else spec.soft_delete_days * DAY
    return replace(keep, versioning=spec.versioning, uniform=True, closed=True, soft_delete=soft)


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: BucketLook) -> list[str]:
    """A bucket cannot be moved."""
    found, spec = look.state, look.spec
    if found is None or found.location == spec.location:
        return []
    return [f"bucket {spec.name} is in {found.location}, but location is {spec.location}; a bucket cannot be moved, so give its own location or another name"]


def decide(look: BucketLook) -> dict[str, Decision]:
    """Make it, or set what differs."""
    name, found = look.spec.name, look.state
    if refusals(look):
        return {name: stuck(refusals(look)[0])}
    target = wanted(look.spec, found)
    if found is None:
        return {name: act("there is no such bucket", MakeBucket(target))}
    settings = tuple((key, getattr(target, key)) for key in ("versioning", "uniform", "closed", "soft_delete") if getattr(target, key) != getattr(found, key))
    step = SetBucket(name, settings, found.generation)
    return {name: act("its settings differ", step) if settings else settled("the bucket is as wanted")}


def effect(state: Optional[Bucket], step: Any) -> Optional[Bucket]:
    """The bucket after a step."""
    if isinstance(step, MakeBucket):
        return step.bucket
    return replace(state, **dict(step.settings)) if state else None


def assume(look: BucketLook, _item: str) -> Optional[Bucket]:
    """Nothing is ever waited for."""
    return look.state


def remember(look: BucketLook) -> Json:
    """Nothing."""
    return look.memory


def facts(look: BucketLook) -> dict[str, Json]:
    """The bucket."""
    return {look.spec.name: bucket_view(look.state) if look.state else {}}


def view(look: BucketLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    return {"bucket": bucket_view(look.state) if look.state else None, "reason": decisions[look.spec.name].reason}


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(look: BucketLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[look.spec.name].reason


def bucket_view(bucket: Bucket) -> Json:
    """For results."""
    return {
        "name": bucket.name,
        "location": bucket.location,
        "storage_class": bucket.storage_class,
        "versioning": bucket.versioning,
        "uniform_access": bucket.uniform,
        "public_access_prevention": bucket.closed,
        "soft_delete": bucket.soft_delete,
    }
