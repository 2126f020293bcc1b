"""drain_on_shutdown with leave_on_terminate: an agent that drains itself when it is told to end, if it may (from 1.5.4)."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import TYPE_CHECKING

from lab.nomad.policies import Rights

if TYPE_CHECKING:
    from lab.nomad.client import Client
    from lab.nomad.lab import Lab

META = {"message": "shutting down"}
LEAVES = (3.0, 5.0)  # from its deadline to the agent's end, without a report of what it stopped (shutdown-drain)
LOOKS = 0.5


class Leaving:
    """One agent on its way out."""

    def __init__(self, lab: "Lab", machine: "Client", deadline: float, ignore_system: bool) -> None:
        self.lab, self.machine, self.deadline, self.ignore_system = lab, machine, deadline, ignore_system
        self.end = 0.0

    def begin(self) -> bool:
        """False: the servers said no, nothing is drained, the agent ends at once with 0 (1.7.7 shutdown-drain-acl)."""
        acl, c, node = self.lab.api.acl, self.lab.cluster, self.machine.node
        if acl.enabled and not acl.guard.drains_on_shutdown_with_acl:
            self.machine.die("live")
            return False
        accessor = f"client:{node.id}" if acl.enabled else acl.accessor(Rights())
        self.end = c.clock.now() + self.deadline
        c.drainer.set(node, int(self.deadline * 10**9), self.ignore_system, dict(META), accessor)
        self._look()
        return True

    def _look(self) -> None:
        c, machine = self.lab.cluster, self.machine
        if not machine.alive:
            return
        if machine.node.strategy is None:
            machine.die("live")
        elif c.clock.now() >= self.end:
            machine.freeze()  # no heartbeat any more, nothing stopped is reported
            c.clock.after(c.random.uniform(*LEAVES), self._gone)
        else:
            c.clock.after(min(LOOKS, self.end - c.clock.now()), self._look)

    def _gone(self) -> None:
        self.machine.alive = self.machine.frozen = False
