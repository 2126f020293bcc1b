"""Policies: read with and without conditions, written only over the version that was read, with members and roles that there are."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import copy
import hashlib
import json

from lab.google.answers import Json, Said
from lab.google.catalogue import PREDEFINED
from lab.google.model import Policy, World

CONFLICT = "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."
KINDS = ("user", "group", "domain", "serviceAccount", "projectOwner", "projectEditor", "projectViewer", "deleted")


def shown(policy: Policy, version: int) -> Json:
    """Who does not ask for version 3 sees conditions as roles that there are not."""
    bindings = copy.deepcopy(policy.bindings)
    if version < 3:
        for binding in bindings:
            if binding.pop("condition", None):
                binding["role"] += "_withcond_" + hashlib.sha256(json.dumps(binding).encode()).hexdigest()[:20]
    return {"version": policy.version if version >= 3 else 1, "etag": policy.etag, **({"bindings": bindings} if bindings else {})}


def put(world: World, policy: Policy, given: Json, conflict: Said) -> None:
    """The whole policy anew. Without an etag it is written blindly over whatever there is, as Google does."""
    if given.get("etag") and given["etag"] != policy.etag:
        raise conflict
    bindings = [{**binding, "members": sorted(set(binding["members"]))} for binding in given.get("bindings", []) if binding.get("members")]
    for binding in bindings:
        _must_be_a_role(world, binding["role"])
        for member in binding["members"]:
            _must_be_somebody(world, member)
    conditions = any("condition" in binding for binding in bindings)
    if conditions and int(given.get("version", 1)) < 3:
        raise Said(400, "Policies with conditions must specify version 3.")
    policy.bindings, policy.version, policy.etag = copy.deepcopy(bindings), 3 if conditions else 1, world.etag()


def _must_be_a_role(world: World, role: str) -> None:
    custom = world.roles.get(role)
    if role.startswith("projects/") and (custom is None or custom.deleted):
        raise Said(400, f"Role ({role}) does not exist in the resource's hierarchy.")
    if not role.startswith("projects/") and role not in PREDEFINED:
        raise Said(400, f"Role {role} is not supported for this resource.")


def _must_be_somebody(world: World, member: str) -> None:
    kind, _colon, name = member.partition(":")
    if member in ("allUsers", "allAuthenticatedUsers") or kind in KINDS and kind != "serviceAccount":
        return
    if kind != "serviceAccount":
        raise Said(400, f"The member {member} is of an unknown type.")
    pool, bracket, _inside = name.partition("[")
    if bracket:
        if pool not in world.pools:
            raise Said(400, f"Identity Pool does not exist ({pool}). Please check that you specified a valid resource name.")
        return
    account = world.accounts.get(name)
    if account is None or account.unseen > 0:
        if account:
            account.unseen -= 1
        raise Said(400, f"Service account {name} does not exist.")
