# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service account, its custom roles and what it may do with them. Others' bindings, roles and accounts are never touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.model import Binding, CustomRole, ServiceAccount
from ansible_collections.serverops.circleci.plugins.module_utils.gcp.wish import AccountSpec, RoleWish

UNSEEN = 2.0  # s between two looks for what Google has made and does not show yet


@dataclass(frozen=True)
class AccountState:
    """As seen. `unseen`: this task made the account, and Google does not show it yet. `bindings` are those of the account and of its pod."""

    account: Optional[ServiceAccount] = None
    unseen: bool = False
    roles: Mapping[str, Optional[CustomRole]] = field(default_factory=dict)
    bindings: frozenset[Binding] = frozenset()


@dataclass(frozen=True)
class MakeAccount:
    """Make the account."""

    item: str
    account_id: str
    display_name: str

    def describe(self) -> Json:
        return {"step": "make_account", "id": self.item}


@dataclass(frozen=True)
class MakeRole:
    """Make a custom role of the project's."""

    item: str
    role: RoleWish

    def describe(self) -> Json:
        return {"step": "make_role", "id": self.item, "role": self.role.role_id, "permissions": list(self.role.permissions)}


@dataclass(frozen=True)
class UndeleteRole:
    """Bring a role back that was deleted: until then its name is blocked."""

    item: str
    role: RoleWish
    etag: str

    def describe(self) -> Json:
        return {"step": "undelete_role", "id": self.item, "role": self.role.role_id}


@dataclass(frozen=True)
class SetRole:
    """Give a role just these permissions, over the version that was seen."""

    item: str
    role: RoleWish
    etag: str

    def describe(self) -> Json:
        return {"step": "set_role", "id": self.item, "role": self.role.role_id, "permissions": list(self.role.permissions)}


@dataclass(frozen=True)
class AddBinding:
    """Add one member to one role in one policy."""

    item: str
    binding: Binding

    def describe(self) -> Json:
        return {"step": "add_binding", "id": self.item, **self.binding.view()}


AccountLook = Look[AccountSpec, AccountState]


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: AccountLook) -> list[str]:
    """A disabled account, and roles that are somebody else's."""
    spec, state = look.spec, look.state
    found = []
    if state.account and state.account.disabled:
        found.append(f"service account {spec.email} is disabled; enable it (gcloud iam service-accounts enable), or give another account_id")
    if not spec.take_over:
        found += [_foreign(spec, role) for role in spec.roles if _is_foreign(role, state.roles.get(role.role_id))]
    return found


def decide(look: AccountLook) -> dict[str, Decision]:
    """First the account and its roles, then what binds them to each other."""
    spec, state = look.spec, look.state
    if refusals(look):
        return {spec.email: stuck(refusals(look)[0])}
    steps: list[Any] = [] if state.account or state.unseen else [MakeAccount(spec.email, spec.account_id, spec.display_name)]
    steps += [step for role in spec.roles for step in _role_steps(spec, role, state.roles.get(role.role_id))]
    if steps:
        return {spec.email: act("the account or its roles differ", *steps)}
    if state.account is None:
        return {spec.email: waiting("Google has made the account and does not show it yet", recheck=UNSEEN)}
    missing = [AddBinding(spec.email, binding) for binding in spec.bindings if binding not in state.bindings]
    return {spec.email: act("it lacks rights", *missing) if missing else settled("the account has its roles")}


def effect(state: AccountState, step: Any) -> AccountState:
    """The state after a step."""
    if isinstance(step, MakeAccount):
        return replace(state, account=ServiceAccount(step.item, display_name=step.display_name))
    if isinstance(step, AddBinding):
        return replace(state, bindings=state.bindings | {step.binding})
    name, old = step.role.role_id, state.roles.get(step.role.role_id)
    made = replace(old, deleted=False) if isinstance(step, UndeleteRole) and old else CustomRole(step.role.permissions)
    return replace(state, roles={**state.roles, name: made})


def assume(look: AccountLook, _item: str) -> AccountState:
    """Google shows the account in the end."""
    return replace(look.state, account=ServiceAccount(look.spec.email, display_name=look.spec.display_name), unseen=False)


def remember(look: AccountLook) -> Json:
    """Nothing."""
    return look.memory


def facts(look: AccountLook) -> dict[str, Json]:
    """The account, its roles and its rights."""
    return {look.spec.email: _shown(look)}


def view(look: AccountLook, decisions: Mapping[str, Decision]) -> Json:
    """The result. `other_rights` is what the account may besides, on the things that were looked at."""
    wanted = set(look.spec.bindings)
    others = [binding.view() for binding in _sorted(look.state.bindings) if binding not in wanted and binding.member == look.spec.member]
    return {**_shown(look), "other_rights": others, "reason": decisions[look.spec.email].reason}


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(look: AccountLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[look.spec.email].reason


def _shown(look: AccountLook) -> Json:
    spec, state = look.spec, look.state
    account = state.account
    roles = {spec.role_name(role): state.roles.get(role.role_id) for role in spec.roles}
    wanted = set(spec.bindings)
    return {
        "account": {
            "email": spec.email,
            "unique_id": account.unique_id if account else "",
            "display_name": account.display_name if account else "",
            "exists": account is not None,
        },
        "roles": {name: list(role.permissions) for name, role in roles.items() if role and not role.deleted},
        "rights": [binding.view() for binding in _sorted(state.bindings) if binding in wanted],
    }


def _sorted(bindings: frozenset[Binding]) -> list[Binding]:
    return sorted(bindings, key=lambda one: (one.place, one.role, one.member, one.conditional))


def _role_steps(spec: AccountSpec, wish: RoleWish, found: Optional[CustomRole]) -> list[Any]:
    if found is None:
        return [MakeRole(spec.email, wish)]
    if found.deleted:
        return [UndeleteRole(spec.email, wish, found.etag)]
    return [SetRole(spec.email, wish, found.etag)] if found.permissions != wish.permissions else []


def _is_foreign(wish: RoleWish, found: Optional[CustomRole]) -> bool:
    """One that has the right permissions already may be anybody's."""
    return found is not None and not found.ours and (found.deleted or found.permissions != wish.permissions)


def _foreign(spec: AccountSpec, wish: RoleWish) -> str:
    return f"role {spec.role_name(wish)} is there with other permissions and was not made here; give another role_id, or set take_over to change it"
