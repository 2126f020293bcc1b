"""What a client notes about its tasks: events with their texts."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import TYPE_CHECKING, Any

from lab.nomad.model import TaskRun

if TYPE_CHECKING:
    from lab.nomad.cluster import Cluster


class Events:
    cluster: "Cluster"

    def _event(self, run: TaskRun, kind: str, text: str, details: dict[str, str] | None = None, **fields: Any) -> None:
        c = self.cluster
        event = {**c.profile.shapes["task_event"], "Type": kind, "Time": c.clock.nanoseconds(), "Message": "", **fields}
        if "DisplayMessage" in event:
            event["DisplayMessage"], event["Details"] = text, details or {}
        run.events.append(event)
        del run.events[:-10]

    def _event_gives_up(self, run: TaskRun) -> None:
        reason = "Policy allows no restarts"
        details = {"fails_task": "true", "restart_reason": reason}
        self._event(run, "Not Restarting", reason, details, RestartReason=reason, FailsTask=True)

    def _event_terminated(self, run: TaskRun, code: int, signal: int, said: str = "") -> None:
        text = said or f"Exit Code: {code}" + (f", Signal: {signal}" if signal else "")
        details = {"exit_code": str(code), "oom_killed": "false", "signal": str(signal)}
        self._event(run, "Terminated", text, details, ExitCode=code, Signal=signal)
