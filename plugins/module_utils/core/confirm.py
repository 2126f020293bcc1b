# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two reads that agree: an end that asks to be confirmed counts only then."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, waiting


class Confirmations:
    """Which items' ends were seen once, and which twice."""

    def __init__(self) -> None:
        self._due: dict[str, tuple[str, float]] = {}
        self._done: dict[str, str] = {}

    def due(self, now: float) -> frozenset[str]:
        """The items whose second read is to be made now."""
        return frozenset(item for item, (_kind, when) in self._due.items() if when <= now)

    def next(self) -> float:
        """When the next second read is due; infinity where none is."""
        return min((when for _kind, when in self._due.values()), default=float("inf"))

    def count(self, decisions: Mapping[str, Decision], fresh: frozenset[str], now: float) -> dict[str, Decision]:
        """One round's decisions, of which `fresh` were read afresh; an end not yet confirmed is still waited for."""
        return {item: self._one(item, decision, item in fresh, now) for item, decision in decisions.items()}

    def _one(self, item: str, decision: Decision, fresh: bool, now: float) -> Decision:
        pending = self._due.pop(item, None)
        if self._done.get(item) != decision.kind:
            self._done.pop(item, None)
        if not decision.is_end or not decision.confirm or item in self._done:
            return decision
        if pending and pending[0] == decision.kind:
            if fresh and pending[1] <= now:
                self._done[item] = decision.kind
                return decision
            self._due[item] = pending
        else:
            self._due[item] = (decision.kind, now + decision.confirm)
        return waiting(f"{decision.reason} (to be confirmed)")
