# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation read for people: what is there, how it is, and what is wrong with it. Writes nothing, not even a request to the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Callable, Optional, TypeVar

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, NotPermitted, Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import kinds as core
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.velero import kinds, manifests, model
from ansible_collections.serverops.circleci.plugins.module_utils.velero.finder import Scene, problems
from ansible_collections.serverops.circleci.plugins.module_utils.velero.info import told
from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_state import Rollout
from ansible_collections.serverops.circleci.plugins.module_utils.velero.password import is_default
from ansible_collections.serverops.circleci.plugins.module_utils.velero.pods import daemon_set_rollout, deployment_rollout, pods_of
from ansible_collections.serverops.circleci.plugins.module_utils.velero.vault_client import value_of

NounT = TypeVar("NounT")
AGENT_NAMES = ("node-agent", "restic")
LOG_LINES = 500
FORBIDDING = ("NoSchedule", "NoExecute")


class InfoReader:
    """One look at one installation."""

    def __init__(self, client: KubernetesClient, namespace: str) -> None:
        self._client, self._namespace = client, namespace

    def read(self, logs: bool, kots: str) -> Json:
        """The result of velero_info."""
        deployment = self._find(core.DEPLOYMENT, "velero")
        pods = self._list(core.POD, dict)
        scene = self._scene(deployment, pods)
        log = self._log(scene.server) if logs and scene.server.there else None
        scene = replace(scene, log=log, kots=kots)
        return told(self._namespace, scene, problems(scene))

    def _scene(self, deployment: Optional[Json], pods: tuple[Json, ...]) -> Scene:
        spec = deployment["spec"]["template"]["spec"] if deployment else {}
        agents = self._agents(pods)
        locations = self._list(kinds.BACKUP_STORAGE_LOCATION, model.location_from_api)
        names = {manifests.CREDENTIALS, *(one.credential for one in locations if one.credential)}
        return Scene(
            now=self._client.server_time(),
            image=next((str(one.get("image") or "") for one in spec.get("containers") or () if one.get("name") == "velero"), ""),
            plugins=tuple(str(one.get("image") or "") for one in spec.get("initContainers") or ()),
            server=deployment_rollout(deployment, pods_of(pods, "deploy", "velero")),
            agents=agents,
            bare_nodes=self._bare(agents) if agents else (),
            locations=locations,
            secrets=frozenset(name for name in sorted(names) if self._may_be_there(name)),
            mounts_credentials=any((one.get("secret") or {}).get("secretName") == manifests.CREDENTIALS for one in spec.get("volumes") or ()),
            repositories=tuple(one for kind in kinds.REPOSITORIES for one in self._list(kind, model.repository_from_api)),
            backups=self._list(kinds.BACKUP, model.backup_from_api),
            schedules=self._list(kinds.SCHEDULE, model.schedule_from_api),
            default_password=self._has_default_password(),
        )

    def _may_be_there(self, secret: str) -> bool:
        """Whether a Secret is there, or may be: who may not read it must not call it missing."""
        try:
            return self._find(core.SECRET, secret) is not None
        except NotPermitted:
            return True

    def _has_default_password(self) -> Optional[bool]:
        """None where there is no password yet, or we may not read it."""
        try:
            held = self._find(core.SECRET, manifests.REPOSITORY)
        except NotPermitted:
            return None
        return None if held is None else is_default(value_of(held, manifests.PASSWORD_FIELD))

    def _agents(self, pods: tuple[Json, ...]) -> Optional[Rollout]:
        for name in AGENT_NAMES:
            found = self._find(core.DAEMON_SET, name)
            if found is not None:
                return daemon_set_rollout(found, pods_of(pods, "name", name))
        return None

    def _bare(self, agents: Rollout) -> tuple[str, ...]:
        """Nodes that may take pods and have no agent; none where nodes may not be read."""
        try:
            nodes = self._list(core.NODE, dict)
        except NotPermitted:
            return ()
        having = {pod.node for pod in agents.pods}
        return tuple(name for one in nodes if (name := str(one["metadata"]["name"])) not in having and _takes_pods(one))

    def _log(self, server: Rollout) -> Optional[str]:
        """The last lines of the server; None where they cannot be read: its pod may not have begun."""
        for pod in server.pods:
            try:
                return self._client.log(self._namespace, pod.name, "velero", LOG_LINES)
            except (NotFound, NotPermitted, Refused):
                continue
        return None

    def _find(self, kind: core.Kind, name: str) -> Optional[Json]:
        with doing(f"read {kind.name} {name}"):
            try:
                return self._client.find(kind, self._namespace, name)
            except NotFound:
                return None

    def _list(self, kind: core.Kind, make: Callable[[Any], NounT]) -> tuple[NounT, ...]:
        with doing(f"list {kind.resource}"):
            try:
                return tuple(make(one) for one in self._client.list(kind, self._namespace if kind.namespaced else "").items)
            except NotFound:  # a kind that this version, or this cluster, does not serve
                return ()


def _takes_pods(node: Mapping[str, Any]) -> bool:
    spec = node.get("spec") or {}
    closed = any(taint.get("effect") in FORBIDDING for taint in spec.get("taints") or ())
    return not spec.get("unschedulable") and not closed
