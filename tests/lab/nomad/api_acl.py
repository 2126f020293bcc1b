"""The calls /v1/acl/...: what a token may learn of itself, what a management token may write."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import TYPE_CHECKING, Any

from lab.nomad.acl import Acl, Policy, Role, Token, digest
from lab.nomad.render import dumps
from lab.nomad.wire import Answer, Blocked, Fail, Request, Response

if TYPE_CHECKING:
    from lab.nomad.api import Api

# The parts of RulesJSON of all versions; newer ones: guard.rules_keys.
RULES = ("Agent", "HostVolumes", "Namespaces", "Node", "Operator", "Plugin", "Quota")
ANONYMOUS = {"AccessorID": "anonymous", "SecretID": "", "Name": "Anonymous Token", "Type": "client", "Policies": ["anonymous"], "Roles": None}
NEVER = "0001-01-01T00:00:00Z"


class AclCalls:
    def __init__(self, acl: Acl) -> None:
        self.acl = acl
        self.c = acl.cluster
        self.guard = acl.guard

    # --- how things look ---
    def show_token(self, token: Token) -> dict[str, Any]:
        head = {"AccessorID": token.accessor, "SecretID": token.secret, "Name": token.name, "Type": token.type, "Policies": token.policies}
        more = {"Global": token.global_, "Hash": digest(token.name, token.type, token.policies), "CreateTime": token.created}
        index = {"CreateIndex": token.index, "ModifyIndex": token.index}
        if not self.guard.roles:
            return {**head, **more, **index}
        here = [self.acl.roles[r] for r in token.roles or [] if r in self.acl.roles]
        roles = None if token.roles is None else [{"ID": role.id, "Name": role.name} for role in here]
        ttl = f"{token.ttl:g}s" if token.ttl else ""
        return {"ExpirationTTL": ttl, **head, "Roles": roles, **more, "ExpirationTime": token.expiry, **index}

    def show_policy(self, policy: Policy, whole: bool) -> dict[str, Any]:
        index = {"CreateIndex": policy.create, "ModifyIndex": policy.modify}
        out = {**index, "Name": policy.name, "Description": policy.description, "Hash": digest(policy.name, policy.text)}
        if not whole:
            return {**out, **dict.fromkeys(self.guard.stub_keys)}
        parsed: dict[str, Any] = {**dict.fromkeys((*RULES, *self.guard.rules_keys)), **policy.rules, "Raw": policy.text}
        if policy.rules.get("Namespaces"):
            parsed["Namespaces"] = [{**rule, **dict.fromkeys(self.guard.space_keys)} for rule in policy.rules["Namespaces"]]
        both = {"Rules": policy.text, **({"RulesJSON": parsed} if self.guard.rules_json else {})}
        return {**out, **dict.fromkeys(self.guard.policy_keys), **both}

    def show_role(self, role: Role) -> dict[str, Any]:
        index = {"CreateIndex": role.create, "ModifyIndex": role.modify}
        held = [{"Name": name} for name in role.policies]
        return {**index, "ID": role.id, "Name": role.name, "Description": role.description, "Policies": held, "Hash": digest(role.name, role.policies)}

    # --- routes ---
    def route(self, api: "Api", request: Request, rest: list[str], get: bool) -> Response | Blocked:
        if not self.acl.enabled:
            raise Fail(400, "ACL support disabled")
        kind = rest[0] if rest else ""
        if kind not in ("token", "tokens", "policy", "policies", *(("role", "roles") if self.guard.roles else ())):
            return Response(404)
        if get:
            return api.get(request, lambda r: self.read(r, rest))
        if request.method not in ("PUT", "POST", "DELETE"):
            raise Fail(405, "Invalid method")
        self.acl.management(request.rights)
        return api.write(request, lambda r: self.write(r, rest))

    # --- reads ---
    def read(self, request: Request, rest: list[str]) -> Answer:
        if rest == ["token", "self"]:
            return self.self_(request)
        rights, acl = request.rights, self.acl
        acl.known(rights)
        held = sorted(acl.policies) if rights.management else acl.held(rights.secret)
        mine = acl.tokens.get(rights.secret)
        roles = [role for role in acl.roles.values() if rights.management or (mine and role.id in (mine.roles or []))]
        if rest == ["policies"]:
            return Answer(dumps([self.show_policy(acl.policies[name], False) for name in held]), acl.tables["policies"])
        if rest[0] == "policy":
            if rest[1] in held:
                return Answer(dumps(self.show_policy(acl.policies[rest[1]], True)), acl.policies[rest[1]].modify)
            acl.management(rights)
            raise Fail(404, "ACL policy not found", acl.tables["policies"])
        if rest == ["roles"]:
            return Answer(dumps([self.show_role(role) for role in roles]), acl.tables["roles"])
        if rest[0] == "role":
            for role in roles:
                if rest[-1] in (role.id, role.name) and (len(rest) == 2 or rest[1] == "name"):
                    return Answer(dumps(self.show_role(role)), role.modify)
            acl.management(rights)
            raise Fail(404, "ACL role not found", acl.tables["roles"])
        return self.tokens(request, rest)

    def self_(self, request: Request) -> Answer:
        secret, acl = request.rights.secret, self.acl
        token = acl.tokens.get(secret)
        if token is not None:
            if acl.expired(secret) and self.guard.self_expired:
                raise Fail(500, self.guard.self_expired)
            return Answer(dumps(self.show_token(token)), token.index)
        if request.rights.kind == "malformed":
            raise Fail(500, self.guard.self_malformed)
        if secret and not self.guard.self_unknown_404:
            raise Fail(403, self.guard.unknown_text)
        if secret:
            raise Fail(404, "ACL token not found", acl.tables["tokens"])
        if self.guard.self_anonymous:
            raise Fail(500, self.guard.self_anonymous)
        dates = {"CreateTime": NEVER, "ExpirationTime": None, "CreateIndex": 0, "ModifyIndex": 0}
        return Answer(dumps({"ExpirationTTL": "", **ANONYMOUS, "Global": False, "Hash": None, **dates}), 0)

    def tokens(self, request: Request, rest: list[str]) -> Answer:
        if rest == ["tokens"]:
            self.acl.management(request.rights)
            stubs = [{key: value for key, value in self.show_token(t).items() if key != "SecretID"} for t in self.acl.tokens.values()]
            return Answer(dumps(stubs), self.acl.tables["tokens"])
        found = [t for t in self.acl.tokens.values() if t.accessor == rest[1]]
        if not request.rights.management and not any(t.secret == request.rights.secret for t in found):
            raise Fail(403, "Permission denied")
        if not found:
            raise Fail(404, "ACL token not found", self.acl.tables["tokens"])
        return Answer(dumps(self.show_token(found[0])), found[0].index)

    # --- writes ---
    def write(self, request: Request, rest: list[str]) -> Response:
        gone = request.method == "DELETE"
        body = {} if gone else {key.lower(): value for key, value in request.json("api.ACL").items()}
        try:
            shown = getattr(self, "_write_" + rest[0])(rest[1] if len(rest) > 1 else "", body, gone)
        except ValueError as error:
            raise Fail(400, str(error)) from None
        headers = {"X-Nomad-Index": str(self.c.index)}
        if shown is None:
            return Response(200, b"", headers)
        return Response(200, dumps(shown), {"Content-Type": "application/json", **headers})

    def _write_policy(self, name: str, body: dict[str, Any], gone: bool) -> None:
        if not gone and body.get("name") != name:
            raise Fail(400, "ACL policy name does not match request path")
        self.acl.policy(name, None if gone else body.get("rules") or "", body.get("description") or "")

    def _write_role(self, role_id: str, body: dict[str, Any], gone: bool) -> dict[str, Any] | None:
        if gone:
            self.acl.role("", None, role_id)
            return None
        role = self.acl.role(body.get("name") or "", [policy["Name"] for policy in body.get("policies") or []], role_id)
        return self.show_role(role) if role else None

    def _write_token(self, accessor: str, body: dict[str, Any], gone: bool) -> dict[str, Any] | None:
        if gone:
            for token in [t for t in self.acl.tokens.values() if t.accessor == accessor]:
                self.acl.drop(token.secret)
            return None
        ttl = (body.get("expirationttl") or 0) / 10**9
        roles = [role["Name"] for role in body.get("roles") or []]
        token = self.acl.token(self.c.new_id(), body.get("name") or "", body.get("type") or "client", body.get("policies"), roles or None, ttl or None)
        return self.show_token(token)
