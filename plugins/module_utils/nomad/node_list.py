# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients as a list for people: read once, counted, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json, Unknown
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import READ_BOUND, NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.lists import Found, Lists
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.mark import mark_of, mark_view
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Node, Server, newest_version, node_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.selectors import is_group, needs_instances, select
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.servers import naming_the_token, read_leader, read_server


@dataclass(frozen=True)
class NodeListSpec:
    """Which clients, and how closely."""

    nodes: tuple[str, ...] = ("all",)
    allocations: bool = False
    details: bool = False


def read_node_list(client: NomadClient, spec: NodeListSpec, clock: Clock) -> Json:
    """`nodes`, `summary` and `server` of the result."""
    with naming_the_token(client):
        return _read(client, spec, clock)


def _read(client: NomadClient, spec: NodeListSpec, clock: Clock) -> Json:
    lists = Lists(client, clock, READ_BOUND)
    with doing("read the list of clients"):
        nodes = lists.nodes()
    with doing("ask the servers about themselves"):
        server = read_server(client, newest_version(nodes.values()), READ_BOUND)
        leader = read_leader(client, READ_BOUND)
    closely = spec.details or needs_instances(spec.nodes)
    known = [_own(client, item) for item in nodes] if closely else list(nodes.values())
    by_id = {node.id: node for node in known}
    # All of none, as after a server was lost, is an answer here; whoever acts on clients still refuses it.
    chosen = [by_id[item] for item in select(spec.nodes, known)] if known or spec.nodes != ("all",) else []
    if not closely and not any(is_group(selector) for selector in spec.nodes):
        chosen = [_own(client, node.id) for node in chosen]
    # Whether a mark still holds, the client's own events tell.
    chosen = [_own(client, node.id) if isinstance(node.reopened, Unknown) and mark_of(node) else node for node in chosen]
    with doing("read the list of allocations"):
        found: Optional[Found] = _allocations(lists, server, chosen)
    return {
        "nodes": [_view(node, server, found, spec.allocations) for node in chosen],
        "summary": summary(chosen, found),
        "server": {"version": server.version_text, "leader": leader, "region": server.region, "token": _token(server)},
    }


def _token(server: Server) -> Optional[Json]:
    """What the token is good for; None where ACLs are off."""
    grant = server.grant
    return {"may_drain": not server.doubt, "sees_all_builds": grant.sees_all, "lacks": grant.words or None, "hints": list(grant.hints)} if server.acl else None


def summary(nodes: Sequence[Node], found: Optional[Found]) -> Json:
    """Numbers of clients by what they are, and of the builds on them (None: not to be seen)."""
    return {
        "ready": sum(node.is_ready for node in nodes),
        "eligible": sum(node.is_ready and node.is_open for node in nodes),
        "draining": sum(node.draining for node in nodes),
        "cordoned": sum(not node.eligible and not node.draining for node in nodes),
        "down": sum(node.status == "down" for node in nodes),
        "running_builds": None if found is None else sum(len(_builds(found, node)) for node in nodes),
    }


def _allocations(lists: Lists, server: Server, nodes: Sequence[Node]) -> Optional[Found]:
    """The clients' allocations; None where the token might see only some of them, or none: an empty list would be a lie."""
    if not server.sees_all:
        return None
    return lists.allocations(server, [node.id for node in nodes], True)[0]


def _own(client: NomadClient, item: str) -> Node:
    with doing(f"read client {item}"):
        return client.parsed(node_from_api, client.read("node", item).body)


def _builds(found: Found, node: Node) -> list[Json]:
    live = sorted((a for a in found.get(node.id) or () if a.is_live and a.is_build), key=lambda a: (a.job, a.id))
    return [{"job": a.job, "allocation": a.id, "started": a.started or None} for a in live]


def _view(node: Node, server: Server, found: Optional[Found], listed: bool) -> Json:
    builds = None if found is None else _builds(found, node)
    entry: Json = {
        "id": node.id,
        "name": node.name,
        "instance_id": None if isinstance(node.instance_id, Unknown) else node.instance_id,
        "status": node.status,
        "eligible": node.eligible,
        "draining": node.draining,
        "mark": mark_view(node, server),
        "version": node.version,
        "datacenter": node.datacenter,
        "class": node.node_class,
        "builds": None if builds is None else len(builds),
    }
    return {**entry, "allocations": builds} if listed else entry
