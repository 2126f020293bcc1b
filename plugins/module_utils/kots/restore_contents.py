# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in the archive of a backup: the kinds of its objects, and the storage classes that its claims ask for."""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

LARGEST = 50_000_000  # bytes of one object
FAULTS = (tarfile.TarError, OSError, EOFError, zlib.error)
DEFAULT_CLASS = ""  # a claim that names none takes the cluster's default
CRD_KIND = "CustomResourceDefinition"


class NoArchive(ValueError):
    """It is no archive of a backup, or not a whole one."""


@dataclass(frozen=True)
class Contents:
    """`kinds` such as apps/v1/Deployment with their numbers; `classes` with the claims that ask for each; `brought` are groups whose definitions it holds."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    brought: frozenset[str] = frozenset()


def contents_of(data: bytes) -> Contents:
    """Read the tar.gz that Velero keeps of a backup. Raises NoArchive."""
    kinds: dict[str, int] = {}
    classes: dict[str, tuple[str, ...]] = {}
    brought: set[str] = set()
    try:
        for body in _objects(data):
            kind = f"{body['apiVersion']}/{body['kind']}"
            kinds[kind] = kinds.get(kind, 0) + 1
            if body["kind"] == "PersistentVolumeClaim":
                wanted = str((body.get("spec") or {}).get("storageClassName") or DEFAULT_CLASS)
                classes[wanted] = (*classes.get(wanted, ()), f"{body['metadata'].get('namespace')}/{body['metadata']['name']}")
            if body["kind"] == CRD_KIND:
                brought.add(str((body.get("spec") or {}).get("group") or ""))
    except FAULTS:
        raise NoArchive("it is no whole tar.gz") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise NoArchive("it holds what is no object of Kubernetes") from None
    return Contents(kinds, classes, frozenset(brought))


def _objects(data: bytes) -> Iterator[Any]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            parts = member.name.removeprefix("./").split("/")
            # Newer servers keep each object a second time, in the folder of its preferred version.
            if not member.isfile() or parts[0] != "resources" or not member.name.endswith(".json") or parts[2].endswith("preferredversion"):
                continue
            if member.size > LARGEST:
                raise ValueError("too large")
            file = archive.extractfile(member)
            if file is not None:
                yield json.loads(file.read())
