"""Calls about nodes: list, read, allocations, drain, eligibility, purge, evaluate."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from typing import TYPE_CHECKING, Any

from lab.nomad.acl import Acl
from lab.nomad.cluster import Cluster
from lab.nomad.listing import page
from lab.nomad.model import Evaluation, Node
from lab.nomad.render import dumps, joined
from lab.nomad.wire import Answer, Blocked, Fail, Request, Response

if TYPE_CHECKING:
    from lab.nomad.api import Api

BAD_ID = "node lookup failed: index error: UUID must be 36 characters"
PUT = ("PUT", "POST")
LISTING = frozenset(("filter", "per_page", "next_token", "os", "resources"))


def check_prefix(prefix: str, what: str) -> None:
    """Odd or non-hexadecimal prefixes are errors of the server, not empty lists (nodes-list)."""
    bare = prefix.replace("-", "")
    if len(bare) % 2:
        raise Fail(500, f"{what} lookup failed: index error: Input (without hyphens) must be even length")
    found = re.search("[^0-9a-fA-F]", bare)
    if found:
        raise Fail(500, f"{what} lookup failed: index error: Invalid UUID: encoding/hex: invalid byte: U+{ord(found[0]):04X} '{found[0]}'")


class NodeCalls:
    def __init__(self, cluster: Cluster, acl: Acl) -> None:
        self.c = cluster
        self.acl = acl
        self._lists: dict[str, tuple[tuple[int, int], bytes]] = {}

    def _answer(self, body: bytes, index: int | None) -> Answer:
        return Answer(body, index)

    # --- reads ---
    def listed(self, request: Request) -> Answer:
        c, prefix = self.c, request.query.get("prefix", "")
        self.acl.node_read(request.rights)
        if prefix:
            check_prefix(prefix, "node")
        index = c.tables["nodes"]
        if c.profile.list_filters and request.query.keys() & LISTING:
            return self._chosen(request, prefix, index)
        key = (index, c.generation)
        kept = self._lists.get(prefix)
        if kept is None or kept[0] != key:
            nodes = sorted((n for n in c.nodes.values() if n.id.startswith(prefix.lower())), key=lambda n: n.id)
            kept = (key, joined([c.render.node_stub(n) for n in nodes]))
            if len(self._lists) > 20:
                self._lists.clear()
            self._lists[prefix] = kept
        return self._answer(kept[1], index)

    def _chosen(self, request: Request, prefix: str, index: int) -> Answer:
        """With a filter, a page, or more than the usual fields."""
        nodes = sorted((n for n in self.c.nodes.values() if n.id.startswith(prefix.lower())), key=lambda n: n.id)
        stubs = [self.c.render.node_stub_value(n, "os" in request.query, "resources" in request.query) for n in nodes]
        chosen, following = page(stubs, request.query)
        return Answer(dumps(chosen), index, headers={"X-Nomad-Nexttoken": following} if following else {})

    def read(self, request: Request, node_id: str) -> Answer:
        self.acl.node_read(request.rights)
        return self._node_answer(self.find(node_id, 404))

    def _node_answer(self, node: Node) -> Answer:
        return self._answer(self.c.render.node(node), node.modify)

    def find(self, node_id: str, missing: int) -> Node:
        if len(node_id) != 36:
            raise Fail(500, BAD_ID)
        node = self.c.nodes.get(node_id.lower()) if missing == 500 else self.c.visible_node(node_id.lower())
        if node is None:
            raise Fail(missing, "node not found", self.c.tables["nodes"] if missing == 404 else None)
        return node

    def allocations(self, request: Request, node_id: str) -> Answer:
        """Index: the highest of the list, else the table's; an unknown node is an empty list. Thin tokens see nothing."""
        self.acl.node_read(request.rights)
        here = self.c.visible_on(node_id)
        index = max((a.modify for a in here), default=self.c.tables["allocs"])
        here = sorted((a for a in here if request.rights.sees(a.job.namespace)), key=lambda a: a.id)
        return self._answer(joined([self.c.render.allocation(a) for a in here]), index)

    # --- routes ---
    def route(self, api: "Api", request: Request, rest: str, get: bool) -> Response | Blocked:
        profile = self.c.profile
        node_id, slash, tail = rest.rpartition("/")
        if slash and tail in ("evaluate", "allocations", "drain", *(("eligibility",) if profile.eligibility else ()), *(("purge",) if profile.purge else ())):
            if tail == "allocations":
                api.only_get(get)
                return api.get(request, lambda r: self.allocations(r, node_id))
            if request.method not in PUT:
                raise Fail(405, "Invalid method")
            action = getattr(self, "put_" + (tail if tail != "drain" else "old_drain" if profile.old_drain else "drain"))
            if tail == "drain" and profile.old_drain:  # the query is read before the leader is asked (0.5.6 no-leader)
                self._enable(request)
            return api.write(request, lambda r: action(r, node_id))
        api.only_get(get)
        if not rest:
            raise Fail(500, "missing node ID")
        return api.get(request, lambda r: self.read(r, rest))

    def _written(self, shape: str, index: int, node_index: int, made: tuple[int, list[Evaluation]]) -> Response:
        shapes = self.c.profile.shapes
        body = dict(shapes.get(shape, shapes["node_update"]))
        body.update(Index=index, NodeModifyIndex=node_index, EvalIDs=[e.id for e in made[1]] or None)
        body["EvalCreateIndex"] = made[0]
        headers = {"Content-Type": "application/json", "X-Nomad-Index": str(index)}
        return Response(200, dumps(body), headers)

    # --- writes ---
    def _enable(self, request: Request) -> bool:
        text = request.query.get("enable", "")
        if not text:
            raise Fail(400, "missing enable value")
        if text.lower() not in ("1", "t", "true", "0", "f", "false"):
            raise Fail(400, "invalid enable value")
        return text.lower() in ("1", "t", "true")

    def put_old_drain(self, request: Request, node_id: str) -> Response:
        """Below 0.8: builds are stopped at once; on or off again gives index 0 but evaluates all the same."""
        enable = self._enable(request)
        node = self.find(node_id, 500)
        index = 0
        if node.drain != enable:
            node.drain = enable
            index = self.c.touch_node(node)
        evaluations = self.c.evaluate_node(node, "node-update")
        if not enable:
            self.c.scheduler.unblock()
        return self._written("node_update", index, index, evaluations)

    def put_drain(self, request: Request, node_id: str) -> Response:
        """DrainSpec null cancels, {} is a drain without deadline; the path's node counts, not the body's (errors)."""
        self.acl.node_write(request.rights)
        if self.c.profile.enable_is_force and request.query.get("enable"):
            return self._by_enable(request, node_id)
        body = {key.lower(): value for key, value in request.json("api.NodeUpdateDrainRequest", self.c.profile.empty_body).items()}
        spec = body.get("drainspec")
        if isinstance(spec, dict):
            spec = {key.lower(): value for key, value in spec.items()}
            deadline = spec.get("deadline") or 0
            if isinstance(deadline, str):
                raise Fail(400, "json: cannot unmarshal string into Go struct field DrainSpec.DrainSpec.Deadline of type time.Duration")
        node = self.find(node_id, 500)
        meta, accessor = body.get("meta"), self.acl.accessor(request.rights)
        evaluations: tuple[int, list[Evaluation]] = 0, []
        if isinstance(spec, dict):
            index = self.c.drainer.set(node, int(deadline), bool(spec.get("ignoresystemjobs")), meta, accessor)
        else:
            index, opened = self.c.drainer.clear(node, bool(body.get("markeligible")), meta, accessor)
            if opened:
                evaluations = self.c.evaluate_node(node, "node-update")
        return self._written("node_update", index, index, evaluations)

    def _by_enable(self, request: Request, node_id: str) -> Response:
        """The form of 0.5 still works up to 1.0, as a forced drain (drain-old-enable-form)."""
        enable = self._enable(request)
        node = self.find(node_id, 500)
        if enable:
            index = self.c.drainer.set(node, -(10**9), False, None, "")
            return self._written("node_update", index, index, (0, []))
        index, opened = self.c.drainer.clear(node, True, None, "")
        return self._written("node_update", index, index, self.c.evaluate_node(node, "node-update") if opened else (0, []))

    def put_eligibility(self, request: Request, node_id: str) -> Response:
        """The BODY's node counts, if it names one (eligibility); what is so already gives index 0."""
        self.acl.node_write(request.rights)
        body = {key.lower(): value for key, value in request.json("structs.NodeUpdateEligibilityRequest", self.c.profile.empty_body).items()}
        if self.c.profile.body_names_node and not body.get("nodeid"):
            raise Fail(500, "missing node ID for setting scheduling eligibility")
        node_id = self.eligibility_target(body, node_id)
        wanted = body.get("eligibility") or ""
        if len(node_id) != 36:
            raise Fail(500, BAD_ID)
        if wanted not in ("eligible", "ineligible"):
            raise Fail(500, f'invalid scheduling eligibility "{wanted}"')
        node = self.find(node_id, 500)
        if node.strategy is not None and wanted == "eligible":
            raise Fail(500, "can not set node's scheduling eligibility to eligible while it is draining")
        index = 0
        evaluations: tuple[int, list[Evaluation]] = 0, []
        if node.eligible != (wanted == "eligible"):
            node.eligible = wanted == "eligible"
            index = self.c.touch_node(node, f"Node marked as {wanted} for scheduling")
            if node.eligible:
                evaluations = self.c.evaluate_node(node, "node-update")
                self.c.scheduler.unblock()
        return self._written("node_update", index, 0, evaluations)

    @staticmethod
    def eligibility_target(body: dict[str, Any], node_id: str) -> str:
        return str(body.get("nodeid") or node_id)

    def put_purge(self, request: Request, node_id: str) -> Response:
        self.acl.node_write(request.rights)
        node = self.find(node_id, 500)
        evaluations = self.c.forget_node(node)
        index = evaluations[0] - 1 if evaluations[0] else self.c.index
        return self._written("purge", index, index, evaluations)

    def put_evaluate(self, request: Request, node_id: str) -> Response:
        self.acl.node_write(request.rights)
        node = self.find(node_id, 500)
        evaluations = self.c.evaluate_node(node, "node-update")
        return self._written("node_update", self.c.index, node.modify, evaluations)
