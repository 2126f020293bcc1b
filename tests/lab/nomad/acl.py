"""Access control: policies, roles, tokens with an end, what a request may do, and the answers to those who may not."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.nomad import policies
from lab.nomad.policies import Rights, Rules
from lab.nomad.wire import Fail, Request

if TYPE_CHECKING:
    from lab.nomad.cluster import Cluster

# Kinds of tokens for short: each holds the policy of its name (acl). "client" is a token that may only read nodes.
KINDS = {
    "client": 'node { policy = "read" }',
    "drain-only": 'node { policy = "write" }',
    "drain-and-read": 'node { policy = "write" } namespace "default" { policy = "read" }',
    "read-only": 'node { policy = "read" } namespace "default" { policy = "read" }',
}
FIELDS = {"name", "type", "policies", "roles", "ttl"}


def digest(*parts: Any) -> str:
    return base64.b64encode(hashlib.blake2b(repr(parts).encode(), digest_size=32).digest()).decode()


@dataclass
class Policy:
    name: str
    text: str
    rules: Rules
    create: int
    modify: int
    description: str = ""


@dataclass
class Role:
    id: str
    name: str
    policies: list[str]
    create: int
    modify: int
    description: str = ""


@dataclass
class Token:
    secret: str
    accessor: str
    name: str
    index: int
    created: str
    type: str = "client"
    policies: list[str] | None = None
    roles: list[str] | None = None  # ids
    ttl: float | None = None
    expires: float | None = None  # by the lab's clock
    expiry: str | None = None
    global_: bool = field(default=False)


class Acl:
    def __init__(self, cluster: "Cluster") -> None:
        self.cluster = cluster
        self.guard = cluster.profile.guards
        self.enabled = False
        self.policies: dict[str, Policy] = {}
        self.roles: dict[str, Role] = {}
        self.tokens: dict[str, Token] = {}
        self.once: set[str] = set()  # secrets of tokens that were deleted: well formed, whatever they look like
        self.tables = {"policies": 1, "tokens": 1, "roles": 1}

    # --- what an operator sets up ---
    def set(self, enabled: bool, tokens: dict[str, Any], given: dict[str, Any] | None = None, roles: dict[str, list[str]] | None = None) -> None:
        """All tokens anew; policies and roles are added. A token is a kind, or {"policies", "roles", "type", "ttl", "name"}."""
        for kind in tokens.values():
            if isinstance(kind, str) and kind not in KINDS and kind != "management":
                raise ValueError(f"kind of token: {kind!r}; one of management, {', '.join(KINDS)}, or its fields")
            if isinstance(kind, dict) and kind.keys() - FIELDS:
                raise ValueError(f"token: {sorted(kind.keys() - FIELDS)}; known are {', '.join(sorted(FIELDS))}")
        self.enabled = enabled and self.cluster.profile.acl
        for secret in list(self.tokens):
            self.drop(secret)
        for name, text in (given or {}).items():
            self.policy(name, text)
        for name, held in (roles or {}).items():
            self.role(name, held)
        for secret, kind in tokens.items():
            if isinstance(kind, dict):
                self.token(secret, **kind)
            elif kind == "management":
                self.token(secret, name="Bootstrap Token", type="management")
            else:
                self.policy(kind, KINDS[kind])
                self.token(secret, name=kind, policies=[kind])

    def _commit(self, table: str) -> int:
        self.tables[table] = self.cluster.commit()
        return self.tables[table]

    def policy(self, name: str, text: str | Rules | None, description: str = "") -> None:
        """Write a policy; None deletes it."""
        if text is None:
            self.policies.pop(name, None)
            self._commit("policies")
            return
        hcl, rules = policies.rules(text, self.guard.scale_more)
        old = self.policies.get(name)
        index = self._commit("policies")
        self.policies[name] = Policy(name, hcl, rules, old.create if old else index, index, description)

    def role(self, name: str, held: list[str] | None, role_id: str = "") -> Role | None:
        """Write a role, by its name; None deletes it."""
        known = [r for r in self.roles.values() if name == r.name or (role_id and role_id == r.id)]
        if held is None:
            for role in known:
                del self.roles[role.id]
            self._commit("roles")
            return None
        missing = [p for p in held if p not in self.policies]
        if missing:
            raise ValueError(f"role {name}: cannot find policy {', '.join(missing)}")
        index = self._commit("roles")
        role = known[0] if known else Role(self.cluster.new_id(), name, held, index, index)
        role.name, role.policies, role.modify = name, list(held), index
        self.roles[role.id] = role
        return role

    def token(self, secret: str, name: str = "", type: str = "client", policies: Any = None, roles: Any = None, ttl: float | None = None) -> Token:
        """`roles` by name; `ttl` in seconds, may run out in the middle of a wait."""
        c = self.cluster
        if type not in ("client", "management"):
            raise ValueError(f"token: type {type!r} is neither client nor management")
        ids = [role.id for role in self.roles.values() if role.name in (roles or ())]
        if len(ids) != len(roles or ()):
            raise ValueError(f"token: a role of {roles} does not exist")
        if (roles or ttl) and not self.guard.roles:
            raise ValueError(f"Nomad {c.profile.version} has neither roles nor an end of tokens")
        token = Token(secret, c.new_id(), name or "token", self._commit("tokens"), c.stamp(), type, policies, ids if roles else None, ttl)
        token.policies = [] if roles and policies is None else policies
        token.global_ = name == "Bootstrap Token"
        if ttl:
            token.expires = c.clock.now() + ttl
            token.expiry = c.stamp(token.expires)
        self.tokens[secret] = token
        return token

    def drop(self, secret: str) -> None:
        if self.tokens.pop(secret, None):
            self.once.add(secret)
            self._commit("tokens")

    # --- a request's rights ---
    def expired(self, secret: str) -> bool:
        token = self.tokens.get(secret)
        return token is not None and token.expires is not None and self.cluster.clock.now() >= token.expires

    def held(self, secret: str) -> list[str]:
        """The names of the policies of a token and of its roles; those that exist."""
        token = self.tokens.get(secret)
        names = ["anonymous"] if token is None else list(token.policies or [])
        for role_id in (token.roles or []) if token else []:
            names += self.roles[role_id].policies if role_id in self.roles else []
        return sorted({name for name in names if name in self.policies})

    def rights(self, secret: str) -> Rights:
        if not self.enabled:
            return Rights(secret)
        token = self.tokens.get(secret)
        if secret and token is None and len(secret) != 36 and secret not in self.once:
            return Rights(secret, "malformed", known=False)
        if (secret and token is None) or self.expired(secret):
            return Rights(secret, "client", known=False)
        if token is not None and token.type == "management":
            return Rights(secret)
        kind = "client" if secret else "anonymous"
        return Rights.of(secret, kind, [self.policies[name].rules for name in self.held(secret)])

    def accessor(self, rights: Rights) -> str:
        """Who drained, as LastDrain says it."""
        token = self.tokens.get(rights.secret)
        accessor = (token.accessor if token else "") if self.enabled else ""
        if self.cluster.profile.accessor_kind:
            return "token:" + (accessor if self.enabled else "acls-disabled")
        return accessor

    # --- checks; texts as recorded ---
    def known(self, rights: Rights) -> None:
        if rights.kind == "malformed" and self.guard.malformed_500:
            raise Fail(500, "acl token lookup failed: index error: UUID must be 36 characters")
        if not rights.known:
            raise Fail(403, self.guard.unknown_text)

    def need(self, rights: Rights, allowed: bool) -> None:
        self.known(rights)
        if not allowed:
            raise Fail(403, "Permission denied")

    def node_read(self, rights: Rights) -> None:
        self.need(rights, rights.node_read)

    def node_write(self, rights: Rights) -> None:
        self.need(rights, rights.node_write)

    def agent(self, rights: Rights) -> None:
        self.need(rights, rights.agent_read)

    def management(self, rights: Rights) -> None:
        self.need(rights, rights.management)

    def job(self, request: Request, capability: str, namespace: str = "") -> None:
        """A call about one job: the right in the namespace that the caller names."""
        self.need(request.rights, request.rights.allows(namespace or request.query.get("namespace", "default"), capability))

    def view(self, request: Request, capability: str) -> Callable[[str], bool] | None:
        """Which namespaces a list over `namespace` shows; None: 200 [] for one who may see none (1.1.2: the trap)."""
        rights, wanted = request.rights, request.query.get("namespace", "default") if self.cluster.profile.acl else "default"
        if wanted != "*" or not self.cluster.profile.namespaces or self.guard.wildcard == "literal":
            self.need(rights, rights.allows(wanted, capability))
            return lambda namespace: namespace == wanted
        self.known(rights)
        if any(rights.allows(name, capability) for name in self.cluster.namespaces()):
            return lambda namespace: rights.allows(namespace, capability)
        if self.guard.wildcard == "blind":
            return None
        raise Fail(403, "Permission denied")

    def evaluations(self, request: Request) -> Callable[[str], bool]:
        """Before namespaces were to be had together, * was the name of one that nobody has (acl-thin-tokens)."""
        if self.guard.wildcard_evaluations:
            return self.view(request, "read-job") or (lambda namespace: False)
        self.job(request, "read-job")
        return lambda namespace: namespace == request.query.get("namespace", "default")

    def allocation(self, request: Request, allocation_id: str, namespace: str) -> None:
        self.known(request.rights)
        if not request.rights.sees(namespace or request.query.get("namespace", "default")):
            text = self.guard.allocation_hidden
            raise Fail(500, text % allocation_id) if text else Fail(403, "Permission denied")
