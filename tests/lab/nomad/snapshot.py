"""The log after a restart: an older state for a moment (0.5.6), and indexes that go back after a restore."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import copy
from typing import Any

from lab.nomad.cluster import Cluster

REPLAYS = 0.2  # seconds from the first answer until the log is applied (0.5.6 server-killed)


class Snapshots:
    """A 0.5.6 server that has just become leader still applies its log: reads then show the past."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.kept: dict[str, dict[str, Any]] = {}

    def keep(self, *what: str) -> None:
        """Remember the tables named, as they are now, as what a replay shows."""
        c = self.cluster
        for node in c.nodes.values():
            c.render.node(node)
            c.render.node_stub(node)
        for allocation in c.allocations.values():
            c.render.allocation(allocation)
            c.render.allocation_stub(allocation)
        if "nodes" in what:
            self.kept["nodes"] = {"nodes": {key: copy.copy(node) for key, node in c.nodes.items()}, "index": c.tables["nodes"]}
            for node in self.kept["nodes"]["nodes"].values():
                node.text = dict(node.text)
        if "allocs" in what:
            here = {}
            for node_id, allocations in c.of_node.items():
                here[node_id] = [copy.copy(a) for a in allocations]
                for allocation in here[node_id]:
                    allocation.text = dict(allocation.text)
            self.kept["allocs"] = {"of_node": here, "index": c.tables["allocs"]}

    def replay(self) -> None:
        """Swap the past in for a moment; nothing else happens in that moment, so nothing is lost."""
        c = self.cluster
        if not c.profile.restart_replays_log or not self.kept:
            return
        c.past = {**self.kept.get("nodes", {}), **{f"alloc_{k}": v for k, v in self.kept.get("allocs", {}).items()}}
        c.clock.after(REPLAYS, self._over)

    def _over(self) -> None:
        self.cluster.past = None
        self.cluster.wake()

    def go_back(self, back: int | None) -> int:
        """All indexes shrink, in order, as after `operator snapshot restore` of an older state."""
        c = self.cluster
        back = c.index // 2 if back is None else back

        def less(index: int) -> int:
            return max(1, index - back)

        c.index = less(c.index)
        c.generation += 1
        c.tables = {table: less(index) for table, index in c.tables.items()}
        for node in c.nodes.values():
            node.create, node.modify = less(node.create), less(node.modify)
            node.text.clear()
        for allocation in c.allocations.values():
            allocation.create, allocation.modify, allocation.alloc_modify = less(allocation.create), less(allocation.modify), less(allocation.alloc_modify)
            allocation.text.clear()
        for job in c.jobs.values():
            job.create, job.modify, job.job_modify = less(job.create), less(job.modify), less(job.job_modify)
            job.summary_create, job.summary_modify = less(job.summary_create), less(job.summary_modify)
            job.text.clear()
        c.commit()
        return c.index
