# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys the ground before a restore: proofs, contents of the archive, what this cluster serves, where the backup was made, who else uses the bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Optional, TypeVar

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.gates import Site
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import InstanceBackup, instance_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kots.proofs import PASSED, Evidence, outcome, prove
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_cli_client import ProgramClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_client import RestoreClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_contents import Contents, NoArchive, contents_of
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_gates import Ground
from ansible_collections.serverops.circleci.plugins.module_utils.kots.restore_model import CONSOLE, RestoreSpec, RestoreState
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import DEPLOYMENT
from ansible_collections.serverops.circleci.plugins.module_utils.velero.model import meta_from_api

FoundT = TypeVar("FoundT")
CLAIM_UID = "velero.io/pvc-uid"
LARGEST = 500_000_000  # bytes of an archive that is read


class Surveyor:
    """Reads it; what does not change is read once."""

    def __init__(self, client: InstallationClient, own: RestoreClient, program: ProgramClient, spec: RestoreSpec) -> None:
        self._client, self._own, self._program, self._spec = client, own, program, spec
        self._contents: Optional[Contents] = None
        self._evidence: Optional[Evidence] = None
        self._version: Optional[tuple[Optional[str], str]] = None

    def ground(self, found: InstanceBackup, state: RestoreState, traces: bool) -> Ground:
        """All of it; what cannot be read is told, not guessed."""
        site = self._site(state)
        blind = dict(site.blind)
        ground = Ground(
            site=site,
            place=(self._client.place.namespace, self._client.place.app),
            proofs=self._proofs(found),
            contents=_told(blind, "contents", lambda: self._read(found)),
            classes=_told(blind, "storage", self._own.classes),
            mappings=_told(blind, "storage", self._own.mappings) or {},
            claims=_told(blind, "origin", self._own.claim_uids) or frozenset(),
            backups=tuple(one for one in map(instance_from_api, self._client.backups()) if one),
            restores=state.restores,
            traces=(_told(blind, "rivals", lambda: self._traces(found, state)) or ()) if traces else (),
            lives=_told(blind, "rivals", self._installed),
            volumes=state.wanted,
            claim_uids=frozenset(str(one.meta.labels.get(CLAIM_UID) or "") for one in state.wanted) - {""},
            program=self._cli()[0],
            program_words=self._cli()[1],
            lacking=_told(blind, "rights", self._own.missing_rights),
        )
        contents = ground.contents
        served = _told(blind, "kinds", lambda: self._own.served(contents.kinds)) if contents is not None else None
        return replace(ground, served=served, site=replace(site, blind=blind))

    def _site(self, state: RestoreState) -> Site:
        """As for a backup; but a console that is gone or not ready is not asked, since that would only cost time."""
        if state.console.ready:
            return self._client.site()
        client, blind = self._client, {"console": "the console is not ready"}
        server = _told(blind, "server", client.server)
        location = _told(blind, "location", client.location)
        agents = _told(blind, "agents", client.agents)
        return Site(slug=client.place.app, server=server, location=location, agents=agents, now=client.kubernetes.server_time(), blind=blind)

    def _proofs(self, found: InstanceBackup) -> Any:
        """Made anew until they pass."""
        spec = self._spec
        if self._evidence is None or outcome(prove(found, self._evidence, spec.required_proofs, spec.allow_empty)) != PASSED:
            self._evidence = self._client.evidence(found, spec.required_proofs)
        return prove(found, self._evidence, spec.required_proofs, spec.allow_empty)

    def _read(self, found: InstanceBackup) -> Contents:
        if self._contents is None:
            store, base = self._client.store_of(found)
            key = f"{base}backups/{found.name}/{found.name}.tar.gz"
            size = store.list(key).get(key)
            if size is None or size > LARGEST:
                raise NotFound(f"{key} is {'not in the store' if size is None else f'larger than {LARGEST} bytes'}")
            try:
                self._contents = contents_of(store.get(key))
            except NoArchive as error:
                raise NotFound(f"{key} cannot be read: {error}") from None
        return self._contents

    def _traces(self, found: InstanceBackup, state: RestoreState) -> tuple[str, ...]:
        """What a restore of this backup left in the store, if it was not made here."""
        mine = {one.meta.name for one in state.restores}
        store, base = self._client.store_of(found)
        names = [f"{found.name}.{part}" for part in (CONSOLE, *sorted(found.sequences))]
        return tuple(f"restores/{name}" for name in names if name not in mine and store.list(f"{base}restores/{name}/"))

    def _installed(self) -> Optional[float]:
        found: Optional[Json] = self._client.kubernetes.find(DEPLOYMENT, self._client.place.velero_namespace, "velero")
        return meta_from_api(found).created if found else None

    def _cli(self) -> tuple[Optional[str], str]:
        if self._version is None:
            self._version = self._program.version()
        return self._version


def _told(blind: dict[str, str], name: str, read: Callable[[], FoundT]) -> Optional[FoundT]:
    """What `read` gives; where it fails as expected, None, and why under `name`."""
    try:
        return read()
    except CollectionError as error:
        blind[name] = str(error)
        return None
