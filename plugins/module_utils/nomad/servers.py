# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the servers say of themselves: version, region, leader, whether ACLs are on and the token is a management one, whether the broker stands still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Server, version_from_text

ACL_CAME = (0, 7, 0)
PAUSE_CAME = (1, 3, 0)


def read_server(client: NomadClient, client_version: str, bound: float) -> Server:
    """The servers as one; `client_version` is the newest client's, used where the token may not ask the agent: no client is newer than its servers."""
    try:
        told = client.read("agent", "self", bound=bound).body
    except NotPermitted:
        return Server(version_from_text(client_version), client_version, acl=True)
    config = told.get("config") or {}
    server = _from_agent(config)
    if not (told.get("stats") or {}).get("nomad"):  # a client agent answered: the servers may differ
        server = _through_client(client, server, bound)
    if server.acl:
        server = replace(server, management=_is_management(client, bound))
    if server.version >= PAUSE_CAME:
        server = replace(server, paused=_is_paused(client, bound))
    return server


def read_leader(client: NomadClient, bound: float) -> str:
    """Address of the leader, as the servers name it."""
    return str(client.read("status", "leader", bound=bound).body)


def _from_agent(config: Mapping[str, Any]) -> Server:
    told = config.get("Version")  # a text in 0.5.6, an object from 0.9
    text = str(told.get("Version") if isinstance(told, Mapping) else told or "")
    acl = bool((config.get("ACL") or {}).get("Enabled"))
    return Server(version_from_text(text), text, str(config.get("Region") or ""), acl)


def _through_client(client: NomadClient, agent: Server, bound: float) -> Server:
    members = client.read("agent", "members", bound=bound).body.get("Members") or []
    builds = [(m.get("Tags") or {}).get("build") or "" for m in members if (m.get("Tags") or {}).get("role") == "nomad"]
    text = min(builds, key=version_from_text, default=agent.version_text)
    server = replace(agent, version=version_from_text(text), version_text=text)
    return replace(server, acl=agent.acl or _has_acl(client, server, bound))


def _has_acl(client: NomadClient, server: Server, bound: float) -> bool:
    if server.version < ACL_CAME:
        return False
    try:
        client.read("acl", "token", "self", bound=min(bound, 5.0))
    except (Refused, NotFound) as error:
        return "ACL support disabled" not in str(error)
    except CollectionError:
        return True
    return True


def _is_management(client: NomadClient, bound: float) -> bool:
    try:
        token = client.read("acl", "token", "self", bound=min(bound, 5.0)).body
    except CollectionError:  # anonymous, unknown, deleted: 404 or 500 by version; none of them proves anything
        return False
    return bool(token.get("Type") == "management")


def _is_paused(client: NomadClient, bound: float) -> bool:
    try:
        told = client.read("operator", "scheduler", "configuration", bound=bound).body
    except (NotPermitted, NotFound):
        return False
    return bool((told.get("SchedulerConfig") or {}).get("PauseEvalBroker"))
