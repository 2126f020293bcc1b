"""Routes that show what a server guards: namespaces, ACL, the operator's settings, metrics, which are open to anybody."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.nomad.acl import Acl
from lab.nomad.api_acl import AclCalls
from lab.nomad.cluster import Cluster
from lab.nomad.intro import Introduction
from lab.nomad.profile import Profile
from lab.nomad.render import dumps
from lab.nomad.stream import Broker
from lab.nomad.wire import TEXT, Answer, Blocked, Fail, Read, Request, Response, seconds

if TYPE_CHECKING:
    from lab.nomad.peers import Peer


class GuardRoutes:
    """A part of the API."""

    cluster: Cluster
    profile: Profile
    acl: Acl
    acl_calls: AclCalls
    broker: Broker
    introduction: Introduction
    write: Callable[[Request, Callable[[Request], Response]], Response | Blocked]
    address: str
    peers: "list[Peer] | None" = None  # with three servers
    _moved: Callable[[str, int, str], Response]
    get: Callable[[Request, Read], Response | Blocked]
    ok: Callable[[Answer], Response]
    only_get: Callable[[bool], None]
    _unknown: Callable[[], Response]

    def _v1_acl(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        if not self.profile.acl:
            return self._unknown()
        if rest == ["identity", "client-introduction-token"] and self.acl.guard.introduction:
            if get:
                raise Fail(405, "Invalid method")
            return self.write(request, self._introduce)
        return self.acl_calls.route(self, request, rest, get)  # type: ignore[arg-type]

    def _introduce(self, request: Request) -> Response:
        """No index; names and lifetimes are taken as they come (introduction-token)."""
        self.acl.node_write(request.rights)
        given = request.json("api.ACLIdentityClientIntroductionTokenRequest") if request.body.strip() else {}
        ttl = given.get("TTL") or 0
        wait = seconds(ttl) if isinstance(ttl, str) else ttl / 10**9
        token = self.introduction.mint(given.get("NodeName") or "", given.get("NodePool") or "", wait)
        return self.ok(Answer(dumps({"JWT": token})))

    def _v1_namespaces(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        if self.acl.guard.namespaces_text and self.profile.acl:
            raise Fail(501, self.acl.guard.namespaces_text)
        if not self.profile.namespaces:
            return self._unknown()
        self.acl.known(request.rights)
        shape = self.profile.shapes["namespaces"][0]

        def read(request: Request) -> Answer:
            names = [name for name in self.cluster.namespaces() if request.rights.allows(name)]
            spaces = [self._space(shape, name) for name in names]
            return Answer(dumps(spaces), max([1, *self.cluster.spaces.values()]))

        return self.get(request, read)

    def _space(self, shape: dict[str, Any], name: str) -> dict[str, Any]:
        if name == "default":
            return shape
        index = self.cluster.spaces.get(name, 1)
        return {**shape, "Name": name, "Description": "", "CreateIndex": index, "ModifyIndex": index}

    def _v1_event(self, request: Request, rest: list[str], get: bool) -> Response | Blocked:
        """0.5.6, 0.11.3: 404; 0.9.3 sends unknown paths to its pages."""
        if rest != ["stream"] or self.acl.guard.stream == "404":
            return self._unknown()
        if self.acl.guard.stream == "307":
            return self._moved("/ui/", 307, "Temporary Redirect")
        self.only_get(get)
        return self.broker.listen(request)

    # --- several servers ---
    def addresses(self) -> list[str]:
        return [peer.address for peer in self.peers] if self.peers else [self.address]

    def members(self, shape: dict[str, Any]) -> dict[str, Any]:
        """A killed server counts as alive here for a while (drain-leader-change)."""
        if not self.peers:
            return shape
        tags = {key: value for key, value in shape["Members"][0]["Tags"].items() if key != "bootstrap"}
        more = [{"Name": f"{peer.name}.global", "Tags": {**tags, "expect": "3"}} for peer in self.peers]
        return {**shape, "Members": [{**shape["Members"][0], **one} for one in more]}

    def autopilot(self, request: Request) -> Response:
        """429 when a server is missing: not a limit of calls (drain-leader-change)."""
        self.acl.need(request.rights, request.rights.operator_read)
        alive = [(peer.name, peer.address, peer.alive) for peer in self.peers or []] or [("server", self.address, True)]
        servers = [self._server(n, *one) for n, one in enumerate(alive)]
        good = all(server["Healthy"] for server in servers)
        leader = next((server["ID"] for server in servers if server["Leader"]), "")
        body = {"Healthy": good, "FailureTolerance": max(0, (sum(s["Healthy"] for s in servers) - 1) // 2 if good else 0)}
        whole = dumps({**body, "Leader": leader, "Voters": [server["ID"] for server in servers], "Servers": servers})
        return self.ok(Answer(whole)) if good else Response(429, whole, {"Content-Type": TEXT})

    def _server(self, number: int, name: str, address: str, alive: bool) -> dict[str, Any]:
        leads = address == self.address and alive and self.cluster.has_leader
        head = {"ID": f"{number + 1}0000000-0000-4000-8000-000000000000", "Name": f"{name}.global", "Address": address, "SerfStatus": "alive"}
        log = {"LastTerm": 2 if alive else 0, "LastIndex": self.cluster.index if alive else 0, "LastContact": "0s" if leads or not alive else "20ms"}
        since = self.cluster.stamp(0, whole=True)
        return {**head, "Version": self.profile.version, "Leader": leads, **log, "Healthy": alive, "Voter": True, "StableSince": since}
