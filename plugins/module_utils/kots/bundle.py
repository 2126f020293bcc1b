# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A support bundle as kotsadm tells of it, and what was found in one that was fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.velero.times import epoch_of

RUNNING, READY = "running", "uploaded"
MOST_NAMED = 100  # places that a result names


@dataclass(frozen=True)
class Bundle:
    """One bundle that kotsadm knows. `created` in epoch seconds."""

    slug: str
    id: str
    status: str
    created: float = 0.0

    @property
    def is_bad(self) -> bool:
        """It will never be ready."""
        return self.status not in (RUNNING, READY)


@dataclass(frozen=True)
class Owner:
    """The app that a bundle is collected for, and kotsadm's own name of the cluster; both are part of the order's path."""

    id: str
    cluster: str


@dataclass(frozen=True)
class Finding:
    """A file of the archive, and the kind of what it holds; never the thing itself."""

    file: str
    kind: str

    def view(self) -> Json:
        """For results."""
        return {"file": self.file, "kind": self.kind}


@dataclass(frozen=True)
class Contents:
    """The archive at `dest`. `problem`: why it is none. `secrets` is how many values of Secrets it was searched for."""

    size: int = 0
    files: int = 0
    secrets: int = 0
    findings: tuple[Finding, ...] = ()
    problem: str = ""


def owner_from_api(body: Any) -> Owner:
    """Of GET /app/{slug}."""
    return Owner(str(body["id"]), str(body["downstream"]["cluster"]["id"]))


def bundles_from_api(body: Any) -> tuple[Bundle, ...]:
    """Of GET /troubleshoot/app/{slug}/supportbundles, oldest first."""
    return tuple(sorted((_bundle(one) for one in body.get("supportBundles") or ()), key=lambda one: one.created))


def _bundle(data: Any) -> Bundle:
    return Bundle(str(data["slug"]), str(data["id"]), str(data["status"]), epoch_of(data.get("createdAt")) or 0.0)
