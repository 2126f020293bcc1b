"""What a test and a scenario may ask of the simulator besides: everything below /_lab."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.google.api import FAULTS, Api, Fault
from lab.google.model import Role
from lab.google.pairs import key_file, pair

PROJECT, OPERATOR = "lab-project", "operator"
# What an operator needs who makes the bucket, the account, its roles and its key; the last one for roles on the whole project alone.
OPERATOR_ROLES = (
    "roles/storage.admin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/iam.roleAdmin",
    "roles/resourcemanager.projectIamAdmin",
)


class Control:
    """One act a method; what it takes are the names of its parameters."""

    def __init__(self, api: Api) -> None:
        self._api, self._world = api, api.world

    def act(self, name: str, given: dict[str, Any]) -> Any:
        if name.startswith("_") or name == "act" or not hasattr(self, name):
            raise ValueError(f"no such act: {name}")
        with self._world.lock:
            return getattr(self, name)(**given)

    def operator(self, roles: list[str] | None = None) -> dict[str, str]:
        """The project, and the key of an account that may prepare it; gives its JSON text."""
        self._world.project(PROJECT, pool=True)
        email = f"{OPERATOR}@{PROJECT}.iam.gserviceaccount.com"
        if email not in self._world.accounts:
            self._world.account(PROJECT, OPERATOR).unseen = 0
        member = f"serviceAccount:{email}"
        policy = self._world.policies[f"projects/{PROJECT}"]
        policy.bindings = [one for one in policy.bindings if one["members"] != [member]]
        for role in OPERATOR_ROLES if roles is None else roles:
            self._world.grant(f"projects/{PROJECT}", role, member)
        return self.key(email)

    def key(self, email: str) -> dict[str, str]:
        """A key of an account, as Google would have made it."""
        account = self._world.accounts[email]
        private, certificate = pair(self._world.next())
        made = self._api.iam._keep(account, certificate, "GOOGLE_PROVIDED", "2020-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
        made.unseen = 0
        return {"contents": key_file(account.project, email, made.id, private, f"{self._api.url}/token"), "id": made.id}

    def token(self, member: str) -> dict[str, str]:
        return {"token": self._world.token(member)}

    def account(self, name: str, disabled: bool = False) -> dict[str, str]:
        made = self._world.account(PROJECT, name, disabled=disabled)
        made.unseen = 0
        return {"email": made.email}

    def accounts(self) -> dict[str, Any]:
        """Keys' ids by e-mail, the operator's left out."""
        return {email: sorted(one.keys) for email, one in self._world.accounts.items() if not email.startswith(f"{OPERATOR}@")}

    def role(self, name: str, permissions: list[str]) -> None:
        """A custom role, past the API."""
        whole = f"projects/{PROJECT}/roles/{name}"
        self._world.roles[whole] = Role(whole, permissions, etag=self._world.etag())

    def roles(self) -> dict[str, Any]:
        return {name: sorted(role.permissions) for name, role in self._world.roles.items() if not role.deleted}

    def grant(self, resource: str, role: str, member: str, condition: dict[str, str] | None = None) -> None:
        self._world.grant(resource, role, member, condition)

    def policy(self, resource: str) -> Any:
        return self._world.policies[resource].bindings

    def bucket(self, name: str, location: str = "EUROPE-WEST1", project: str = PROJECT, settings: dict[str, Any] | None = None) -> dict[str, str]:
        self._world.project(project)
        self._api.storage.put(project, name, location, settings or {})
        return {"name": name}

    def buckets(self) -> Any:
        return {name: one.body for name, one in self._world.buckets.items()}

    def zone(self, name: str, dns_name: str, records: list[list[Any]] | None = None, **more: Any) -> dict[str, str]:
        """A zone of Cloud DNS with `records` (name, type, ttl, target ...), and the right to it for the operator."""
        self._world.grant(f"projects/{PROJECT}", "roles/dns.admin", f"serviceAccount:{OPERATOR}@{PROJECT}.iam.gserviceaccount.com")
        made = self._api.dns.make(PROJECT, name, dns_name, **more)
        for owner, kind, ttl, *target in records or []:
            made.put(owner, kind, ttl, target)
        return {"name": name}

    def records(self, zone: str) -> list[list[Any]]:
        """Name, type, time to live and target of each, those of the zone itself left out."""
        held = self._api.dns.zones[PROJECT, zone]
        return [[one["name"], one["type"], one["ttl"], *one["rrdatas"]] for one in held.sets.values() if one["type"] not in ("NS", "SOA")]

    def write(self, bucket: str, key: str, body: str = "") -> None:
        self._api.storage.write(bucket, key, body.encode())

    def objects(self, bucket: str, prefix: str = "") -> dict[str, int]:
        return {key: int(one["size"]) for key, one in self._world.buckets[bucket].objects.items() if key.startswith(prefix)}

    def compute(self, seconds: dict[str, float] | None = None, fails: dict[str, str] | None = None, page: int = 500) -> None:
        """How long orders of Compute Engine take, which of them fail, how much a list tells at once."""
        self._api.compute.seconds |= seconds or {}
        self._api.compute.fails, self._api.compute.page = dict(fails or {}), page

    def image(self, name: str, project: str = PROJECT, labels: dict[str, str] | None = None, status: str = "READY") -> dict[str, str]:
        self._world.project(project)
        return {"link": self._api.compute.put_image(project, name, labels, status)["selfLink"]}

    def disk(self, name: str, zone: str, source: str = "", project: str = PROJECT) -> None:
        self._api.compute.put_disk(project, zone, name, source)

    def made(self, project: str = PROJECT) -> Any:
        """Images with their states and members, machines and disks by name."""
        shelf = self._api.compute.shelf(project)
        members = {one: [m for b in self._world.policies[f"images/{project}/{one}"].bindings for m in b["members"]] for one in shelf.images}
        images = {name: [one["status"], sorted(members[name])] for name, one in shelf.images.items()}
        return {"images": images, "machines": sorted(shelf.instances), "disks": sorted(shelf.disks)}

    def fault(self, faults: list[dict[str, Any]]) -> None:
        """These from now on; none: whole again."""
        unknown = [one["answer"] for one in faults if one["answer"] not in (*FAULTS, "reset")]
        if unknown:
            raise ValueError(f"no such fault: {', '.join(unknown)}")
        self._api.faults = [Fault(**one) for one in faults]

    def lag(self, accounts: int = 0, keys: int = 0) -> None:
        """What is made from now on is not seen for so many readings."""
        self._world.lag, self._world.key_lag = accounts, keys

    def clock(self, offset: float) -> None:
        self._world.offset = offset

    def constraint(self, rule: str, on: bool = True) -> None:
        """A rule of the organization's, such as iam.disableServiceAccountKeyUpload."""
        (self._world.constraints.add if on else self._world.constraints.discard)(rule)

    def calls(self) -> list[dict[str, Any]]:
        """What was asked since this was asked the last time."""
        found, self._world.calls = self._world.calls, []
        return found
