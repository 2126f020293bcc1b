"""Who may do what: rules given to the lab, Role and ClusterRole objects with their bindings, service accounts and their tokens, and reviews of all that."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import itertools
import uuid
from collections.abc import Iterator

from lab.kubernetes.checks import invalid
from lab.kubernetes.request import Json, Request, Target
from lab.kubernetes.state import Change, State, User
from lab.kubernetes.status import Response, not_found

GROUP = "rbac.authorization.k8s.io"
CACHED = 10.0  # s for which the token of a deleted account is still taken
LONGEST = 3600
OPEN = ("/healthz", "/livez", "/readyz", "/version", "/version/")
DISCOVERY = ("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/")
ISSUER = ("/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/openid/v1/jwks", "/openid/v1/jwks/")
REVIEWS = {
    "authorization.k8s.io": {"selfsubjectaccessreviews": "SelfSubjectAccessReview", "selfsubjectrulesreviews": "SelfSubjectRulesReview"},
    "authentication.k8s.io": {"selfsubjectreviews": "SelfSubjectReview"},
}
_numbers = itertools.count(1)


def account(state: State, namespace: str, name: str) -> str:
    """The token of a service account that is made if it is not there."""
    if state.get("serviceaccounts", namespace, name) is None:
        state.put("serviceaccounts", namespace, name, {"metadata": {}})
    return _token(state, namespace, name)


def _token(state: State, namespace: str, name: str) -> str:
    token = f"lab.{next(_numbers)}.{uuid.uuid4()}"
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    state.users[token] = User(f"system:serviceaccount:{namespace}:{name}", groups=groups)
    if accounts_go not in state.followers:
        state.followers.append(accounts_go)
    return token


def accounts_go(state: State, change: Change) -> None:
    """The tokens of a deleted account end, though not at once."""
    if change.key[0] != "serviceaccounts" or change.type != "DELETED":
        return
    name = f"system:serviceaccount:{change.key[1]}:{change.key[2]}"
    tokens = [token for token, user in state.users.items() if user.name == name]
    state.clock.after(CACHED, lambda: revoke(state, *tokens))


def revoke(state: State, *tokens: str) -> None:
    """They are good no longer."""
    for token in tokens:
        state.users.pop(token, None)


# --- rights ---
def _is(subject: Json, user: User, namespace: str) -> bool:
    if subject.get("kind") == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{subject['name']}"
    return subject["name"] in (user.groups if subject.get("kind") == "Group" else (user.name,))


def _bound(state: State, user: User, namespace: str) -> Iterator[tuple[Json, str]]:
    """The rules that hold for a user in a namespace ("": everywhere), each with the words for why."""
    for kind in ("clusterrolebindings", "rolebindings"):
        if kind == "rolebindings" and not namespace:
            return
        for binding in state.all(f"{kind}.{GROUP}", namespace if kind == "rolebindings" else ""):
            subject = next((one for one in binding.get("subjects") or [] if _is(one, user, namespace)), None)
            if subject is None:
                continue
            role = binding["roleRef"]
            where = namespace if role["kind"] == "Role" else ""
            found = state.get(f"{role['kind'].lower()}s.{GROUP}", where, role["name"]) or {}
            said = binding["metadata"]["name"] + (f"/{namespace}" if kind == "rolebindings" else "")
            who = f"{subject['name']}/{subject.get('namespace') or namespace}" if subject["kind"] == "ServiceAccount" else subject["name"]
            title = "RoleBinding" if kind == "rolebindings" else "ClusterRoleBinding"
            words = f'RBAC: allowed by {title} "{said}" of {role["kind"]} "{role["name"]}" to {subject["kind"]} "{who}"'
            for rule in found.get("rules") or []:
                yield rule, words


def _holds(rule: Json, verb: str, group: str, resource: str, name: str) -> bool:
    def has(field: str, *wanted: str) -> bool:
        return any(one in (rule.get(field) or []) for one in ("*", *wanted))

    whole, _slash, sub = resource.partition("/")
    names = rule.get("resourceNames") or []
    right = has("resources", resource, f"*/{sub}") if sub else has("resources", whole)
    return has("verbs", verb) and has("apiGroups", group) and right and (not names or name in names)


def allowed(state: State, user: User, verb: str, target: Target, resource: str) -> str | None:
    """Why; "" without words, None for no."""
    if user.may(verb, target.group, resource, target.namespace, target.name):
        return ""
    if verb == "create" and resource in REVIEWS.get(target.group, {}) and "system:authenticated" in user.groups:
        return ""
    for rule, words in _bound(state, user, target.namespace):
        if _holds(rule, verb, target.group, resource, target.name):
            return words
    return None


def may_read(state: State, user: User, path: str) -> bool:
    """Paths that name no object."""
    open_to = OPEN + ((*DISCOVERY, *ISSUER) if "system:authenticated" in user.groups else ())
    return user.may("get", "*", "*", "") or any(path == one or (one.endswith("*") and path.startswith(one[:-1])) for one in open_to)


# --- reviews ---
def review(state: State, user: User, request: Request, target: Target) -> Response:
    kind = REVIEWS[target.group][target.resource]
    head: Json = {"kind": kind, "apiVersion": target.api_version}
    spec = request.json().get("spec") or {}
    if kind == "SelfSubjectReview":
        info: Json = {"username": user.name, "groups": list(user.groups)}
        space, _colon, name = user.name.removeprefix("system:serviceaccount:").partition(":")
        found = state.get("serviceaccounts", space, name)
        if found is not None and user.name.startswith("system:serviceaccount:"):
            info["uid"] = found["metadata"]["uid"]
        return Response(201, {**head, "metadata": {"creationTimestamp": state.stamp()}, "status": {"userInfo": info}})
    meta = {"metadata": {"creationTimestamp": None}}
    if kind == "SelfSubjectRulesReview":
        return Response(201, {**head, **meta, "spec": {}, "status": _rules(state, user, spec.get("namespace", ""))})
    about = spec.get("resourceAttributes")
    if (about is None) == (spec.get("nonResourceAttributes") is None):
        words = 'Invalid value: "null": exactly one of nonResourceAttributes or resourceAttributes must be specified'
        raise invalid("", "", [("spec.resourceAttributes", "FieldValueInvalid", words)], target.group)
    if about is None:
        yes: str | None = "" if may_read(state, user, spec["nonResourceAttributes"].get("path", "")) else None
    else:
        sub = about.get("subresource")
        of = Target(about.get("group", ""), about.get("resource", ""), about.get("namespace", ""), about.get("name", ""))
        yes = allowed(state, user, about.get("verb", ""), of, f"{of.resource}/{sub}" if sub else of.resource)
    status: Json = {"allowed": yes is not None}
    spec = {**spec, "resourceAttributes": {key: value for key, value in about.items() if value != ""}} if about else spec
    return Response(201, {**head, **meta, "spec": spec, "status": {**status, **({"reason": yes} if yes else {})}})


def _rules(state: State, user: User, namespace: str) -> Json:
    rules: list[Json] = [
        {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": list(REVIEWS["authorization.k8s.io"])},
        {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
    ]
    for rule in user.rules:
        if rule.namespace in ("", namespace):
            made: Json = {"verbs": list(rule.verbs), "apiGroups": [rule.group], "resources": list(rule.resources)}
            rules.append({**made, **({"resourceNames": list(rule.names)} if rule.names else {})})
    rules += [rule for rule, _words in _bound(state, user, namespace)]
    plain = [{"verbs": ["get"], "nonResourceURLs": list(paths)} for paths in (OPEN, ISSUER, DISCOVERY)]
    return {"resourceRules": rules, "nonResourceRules": plain, "incomplete": False}


def request_token(state: State, request: Request, target: Target) -> Response:
    """POST .../serviceaccounts/<name>/token"""
    if state.get("serviceaccounts", target.namespace, target.name) is None:
        raise not_found("serviceaccounts", target.name)
    seconds = (request.json().get("spec") or {}).get("expirationSeconds", LONGEST)
    if seconds < 600:
        words = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        raise invalid("TokenRequest", "", [("spec.expirationSeconds", "FieldValueInvalid", words)], "authentication.k8s.io")
    token = _token(state, target.namespace, target.name)
    state.clock.after(seconds, lambda: revoke(state, token))
    head = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}
    meta = {"name": target.name, "namespace": target.namespace, "creationTimestamp": state.stamp()}
    spec = {"audiences": ["https://kubernetes.default.svc"], "expirationSeconds": seconds, "boundObjectRef": None}
    return Response(201, {**head, "metadata": meta, "spec": spec, "status": {"token": token, "expirationTimestamp": state.stamp(seconds)}})
