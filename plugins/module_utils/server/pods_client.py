# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods, events, workloads and logs of an installation, by the Kubernetes API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Callable, Optional, TypeVar

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotPermitted, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import DAEMON_SET, DEPLOYMENT, EVENT, POD, REPLICA_SET, STATEFUL_SET, Kind
from ansible_collections.serverops.circleci.plugins.module_utils.server.model import Event, Pod, Workload, events_from_api, pods_from_api, workload_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.server.pods import PodsSpec, chosen, counts, missing, pod_view, problems, to_log

KINDS = {kind.name: kind for kind in (DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET)}
ReadT = TypeVar("ReadT")


class PodsClient:
    """The pods of one namespace."""

    def __init__(self, client: KubernetesClient, namespace: str) -> None:
        self.kubernetes, self.namespace = client, namespace

    def pods(self, selector: str = "") -> tuple[Pod, ...]:
        """All, or those of a label selector."""
        with doing(f"read the pods of namespace {self.namespace}"):
            return self._read(lambda: pods_from_api(self.kubernetes.list(POD, self.namespace, labels=selector).items))

    def as_pods(self, items: Sequence[Json]) -> tuple[Pod, ...]:
        """Pods that somebody else listed, as values."""
        return self._read(lambda: pods_from_api(items))

    def events(self) -> Optional[tuple[Event, ...]]:
        """What was told of its pods; None where we may not read events."""
        try:
            return self._read(lambda: events_from_api(self.kubernetes.list(EVENT, self.namespace, fields="involvedObject.kind=Pod").items))
        except NotPermitted:
            return None

    def workloads(self, kinds: Iterable[str]) -> tuple[Workload, ...]:
        """Those of the kinds named that make pods again."""
        found: list[Workload] = []
        for name in sorted(set(kinds) & set(KINDS)):
            with doing(f"read the {KINDS[name].plural} of namespace {self.namespace}"):
                found += self._read(partial(self._of_kind, KINDS[name]))
        return tuple(found)

    def log(self, pod: str, container: str, lines: int, previous: bool) -> Json:
        """The last lines of a log, or why there are none."""
        told: Json = {"container": container, "previous": previous, "lines": None, "reason": None}
        try:
            text = self.kubernetes.log(self.namespace, pod, container, lines, previous)
        except CollectionError as error:
            return {**told, "reason": str(error)}
        return {**told, "lines": text.splitlines()}

    def _of_kind(self, kind: Kind) -> list[Workload]:
        return [workload_from_api(one) for one in self.kubernetes.list(kind, self.namespace).items]

    def _read(self, read: Callable[[], ReadT]) -> ReadT:
        try:
            return read()
        except (KeyError, TypeError, ValueError):
            raise Unreachable(f"what {self.kubernetes.place} answered are no objects as Kubernetes keeps them") from None


def read_pods_info(client: KubernetesClient, spec: PodsSpec) -> Json:
    """The result of server_pods_info: two requests, and one more for each log."""
    here = PodsClient(client, spec.namespace)
    listed = here.pods(spec.selector)
    pods = chosen(listed, spec.names)
    events = here.events() if pods else ()
    views = []
    for pod in pods:
        logs = [here.log(pod.name, name, spec.logs, previous) for name, previous in to_log(pod)] if spec.logs else []
        views.append(pod_view(pod, events, logs))
    found = counts(pods)
    return {
        "pods": views,
        "missing": missing(listed, spec.names),
        "problems": problems(pods, events or (), client.server_time()),
        "counts": found,
        "ready": bool(found["expected"]) and not found["not_ready"] and not missing(listed, spec.names),
    }
