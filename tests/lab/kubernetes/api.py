"""The API of a cluster as a function: a request in, an answer, a watch or an upgrade out. Holds no socket."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.kubernetes import selectors
from lab.kubernetes.state import ANONYMOUS, RESOURCES, Change, Json, Key, State, User
from lab.kubernetes.status import Fail, Response, Upgrade, Watch, not_found

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
LONG = 1800.0  # s of a watch without timeoutSeconds
NOT_SERVED = Response(404, "404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})


@dataclass(frozen=True)
class Target:
    """What a path names."""

    group: str
    resource: str
    namespace: str = ""
    name: str = ""
    sub: str = ""
    old_watch: bool = False

    @property
    def qualified(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""

    @property
    def watches(self) -> bool:
        return self.query.get("watch", "") in ("1", "true")

    def json(self) -> Json:
        return dict(json.loads(self.body)) if self.body.strip() else {}


class Api:
    def __init__(self, state: State) -> None:
        self.state = state
        self.asked: list[tuple[str, str, str]] = []  # user, method, path

    def handle(self, request: Request) -> Response | Watch | Upgrade:
        with self.state.news:
            try:
                user = self._user(request)
                self.asked.append((user.name, request.method, request.path))
                return self._served(request, user)
            except Fail as fail:
                return fail.response()

    # --- who ---
    def _user(self, request: Request) -> User:
        kind, _blank, token = request.headers.get("authorization", "").partition(" ")
        user = self.state.users.get(token) if kind else ANONYMOUS
        if user is None:
            raise Fail(401, "Unauthorized", "Unauthorized")
        other = request.headers.get("impersonate-user")
        if not other:
            return user
        if not user.may("impersonate", "", "users", "", other):
            raise self._forbidden(user, "impersonate", Target("", "users", name=other))
        return next((known for known in self.state.users.values() if known.name == other), User(other))

    def _forbidden(self, user: User, verb: str, target: Target) -> Fail:
        what = f'{target.qualified} "{target.name}"' if target.name else target.qualified
        resource = f"{target.resource}/{target.sub}" if target.sub else target.resource
        where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
        words = f'{what} is forbidden: User "{user.name}" cannot {verb} resource "{resource}" in API group "{target.group}" {where}'
        details = {**({"name": target.name} if target.name else {}), **({"group": target.group} if target.group else {}), "kind": target.resource}
        return Fail(403, words, "Forbidden", details)

    # --- what ---
    def _served(self, request: Request, user: User) -> Response | Watch | Upgrade:
        target = parse(request.path)
        if target is None:
            if not user.may("get", "*", "*", ""):
                raise Fail(403, f'forbidden: User "{user.name}" cannot get path "{request.path}"', "Forbidden", {})
            return NOT_SERVED
        verb = verb_of(request, target)
        resource = f"{target.resource}/{target.sub}" if target.sub else target.resource
        if not user.may(verb, target.group, resource, target.namespace, target.name):
            raise self._forbidden(user, verb, target)
        if target.group:
            return NOT_SERVED
        if target.resource not in RESOURCES or target.sub not in ("", "portforward", "eviction"):
            raise Fail(404, "the server could not find the requested resource", "NotFound", {})
        if target.sub:
            return self._portforward(request, target) if target.sub == "portforward" else self._evict(request, target)
        if verb == "watch":
            return self._watch(request, target)
        if request.method == "GET":
            self._check_version(request)
            return Response(200, self._shown(self._object(target))) if target.name else self._list(request, target)
        if verb == "delete" and target.name:
            return self._delete(request, target)
        raise Fail(405, "the server does not allow this method on the requested resource", "MethodNotAllowed", {})

    def _object(self, target: Target) -> Json:
        found = self.state.objects.get((target.resource, target.namespace, target.name))
        if found is None:
            raise not_found(target.resource, target.name)
        return found

    def _shown(self, item: Json) -> Json:
        kind = next(one.kind for key, one in ((k, RESOURCES[k[0]]) for k in self.state.objects) if self.state.objects.get(key) is item)
        return {"kind": kind, "apiVersion": "v1", **item}

    def _chosen(self, request: Request, target: Target) -> selectors.Test:
        by_labels = selectors.labels(request.query.get("labelSelector", ""))
        by_fields = selectors.fields(request.query.get("fieldSelector", ""), target.resource)
        return lambda item: by_labels(item) and by_fields(item)

    def _in(self, target: Target, key: Key) -> bool:
        return key[0] == target.resource and target.namespace in ("", key[1])

    def _list(self, request: Request, target: Target) -> Response:
        chosen = self._chosen(request, target)
        items = [item for key, item in sorted(self.state.objects.items()) if self._in(target, key) and chosen(item)]
        kind = RESOURCES[target.resource].kind
        return Response(200, {"kind": f"{kind}List", "apiVersion": "v1", "metadata": {"resourceVersion": str(self.state.version)}, "items": items})

    def _check_version(self, request: Request) -> None:
        text, match = request.query.get("resourceVersion", ""), request.query.get("resourceVersionMatch", "")
        if match and not text:
            words = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
            cause = {"reason": "FieldValueForbidden", "message": words, "field": "resourceVersionMatch"}
            details = {"group": "meta.k8s.io", "kind": "ListOptions", "causes": [cause]}
            raise Fail(422, f'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: {words}', "Invalid", details)
        if text and not text.isdigit():
            words = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
            raise Fail(400, f"invalid resource version: {words}", "BadRequest")
        if int(text or 0) > self.state.version:
            words = f"Too large resource version: {text}, current: {self.state.version}"
            details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}], "retryAfterSeconds": 1}
            raise Fail(504, f"Timeout: {words}", "Timeout", details, retry=1)
        if match == "Exact" and int(text) < self.state.oldest:
            raise Fail(410, "The resourceVersion for the provided list is too old.", "Expired")

    # --- watches ---
    def _watch(self, request: Request, target: Target) -> Response | Watch:
        chosen = self._chosen(request, target)
        text = request.query.get("resourceVersion", "")
        if request.query.get("sendInitialEvents"):
            words = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            cause = {"reason": "FieldValueForbidden", "message": words, "field": "sendInitialEvents"}
            details = {"group": "meta.k8s.io", "kind": "ListOptions", "causes": [cause]}
            raise Fail(422, f'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: {words}', "Invalid", details)
        if text and not text.isdigit():
            raise Fail(500, f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
        until = self.state.clock.now() + float(request.query.get("timeoutSeconds") or LONG)
        return self._from(int(text or 0), until, target, chosen)

    def _from(self, since: int, until: float, target: Target, chosen: selectors.Test) -> Watch:
        first: list[Json] = []
        seen = since or self.state.version
        if not since:
            found = [item for key, item in sorted(self.state.objects.items()) if self._in(target, key) and chosen(item)]
            first = [{"type": "ADDED", "object": self._shown(item)} for item in found if target.name in ("", item["metadata"]["name"])]
        elif since < self.state.oldest:
            gone = Fail(410, f"too old resource version: {since} ({self.state.oldest})", "Expired")
            return Watch(self.state.clock.now(), lambda: [{"type": "ERROR", "object": gone.status}], ended=True)

        def poll() -> list[Json]:
            nonlocal seen, first
            changes = [change for change in self.state.history if change.version > seen and self._in(target, change.key)]
            seen = max([seen, *(change.version for change in changes)])
            events, first = [*first, *(event for change in changes if (event := seen_by(change, chosen)))], []
            return events

        return Watch(until, poll)

    # --- pods ---
    def _delete(self, request: Request, target: Target) -> Response:
        item = self._object(target)
        if target.resource != "pods":
            self.state.remove(*self._key(target))
            details = {"name": target.name, "kind": target.resource, "uid": item["metadata"]["uid"]}
            return Response(200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
        wish = request.query.get("gracePeriodSeconds") or request.json().get("gracePeriodSeconds")
        gone = self.state.end_pod(target.namespace, target.name, None if wish is None else float(wish))
        return Response(200, {"kind": "Pod", "apiVersion": "v1", **gone})

    def _evict(self, request: Request, target: Target) -> Response:
        self._object(target)
        budget = self.state.budgets.get(target.namespace)
        if budget and request.query.get("dryRun") != "All":
            cause = {"reason": "DisruptionBudget", "message": f"The disruption budget {budget} needs 0 healthy pods and has 1 currently"}
            raise Fail(429, "Cannot evict pod as it would violate the pod's disruption budget.", "TooManyRequests", {"causes": [cause]})
        if request.query.get("dryRun") != "All":
            self.state.end_pod(target.namespace, target.name)
        return Response(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})

    def _portforward(self, request: Request, target: Target) -> Upgrade:
        pod = self._object(target)
        node = pod["spec"].get("nodeName")
        if not node:
            raise Fail(400, f"pod {target.name} does not have a host assigned", "BadRequest")
        machine = self.state.objects.get(("nodes", "", node), {"status": {"addresses": ["known"]}})
        if not (machine.get("status") or {}).get("addresses"):
            raise Fail(500, "no preferred addresses found; known addresses: []")
        if request.headers.get("upgrade", "").lower() != "websocket":
            raise Fail(400, "Upgrade request required", "BadRequest")
        ports = tuple(int(port) for port in request.query.get("ports", "").split(",") if port)
        if not ports:
            raise Fail(400, "query parameter 'port' cannot be empty", "BadRequest")
        return Upgrade(target.namespace, target.name, pod["metadata"]["uid"], ports)

    def _key(self, target: Target) -> Key:
        return (target.resource, target.namespace, target.name)


def seen_by(change: Change, chosen: selectors.Test) -> Json | None:
    """The event that a watch with a selector makes of a change: what leaves the selection is deleted, and shown as it was."""
    was = change.before is not None and chosen(change.before)
    now = change.type != "DELETED" and chosen(change.object)
    if not was and not now:
        return None
    kind = "DELETED" if not now else "MODIFIED" if was else "ADDED"
    shown: Any = change.object
    if kind == "DELETED" and change.before is not None:
        shown = {**change.before, "metadata": {**change.before["metadata"], "resourceVersion": str(change.version)}}
    return {"type": kind, "object": {"kind": RESOURCES[change.key[0]].kind, "apiVersion": "v1", **shown}}


def verb_of(request: Request, target: Target) -> str:
    if request.method == "GET" and not target.sub:
        watches = target.old_watch or (request.watches and not target.name)
        return "watch" if watches else "get" if target.name else "list"
    verb = "get" if request.method == "GET" else VERBS.get(request.method, request.method.lower())
    return "deletecollection" if verb == "delete" and not target.name else verb


def parse(path: str) -> Target | None:
    """None for what is no path of a resource."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return None
    old = rest[0] == "watch"
    rest = rest[1:] if old else rest
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name, sub = (rest + ["", ""])[:3]
    return Target(group, resource, namespace, name, sub, old)
