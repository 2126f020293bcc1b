# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a support bundle: kotsadm collects and hands it over, the archive is searched here."""

from __future__ import annotations

from typing import Any, Optional
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import doing
from ansible_collections.serverops.circleci.plugins.module_utils.kots.bundle import Bundle, Owner, bundles_from_api, owner_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kots.bundle_client import KeptBundle
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.redaction import Needle, needles_of
from ansible_collections.serverops.circleci.plugins.module_utils.kots.support import Collect, SupportSpec, SupportState
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import SECRET

PACE = 2.0  # s between two looks at kotsadm, which tells of nothing by itself


class SupportPort:
    """One installation, one file here."""

    def __init__(self, installation: InstallationClient, spec: SupportSpec, clock: Clock) -> None:
        self._console, self._kubernetes, self._namespace = installation.console, installation.kubernetes, installation.place.namespace
        self._spec, self._clock = spec, clock
        self._app = quote(spec.app, safe="")
        self._owner: Optional[Owner] = None
        self._bundles: dict[str, Bundle] = {}
        self._file = KeptBundle(spec.dest)

    def read(self, _confirming: frozenset[str]) -> SupportState:
        """What is at dest; where nothing is, what kotsadm has."""
        kept = self._file.contents(self._needles)
        if kept is not None:
            return SupportState(kept=kept)
        with doing(f"read the app {self._spec.app}"):
            self._owner = self._console.parsed(owner_from_api, self._console.read(f"/app/{self._app}"))
        with doing("read the list of support bundles"):
            found = self._console.parsed(bundles_from_api, self._console.read(f"/troubleshoot/app/{self._app}/supportbundles"))
        self._bundles = {one.slug: one for one in found}
        return SupportState(None, self._owner, found, self._kubernetes.server_time())

    def apply(self, step: Any) -> None:
        """Send the order, or write the file."""
        if isinstance(step, Collect):
            with doing("have a support bundle collected"):
                owner = self._owner or Owner("", "")
                path = f"/troubleshoot/supportbundle/app/{quote(owner.id, safe='')}/cluster/{quote(owner.cluster, safe='')}/collect"
                self._console.write("POST", path, {})
            return
        with doing(f"fetch support bundle {step.bundle}"):
            self._file.keep(self._console.read_bytes(f"/troubleshoot/supportbundle/{quote(self._bundles[step.bundle].id, safe='')}/download"))

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(min(PACE, seconds))

    def _needles(self) -> tuple[Needle, ...]:
        with doing("read the Secrets to search for"):
            return needles_of(self._kubernetes.list(SECRET, self._namespace).items)
