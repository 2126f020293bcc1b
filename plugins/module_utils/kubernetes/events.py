# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a watch tells, applied to the list that it keeps current: pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.answers import Listing, typed
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import Kind
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.refusals import Told, of_status

Key = tuple[str, str]  # namespace, name


class Garbled(ValueError):
    """A line that is no event: the stream cannot be trusted from there on."""


class Lines:
    """Whole lines out of pieces of a stream. What has no line break yet is no line: the connection may have been cut in the middle of it."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The lines that this piece completes."""
        *whole, rest = piece.split(b"\n")
        for line in whole:
            yield b"".join([*self._rest, line])
            self._rest = []
        if rest:
            self._rest.append(rest)


def event_of(line: bytes) -> Optional[Json]:
    """The event of a line; None for an empty one. Raises Garbled for what is none."""
    if not line.strip():
        return None
    try:
        event = json.loads(line)
    except ValueError:
        raise Garbled from None
    if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
        raise Garbled
    return event


class Shown:
    """The objects of a list as of `version`, brought on by events."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._items: dict[Key, Json] = {}
        self.version = ""

    @property
    def items(self) -> tuple[Json, ...]:
        """By namespace and name."""
        return tuple(self._items[key] for key in sorted(self._items))

    def replace(self, listing: Listing) -> bool:
        """Take a whole list; whether anything differs from what was shown."""
        items = {_key(item): item for item in listing.items}
        changed = _versions(items) != _versions(self._items)
        self._items, self.version = items, listing.version
        return changed

    def apply(self, event: Json) -> bool:
        """Take one event; whether an object changed. Types that are none of the known are no news. Raises Garbled."""
        kind, item = event.get("type"), event["object"]
        if kind not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK"):
            return False
        try:
            version = str(item["metadata"]["resourceVersion"])
            changed = kind != "BOOKMARK" and self._take(str(kind), typed(item, self._kind))
        except (AttributeError, KeyError, TypeError):
            raise Garbled from None
        self.version = version
        return changed

    def _take(self, kind: str, item: Json) -> bool:
        key = _key(item)
        if kind == "DELETED":
            return self._items.pop(key, None) is not None
        before, self._items[key] = self._items.get(key), item
        return before is None or before["metadata"].get("resourceVersion") != item["metadata"]["resourceVersion"]


def error_in(event: Json) -> Optional[Told]:
    """What an ERROR event tells; None for any other event."""
    return of_status(event["object"]) if event.get("type") == "ERROR" else None


def _key(item: Any) -> Key:
    return str(item["metadata"].get("namespace") or ""), str(item["metadata"]["name"])


def _versions(items: dict[Key, Json]) -> dict[Key, Any]:
    return {key: item["metadata"].get("resourceVersion") for key, item in items.items()}
