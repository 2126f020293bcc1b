# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark a drain leaves in the system (Meta of the drain, from 1.1): whose it is, which run, why, since when, what was before."""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Node, Server

PREFIX = "serverops_"
NO_PLACE = "none"


class Mark(NamedTuple):
    """A mark that holds now. `was`: "eligible" or "ineligible" before the drain."""

    owner: str
    run: str
    intent: str
    since: str
    was: str

    def view(self) -> Json:
        """The mark in a result."""
        return {"owner": self.owner, "run": self.run, "intent": self.intent, "since": self.since, "was": self.was}


def mark_of(node: Node) -> Optional[Mark]:
    """The mark on a client, while it holds: the client is closed, and was not open since that drain began."""
    drain = node.last_drain
    if drain is None or node.is_open or node.reopened is True:
        return None
    meta = dict(drain.meta)
    if PREFIX + "owner" not in meta:
        return None
    return Mark(*(meta.get(PREFIX + key, "") for key in ("owner", "run", "intent", "since", "was")))


def mark_view(node: Node, server: Server) -> Union[Json, str, None]:
    """The mark in a result: a dict, None (there is none), or "none" where the server has no place for one."""
    if not server.has_marks:
        return NO_PLACE
    mark = mark_of(node)
    return mark.view() if mark else None


def meta_for(node: Node, mark: Mark) -> dict[str, str]:
    """The Meta to send: ours over what was there, since the server replaces it whole. Another owner is kept as previous_owner."""
    drain = node.last_drain
    closed = not node.is_open and node.reopened is not True
    meta = dict(drain.meta) if drain and closed else {}
    former = meta.get(PREFIX + "owner")
    if former and former != mark.owner:
        meta[PREFIX + "previous_owner"] = former
    values = {"owner": mark.owner, "run": mark.run, "intent": mark.intent, "since": mark.since, "was": mark.was}
    return {**meta, **{PREFIX + key: value for key, value in values.items()}}
