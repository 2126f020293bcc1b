# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long each item is unchanged, in its phase, and waited for: measured once, by the kernel."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json


class Timers:
    """Times per item on the task's scale (seconds since the task began); plain data between slices."""

    def __init__(self, saved: Json) -> None:
        self._saved: dict[str, Json] = {item: dict(entry) for item, entry in saved.items()}

    def saved(self) -> Json:
        """The times as plain values, to be handed to the next slice."""
        return self._saved

    def see(self, facts: Mapping[str, Json], now: float) -> None:
        """Note which items' facts differ from the last time."""
        for item, fact in facts.items():
            entry = self._saved.setdefault(item, {"facts": None, "since": now})
            if entry["facts"] != fact:
                entry.update(facts=fact, since=now)

    def judge(self, decisions: Mapping[str, Decision], now: float) -> None:
        """Note phases that began and items that ended."""
        for item, decision in decisions.items():
            entry = self._saved.setdefault(item, {"facts": None, "since": now})
            if decision.phase and entry.get("phase") != decision.phase:
                entry.update(phase=decision.phase, phase_since=now)
            if not decision.is_end:
                entry.pop("ended", None)
            elif "ended" not in entry:
                entry["ended"] = now

    def still(self, now: float) -> dict[str, float]:
        """Seconds for which each item's facts have not changed."""
        return {item: now - entry["since"] for item, entry in self._saved.items()}

    def phases(self, now: float) -> dict[str, float]:
        """Seconds that each item has been in its phase."""
        return {item: now - entry["phase_since"] for item, entry in self._saved.items() if "phase" in entry}

    def waited(self, now: float) -> dict[str, float]:
        """Seconds from the task's begin to each item's end, or to now."""
        return {item: entry.get("ended", now) for item, entry in self._saved.items()}
