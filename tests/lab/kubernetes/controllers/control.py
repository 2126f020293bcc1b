"""The controllers of a cluster, all of them, put to a state."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.kubernetes.controllers.daemonsets import DaemonSets
from lab.kubernetes.controllers.deployments import Deployments
from lab.kubernetes.controllers.images import Images
from lab.kubernetes.controllers.jobs import Jobs
from lab.kubernetes.controllers.kubelet import Kubelet
from lab.kubernetes.controllers.owners import Owners
from lab.kubernetes.controllers.scheduler import Scheduler
from lab.kubernetes.controllers.statefulsets import StatefulSets
from lab.kubernetes.controllers.storage import Storage
from lab.kubernetes.controllers.world import World
from lab.kubernetes.state import Change, State

Json = dict[str, Any]
HEALTHY = (
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)


class Control:
    """What runs on a state from now on. Objects that are there already are taken up.

    `images` says how containers behave; `kubelet.kill` ends one; `scheduler.silence` and `speak` are about nodes; `storage` about claims and addresses.
    """

    def __init__(self, state: State, images: Images | None = None) -> None:
        self.state = state
        self.world = World(state, images)
        self.images = self.world.images
        self.scheduler, self.kubelet, self.storage = Scheduler(self.world), Kubelet(self.world), Storage(self.world)
        self.scheduler.spoken.append(self.kubelet.look)
        self._all = (
            self.scheduler,
            self.kubelet,
            Deployments(self.world),
            StatefulSets(self.world),
            DaemonSets(self.world),
            Jobs(self.world),
            Owners(self.world),
            self.storage,
        )
        with state.news:
            state.controllers.append(self.follow)
            for key, item in sorted(state.objects.items(), key=lambda entry: entry[0]):
                self.follow(Change(state.version, "ADDED", key, item, None))

    def follow(self, change: Change) -> None:
        for one in self._all:
            one.follow(change)

    def node(self, name: str, cpu: str = "8", memory: str = "32Gi", pods: str = "110", **labels: str) -> Json:
        """A healthy node joins."""
        now = self.state.stamp()
        conditions = [
            {"type": kind, "status": status, "lastHeartbeatTime": now, "lastTransitionTime": now, "reason": reason, "message": message}
            for kind, status, reason, message in HEALTHY
        ]
        room = {"cpu": cpu, "memory": memory, "pods": pods}
        addresses = [{"type": "InternalIP", "address": "127.0.0.1"}]
        status = {"capacity": room, "allocatable": room, "conditions": conditions, "addresses": addresses}
        metadata = {"labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **labels}}
        return self.state.put("nodes", "", name, {"metadata": metadata, "spec": {}, "status": status})
