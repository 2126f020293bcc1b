"""The API of a cluster as a function: a request in, an answer, a watch or an upgrade out. Holds no socket."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
from email.utils import format_datetime

from lab.kubernetes import discovery, faults, rbac, scale
from lab.kubernetes.deletes import Deleter
from lab.kubernetes.kinds import Resource
from lab.kubernetes.pods import Pods
from lab.kubernetes.reads import Reader
from lab.kubernetes.request import Request, Target, kind_in, parse, verb_of
from lab.kubernetes.state import ANONYMOUS, State, User
from lab.kubernetes.status import Fail, Response, Upgrade, Watch, not_found
from lab.kubernetes.writes import Writer

__all__ = ["Api", "Request"]
NOT_SERVED = Response(404, "404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})
POD_SUBS = ("log", "exec", "portforward", "eviction")
OVERLOADED = {
    401: ("Unauthorized", "Unauthorized"),
    500: ("Internal error occurred: the store does not answer", "InternalError"),
    503: ("the server is currently unable to handle the request", "ServiceUnavailable"),
}
Answer = Response | Watch | Upgrade


class Api:
    """`asked` is who asked what, in order. `address` is told in discovery."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.asked: list[tuple[str, str, str]] = []  # user, method, path
        self.address = "127.0.0.1:6443"

    def handle(self, request: Request) -> Answer:
        with self.state.news:
            warnings: list[str] = []
            try:
                self._faults(request)
                user = self._user(request)
                self.asked.append((user.name, request.method, request.path))
                answer = self._served(request, user, warnings)
            except Fail as fail:
                answer = fail.response()
            if warnings and isinstance(answer, Response):
                quoted = [one.replace("\\", "\\\\").replace('"', '\\"') for one in warnings]
                answer.headers["Warning"] = ", ".join(f'299 - "{one}"' for one in quoted)
            return answer

    def date(self) -> str:
        """The Date header: the virtual clock's."""
        return format_datetime(self.state.clock.wall().replace(microsecond=0), usegmt=True)

    def _faults(self, request: Request) -> None:
        fault = self.state.faults.find((faults.ANSWER,), request.method, request.path, self.state.clock.now())
        if fault is not None:
            if fault.code == 429:
                raise Busy(fault.retry)
            words, reason = OVERLOADED.get(fault.code, ("the lab says so", "InternalError"))
            raise Fail(fault.code, words, reason, {"retryAfterSeconds": fault.retry} if fault.retry else None, retry=fault.retry)

    # --- who ---
    def _user(self, request: Request) -> User:
        kind, _blank, token = request.headers.get("authorization", "").partition(" ")
        user = self.state.users.get(token) if kind else ANONYMOUS
        if user is None:
            raise Fail(401, "Unauthorized", "Unauthorized")
        other = request.headers.get("impersonate-user")
        if not other:
            return user
        if rbac.allowed(self.state, user, "impersonate", Target("", "users", name=other), "users") is None:
            raise self._forbidden(user, "impersonate", Target("", "users", name=other))
        return next((known for known in self.state.users.values() if known.name == other), User(other))

    def _forbidden(self, user: User, verb: str, target: Target) -> Fail:
        what = f'{target.qualified} "{target.name}"' if target.name else target.qualified
        resource = f"{target.resource}/{target.sub}" if target.sub else target.resource
        where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
        words = f'{what} is forbidden: User "{user.name}" cannot {verb} resource "{resource}" in API group "{target.group}" {where}'
        return Fail(403, words, "Forbidden", target.details)

    # --- what ---
    def _served(self, request: Request, user: User, warnings: list[str]) -> Answer:
        target = parse(request.path)
        if target is None:
            return self._plain(request, user)
        verb = verb_of(request, target)
        resource = f"{target.resource}/{target.sub}" if target.sub else target.resource
        if rbac.allowed(self.state, user, verb, target, resource) is None:
            raise self._forbidden(user, verb, target)
        if target.resource in rbac.REVIEWS.get(target.group, {}) and request.method == "POST":
            return rbac.review(self.state, user, request, target)
        kind = self._kind(target)
        if target.name and kind.namespaced and not target.namespace:
            raise missing()
        return self._about(request, target, kind, warnings)

    def _plain(self, request: Request, user: User) -> Response:
        """Paths that name no object."""
        if not rbac.may_read(self.state, user, request.path):
            raise Fail(403, f'forbidden: User "{user.name}" cannot get path "{request.path}"', "Forbidden", {})
        answer = discovery.answer(self.state, request.path, "verbose" in request.query, self.address)
        if answer is not None and request.method != "GET":
            raise not_allowed()
        return answer or NOT_SERVED

    def _kind(self, target: Target) -> Resource:
        if target.group and target.group not in discovery.groups(self.state):
            raise Absent
        kind = kind_in(target, self.state.kinds)
        if kind is None:
            if target.group in {one.group for one in self.state.kinds.values() if one.custom}:
                raise Absent
            raise missing()
        return kind

    def _about(self, request: Request, target: Target, kind: Resource, warnings: list[str]) -> Answer:
        if target.sub and target.sub != "status":
            return self._sub(request, target, kind, warnings)
        if target.sub == "status" and not kind.has_status(target.version):
            raise not_found(target.qualified, target.name, target) if kind.custom else missing()
        if request.method == "GET":
            reader = Reader(self.state, request, target, kind)
            if target.old_watch or (request.watches and not target.name):
                return reader.watch()
            return reader.one() if target.name else reader.listing()
        if request.method == "DELETE":
            return self._delete(request, target, kind, warnings)
        return self._write(request, target, kind, warnings)

    def _write(self, request: Request, target: Target, kind: Resource, warnings: list[str]) -> Answer:
        writer = Writer(self.state, request, target, kind)
        acts = {"PUT": writer.update, "PATCH": writer.patch} if target.name else {"POST": writer.create}
        if request.method not in acts:
            raise not_allowed()
        if (kind.namespaced and not target.namespace) or kind.qualified == "events.events.k8s.io":
            raise not_allowed()
        try:
            return acts[request.method]()
        finally:
            warnings += writer.warnings

    def _delete(self, request: Request, target: Target, kind: Resource, warnings: list[str]) -> Answer:
        if target.sub or (not target.name and "deletecollection" not in kind.verbs):
            raise not_allowed()
        deleter = Deleter(self.state, request, target, kind)
        if not target.name:
            reader = Reader(self.state, request, target, kind)
            chosen = reader.chosen()
            return deleter.many([item for _key, item in reader.all() if chosen(item)])
        try:
            return deleter.one()
        finally:
            warnings += deleter.warnings

    def _sub(self, request: Request, target: Target, kind: Resource, warnings: list[str]) -> Answer:
        if kind.qualified == "pods" and target.sub in POD_SUBS:
            pods = Pods(self.state, request, target)
            acts: dict[str, Callable[[], Answer]] = {"log": pods.log, "exec": pods.exec, "portforward": pods.portforward, "eviction": pods.evict}
            return acts[target.sub]()
        if kind.qualified == "serviceaccounts" and target.sub == "token" and request.method == "POST":
            return rbac.request_token(self.state, request, target)
        if target.sub == "scale" and "scale" in kind.subs:
            return scale.handle(self.state, request, target, kind)
        if kind.custom:
            raise not_found(target.qualified, target.name, target)
        raise missing()


class Absent(Fail):
    """A group, or a version of one, that nobody serves: a text, no Status."""

    def __init__(self) -> None:
        super().__init__(404, "404 page not found")

    def response(self) -> Response:
        return Response(404, NOT_SERVED.body, dict(NOT_SERVED.headers))


class Busy(Fail):
    """The server's own 429, of flow control: a text, no Status (its handler for too many requests writes plain text)."""

    def __init__(self, retry: int) -> None:
        super().__init__(429, "Too many requests, please try again later.", retry=retry)

    def response(self) -> Response:
        more = {"Retry-After": str(self.retry)} if self.retry else {}
        return Response(429, f"{self.message}\n", {"Content-Type": "text/plain; charset=utf-8", **more})


def missing() -> Fail:
    return Fail(404, "the server could not find the requested resource", "NotFound", {})


def not_allowed() -> Fail:
    return Fail(405, "the server does not allow this method on the requested resource", "MethodNotAllowed", {})
