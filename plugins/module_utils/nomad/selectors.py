# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One grammar for naming clients: id, unambiguous id prefix, name, instance id, class=, datacenter=, status=, version=, all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Node

FIELDS = ("class", "datacenter", "status", "version")
GRAMMAR = "give an id, an id prefix of 8 or more hex digits, a name, an instance id, class=, datacenter=, status= or version= with a value, or all"
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}|\d{15,20}")  # EC2, GCE
_PREFIX = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,28}")


def needs_instances(selectors: Sequence[str]) -> bool:
    """Whether a selector looks like an instance id, which no list of clients carries."""
    return any(_INSTANCE.fullmatch(text.strip().lower()) for text in selectors)


def is_group(selector: str) -> bool:
    """Whether it may name any number of clients."""
    return selector.strip() == "all" or "=" in selector


def check_selectors(selectors: Sequence[str]) -> None:
    """Raises BadInput for the first selector that cannot name anything."""
    if not selectors:
        raise BadInput(f"nodes is empty, so no client is named; {GRAMMAR}")
    for text in selectors:
        if not text or not text.strip():
            raise BadInput(f"nodes holds an empty selector; {GRAMMAR}")
        key, equals, value = text.partition("=")
        if equals and (key.strip() not in FIELDS or not value.strip()):
            raise BadInput(f"nodes holds {text!r}, which is no selector; {GRAMMAR}")


def select(selectors: Sequence[str], nodes: Iterable[Node]) -> tuple[str, ...]:
    """The ids of the clients that the selectors name, each once, in the order of the selectors and then of names.

    Raises BadInput where a selector names none, or where one that should name a single client names more.
    """
    known = sorted(nodes, key=lambda node: (node.name, node.id))
    chosen: dict[str, None] = {}
    for selector in selectors:
        for node in _one(selector.strip(), known):
            chosen[node.id] = None
    return tuple(chosen)


def _one(selector: str, nodes: Sequence[Node]) -> Sequence[Node]:
    if selector == "all":
        found = list(nodes)
    elif "=" in selector:
        key, _equals, value = selector.partition("=")
        found = [node for node in nodes if _field(node)[key.strip()] == value.strip()]
    else:
        return [_single(selector, nodes)]
    if not found:
        raise BadInput(f"nodes holds {selector!r}, but none of the {len(nodes)} clients fits; list them with nomad_node_info")
    return found


def _single(selector: str, nodes: Sequence[Node]) -> Node:
    lower = selector.lower()
    found = [node for node in nodes if node.id == lower]
    found = found or [node for node in nodes if selector == node.name or selector == node.instance_id]
    if not found and _PREFIX.fullmatch(lower):
        found = [node for node in nodes if node.id.startswith(lower)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{node.name} {node.id} ({node.status})" for node in found)
        raise BadInput(f"nodes holds {selector!r}, which names {len(found)} clients: {names}; give the whole id of one")
    raise BadInput(f"nodes holds {selector!r}, but no such client exists among {len(nodes)}; {GRAMMAR}")


def _field(node: Node) -> Mapping[str, str]:
    return {"class": node.node_class, "datacenter": node.datacenter, "status": node.status, "version": node.version}
