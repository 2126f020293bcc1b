# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of a token, where ACLs are on: it reads its own policies. And what is wrong with one that the servers refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import NomadClient
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Grant, Version
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.rights import (
    READ_JOB,
    REMEDY,
    Policy,
    grant_of,
    policy_from_api,
    rights_of,
    stamp_of,
)

NAMESPACES_FOR_ALL = (1, 0, 0)  # before, they came with an Enterprise licence only
MANAGEMENT = "management"
NO_SECRET = "what nomad_token holds is no secret id of a token (those have 36 characters); give the secret id, not the accessor's, and nothing else"
# How the servers call the same fault, by version; the first that fits (recorded 0.9.3 to 1.11.3).
FAULTS = (
    ("ACL token expired", "the token in nomad_token has expired; make a new one with the same policies and give its secret id"),
    ("UUID must be", NO_SECRET),
    ("failed to parse signed token", NO_SECRET),  # 1.11: taken for a workload's
    ("", f"the servers do not know the token in nomad_token: it was deleted, is mistyped or belongs to another cluster or region; {REMEDY}"),
)
ANONYMOUS = f"nomad_token is not set, and to somebody without a token the servers may show busy clients as empty; {REMEDY}"


def prove(client: NomadClient, version: Version, bound: float) -> Optional[Grant]:
    """What the token may do; None where ACLs are off. Raises Unreachable."""
    try:
        told = client.parsed(dict, client.read("acl", "token", "self", bound=bound).body)
    except (NotPermitted, NotFound, Refused) as error:
        return None if "ACL support disabled" in str(error) else Grant(words=_fault(client, str(error)))
    if told.get("AccessorID") == "anonymous":  # 1.11 gives the anonymous token a body of its own
        return Grant(words=ANONYMOUS)
    ends = tuple(f"the token expires at {text[:19]}Z" for text in [told.get("ExpirationTime")] if text)
    if told.get("Type") == MANAGEMENT:
        return Grant(True, True, "", (MANAGEMENT,), ends, lists_all=True)
    try:
        grant = _by_policies(client, told, version, bound)
        return grant._replace(hints=grant.hints + ends)
    except NotPermitted:
        return Grant(words=_why_nothing(told, refused=True))
    except NotFound:
        return Grant(words="a policy of the token in nomad_token went away while it was read; run the same command again")


def is_still_proved(client: NomadClient, proof: tuple[str, ...], bound: float) -> bool:
    """Whether the token, this one or another by now, has the very rights that were proved. One request."""
    path = ("token", "self") if proof == (MANAGEMENT,) else ("policies",)
    try:
        told = client.read("acl", *path, bound=bound).body
    except (NotPermitted, NotFound, Refused):
        return False
    return bool(proof) and client.parsed(_stamps, told or []) == proof


def _stamps(told: Any) -> tuple[str, ...]:
    """The state of the policies in a list of them, which has those of a token's roles too; or that the token needs none."""
    if isinstance(told, Mapping):
        return (MANAGEMENT,) if told.get("Type") == MANAGEMENT else ()
    return tuple(sorted(stamp_of(entry) for entry in told))


def named(client: NomadClient, error: NotPermitted, bound: float) -> str:
    """What is wrong with a token that was just refused, in words; "" where it looks fine."""
    said = str(error.args[0])
    known = [words for part, words in FAULTS if part and part in said and client.has_token]
    try:
        grant = None if known else prove(client, NAMESPACES_FOR_ALL, bound)
    except CollectionError:
        return ""
    known += [grant.words] if grant and grant.words else []
    return f"{client.place} refused ({said.partition(' refused (')[2].partition(')')[0] or 403}): {known[0]}" if known else ""


def _by_policies(client: NomadClient, told: Mapping[str, Any], version: Version, bound: float) -> Grant:
    listed = client.read("acl", "policies", bound=bound).body or []
    names = client.parsed(lambda body: sorted(str(entry["Name"]) for entry in body), listed)
    if not names:
        return Grant(words=_why_nothing(told, refused=False))
    policies: list[Policy] = []
    for name in names:
        policy = client.parsed(policy_from_api, client.read("acl", "policy", name, bound=bound).body)
        if policy is None:
            return Grant(words=f"these servers give policy {name} as text only, which proves nothing of the token in nomad_token; give a management token")
        policies.append(policy)
    rights = rights_of(policies)
    default_only = version < NAMESPACES_FOR_ALL and rights.may("default", READ_JOB) and _has_one_namespace(client, bound)
    return grant_of(rights, tuple(sorted(policy.stamp for policy in policies)), default_only)


def _has_one_namespace(client: NomadClient, bound: float) -> bool:
    """Before 1.0 servers without an Enterprise licence say so (501), and have the namespace `default` alone."""
    try:
        client.read("namespaces", bound=bound)
    except Refused as error:
        return "Enterprise only" in str(error)
    except (NotPermitted, NotFound):
        return False
    return False


def _fault(client: NomadClient, said: str) -> str:
    """What the refusal of token/self means. Without a token it is the one of anonymous, whatever its words."""
    return next(words for part, words in FAULTS if part in said) if client.has_token else ANONYMOUS


def _why_nothing(told: Mapping[str, Any], refused: bool) -> str:
    """Why a token that the servers know shows no policy: refused, or none there. One that expired still reads itself on 1.7, and nothing else."""
    ends, held = str(told.get("ExpirationTime") or ""), ", ".join(str(name) for name in told.get("Policies") or ())
    if not held and told.get("Roles") == []:
        return f"the token in nomad_token has no policy left, since the role that gave it its rights was deleted; {REMEDY}"
    if refused and ends:
        return f"the token in nomad_token has expired (its time was {ends[:19]}Z); make a new one with the same policies and give its secret id"
    if refused:
        return f"the token in nomad_token may not read its own policies, so what it may do cannot be proved; {REMEDY}"
    return f"the token in nomad_token has no policy that exists ({held or 'it names none'}); {REMEDY}"
