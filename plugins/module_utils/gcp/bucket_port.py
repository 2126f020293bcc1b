# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to one bucket's settings."""

from __future__ import annotations

from typing import Any, Optional
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.bucket import MakeBucket
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import STORAGE, GcpClient
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.model import Bucket, bucket_from_api

BUCKETS = "/storage/v1/b"


class BucketPort:
    """One bucket."""

    def __init__(self, client: GcpClient, name: str) -> None:
        self._client, self._name = client, name

    def read(self, _confirming: frozenset[str]) -> Optional[Bucket]:
        """The bucket as it is."""
        with doing(f"read bucket {self._name}"):
            try:
                found = self._client.find(STORAGE, f"{BUCKETS}/{quote(self._name, safe='')}")
            except NotPermitted as error:
                if "storage.buckets.get" not in str(error):
                    raise
                raise NotPermitted(f"{error}; or it is somebody else's, since all of Google shares the names of buckets: then give another name") from None
        return bucket_from_api(found) if found else None

    def apply(self, step: Any) -> None:
        """Make it, or change what is named."""
        if isinstance(step, MakeBucket):
            bucket = step.bucket
            settings = {"versioning": bucket.versioning, "uniform": bucket.uniform, "closed": bucket.closed, "soft_delete": bucket.soft_delete}
            body = {"name": bucket.name, "location": bucket.location, "storageClass": bucket.storage_class, **_body(settings)}
            with doing(f"make bucket {self._name}"):
                self._client.write("POST", STORAGE, BUCKETS, body, {"project": self._client.project})
            return
        with doing(f"set bucket {self._name}"):
            over = {"ifMetagenerationMatch": step.generation}
            self._client.write("PATCH", STORAGE, f"{BUCKETS}/{quote(self._name, safe='')}", _body(dict(step.settings)), over)

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._client.clock.sleep(min(1.0, seconds))


def _body(settings: Json) -> Json:
    """The settings as Cloud Storage takes them."""
    access: Json = {}
    if "uniform" in settings:
        access["uniformBucketLevelAccess"] = {"enabled": settings["uniform"]}
    if "closed" in settings:
        access["publicAccessPrevention"] = "enforced" if settings["closed"] else "inherited"
    found: Json = {"iamConfiguration": access} if access else {}
    if "versioning" in settings:
        found["versioning"] = {"enabled": settings["versioning"]}
    if "soft_delete" in settings:
        found["softDeletePolicy"] = {"retentionDurationSeconds": str(settings["soft_delete"])}
    return found
