# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a support bundle: kotsadm collects and hands it over, the archive is searched here."""

from __future__ import annotations

from typing import Any, Optional
from urllib.parse import quote

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.kots.bundle import Bundle, Contents, Finding, Owner, bundles_from_api, owner_from_api
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.redaction import needles_of, search
from ansible_collections.serverops.circleci.plugins.module_utils.kots.support import Collect, SupportSpec, SupportState
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import SECRET
from ansible_collections.serverops.circleci.plugins.module_utils.transport import archives

PACE = 2.0  # s between two looks at kotsadm, which tells of nothing by itself


class SupportPort:
    """One installation, one file here."""

    def __init__(self, installation: InstallationClient, spec: SupportSpec, clock: Clock) -> None:
        self._console, self._kubernetes, self._namespace = installation.console, installation.kubernetes, installation.place.namespace
        self._spec, self._clock = spec, clock
        self._app = quote(spec.app, safe="")
        self._owner: Optional[Owner] = None
        self._bundles: dict[str, Bundle] = {}
        self._searched: Optional[tuple[Any, Contents]] = None

    def read(self, _confirming: frozenset[str]) -> SupportState:
        """What is at dest; where nothing is, what kotsadm has."""
        archives.check_place(self._spec.dest)
        mark = archives.mark_of(self._spec.dest)
        if mark is not None:
            return SupportState(kept=self._contents(mark))
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
            data = self._console.read_bytes(f"/troubleshoot/supportbundle/{quote(self._bundles[step.bundle].id, safe='')}/download")
            if not archives.is_archive(data):
                raise Unreachable("what kotsadm sent is no whole archive")
            archives.write_private(step.dest, data)

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(min(PACE, seconds))

    def _contents(self, mark: Any) -> Contents:
        """Searched once for each state of the file."""
        if self._searched is None or self._searched[0] != mark:
            with doing("read the Secrets to search for"):
                needles = needles_of(self._kubernetes.list(SECRET, self._namespace).items)
            self._searched = mark, self._search(mark[0], needles)
        return self._searched[1]

    def _search(self, size: int, needles: Any) -> Contents:
        findings: list[Finding] = []
        files = 0
        try:
            for name, pieces in archives.members(self._spec.dest):
                files += 1
                try:
                    findings += search(name, pieces, needles)
                except archives.Unreadable:
                    findings.append(Finding(name, "could not be unpacked, so it was not searched"))
        except Refused as error:
            return Contents(size, problem=str(error))
        return Contents(size, files, len(needles), tuple(findings))
