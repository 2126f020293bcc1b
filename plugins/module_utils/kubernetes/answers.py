# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the API's answers that every caller meets: lists, warnings, and manifests as they are sent."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import Kind

WARNING = re.compile(r'\b\d{3} \S+ "((?:[^"\\]|\\.)*)"')
# What the API sets, and an apply must not carry (a resourceVersion would make it fail, status and managedFields claim what is not ours).
SERVER_SET = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds")
SHORTEST_SECRET = 4  # a shorter text would turn half a sentence into stars


class Listing(NamedTuple):
    """All objects of a list, each with apiVersion and kind, and the version that they are of."""

    items: tuple[Json, ...]
    version: str


def typed(item: Json, kind: Kind) -> Json:
    """An entry of a list, with apiVersion and kind, which the API leaves out for its own kinds, and without the book of who set what, often half of it."""
    meta = {name: value for name, value in item["metadata"].items() if name != "managedFields"}
    return {"apiVersion": kind.api_version, "kind": kind.name, **item, "metadata": meta}


def sent(kind: Kind, manifest: Json) -> Json:
    """A manifest as it is sent: with apiVersion and kind."""
    return {"apiVersion": kind.api_version, "kind": kind.name, **manifest}


def applied(kind: Kind, manifest: Json) -> Json:
    """A manifest as it is applied: of an object that was read before, only what can be ours."""
    meta = {name: value for name, value in (manifest.get("metadata") or {}).items() if name not in SERVER_SET}
    return {**{name: value for name, value in sent(kind, manifest).items() if name != "status"}, "metadata": meta}


def secrets_in(manifest: Json) -> tuple[str, ...]:
    """The texts of a Secret's manifest that no message may carry, plain and as sent."""
    if manifest.get("kind") != "Secret":
        return ()
    found = [*map(str, (manifest.get("stringData") or {}).values())]
    for value in (manifest.get("data") or {}).values():
        found += [str(value), _decoded(str(value))]
    return tuple(sorted({text for text in found if len(text) >= SHORTEST_SECRET}, key=len, reverse=True))


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode("utf-8", "replace")
    except ValueError:
        return ""


def warnings_in(header: str) -> list[str]:
    """The texts of a Warning header: 299 - "text", ..."""
    return [re.sub(r"\\(.)", r"\1", text) for text in WARNING.findall(header)]
