# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One object store, whoever's it is: list, put, get, delete and where it is. Failures are StoreErrors, each with its cause."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Optional, Protocol

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.location import store_for
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.model import GCP, StoreSpec
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret


class ObjectStore(Protocol):
    """A bucket. Names of objects are whole, as the bucket has them; `spec.key("backups", name)` makes one below the location's prefix."""

    spec: StoreSpec

    def list(self, prefix: str) -> dict[str, int]:
        """Sizes in bytes by name, of all objects whose name begins so."""

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""

    def get(self, key: str) -> bytes:
        """Read an object; raises StoreMissing."""

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no failure."""

    def region(self) -> str:
        """Where the bucket is."""


def object_store(spec: StoreSpec) -> ObjectStore:
    """The way to a store; nothing is asked yet. Raises BadInput where the library for it is missing."""
    if spec.provider == GCP:
        google_is_there(spec.place)
        from ansible_collections.serverops.circleci.plugins.module_utils.cloud.gcs_client import GcsStore

        return GcsStore(spec)
    amazon_is_there(spec.place)
    from ansible_collections.serverops.circleci.plugins.module_utils.cloud.s3_client import S3Store

    return S3Store(spec)


def google_is_there(place: str) -> None:
    """Raises BadInput where the library for Google Cloud is missing."""
    _must_have("google.auth", "google-auth", place)


def amazon_is_there(place: str) -> None:
    """Raises BadInput where the library for AWS is missing."""
    _must_have("boto3", "boto3", place)


def _must_have(package: str, install: str, place: str) -> None:
    try:
        import_module(package)
    except ImportError:
        raise BadInput(f"{place} is reached by the Python package {install}, which is not installed where this module runs; install it") from None


def store_of(location: Mapping[str, Any], secret: Optional[Secret] = None, cloud: Optional[Mapping[str, Any]] = None) -> ObjectStore:
    """The store of a BackupStorageLocation (its JSON), by the option `cloud` or the text of Velero's Secret (`location.secret_of_location` names it)."""
    return object_store(store_for(location, secret, cloud))
