# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to kotsadm's schedule."""

from __future__ import annotations

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import doing
from ansible_collections.serverops.circleci.plugins.module_utils.kots.console_client import ConsoleClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import Plan, plan_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kots.schedule import SetSchedule


class SchedulePort:
    """One kotsadm."""

    def __init__(self, console: ConsoleClient, clock: Clock) -> None:
        self._console, self._clock = console, clock

    def read(self, _confirming: frozenset[str]) -> Plan:
        """The plan as kotsadm has it."""
        with doing("read the schedule"):
            return self._console.parsed(plan_from_api, self._console.read("/snapshot/config"))

    def apply(self, step: Any) -> None:
        """Send one setting."""
        if isinstance(step, SetSchedule):
            with doing("set the schedule"):
                self._console.write("PUT", "/snapshot/schedule", {"schedule": step.cron, "autoEnabled": step.enabled})
            return
        with doing("set the retention"):
            self._console.write("PUT", "/snapshot/retention", {"inputValue": str(step.value), "inputTimeUnit": step.unit})

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(min(1.0, seconds))
