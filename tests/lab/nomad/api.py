"""The HTTP API as a router: handle() answers at once, or with something to wait for."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
from collections.abc import Callable

from lab.nomad.acl import Acl
from lab.nomad.api_acl import AclCalls
from lab.nomad.api_agents import AgentCalls
from lab.nomad.api_dispatch import DispatchCalls
from lab.nomad.api_guard import GuardRoutes
from lab.nomad.api_jobs import JobCalls
from lab.nomad.api_nodes import NodeCalls
from lab.nomad.api_operator import OperatorCalls
from lab.nomad.cluster import Cluster
from lab.nomad.intro import Introduction
from lab.nomad.profile import Profile
from lab.nomad.render import dumps
from lab.nomad.stream import Broker
from lab.nomad.wire import FOREVER, TEXT, Answer, Blocked, Fail, Read, Request, Response, seconds


class Api(GuardRoutes):
    """Routes and the rules that all routes share."""

    def __init__(self, cluster: Cluster, address: str = "127.0.0.1:4647") -> None:
        self.cluster = cluster
        self.profile: Profile = cluster.profile
        self.address = address
        self.acl = Acl(cluster)
        self.acl_calls = AclCalls(self.acl)
        self.broker = Broker(self.acl)
        self.introduction = Introduction(cluster)
        self.nodes = NodeCalls(cluster, self.acl)
        self.agents = AgentCalls(cluster, self.acl)
        self.operator = OperatorCalls(cluster, self.acl)
        self.dispatches = DispatchCalls(cluster, self.acl)
        self.jobs = JobCalls(cluster, self.acl, self.dispatches)

    def handle(
        self, method: str, path: str, query: dict[str, str], body: bytes = b"", headers: dict[str, str] | None = None, agent: str = "server"
    ) -> Response | Blocked:
        request = Request(method, path, query, body, {k.lower(): v for k, v in (headers or {}).items()}, agent=agent)
        try:
            return self._route(request)
        except Fail as fail:
            return self._failed(fail)

    def _failed(self, fail: Fail) -> Response:
        headers = {"Content-Type": fail.form}
        if fail.index is not None:
            headers.update(self._index_headers(fail.index))
        return Response(fail.status, fail.text.encode(), headers)

    def _index_headers(self, index: int) -> dict[str, str]:
        leader = self.cluster.has_leader
        contact = "0" if leader else FOREVER
        return {"X-Nomad-Index": str(index), "X-Nomad-Knownleader": str(leader).lower(), "X-Nomad-Lastcontact": contact}

    def ok(self, answer: Answer) -> Response:
        headers = {"Content-Type": "application/json", **answer.headers}
        if answer.index is not None:
            headers.update(self._index_headers(answer.index))
        return Response(answer.status, answer.body, headers)

    # --- shared rules ---
    def led(self, action: Callable[[], Response | Blocked]) -> Response | Blocked:
        """Without a leader a request is held for up to 5 s (no-leader)."""
        c = self.cluster
        if c.has_leader:
            return action()

        def poll() -> Response | None:
            if not c.has_leader:
                return None
            try:
                answer = action()
            except Fail as fail:
                return self._failed(fail)
            return answer if isinstance(answer, Response) else answer.expire()

        return Blocked(c.clock.now() + self.profile.leader_wait + 0.05, poll, lambda: self._failed(Fail(500, "No cluster leader")), c.epoch)

    def get(self, request: Request, read: Read) -> Response | Blocked:
        """A read: index and wait, stale."""
        query = request.query
        try:
            index = int(query["index"]) if query.get("index") else 0
            if index < 0:
                raise ValueError
        except ValueError:
            raise Fail(400, "Invalid index") from None
        wait = seconds(query["wait"]) if query.get("wait") else 0.0

        def answer() -> Response | Blocked:
            return self._blocking(request, read, index, wait)

        if "stale" in query:
            return answer()
        return self.led(answer)

    def _blocking(self, request: Request, read: Read, index: int, wait: float) -> Response | Blocked:
        c = self.cluster

        def once() -> tuple[Response, int]:
            try:
                found = read(request)
            except Fail as fail:
                return self._failed(fail), fail.index if fail.index is not None else 1 << 62
            return self.ok(found), 1 << 62 if found.index is None else found.index

        response, current = once()
        if not index or current > index:
            return response
        limit = self.profile.default_wait if wait <= 0 else min(wait, self.profile.max_wait)
        limit += c.random.uniform(0, limit / 16)
        at = c.index

        def poll() -> Response | None:
            nonlocal at
            if c.index == at:
                return None
            at = c.index
            again, now = once()
            return again if now > index else None

        return Blocked(c.clock.now() + limit, poll, lambda: once()[0], c.epoch)

    def write(self, request: Request, action: Callable[[Request], Response]) -> Response | Blocked:
        return self.led(lambda: action(request))

    # --- routes ---
    def _route(self, request: Request) -> Response | Blocked:
        path, get = request.path, request.method == "GET"
        if path == "/":
            if self.profile.root_redirect:
                return self._moved(self.profile.root_redirect, 307, "Temporary Redirect")
            return self._unknown()
        if "//" in path:
            return self._moved(re.sub("/+", "/", path), 301, "Moved Permanently")
        if not path.startswith("/v1/"):
            return self._unknown()
        parts = path[4:].split("/")
        if path in ("/v1/node", "/v1/job", "/v1/allocation", "/v1/evaluation"):
            code = self.profile.slash_added
            return self._moved(path + "/", code, "Moved Permanently" if code == 301 else "Temporary Redirect")
        handler = getattr(self, "_v1_" + parts[0].replace("-", "_"), None)
        if handler is None:
            return self._unknown()
        if request.query.get("region", "global") != "global":
            raise Fail(500, "No path to region")
        request.rights = self.acl.rights(request.headers.get("x-nomad-token", ""))
        answer: Response | Blocked = handler(request, parts[1:], get)
        return answer

    def _unknown(self) -> Response:
        if self.profile.catch_all:
            return self._moved(self.profile.root_redirect, 307, "Temporary Redirect")
        text = self.profile.not_found
        return Response(404, text.encode(), {"Content-Type": TEXT} if text else {})

    def _moved(self, to: str, status: int, text: str) -> Response:
        return Response(status, f'<a href="{to}">{text}</a>.\n\n'.encode(), {"Content-Type": "text/html; charset=utf-8", "Location": to})

    def only_get(self, get: bool) -> None:
        if not get:
            raise Fail(405, "Invalid method")

    def _v1_nodes(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        if rest:
            return self._unknown()
        self.only_get(get)
        return self.get(request, self.nodes.listed)

    def _v1_node(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        if self.profile.node_pools and rest == ["pools"]:
            return self.operator.pools(self, request)
        if self.profile.node_pools and rest[0] == "pool" and len(rest) > 1:
            return self.operator.pool(self, request, rest[1:])
        return self.nodes.route(self, request, "/".join(rest), get)

    def _v1_jobs(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        if rest:
            return self._unknown()
        if request.method in ("PUT", "POST"):
            return self.write(request, self.jobs.register)
        self.only_get(get)
        return self.get(request, self.jobs.listed)

    def _v1_job(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        return self.jobs.route(self, request, "/".join(rest), get)

    def _v1_allocations(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        self.only_get(get)
        return self.get(request, self.jobs.allocations)

    def _v1_allocation(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        self.only_get(get)
        return self.get(request, lambda r: self.jobs.allocation(r, rest[0] if rest else ""))

    def _v1_evaluations(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        if rest and (rest != ["count"] or not self.profile.list_filters):
            return self._unknown()
        self.only_get(get)
        return self.get(request, self.dispatches.count if rest else self.dispatches.evaluations)

    def _v1_status(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        self.only_get(get)
        if rest == ["leader"]:
            return self.led(lambda: self.ok(Answer(dumps(self.address))))
        if rest == ["peers"]:
            return self.ok(Answer(dumps(self.addresses())))
        return self._unknown()

    def _v1_regions(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        return self.ok(Answer(dumps(["global"])))

    def _v1_agent(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        shapes = self.profile.shapes
        if rest == ["health"]:
            if not self.profile.health:
                return self._unknown()
            if request.agent != "server" or "type" in request.query:
                return self.agents.health(request)
            good = self.ok(Answer(dumps(shapes["health"])))
            bad = Response(500, dumps({"server": {"ok": False, "message": "No cluster leader"}}), {"Content-Type": TEXT})
            held = self.led(lambda: good)
            return Blocked(held.until, held.poll, lambda: bad, held.epoch) if isinstance(held, Blocked) else held
        if rest == ["self"]:
            self.acl.agent(request.rights)
            whole = json.loads(json.dumps(shapes["self"]))
            whole["stats"]["nomad"].update(leader=str(self.cluster.has_leader).lower(), leader_addr=self.address)
            whole["stats"]["raft"].update(state="Leader" if self.cluster.has_leader else "Follower", commit_index=str(self.cluster.index))
            if self.acl.enabled and "ACL" in whole["config"]:
                whole["config"]["ACL"]["Enabled"] = True
            return self.ok(Answer(dumps(whole)))
        if rest == ["members"]:
            self.acl.node_read(request.rights)
            return self.ok(Answer(dumps(self.members(shapes["members"]))))
        return self._unknown()

    def _v1_client(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        return self.agents.route(request, rest) or self._unknown()

    def _v1_metrics(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        if "metrics" not in self.profile.shapes:
            return self._unknown()
        return self.ok(self.agents.metrics(request))

    def _v1_operator(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        if rest == ["autopilot", "health"] and get:
            return self.autopilot(request)
        if rest != ["scheduler", "configuration"] or "scheduler" not in self.profile.shapes:
            return self._unknown()
        return self.operator.scheduler(self, request)

    def _v1_system(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        if rest != ["gc"]:
            return self._unknown()
        if request.method not in ("PUT", "POST"):
            raise Fail(405, "Invalid method")
        self.acl.management(request.rights)

        def collect(_request: Request) -> Response:
            self.cluster.clock.after(0.05, self.cluster.collect)
            return Response(200)

        return self.write(request, collect)
