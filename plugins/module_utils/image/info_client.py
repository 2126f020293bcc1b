# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reading of a family's images in several regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.image.build_view import image_view
from ansible_collections.serverops.circleci.plugins.module_utils.image.ec2_client import Ec2


def read_images(family: str, regions: Sequence[str], cloud: Mapping[str, Any]) -> Json:
    """The result of vm_image_info."""
    ec2, found = Ec2(cloud), []
    for region in dict.fromkeys(regions):
        images = sorted(ec2.images(family, region), key=lambda one: (one.created, one.id), reverse=True)
        used = ec2.used(region, [one.id for one in images])
        found += [{**image_view(one), "used": one.id in used} for one in images]
    return {"images": found}
