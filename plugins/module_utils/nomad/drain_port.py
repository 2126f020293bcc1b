# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way a drain reads and changes clients: lists to see and to be woken by, a client's own objects for the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Overtaken, Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import Builds, DrainSpec
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import READ_BOUND, NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.lists import Found, Lists
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.mark import mark_of, meta_for
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import (
    NANO,
    Node,
    Server,
    Strategy,
    allocations_from_api,
    newest_version,
    node_from_api,
)
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.selectors import needs_instances, select
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.servers import TokenFell, is_still_proved, naming_the_token, read_server
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import LiftDrain, NodeStep, SetDrain, SetEligibility, State

SETTLE = 0.05  # s after a write: an idle client's drain is over by then (recorded: 4 ms on 1.1.2), and one look sees it
GAP = 0.2  # s between list and order in which a build may begin unseen; asking the client itself leaves about as much
PROVED_FOR = 1.0  # s for which the token's rights are taken to be as they were; shorter than any wait of which an order is the outcome
GOES_ON = "; clients that are closed stay closed, their builds go on, nothing is undone: run the same command again with a fresh token to go on"


class DrainPort:
    """One slice's way to the clients. `known` are the targets' ids from an earlier slice, with their instance ids ("": it has none; None: not read)."""

    def __init__(self, client: NomadClient, spec: DrainSpec, run: str, clock: Clock, known: Optional[dict[str, Optional[str]]] = None) -> None:
        self._client, self._spec, self._run, self._clock = client, spec, run, clock
        self._known = dict(known or {})
        self._targets: tuple[str, ...] = tuple(self._known)
        self._lists = Lists(client, clock, READ_BOUND)
        self._own: dict[str, Node] = {}
        self._asked: dict[str, float] = {}  # when clients told their own allocations
        self._sent: dict[str, tuple[int, Strategy]] = {}
        self._state: Optional[State] = None
        self._server: Optional[Server] = None
        self._wrote = False
        self._looked = bool(known)
        self._proved = float("-inf")
        self.proof: tuple[str, ...] = ()  # of the token's rights, from an earlier slice: looked at again before any order and any end

    def read(self, confirming: frozenset[str]) -> State:
        """The state by the lists; the clients of `confirming` by their own objects."""
        with self._naming():
            state = self._read(confirming)
            while confirming and not self._is_still_proved(state):
                state = self._read(confirming)
        self._looked = True
        return state

    def _read(self, confirming: frozenset[str]) -> State:
        if self._wrote:
            self._clock.sleep(SETTLE)
            self._wrote = False
        state = self._state
        if state is None or confirming != frozenset(self._targets) or any(node.is_open for node in self._found(state)):
            state = self._read_lists()
        self._state = self._with_returned(self._read_own(state, [item for item in self._targets if item in confirming or item not in state.nodes]))
        return self._state

    def apply(self, step: NodeStep) -> None:
        """Send one order."""
        node = self._state.nodes[step.item] if self._state else None
        if node is None:
            raise NotFound(f"client {step.item} was never read")
        with self._naming(), doing(f"{str(step.describe()['step']).replace('_', ' ')} of client {node.name}"):
            self._must_be_proved()
            self._must_be_idle(node, step)
            self._wrote = bool(self._server and self._server.has_eligibility)  # before 0.8 there is nothing to settle
            if isinstance(step, SetEligibility):
                self._client.write("node", node.id, "eligibility", body={"NodeID": node.id, "Eligibility": "eligible" if step.eligible else "ineligible"})
            elif self._server and not self._server.has_eligibility:
                self._client.write("node", node.id, "drain", enable="true" if isinstance(step, SetDrain) else "false")
            elif isinstance(step, LiftDrain):
                self._client.write("node", node.id, "drain", body={"NodeID": node.id, "DrainSpec": None, "MarkEligible": True})
            else:
                self._drain(node, step)

    def wait(self, seconds: float) -> None:
        """Until the list changes that matters now: allocations while any is live on a target, else the clients.

        Where that list is long, the clients: they change only when a drain ends. Below 0.8 none of them changes when a build ends.
        """
        live = bool(self._state) and any(a.is_live for found in self._state.allocations.values() for a in found or ())  # type: ignore[union-attr]
        spared = self._lists.is_long("allocations") and bool(self._server and self._server.has_eligibility)
        with self._naming():
            self._lists.wait("allocations" if live and not spared else "nodes", seconds)

    def _must_be_idle(self, node: Node, step: NodeStep) -> None:
        """Before an order that strikes what runs: a long list is kept for seconds, and the orders of one look go out one after the other."""
        strikes_at_once = bool(self._server) and not self._server.has_eligibility  # type: ignore[union-attr]
        old = self._clock.now() - self._asked.get(node.id, float("-inf")) > GAP
        if not isinstance(step, SetDrain) or not old or not (step.why == "unstick" or (strikes_at_once and self._lists.age() > GAP)):
            return
        found = self._own_allocations(node)
        if any(a.is_live and a.is_build for a in found):
            self._lists.put(node.id, found)
            raise Overtaken(f"a build began on {node.name}")

    # -- the token ---------------------------------------------------------------------------------

    def _naming(self) -> AbstractContextManager[None]:
        """Says of a refusal what is wrong with the token; once the task has looked, also how it goes on."""
        return naming_the_token(self._client, GOES_ON if self._looked else "")

    def _ask_servers(self, nodes: Mapping[str, Node]) -> Server:
        newest = newest_version(nodes.values())
        with doing("ask the servers about themselves"):
            server = read_server(self._client, newest, READ_BOUND, self.proof)
            if server.doubt and self._looked:  # the first look of a task is refused by its rules, with all other reasons
                raise TokenFell(server.doubt)
        if not self.proof:
            self.proof, self._proved = server.grant.proof, self._clock.now()
        return server

    def _must_be_proved(self) -> None:
        """Before an order: a shorter list looks like a drain that hangs, and to wake that one it is sent again with a deadline."""
        if self._state and self._clock.now() - self._proved > PROVED_FOR and not self._is_still_proved(self._state):
            raise Refused("the policies of the token were changed between look and order")

    def _is_still_proved(self, state: State) -> bool:
        """Whether the rights are those that were proved: a policy that loses one makes lists shorter without a word, and an end would be believed."""
        if not state.server.acl or state.server.doubt:
            return True
        began = self._clock.now()
        with doing("look at the token's policies again"):
            if is_still_proved(self._client, self.proof, READ_BOUND):
                self._proved = began
                return True
        self.proof = ()
        self._server = self._ask_servers(state.nodes)
        self._state = replace(state, server=self._server)
        return False

    # -- reading -----------------------------------------------------------------------------------

    def _read_lists(self) -> State:
        with doing("read the list of clients"):
            nodes = self._lists.nodes()
        if self._server is None:
            self._server = self._ask_servers(nodes)
        if not self._targets:
            self._targets = select(self._spec.nodes, self._with_instances(nodes))
        if self._server.doubt:  # what it may see of the allocations proves nothing
            return State(self._server, nodes, dict.fromkeys(self._targets), self._targets, run=self._run)
        allocations, jobs = self._read_allocations(self._server, nodes)
        for item in self._targets:
            if item in nodes:
                nodes[item] = self._filled(nodes[item], allocations.get(item))
        return State(self._server, nodes, allocations, self._targets, jobs, run=self._run)

    def _read_allocations(self, server: Server, nodes: dict[str, Node]) -> tuple[Found, Optional[frozenset[str]]]:
        """By the list; where that was read before the clients, builds that live on a client without a drain may be over: it is asked itself."""
        with doing("read the list of allocations"):
            found, jobs = self._lists.allocations(server, self._targets, self._must_read_allocations(nodes))
        if server.has_eligibility and self._lists.is_behind():
            for node in [nodes[item] for item in self._targets if item in nodes]:
                if not (node.is_open or node.draining) and any(a.is_live for a in found.get(node.id) or ()):
                    self._lists.put(node.id, self._own_allocations(node))
        return found, jobs

    def _found(self, state: State) -> list[Node]:
        return [state.nodes[item] for item in self._targets if item in state.nodes]

    def _must_read_allocations(self, nodes: dict[str, Node]) -> bool:
        """Not again while all targets are closed and were empty: the verdict reads each one's own."""
        if self._state is None:
            return True
        empty = all(not any(a.is_live for a in found or ()) for found in self._state.allocations.values())
        return not empty or any(item not in nodes or nodes[item].is_open for item in self._targets)

    def _filled(self, node: Node, allocations: Optional[Builds]) -> Node:
        """The client with what the list leaves out, asked for only where a decision needs it, and again only when it changed."""
        if node.draining and self._server and not self._server.has_eligibility:
            return node._replace(strategy=Strategy(0.0, False), reopened=False)  # all that a drain is below 0.8
        sent = self._sent.get(node.id)
        if sent and sent[0] == node.change and node.draining:
            return node._replace(strategy=sent[1], reopened=False)
        kept = self._own.get(node.id)
        if kept and kept.change == node.change:
            return kept
        busy = any(a.is_live for a in allocations or ())
        if busy and self._known.get(node.id) is None:  # its instance id, should it vanish; asked for once a task
            return self._fetch(node.id) or node
        marked = not sent and mark_of(node) is not None  # whether it still holds, the client's own events tell
        if node.is_open or not (node.draining or busy or marked or self._spec.state == "eligible"):
            return node
        return self._fetch(node.id) or node

    def _read_own(self, state: State, items: Sequence[str]) -> State:
        if not items:
            return state
        nodes, allocations = dict(state.nodes), dict(state.allocations)  # once a look: a thousand copies of a thousand entries take seconds
        for item in items:
            nodes.pop(item, None)
            node = self._fetch(item)
            if node is not None:
                nodes[item] = node
                allocations[item] = self._own_allocations(node)
        return replace(state, nodes=nodes, allocations=allocations)

    def _own_allocations(self, node: Node) -> Builds:
        with doing(f"read the allocations of client {node.name}"):
            found = self._client.parsed(allocations_from_api, self._client.read("node", node.id, "allocations").body)
        self._asked[node.id] = self._clock.now()
        return found

    def _fetch(self, item: str) -> Optional[Node]:
        try:
            with doing(f"read client {item}"):
                node = self._client.parsed(node_from_api, self._client.read("node", item).body)
        except NotFound:
            return None
        self._own[item] = node
        self._known[item] = "" if node.instance_id is UNKNOWN else node.instance_id or ""  # type: ignore[assignment]
        return node

    def _with_instances(self, nodes: dict[str, Node]) -> Sequence[Node]:
        if not needs_instances(self._spec.nodes):
            return list(nodes.values())
        return [self._fetch(item) or node for item, node in nodes.items()]

    def _with_returned(self, state: State) -> State:
        """Where a client is gone: the id under which its machine came back, if it did."""
        returned: dict[str, str] = {}
        for item in self._targets:
            instance = self._known.get(item)
            if item in state.nodes or not instance:
                continue
            for other in state.nodes.values():
                fresh = other.id not in self._targets and (self._own.get(other.id) or self._fetch(other.id))
                if fresh and fresh.instance_id == instance:
                    returned[item] = other.id
        return replace(state, returned=returned) if returned else state

    # -- writing -----------------------------------------------------------------------------------

    def _drain(self, node: Node, step: SetDrain) -> None:
        body: dict[str, object] = {
            "NodeID": node.id,
            "DrainSpec": {"Deadline": round(step.deadline * NANO), "IgnoreSystemJobs": step.ignore_system_jobs},
        }
        if self._server and self._server.has_marks:
            since = self._clock.wall().strftime("%Y-%m-%dT%H:%M:%SZ")
            body["Meta"] = meta_for(node, step.mark(self._run, since))
        answer = self._client.write("node", node.id, "drain", body=body)
        index = answer.body.get("NodeModifyIndex") or 0
        self._sent[node.id] = (index, Strategy(step.deadline, step.ignore_system_jobs))
