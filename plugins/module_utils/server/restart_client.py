# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way pods are restarted: deleted by uid, looked at afresh before each act, and a watch of the namespace to be woken by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import doing
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import POD
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.rights import Right, rights_sentence
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.watch_client import Mirror
from ansible_collections.serverops.circleci.plugins.module_utils.server.model import Pod
from ansible_collections.serverops.circleci.plugins.module_utils.server.pods_client import KINDS, PodsClient
from ansible_collections.serverops.circleci.plugins.module_utils.server.restart import DeletePod
from ansible_collections.serverops.circleci.plugins.module_utils.server.restart_model import RestartSpec, RestartState, absent, meant

BEHIND = 1.0  # s


class RestartPort:
    """One slice's way to the pods. `kinds` are those of the workloads that earlier slices found; empty: nothing was looked at, so the rights are asked for."""

    def __init__(self, client: PodsClient, spec: RestartSpec, clock: Clock, kinds: frozenset[str]) -> None:
        self._client, self._spec, self._clock = client, spec, clock
        self._mirror = Mirror(client.kubernetes, POD, client.namespace)
        self._kinds = kinds
        self._picture: frozenset[tuple[str, bool, bool]] = frozenset()

    def read(self, _confirming: frozenset[str]) -> RestartState:
        """The pods and what keeps them, always by new lists: what is decided on them destroys."""
        pods = self._client.pods()
        self._picture = _picture(pods)
        if self._kinds:
            return RestartState(pods, frozenset(), self._client.workloads(self._kinds), self._client.kubernetes.server_time())
        return self._first(pods)

    def _first(self, pods: tuple[Pod, ...]) -> RestartState:
        """Which pods the selector means, what kinds of workloads they belong to, and whether we may do it."""
        chosen = self._client.pods(self._spec.selector) if self._spec.selector else ()
        state = RestartState(pods, frozenset(pod.uid for pod in chosen), (), self._client.kubernetes.server_time())
        kinds = {pod.owner.kind for pod in meant(self._spec, state) if pod.owner}
        if absent(self._spec, pods):  # what was meant may be on its way: then its workload tells
            kinds |= {"Deployment", "StatefulSet", "DaemonSet"}
        self._kinds = frozenset(kinds & set(KINDS))
        missing = self._missing()
        return replace(state, workloads=() if missing else self._client.workloads(self._kinds), missing_rights=missing)

    def apply(self, step: DeletePod) -> None:
        """Send the order, for this very pod alone."""
        with doing(f"delete pod {step.item}"):
            self._client.kubernetes.delete(POD, self._client.namespace, step.item, uid=step.uid)

    def wait(self, seconds: float) -> None:
        """Until a pod comes, goes, ends, or becomes ready or unready; other changes wake nobody."""
        ends = self._clock.now() + seconds
        if self._differs():  # ahead of our lists or behind them: which of it, only a new list tells, and the watch gets a moment to catch up first
            self._mirror.wait(min(seconds, BEHIND))
            return
        while (left := ends - self._clock.now()) > 0:
            if not self._mirror.wait(left) or self._differs():
                return

    def _differs(self) -> bool:
        return _picture(self._client.as_pods(self._mirror.items())) != self._picture

    def _missing(self) -> str:
        where = self._client.namespace
        rights = [Right(verb, POD, where) for verb in ("watch", "delete")]
        rights += [Right("list", KINDS[name], where) for name in sorted(self._kinds)]
        with doing("ask which rights we have"):
            return rights_sentence(self._client.kubernetes.missing_rights(rights), f"Kubernetes at {self._client.kubernetes.place}")


def _picture(pods: Sequence[Pod]) -> frozenset[tuple[str, bool, bool]]:
    """What matters of them."""
    return frozenset((pod.uid, pod.is_ready, pod.ends is not None) for pod in pods)
