# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account of Google Cloud should be and may do: the options of gcp_service_account as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.model import Binding

ACCOUNT_ID = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
ROLE_ID = re.compile(r"[a-zA-Z0-9_.]{3,64}")
PERMISSION = re.compile(r"[a-z][A-Za-z0-9]*(\.[A-Za-z0-9]+){2,}")
BECOME = "roles/iam.workloadIdentityUser"


@dataclass(frozen=True)
class RoleWish:
    """A custom role with just these permissions, given to the account on one thing: project, account (itself), or a bucket."""

    role_id: str
    title: str
    permissions: tuple[str, ...]
    place: str


@dataclass(frozen=True)
class AccountSpec:
    """What is wanted. `pod` is the member that stands for a service account of a cluster, empty where none is to become this one."""

    project: str
    account_id: str
    display_name: str = ""
    roles: tuple[RoleWish, ...] = ()
    pod: str = ""
    take_over: bool = False

    @property
    def email(self) -> str:
        return f"{self.account_id}@{self.project}.iam.gserviceaccount.com"

    @property
    def member(self) -> str:
        """The account as policies name it."""
        return f"serviceAccount:{self.email}"

    def role_name(self, role: RoleWish) -> str:
        """The whole name of a role of the project's."""
        return f"projects/{self.project}/roles/{role.role_id}"

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """All that should be in policies, in order."""
        own = tuple(Binding(role.place, self.role_name(role), self.member) for role in self.roles)
        return own + ((Binding("account", BECOME, self.pod),) if self.pod else ())

    @property
    def places(self) -> tuple[str, ...]:
        """Whose policies are to be looked at."""
        return tuple(dict.fromkeys(binding.place for binding in self.bindings))


def account_spec(params: Mapping[str, Any]) -> AccountSpec:
    """The wish; raises BadInput with the first option that cannot be."""
    name = params["account_id"]
    if not ACCOUNT_ID.fullmatch(name):
        raise BadInput(f"account_id is {name!r}; give 6 to 30 lower-case letters, digits and dashes that begin with a letter, as Google wants it")
    roles = tuple(_role(entry) for entry in params.get("roles") or ())
    double = [role.role_id for role in roles if [one.role_id for one in roles].count(role.role_id) > 1]
    if double:
        raise BadInput(f"roles names {double[0]} twice; give each role once")
    pod = _pod(params["project"], params.get("workload_identity"))
    return AccountSpec(params["project"], name, params.get("display_name") or "", roles, pod, bool(params.get("take_over")))


def _role(entry: Mapping[str, Any]) -> RoleWish:
    name, permissions, bucket = entry["role_id"], tuple(sorted(set(entry["permissions"]))), entry.get("bucket") or ""
    if not ROLE_ID.fullmatch(name):
        raise BadInput(f"role_id is {name!r}; give 3 to 64 letters, digits, underscores and dots")
    bad = [one for one in permissions if not PERMISSION.fullmatch(one)]
    if bad or not permissions:
        raise BadInput(
            f"permissions of role {name} {f'has {bad[0]!r}' if bad else 'is empty'}; give whole names such as storage.objects.get, never a star or a role"
        )
    if (entry["place"] == "bucket") != bool(bucket):
        raise BadInput(f"role {name} has place {entry['place']} and bucket {bucket!r}; give bucket with place: bucket, and only there")
    return RoleWish(name, entry.get("title") or name, permissions, f"bucket {bucket}" if bucket else entry["place"])


def _pod(project: str, given: Optional[Mapping[str, Any]]) -> str:
    if not given:
        return ""
    pool = given.get("pool") or f"{project}.svc.id.goog"
    return f"serviceAccount:{pool}[{given['namespace']}/{given['service_account']}]"
