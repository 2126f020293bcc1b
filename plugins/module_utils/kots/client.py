# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster and kotsadm tell of one installation: what the gates look at, and what proves a backup. Reads alone."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Callable, Optional, TypeVar

from ansible_collections.serverops.circleci.plugins.module_utils.cloud.client import ObjectStore
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots import model
from ansible_collections.serverops.circleci.plugins.module_utils.kots.backup_keys import CONFIG, KEYS, PASSWORDS, Keys
from ansible_collections.serverops.circleci.plugins.module_utils.kots.cluster import agents_from_api, server_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kots.console_client import ConsoleClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.errors import NeedsVeleroAccess
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Agents, Server, Site
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup, Scope, Selector
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import Evidence
from ansible_collections.serverops.circleci.plugins.module_utils.kots.volumes import claims_from_api, held_by, unasked, volumes_of, workload_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import CONFIG_MAP, DAEMON_SET, DEPLOYMENT, POD, PVC, SECRET, Kind
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.refusals import NotServed
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.watch_client import Mirror, wait_any
from ansible_collections.serverops.circleci.plugins.module_utils.velero.kinds import (
    BACKUP,
    BACKUP_STORAGE_LOCATION,
    POD_VOLUME_BACKUP,
    POD_VOLUME_RESTORE,
    REPOSITORIES,
    RESTORE,
)
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import location_from_api, pod_volume_backup_from_api, repository_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.velero.nouns import BackupStorageLocation, PodVolumeBackup, Repository
from ansible_collections.serverops.circleci.plugins.module_utils.velero.password import is_default

FoundT = TypeVar("FoundT")
AGENTS = ("node-agent", "restic")  # from 1.10, before
LOCATION_NAME = "default"  # the only one that KOTS ever uses
TAKEN = Selector({"kots.io/backup": "velero"})  # what kotsadm chooses objects by


@dataclass(frozen=True)
class Place:
    """Where things are."""

    namespace: str = "circleci-server"
    velero_namespace: str = "velero"
    app: str = "circleci-server"


class InstallationClient:
    """One installation with its Velero. `open_store` gives the store of a location; what hinders it is told with the proof that needs it."""

    def __init__(self, kubernetes: KubernetesClient, console: ConsoleClient, place: Place, open_store: Callable[[Json], ObjectStore]) -> None:
        self.kubernetes, self.console, self.place = kubernetes, console, place
        self._open_store = open_store

    # -- the backups themselves --------------------------------------------------------------------------

    def backups_mirror(self) -> Mirror:
        """Every Backup of Velero, ours and others', kept current by one watch."""
        return Mirror(self.kubernetes, BACKUP, self.place.velero_namespace)

    def volumes_mirror(self, backup: str) -> Mirror:
        """The volumes of one backup, kept current by one watch."""
        return Mirror(self.kubernetes, POD_VOLUME_BACKUP, self.place.velero_namespace, labels=f"velero.io/backup-name={backup}")

    def restores_mirror(self) -> Mirror:
        """Every Restore of Velero, kept current by one watch."""
        return Mirror(self.kubernetes, RESTORE, self.place.velero_namespace)

    def volume_restores_mirror(self) -> Mirror:
        """The volumes of every Restore, kept current by one watch."""
        return Mirror(self.kubernetes, POD_VOLUME_RESTORE, self.place.velero_namespace)

    def backups(self) -> tuple[Json, ...]:
        """Every Backup of Velero, by a list."""
        return self.kubernetes.list(BACKUP, self.place.velero_namespace).items

    def wait(self, mirrors: Sequence[Mirror], seconds: float) -> None:
        """Until one of them changes."""
        wait_any(mirrors, seconds)

    # -- for the gates -----------------------------------------------------------------------------

    def site(self) -> Site:
        """All that the gates look at; what cannot be read is told, not guessed."""
        blind: dict[str, str] = {}
        site = self._with_console(Site(slug=self.place.app), blind)
        site = replace(
            site,
            server=_told(blind, "server", self.server),
            location=_told(blind, "location", self.location),
            agents=_told(blind, "agents", self.agents),
            needed=_told(blind, "needed", self.nodes_with_volumes) or frozenset(),
        )
        return replace(site, now=self.kubernetes.server_time(), blind=blind)

    def _with_console(self, site: Site, blind: dict[str, str]) -> Site:
        console, read = self.console, self.console.read
        version = _told(blind, "console", lambda: console.parsed(model.version_from_health, console.health()))
        if version is None:
            blind.update(apps=blind["console"], minimal=blind["console"])
            return site
        apps = _told(blind, "apps", lambda: console.parsed(model.apps_from_api, read("/apps")))
        known = any(one.slug == site.slug for one in apps or ())
        licence = _told(blind, "licence", lambda: console.parsed(model.licence_from_api, read(f"/app/{site.slug}/license"))) if known else None
        settings = _told(blind, "minimal", self.settings)
        return replace(site, console=version, apps=apps, licence=licence, settings=settings or None, minimal=_minimal(settings))

    def settings(self) -> Any:
        """kotsadm's snapshot settings; False where it has minimal rights."""
        try:
            return self.console.parsed(model.settings_from_api, self.console.read("/snapshots/settings"))
        except NeedsVeleroAccess:
            return False

    def plan(self) -> model.Plan:
        """The schedule and the retention."""
        return self.console.parsed(model.plan_from_api, self.console.read("/snapshot/config"))

    def server(self) -> Server:
        """Velero's server."""
        found = self.kubernetes.find(DEPLOYMENT, self.place.velero_namespace, "velero")
        return server_from_api(found, self._pods_of(found)) if found else Server()

    def agents(self) -> Agents:
        """The agents, whichever name this version gives them."""
        for name in AGENTS:
            found = self.kubernetes.find(DAEMON_SET, self.place.velero_namespace, name)
            if found:
                return agents_from_api(found, self._pods_of(found))
        return Agents()

    def location(self) -> Optional[BackupStorageLocation]:
        """The location that KOTS uses; None where there is none, or no Velero at all."""
        found = self._location()
        return location_from_api(found) if found else None

    def _location(self) -> Optional[Json]:
        with suppress(NotServed):
            return self.kubernetes.find(BACKUP_STORAGE_LOCATION, self.place.velero_namespace, LOCATION_NAME)
        return None

    def nodes_with_volumes(self) -> frozenset[str]:
        """Nodes on which volumes wait to be read for a backup of now."""
        scope = Scope((self.place.namespace,), (), (TAKEN,))
        pods = [workload_from_api(one) for one in self.kubernetes.list(POD, self.place.namespace).items]
        return frozenset(one.node for one in volumes_of(scope, pods, {}) if one.node)

    # -- for the proofs ---------------------------------------------------------------------------------

    def evidence(self, found: InstanceBackup, required: Sequence[str]) -> Evidence:
        """What proves one backup: of what is not asked for nothing is read."""
        blind: dict[str, str] = {}
        seen = Evidence(now=self.kubernetes.server_time(), blind=blind)
        if set(required) - {"phase"}:
            seen = replace(seen, volumes=_told(blind, "volumes", lambda: self.volumes(found.name)))
        volumes = seen.volumes or ()
        expected = _told(blind, "volumes", lambda: self._expected(found)) if "volumes" in required else None
        if expected is not None:
            seen = replace(seen, expected=expected[0], unasked=_uncovered(expected[1], volumes))
        filled = _told(blind, "files", lambda: self._files(found, volumes)) if "files" in required else None
        if filled is not None:
            seen = replace(seen, files=filled[0], folders=filled[1])
        if "files" in required and found.backup.is_terminal:
            seen = replace(seen, keys=_told(blind, "keys", lambda: self.keys(found)) or Keys(blind=blind.get("keys", "")))
        return replace(seen, repositories=_told(blind, "repository", self.repositories)) if "repository" in required else seen

    def volumes(self, backup: str) -> tuple[PodVolumeBackup, ...]:
        """The volumes of a backup, by pod and name."""
        listed = self.kubernetes.list(POD_VOLUME_BACKUP, self.place.velero_namespace, labels=f"velero.io/backup-name={backup}").items
        return tuple(sorted(map(pod_volume_backup_from_api, listed), key=lambda one: (one.pod_namespace, one.pod, one.volume)))

    def repositories(self) -> tuple[Repository, ...]:
        """The repositories of volumes, under whichever kinds are served."""
        found: list[Repository] = []
        for kind in REPOSITORIES:
            with suppress(NotServed):
                found += map(repository_from_api, self.kubernetes.list(kind, self.place.velero_namespace).items)
        return tuple(found)

    def _expected(self, found: InstanceBackup) -> Any:
        namespaces = found.scope.namespaces if found.scope.namespaces and "*" not in found.scope.namespaces else ("",)
        pods = [workload_from_api(one) for one in self._all(POD, namespaces)]
        return volumes_of(found.scope, pods, claims_from_api(self._all(PVC, namespaces))), unasked(found.scope, pods)

    def contents(self, found: InstanceBackup) -> Optional[Json]:
        """Velero's own list of what is in a backup: names by kind; None where the store does not give it."""
        try:
            store, base = self.store_of(found)
            listed = json.loads(gzip.decompress(store.get(f"{base}backups/{found.name}/{found.name}-resource-list.json.gz")))
        except (CollectionError, OSError, ValueError, EOFError):
            return None
        return listed if isinstance(listed, dict) else None

    def keys(self, found: InstanceBackup) -> Keys:
        """What there is of keys, and what of them is in the backup."""
        listed, space = self.contents(found), self.place.namespace
        there = {name for name in KEYS if self.kubernetes.find(SECRET, space, name)}
        there |= {CONFIG} if self.kubernetes.find(CONFIG_MAP, space, CONFIG) else set()
        secrets = [self.kubernetes.find(SECRET, self.place.velero_namespace, name) for name in PASSWORDS]
        held = held_by(listed, (), space) if listed is not None else None
        return Keys(held, frozenset(there), _password_state(next((one for one in secrets if one), None)))

    def store_of(self, found: InstanceBackup) -> tuple[ObjectStore, str]:
        """The store that a backup is in, and the start of all names there. Raises NotFound where that is not the location of KOTS."""
        raw = self._location()
        if raw is None:
            raise NotFound(f"there is no backup storage location {LOCATION_NAME}")
        if found.backup.location not in ("", LOCATION_NAME):
            raise NotFound(f"it is in the location {found.backup.location}, which KOTS does not use")
        prefix = location_from_api(raw).prefix.strip("/")
        return self._open_store(raw), f"{prefix}/" if prefix else ""

    def _files(self, found: InstanceBackup, volumes: tuple[PodVolumeBackup, ...]) -> Any:
        store, base = self.store_of(found)
        folder = f"{base}backups/{found.name}/"
        files = {key[len(folder) :]: size for key, size in store.list(folder).items()}
        return files, {one.pod_namespace: _is_filled(store, base, one) for one in volumes}

    def _pods_of(self, owner: Json) -> tuple[Json, ...]:
        labels = (owner["spec"].get("selector") or {}).get("matchLabels") or {}
        chosen = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        return self.kubernetes.list(POD, self.place.velero_namespace, labels=chosen).items

    def _all(self, kind: Kind, namespaces: tuple[str, ...]) -> list[Json]:
        return [one for namespace in namespaces for one in self.kubernetes.list(kind, namespace).items]


def _is_filled(store: ObjectStore, base: str, one: PodVolumeBackup) -> bool:
    """Whether the repository of its namespace has its configuration, and files beside it: kopia and restic each have their own."""
    folder = f"{base}{one.uploader or 'restic'}/{one.pod_namespace}/"
    return any(store.list(folder + name) for name in ("config", "kopia.repository"))


def _uncovered(claims: tuple[str, ...], volumes: tuple[PodVolumeBackup, ...]) -> tuple[str, ...]:
    there = {f"{one.pod_namespace}/{one.claim}" for one in volumes if one.claim}
    return tuple(one for one in claims if one not in there)


def _password_state(secret: Optional[Json]) -> str:
    """Whether it is the one that everybody knows; the value goes no further."""
    try:
        text = base64.b64decode(((secret or {}).get("data") or {})["repository-password"]).decode()
    except (KeyError, ValueError):
        return "absent"
    return "default" if is_default(Secret(text)) else "own"


def _minimal(settings: Any) -> Optional[bool]:
    return None if settings is None else settings is False or bool(settings.minimal)


def _told(blind: dict[str, str], name: str, read: Callable[[], FoundT]) -> Optional[FoundT]:
    """What `read` gives; where it fails as expected, None, and why under `name`."""
    try:
        return read()
    except CollectionError as error:
        blind[name] = str(error)
        return None
