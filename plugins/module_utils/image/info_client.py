# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reading of a family's images in several regions, or of a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.image.build_client import cloud_of
from ansible_collections.serverops.circleci.plugins.module_utils.image.build_view import image_view
from ansible_collections.serverops.circleci.plugins.module_utils.image.google_model import google_regions
from ansible_collections.serverops.circleci.plugins.module_utils.image.model import GCP


def read_images(params: Mapping[str, Any], clock: Clock) -> Json:
    """The result of vm_image_info. Raises BadInput."""
    google = params["provider"] == GCP
    regions = google_regions(params) if google else (params["region"], *params["regions"])
    if not all(regions):
        raise BadInput("region is not given; give the one to look in")
    cloud, found = cloud_of(params["provider"], params.get("project") or "", "", params["cloud"] or {}, clock), []
    for region in dict.fromkeys(regions):
        images = sorted(cloud.images(params["name"], region), key=lambda one: (one.created, one.id), reverse=True)
        used = cloud.used(region, [one.id for one in images])
        found += [{**image_view(one), "used": one.id in used} for one in images]
    return {"images": found}
