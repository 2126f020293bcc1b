# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the servers say of themselves: version, region, leader, whether ACLs are on and what the token may do, whether the broker stands still."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, NotPermitted
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Grant, Server, version_from_text

ACL_CAME = (0, 7, 0)
PAUSE_CAME = (1, 3, 0)
NAMING_BOUND = 5.0  # s for finding words; the failure is certain already


def read_server(client: NomadClient, client_version: str, bound: float, proof: tuple[str, ...] = ()) -> Server:
    """The servers as one; `client_version` is the newest client's, used where the token may not ask the agent: no client is newer than its servers.

    `proof`: of the token's rights by an earlier look, taken as it is; see is_still_proved.
    """
    try:
        told = client.read("agent", "self", bound=bound).body
    except NotPermitted:
        server = Server(version_from_text(client_version), client_version, acl=True)
    else:
        server, is_server = client.parsed(_from_agent, told)
        if not is_server:  # a client agent answered: the servers may differ
            server = _through_client(client, server, bound)
    if server.acl:
        server = _with_grant(client, server, bound, proof)
    if server.version >= PAUSE_CAME:
        server = server._replace(paused=_is_paused(client, bound))
    return server


def read_leader(client: NomadClient, bound: float) -> str:
    """Address of the leader, as the servers name it."""
    return str(client.read("status", "leader", bound=bound).body)


def _from_agent(said: Mapping[str, Any]) -> tuple[Server, bool]:
    """The servers by an agent's own page, and whether it is one of them."""
    config = said.get("config") or {}
    told = config.get("Version")  # a text in 0.5.6, an object from 0.9
    text = str(told.get("Version") if isinstance(told, Mapping) else told or "")
    acl = bool((config.get("ACL") or {}).get("Enabled"))
    return Server(version_from_text(text), text, str(config.get("Region") or ""), acl), bool((said.get("stats") or {}).get("nomad"))


def _through_client(client: NomadClient, agent: Server, bound: float) -> Server:
    builds = client.parsed(_builds, client.read("agent", "members", bound=bound).body)
    text = min(builds, key=version_from_text, default=agent.version_text)
    server = agent._replace(version=version_from_text(text), version_text=text)
    return server._replace(acl=agent.acl or server.version >= ACL_CAME)  # the servers know, and are asked next


def _builds(said: Mapping[str, Any]) -> list[str]:
    """The versions of the servers, as an agent lists its members."""
    tags = [member.get("Tags") or {} for member in said.get("Members") or []]
    return [str(tag.get("build") or "") for tag in tags if tag.get("role") == "nomad"]


def _with_grant(client: NomadClient, server: Server, bound: float, proof: tuple[str, ...]) -> Server:
    from ansible_collections.serverops.circleci.plugins.module_utils.nomad import tokens  # only clusters with ACLs need it

    grant = Grant(True, True, "", proof) if proof else tokens.prove(client, server.version, bound)
    return server._replace(grant=grant) if grant else server._replace(acl=False)


class TokenFell(NotPermitted):
    """The token was enough and is no longer; its sentence says why."""


def is_still_proved(client: NomadClient, proof: tuple[str, ...], bound: float) -> bool:
    """Whether the token's rights are those of this proof. One request."""
    from ansible_collections.serverops.circleci.plugins.module_utils.nomad import tokens

    return tokens.is_still_proved(client, proof, bound)


@contextmanager
def naming_the_token(client: NomadClient, rest: str = "") -> Iterator[None]:
    """A refusal inside comes out as a sentence that says what is wrong with the token, and after it `rest`."""
    try:
        yield
    except NotPermitted as error:
        from ansible_collections.serverops.circleci.plugins.module_utils.nomad import tokens

        words = "" if isinstance(error, TokenFell) else tokens.named(client, error, NAMING_BOUND)
        named = NotPermitted((words or str(error.args[0])) + rest)
        named.acts = error.acts
        raise named from None


def _is_paused(client: NomadClient, bound: float) -> bool:
    try:
        told = client.read("operator", "scheduler", "configuration", bound=bound).body
    except (NotPermitted, NotFound):
        return False
    return client.parsed(lambda said: bool((said.get("SchedulerConfig") or {}).get("PauseEvalBroker")), told)
