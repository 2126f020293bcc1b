# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to one service account, its roles and the policies that name it."""

from __future__ import annotations

from typing import Any, Optional
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.account import AccountState, AddBinding, MakeAccount, MakeRole, UndeleteRole
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.client import IAM, GcpClient
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.errors import Conflict, NotYet
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.model import (
    MARK,
    Binding,
    CustomRole,
    account_from_api,
    bindings_from_api,
    role_from_api,
    with_binding,
)
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.policy_client import Policies
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.wish import AccountSpec, RoleWish

PATIENCE = 20.0  # s for one binding: a step returns within half a minute
PAUSE = 2.0


class AccountPort:
    """One account."""

    def __init__(self, client: GcpClient, spec: AccountSpec, task: Task) -> None:
        self._client, self._spec, self._task = client, spec, task
        self._policies = Policies(client, spec.email)
        self._accounts = f"/v1/projects/{quote(client.project, safe='')}/serviceAccounts"
        self._roles = f"/v1/projects/{quote(client.project, safe='')}/roles"

    def read(self, _confirming: frozenset[str]) -> AccountState:
        """The account, its roles, and what policies say of it. One that is not there has no policy either."""
        spec = self._spec
        with doing(f"read service account {spec.email}"):
            found = self._client.find(IAM, f"{self._accounts}/{spec.email}")
            roles = {role.role_id: self._role(role) for role in spec.roles}
            places = [place for place in spec.places if found or place != "account"]
            members = [spec.member, spec.pod] if spec.pod else [spec.member]
            bindings = [bindings_from_api(place, self._policies.read(place), members) for place in places]
        account = account_from_api(found) if found else None
        return AccountState(account, account is None and self._made(), roles, frozenset().union(*bindings))

    def _role(self, wish: RoleWish) -> Optional[CustomRole]:
        found = self._client.find(IAM, f"{self._roles}/{wish.role_id}")
        return role_from_api(found) if found else None

    def _made(self) -> bool:
        """Whether this task has made it, by an order that was answered."""
        return bool(self._task.answered("make_account"))

    def apply(self, step: Any) -> None:
        """Do it."""
        with doing(_words(step)):
            if isinstance(step, AddBinding):
                self._bind(step.binding)
            elif isinstance(step, MakeAccount):
                self._make(step)
            elif isinstance(step, MakeRole):
                self._client.write("POST", IAM, self._roles, {"roleId": step.role.role_id, "role": _body(step.role)})
            elif isinstance(step, UndeleteRole):
                self._client.write("POST", IAM, f"{self._roles}/{step.role.role_id}:undelete", {"etag": step.etag})
            else:
                mask = {"updateMask": "title,description,includedPermissions,stage"}
                self._client.write("PATCH", IAM, f"{self._roles}/{step.role.role_id}", {**_body(step.role), "etag": step.etag}, mask)

    def _make(self, step: MakeAccount) -> None:
        body = {"accountId": step.account_id, "serviceAccount": {"displayName": step.display_name, "description": f"{MARK}."}}
        try:
            self._client.write("POST", IAM, self._accounts, body)
        except Conflict:  # made by an earlier run, and not shown yet
            return

    def _bind(self, binding: Binding) -> None:
        """Read, add, write over what was read. Again where somebody wrote meanwhile, and where Google does not know yet what it has just made."""
        ends = self._client.clock.now() + PATIENCE
        while True:
            try:
                policy = self._policies.read(binding.place, must=True)
                self._policies.write(binding.place, with_binding(policy, binding.role, binding.member))
                return
            except (Conflict, NotYet):
                if self._client.clock.now() + PAUSE >= ends:
                    raise
                self._client.clock.sleep(PAUSE)

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._client.clock.sleep(min(PAUSE, seconds))


def _body(wish: RoleWish) -> Json:
    description = f"{MARK}: changes by hand are undone at its next run."
    return {"title": wish.title, "description": description, "includedPermissions": list(wish.permissions), "stage": "GA"}


def _words(step: Any) -> str:
    if isinstance(step, AddBinding):
        return f"give {step.binding.member} {step.binding.role} on {step.binding.place}"
    return f"make service account {step.item}" if isinstance(step, MakeAccount) else f"bring about role {step.role.role_id}"
