# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a machine image: facts for the diff, the result, progress in a line."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import EVERYBODY, Image, ImageSpec, ImageState

ITEM = "image"
ImageLook = Look[ImageSpec, ImageState]


def remember(look: ImageLook) -> Json:
    """That a build of ours was seen, and how often a copy failed: a second failure of the same kind is told, not tried again."""
    failed = dict(look.memory.get("failed", {}))
    last = look.memory.get("bad", [])
    bad = [one.id for one in look.state.images if one.state in ("failed", "error") and one.region in look.spec.copies]
    for one in look.state.images:
        if one.id in bad and one.id not in last:
            failed[one.region] = failed.get(one.region, 0) + 1
    return {**look.memory, "built": bool(look.memory.get("built")) or look.state.here, "failed": failed, "bad": bad}


def superfluous(look: ImageLook) -> list[Image]:
    """Images of the family that are ours, older than the newest `keep`, and used by nothing. Of those that cannot be seen to be unused none."""
    return [one for one in _older(look) if look.spec.remove_shared or not one.shared]


def withheld(look: ImageLook) -> list[Image]:
    """Those that would be superfluous, if others could not use them, too: their machines are not seen from here."""
    return [one for one in _older(look) if one.shared and not look.spec.remove_shared]


def _older(look: ImageLook) -> list[Image]:
    if not look.spec.keep:
        return []
    found, home = [], look.state.wanted(look.spec, look.spec.region)
    stay = {*look.state.used, *look.spec.in_use, look.spec.supersedes, home.previous if home is not None else ""}
    for region in (look.spec.region, *look.spec.copies):
        ours = sorted((one for one in look.state.images if _is_ours(look.spec, one, region)), key=lambda one: (one.created, one.id), reverse=True)
        current = look.state.wanted(look.spec, region)
        others = [one for one in ours if current is None or one.id != current.id]
        found += [one for one in others[look.spec.keep - 1 :] if one.id not in stay]
    return found


def _is_ours(spec: ImageSpec, image: Image, region: str) -> bool:
    return image.region == region and image.owned and image.family == spec.name and image.state == "available"


def image_view(image: Image) -> Json:
    """One image in the result."""
    return {
        "id": image.id,
        "name": image.name,
        "region": image.region,
        "state": image.state,
        "digest": image.digest or None,
        "created": image.created or None,
        "encrypted": image.encrypted,
        "public": EVERYBODY in image.shared,
        "shared_with": sorted(image.shared - {EVERYBODY}),
    }


def facts(look: ImageLook) -> dict[str, Json]:
    """What is there, not judged."""
    spec, state = look.spec, look.state
    wanted = [one for region in (spec.region, *spec.copies) for one in [state.wanted(spec, region)] if one is not None]
    images = {
        one.region: {"state": one.state, "shared_with": sorted(one.shared), "tagged": one.digest == state.digest, "previous": one.previous} for one in wanted
    }
    others = sorted(one.name for one in state.images if one not in wanted)
    return {ITEM: {"images": images, "others": others, "building": state.here, "leftovers": sorted({one.kind for one in state.leftovers})}}


def view(look: ImageLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    spec, state = look.spec, look.state
    home = state.wanted(spec, spec.region)
    regions = {region: one.id for region in (spec.region, *spec.copies) for one in [state.wanted(spec, region)] if one and one.state == "available"}
    whole = len(regions) == 1 + len(spec.copies)
    return {
        "image": image_view(home) if home is not None else None,
        "name": state.name_of(spec),
        "digest": state.digest,
        "regions": regions if whole else {},  # published when it is there everywhere
        "previous": (home.previous if home is not None else "") or None,
        "leftovers": [{"kind": one.kind, "id": one.id, **({"region": one.region} if one.region else {})} for one in state.leftovers],
        "log": state.log or None,
        "reason": decisions[ITEM].reason,
    }


def out_of_sight(view: Json) -> Json:
    """When no answer came any more."""
    return {**view, "regions": {}, "reason": "no answer comes any more; what became of the image is not known"}


def progress(look: ImageLook, decisions: Mapping[str, Decision]) -> str:
    """One short line."""
    return f"{look.state.name_of(look.spec)}: {decisions[ITEM].reason}"
