# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way an installation is read and made: every object beside what is wanted, the pods, the location; woken by watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import kinds as core
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.rights import Right, rights_sentence
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.watch_client import Mirror, wait_any
from ansible_collections.serverops.circleci.plugins.module_utils.velero import kinds, manifests, versions
from ansible_collections.serverops.circleci.plugins.module_utils.velero.causes import cause_of, evidence
from ansible_collections.serverops.circleci.plugins.module_utils.velero.crds_client import CrdSource
from ansible_collections.serverops.circleci.plugins.module_utils.velero.install_state import ApplyObject, DeleteAgents, InstallState, Place, Rollout, Seen
from ansible_collections.serverops.circleci.plugins.module_utils.velero.manifests import Wanted, wanted_objects
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import location_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.velero.planner_client import Planner
from ansible_collections.serverops.circleci.plugins.module_utils.velero.pods import daemon_set_rollout, deployment_rollout, earliest_word, pods_of
from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import InstallSpec
from ansible_collections.serverops.circleci.plugins.module_utils.velero.vault_client import Vault

AGENT_NAMES = ("restic", "node-agent")
FILE = "File of the password"
PASSWORD = f"Secret {manifests.REPOSITORY}"


class InstallPort:
    """One slice's way to the installation."""

    def __init__(self, client: KubernetesClient, spec: InstallSpec, first: bool = True, kubeconfig: str = "") -> None:
        self._client, self._spec = client, spec
        self._planner, self._vault = Planner(client, spec.take_over), Vault(client, spec)
        self._crds = CrdSource(spec, kubeconfig)
        self._wanted: dict[str, Wanted] = {}
        self._asked: Optional[str] = None if first else ""  # rights are asked for once in a task, not in every slice
        self.mirrors: tuple[Mirror, ...] = ()

    def read(self, confirming: frozenset[str]) -> InstallState:
        """Everything afresh: a watch wakes us, it has not the last word."""
        if self._asked is None:
            with doing("ask for our rights"):
                self._asked = rights_sentence(self._client.missing_rights(rights_needed(self._spec)), f"Kubernetes at {self._client.place}")
        if self._asked:
            return InstallState({}, missing_rights=self._asked)
        server = self._find(core.DEPLOYMENT, "velero")
        objects, fault = self._objects(server)
        ruling = self._vault.ruling()
        pods = self._list(core.POD)
        return InstallState(
            objects,
            server=deployment_rollout(server, pods_of(pods, "deploy", "velero")),
            agents=self._agents(pods),
            stale={name: self._find(core.DAEMON_SET, name) is not None for name in AGENT_NAMES if name != self._spec.agents},
            location=self._location(earliest_word(server, pods)),
            refusals=tuple(text for text in (fault, ruling.refusal) if text),
            password=ruling.state,
            warnings=tuple(text for text in (ruling.warning, *self._client.warnings) if text),
            adopted=server is not None and manifests.DIGEST not in _template_annotations(server),
        )

    def apply(self, step: Any) -> None:
        """Send one order."""
        if isinstance(step, DeleteAgents):
            with doing(f"delete DaemonSet {step.name}"):
                self._client.delete(core.DAEMON_SET, self._spec.namespace, step.name)
        elif isinstance(step, ApplyObject) and step.item == FILE:
            self._vault.export()
        else:
            if step.item == PASSWORD:
                self._vault.must_still_hold()
            self._planner.apply(self._wanted[step.item])

    def wait(self, seconds: float) -> None:
        """Until something changes in Velero's namespace, or a kind of its own is served."""
        namespace = self._spec.namespace
        if not self.mirrors:
            mine = [Mirror(self._client, kind, namespace) for kind in (core.POD, core.DEPLOYMENT, core.DAEMON_SET)]
            self.mirrors = (*mine, Mirror(self._client, core.CRD, labels="component=velero"))
        if len(self.mirrors) == 4 and self._find(kinds.BACKUP_STORAGE_LOCATION, "default") is not None:
            self.mirrors += (Mirror(self._client, kinds.BACKUP_STORAGE_LOCATION, namespace),)
        wait_any(self.mirrors, seconds)

    # -- parts of the state --------------------------------------------------------------------------------------

    def _objects(self, server: Optional[Json]) -> tuple[Mapping[str, Seen], str]:
        """Each object beside what is wanted, and why the kinds cannot be had."""
        there = self._cluster_crds()
        crds, fault = self._crds.find(there, image_of(server))
        self._wanted = {one.item: one for one in wanted_objects(self._spec, crds, self._vault.key(), self._vault.password())}
        objects = {item: self._seen(one, there) for item, one in self._wanted.items()}
        if self._spec.repository_password_export:
            objects[FILE] = Seen(FILE, manifests.AGENTS, there=self._vault.is_exported())
        return objects, fault

    def _seen(self, wanted: Wanted, crds: Mapping[str, Json]) -> Seen:
        live = crds.get(wanted.name) if wanted.kind == core.CRD else self._planner.live(wanted)
        return self._planner.plan(wanted, live).seen

    def _cluster_crds(self) -> Mapping[str, Json]:
        with doing("list the kinds of Velero"):
            items = self._client.list(core.CRD).items
        return {name: one for one in items if (name := str(one["metadata"]["name"])).endswith(".velero.io")}

    def _agents(self, pods: tuple[Json, ...]) -> Rollout:
        name = self._spec.agents
        return daemon_set_rollout(self._find(core.DAEMON_SET, name), pods_of(pods, "name", name)) if name else Rollout(wanted=0)

    def _location(self, since: Optional[float]) -> Optional[Place]:
        found = self._find(kinds.BACKUP_STORAGE_LOCATION, "default")
        if found is None:
            return None
        place = location_from_api(found)
        fresh = since is not None and place.validated is not None and place.validated >= since
        return Place(place.phase, evidence(place.message), fresh, cause_of(place.message))

    def _find(self, kind: core.Kind, name: str) -> Optional[Json]:
        with doing(f"read {kind.name} {name}"):
            try:
                return self._client.find(kind, self._spec.namespace, name)
            except NotFound:  # its kind is not served yet
                return None

    def _list(self, kind: core.Kind) -> tuple[Json, ...]:
        with doing(f"list {kind.resource}"):
            return tuple(self._client.list(kind, self._spec.namespace, labels="component=velero").items)


def rights_needed(spec: InstallSpec) -> tuple[Right, ...]:
    """All that an installation asks of the API, in the order in which it asks."""
    space = spec.namespace
    wide = [Right(verb, kind) for kind in (core.CRD, core.NAMESPACE, core.CLUSTER_ROLE_BINDING) for verb in ("get", "patch")]
    inside = [Right(verb, kind, space) for kind in (core.SERVICE_ACCOUNT, core.SECRET, core.DEPLOYMENT, core.DAEMON_SET) for verb in ("get", "create", "patch")]
    own = [Right(verb, kinds.BACKUP_STORAGE_LOCATION, space) for verb in ("get", "create", "patch")]
    return (
        *(Right(verb, core.CRD) for verb in ("list", "watch")),
        *wide,
        *(Right("create", kind) for kind in (core.CRD, core.NAMESPACE, core.CLUSTER_ROLE_BINDING)),
        *inside,
        *own,
        *(Right(verb, kind, space) for kind in (core.POD, core.DEPLOYMENT, core.DAEMON_SET, kinds.BACKUP_STORAGE_LOCATION) for verb in ("list", "watch")),
        *(Right("list", kind, space) for kind in (kinds.BACKUP, *kinds.REPOSITORIES)),
        Right("delete", core.DAEMON_SET, space),
    )


def image_of(deployment: Optional[Json]) -> Optional[tuple[int, int, int]]:
    """The version of the server that is installed; None for none, or an image that tells none."""
    if deployment is None:
        return None
    containers = deployment["spec"]["template"]["spec"].get("containers") or ()
    return next((versions.image_version(str(one.get("image") or "")) for one in containers if one.get("name") == "velero"), None)


def _template_annotations(deployment: Json) -> Mapping[str, Any]:
    return dict((deployment["spec"]["template"].get("metadata") or {}).get("annotations") or {})
