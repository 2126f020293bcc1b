"""Access control, as far as a drain tool meets it: who may write, and lists that are thin without a word."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import TYPE_CHECKING

from lab.nomad.render import dumps
from lab.nomad.wire import Fail, Rights

if TYPE_CHECKING:
    from lab.nomad.cluster import Cluster

# Kind of token -> the policy it holds (acl, acl-thin-tokens). "client" is a token that may only read nodes.
POLICIES = {
    "client": 'node { policy = "read" }',
    "drain-only": 'node { policy = "write" }',
    "drain-and-read": 'node { policy = "write" } namespace "default" { policy = "read" }',
    "read-only": 'node { policy = "read" } namespace "default" { policy = "read" }',
}


class Acl:
    def __init__(self, cluster: "Cluster") -> None:
        self.cluster = cluster
        self.enabled = False
        self.tokens: dict[str, str] = {}
        self.accessors: dict[str, str] = {}

    def set(self, enabled: bool, tokens: dict[str, str]) -> None:
        unknown = set(tokens.values()) - set(POLICIES) - {"management"}
        if unknown:
            raise ValueError(f"kind of token: {sorted(unknown)}; one of management, {', '.join(POLICIES)}")
        self.enabled = enabled and self.cluster.profile.acl
        self.tokens = dict(tokens)
        self.accessors = {secret: self.cluster.new_id() for secret in tokens}

    def rights(self, secret: str) -> Rights:
        if not self.enabled:
            return Rights(secret)
        kind = self.tokens.get(secret, "")
        if kind == "management":
            return Rights(secret)
        policy = POLICIES.get(kind, "")
        reads = 'namespace "default"' in policy
        return Rights(secret, kind, bool(kind) or not secret, "node" in policy, 'node { policy = "write" }' in policy, reads, False, bool(kind))

    def accessor(self, rights: Rights) -> str:
        if self.cluster.profile.accessor_kind:
            return "token:" + (self.accessors.get(rights.secret, "") if self.enabled else "acls-disabled")
        return self.accessors.get(rights.secret, "") if self.enabled else ""

    # --- checks; texts as recorded ---
    def known(self, rights: Rights) -> None:
        if not rights.known:
            raise Fail(403, "ACL token not found")

    def _need(self, rights: Rights, allowed: bool) -> None:
        self.known(rights)
        if not allowed:
            raise Fail(403, "Permission denied")

    def node_read(self, rights: Rights) -> None:
        self._need(rights, rights.node_read)

    def node_write(self, rights: Rights) -> None:
        self._need(rights, rights.node_write)

    def read_job(self, rights: Rights) -> None:
        self._need(rights, rights.read_job)

    def write_job(self, rights: Rights) -> None:
        self._need(rights, rights.write_job)

    def agent(self, rights: Rights) -> None:
        self._need(rights, rights.agent_read)

    def management(self, rights: Rights) -> None:
        self._need(rights, rights.kind == "management")

    # --- /v1/acl/... ---
    def read(self, rights: Rights, rest: list[str]) -> tuple[bytes, int]:
        shapes = self.cluster.profile.shapes
        if not self.enabled:
            raise Fail(400, "ACL support disabled")
        if rest == ["token", "self"]:
            if not rights.secret:
                raise Fail(500, "acl token lookup failed: missing secret id")
            if not rights.known:
                raise Fail(404, "ACL token not found", self.cluster.index)
            management = rights.kind == "management"
            shape = shapes["token_management" if management else "token_drain-only"]
            token = {**shape, "SecretID": rights.secret, "AccessorID": self.accessor(rights)}
            if not management:
                token.update(Name=rights.kind, Policies=[rights.kind])
            return dumps(token), int(shape["ModifyIndex"])
        self.known(rights)
        held = list(POLICIES) if rights.kind == "management" else [rights.kind] if rights.kind else []
        if rest == ["policies"]:
            return dumps([{**shapes["policy_stub"], "Name": name} for name in held]), 20
        if len(rest) == 2 and rest[0] == "policy":
            if rest[1] not in held:
                raise Fail(403, "Permission denied")
            rules = POLICIES[rest[1]]
            node = "write" if 'node { policy = "write" }' in rules else "read"
            spaces = [{"Name": "default", "Policy": "read", "Capabilities": None}] if "namespace" in rules else None
            parsed = {**shapes["policy"]["RulesJSON"], "Node": {"Policy": node}, "Namespaces": spaces, "Raw": rules}
            return dumps({**shapes["policy"], "Name": rest[1], "Rules": rules, "RulesJSON": parsed}), 12
        raise Fail(404, "")
