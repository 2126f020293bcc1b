"""What the simulated Google holds: projects, accounts with keys, roles, policies, buckets with objects, and who carries which token."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import datetime
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.google.catalogue import PREDEFINED

Json = dict[str, Any]
FOREVER = "9999-12-31T23:59:59Z"


@dataclass
class Key:
    """The public half of a key; `certificate` is its X.509 in PEM. `unseen` is how many lists do not have it yet."""

    id: str
    certificate: str
    origin: str
    after: str
    before: str = FOREVER
    disabled: bool = False
    unseen: int = 0


@dataclass
class Account:
    """A service account. `unseen` is how many readings do not find it yet."""

    email: str
    project: str
    unique_id: str
    display_name: str = ""
    description: str = ""
    disabled: bool = False
    unseen: int = 0
    keys: dict[str, Key] = field(default_factory=dict)


@dataclass
class Role:
    """A custom role; its name is whole: projects/P/roles/ID."""

    name: str
    permissions: list[str]
    title: str = ""
    description: str = ""
    stage: str = "GA"
    deleted: bool = False
    etag: str = ""


@dataclass
class Policy:
    """Who has which role on one thing."""

    bindings: list[Json] = field(default_factory=list)
    version: int = 1
    etag: str = ""


@dataclass
class Bucket:
    """A bucket as the JSON API has it, and its objects: those that count, and those that were written over or deleted in a versioned one."""

    body: Json
    project: str
    objects: dict[str, Json] = field(default_factory=dict)
    data: dict[str, bytes] = field(default_factory=dict)
    noncurrent: list[Json] = field(default_factory=list)


class World:
    """All of it. `wall` is the clock, which may run `offset` seconds ahead of the machine's; `lag` and `key_lag` are for what is made from now on."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self.lock = threading.RLock()
        self._wall = wall
        self.offset = 0.0
        self.lag = self.key_lag = 0
        self.projects: dict[str, str] = {}
        self.pools: set[str] = set()
        self.accounts: dict[str, Account] = {}
        self.roles: dict[str, Role] = {}
        self.policies: dict[str, Policy] = {}
        self.buckets: dict[str, Bucket] = {}
        self.tokens: dict[str, tuple[str, float]] = {}
        self.constraints: set[str] = set()
        self.calls: list[Json] = []
        self._count = 0

    def now(self) -> float:
        return self._wall() + self.offset

    def stamp(self) -> str:
        return datetime.datetime.fromtimestamp(self.now(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def next(self) -> int:
        """A number that was not used before."""
        self._count += 1
        return self._count

    def etag(self) -> str:
        return base64.b64encode(f"etag-{self.next()}".encode()).decode()

    # -- what a test makes past the API ----------------------------------------------------------------------

    def project(self, name: str, pool: bool = False) -> None:
        """A project; with `pool` it has clusters with workload identity."""
        self.projects.setdefault(name, str(100000000000 + self.next()))
        self.policies.setdefault(f"projects/{name}", Policy(etag=self.etag()))
        if pool:
            self.pools.add(f"{name}.svc.id.goog")

    def account(self, project: str, name: str, **more: Any) -> Account:
        email = f"{name}@{project}.iam.gserviceaccount.com"
        made = Account(email, project, str(100000000000000000000 + self.next()), unseen=self.lag, **more)
        self.accounts[email] = made
        self.policies[f"accounts/{email}"] = Policy(etag=self.etag())
        return made

    def grant(self, resource: str, role: str, member: str, condition: Json | None = None) -> None:
        """A binding, whatever the rules of the API say."""
        policy = self.policies[resource]
        policy.bindings.append({"role": role, "members": [member], **({"condition": condition} if condition else {})})
        policy.version = 3 if condition else policy.version
        policy.etag = self.etag()

    def token(self, member: str, seconds: float = 3600.0, text: str = "") -> str:
        """A bearer's token for somebody such as user:a@example.com."""
        made = text or "ya29." + secrets.token_urlsafe(32)
        self.tokens[made] = (member, self.now() + seconds)
        return made

    # -- who may what --------------------------------------------------------------------------------------------

    def bearer(self, token: str) -> str | None:
        """Whose token it is; None for one that is unknown, over, or of an account that is gone or disabled."""
        member, until = self.tokens.get(token, ("", 0.0))
        account = self.accounts.get(member.removeprefix("serviceAccount:"))
        if not member or until <= self.now():
            return None
        if member.endswith(".gserviceaccount.com") and (account is None or account.disabled):
            return None
        return member

    def permissions(self, role: str) -> frozenset[str]:
        """What a role allows; nothing, where it is deleted or unknown."""
        custom = self.roles.get(role)
        if custom:
            return frozenset() if custom.deleted else frozenset(custom.permissions)
        return PREDEFINED.get(role, frozenset())

    def may(self, member: str, permission: str, resource: str) -> bool:
        """Whether a binding on the thing, or on its project, allows it. One with a condition is taken for unmet."""
        for place in self._chain(resource):
            for binding in self.policies[place].bindings:
                if "condition" not in binding and self._is(member, binding["members"]) and permission in self.permissions(binding["role"]):
                    return True
        return False

    def _chain(self, resource: str) -> list[str]:
        kind, _slash, name = resource.partition("/")
        found = [resource] if resource in self.policies else []
        project = {
            "buckets": lambda: self.buckets[name].project,
            "accounts": lambda: self.accounts[name].project,
            "images": lambda: name.partition("/")[0],
        }.get(kind)
        return [*found, f"projects/{project()}"] if project else found

    def _is(self, member: str, members: list[str]) -> bool:
        groups = {"projectOwner": "roles/owner", "projectEditor": "roles/editor", "projectViewer": "roles/viewer"}
        for one in members:
            kind, _colon, project = one.partition(":")
            if one == member or one in ("allUsers", "allAuthenticatedUsers"):
                return True
            if kind in groups and any(
                member in binding["members"] for binding in self.policies[f"projects/{project}"].bindings if binding["role"] == groups[kind]
            ):
                return True
        return False
