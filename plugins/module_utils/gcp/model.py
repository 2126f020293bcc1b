# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Google says of buckets, accounts, roles and policies, as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

MARK = "Kept by serverops.circleci"  # begins the description of a role that is ours


@dataclass(frozen=True)
class Bucket:
    """A bucket's settings. `soft_delete` in seconds; `generation` is what a change is made over."""

    name: str
    location: str
    storage_class: str = "STANDARD"
    versioning: bool = False
    uniform: bool = False
    closed: bool = False
    soft_delete: int = 0
    generation: str = ""


def bucket_from_api(body: Mapping[str, Any]) -> Bucket:
    """From Cloud Storage's JSON."""
    access = body.get("iamConfiguration") or {}
    return Bucket(
        name=body["name"],
        location=str(body["location"]).upper(),
        storage_class=body.get("storageClass", ""),
        versioning=bool((body.get("versioning") or {}).get("enabled")),
        uniform=bool((access.get("uniformBucketLevelAccess") or {}).get("enabled")),
        closed=access.get("publicAccessPrevention") == "enforced",
        soft_delete=int((body.get("softDeletePolicy") or {}).get("retentionDurationSeconds", 0)),
        generation=str(body["metageneration"]),
    )


@dataclass(frozen=True)
class ServiceAccount:
    """An account. The id of one that check mode imagines is empty."""

    email: str
    unique_id: str = ""
    display_name: str = ""
    disabled: bool = False


def account_from_api(body: Mapping[str, Any]) -> ServiceAccount:
    """From IAM's JSON."""
    return ServiceAccount(body["email"], str(body["uniqueId"]), body.get("displayName", ""), bool(body.get("disabled")))


@dataclass(frozen=True)
class CustomRole:
    """A role of the project's own."""

    permissions: tuple[str, ...]
    ours: bool = True
    deleted: bool = False
    etag: str = ""


def role_from_api(body: Mapping[str, Any]) -> CustomRole:
    """From IAM's JSON."""
    ours = str(body.get("description", "")).startswith(MARK)
    return CustomRole(tuple(sorted(body.get("includedPermissions") or ())), ours, bool(body.get("deleted")), body.get("etag", ""))


@dataclass(frozen=True)
class Binding:
    """One member's role on one thing. `place` is project, account or bucket NAME."""

    place: str
    role: str
    member: str
    conditional: bool = False

    def view(self) -> Json:
        """For results."""
        return {"place": self.place, "role": self.role, "member": self.member, **({"conditional": True} if self.conditional else {})}


def bindings_from_api(place: str, policy: Mapping[str, Any], members: Iterable[str]) -> frozenset[Binding]:
    """What a policy says of these members."""
    wanted = set(members)
    return frozenset(
        Binding(place, entry["role"], member, bool(entry.get("condition")))
        for entry in policy.get("bindings") or ()
        for member in entry.get("members") or ()
        if member in wanted
    )


def with_binding(policy: Mapping[str, Any], role: str, member: str) -> Json:
    """The policy with one member more, all else as it was: other members, conditions, version, etag."""
    bindings: list[Json] = [dict(entry) for entry in policy.get("bindings") or ()]
    found: Optional[Json] = next((entry for entry in bindings if entry["role"] == role and not entry.get("condition")), None)
    if found is None:
        bindings.append({"role": role, "members": [member]})
    elif member not in found["members"]:
        found["members"] = [*found["members"], member]
    return {**policy, "bindings": bindings}
