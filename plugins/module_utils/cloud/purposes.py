# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies judged by what they are for: does it allow every call that is needed, and none of those that would be dangerous? Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.cloud import google_calls, image_calls, velero_calls, vm_service_calls
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.google_roles import grants
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.image_policy import image_policy, image_wish
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy import AwsWish, aws_policy, wish_of
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.policy_check import Call, Right, allows
from ansible_collections.serverops.circleci.plugins.module_utils.cloud.vm_service_policy import vm_service_policy, vm_service_wish
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json

VERDICTS = {(True, True): "least", (True, False): "too broad", (False, True): "too narrow", (False, False): "too narrow and too broad"}
Documents = Sequence[Mapping[str, Any]]
Judge = Callable[[Documents, Call], bool]
Rights = tuple[list[Json], tuple[Right, ...], tuple[Right, ...]]


@dataclass(frozen=True)
class Purpose:
    """The least rights for something, and the calls by which any are judged. On AWS they are one policy, on Google Cloud `roles`."""

    policy: Json
    needed: tuple[Right, ...]
    dangers: tuple[Right, ...]
    roles: tuple[Json, ...] = ()
    judge: Judge = allows

    @property
    def documents(self) -> Documents:
        """The least rights, as they are judged."""
        return [{"permissions": role["permissions"], "place": role["place"]} for role in self.roles] if self.roles else [self.policy]

    @property
    def permissions(self) -> list[str]:
        """All that the roles hold."""
        return sorted({one for role in self.roles for one in role["permissions"]})


def purpose_of(name: str, parameters: Mapping[str, Any]) -> Purpose:
    """The purpose of that name with the operator's buckets, regions and so on; raises BadInput with the first that cannot be."""
    return PURPOSES[name](parameters)


def judged(purpose: Purpose, documents: Documents) -> Json:
    """What the documents together allow of the calls needed and of the dangerous ones."""
    needed = [_told(purpose.judge, right, documents) for right in purpose.needed]
    dangers = [_told(purpose.judge, right, documents) for right in purpose.dangers]
    refused, open_ = [one for one in needed if not one["allowed"]], [one for one in dangers if one["allowed"]]
    return {
        "verdict": VERDICTS[(not refused, not open_)],
        "needed": needed,
        "dangers": dangers,
        "summary": {"needed": len(needed), "refused": len(refused), "dangers": len(dangers), "open": len(open_)},
    }


def _told(judge: Judge, right: Right, documents: Documents) -> Json:
    try:
        allowed = judge(documents, right.call)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"a policy of documents cannot be judged: {error}; nothing is guessed, so put it in the terms that are understood here") from error
    return {"what": right.what, "action": right.call.action, "resource": right.call.resource, "allowed": allowed}


def _velero(parameters: Mapping[str, Any]) -> Purpose:
    known = ("bucket", "prefix", "region", "uploader", "snapshots", "partition")
    for name in parameters:
        if name not in known:
            raise BadInput(f"parameters has {name}, which Velero's policy does not know; it knows {', '.join(known)}")
    wish: AwsWish = wish_of(parameters.get("bucket"), **{name: parameters.get(name) for name in known[1:]})
    return Purpose(aws_policy(wish), velero_calls.needed(wish), velero_calls.dangers(wish))


def _vm_service(parameters: Mapping[str, Any]) -> Purpose:
    wish = vm_service_wish(parameters)
    return Purpose(vm_service_policy(wish), vm_service_calls.needed(wish), vm_service_calls.dangers(wish))


def _vm_image(parameters: Mapping[str, Any]) -> Purpose:
    wish = image_wish(parameters)
    return Purpose(image_policy(wish), image_calls.needed(wish), image_calls.dangers(wish))


def _google(rights: Callable[[Mapping[str, Any]], Rights]) -> Callable[[Mapping[str, Any]], Purpose]:
    def made(parameters: Mapping[str, Any]) -> Purpose:
        roles, needed, dangers = rights(parameters)
        return Purpose({}, needed, dangers, tuple(roles), grants)

    return made


PURPOSES: Mapping[str, Callable[[Mapping[str, Any]], Purpose]] = {
    "velero_aws": _velero,
    "velero_gcp": _google(google_calls.velero_rights),
    "vm_image_aws": _vm_image,
    "vm_image_gcp": _google(google_calls.vm_image_rights),
    "vm_service_aws": _vm_service,
    "vm_service_gcp": _google(google_calls.vm_service_rights),
}
