# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle that is kept at a path: written once, searched file by file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kots.bundle import Contents, Finding
from ansible_collections.serverops.circleci.plugins.module_utils.kots.redaction import Needle, search
from ansible_collections.serverops.circleci.plugins.module_utils.transport import archives


class KeptBundle:
    """One path on this machine."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._searched: Optional[tuple[Any, Contents]] = None

    def contents(self, needles: Callable[[], Sequence[Needle]]) -> Optional[Contents]:
        """What is there, searched once for each state of the file; None where nothing is. Raises BadInput where no file can be."""
        archives.check_place(self._path)
        mark = archives.mark_of(self._path)
        if mark is None:
            return None
        if self._searched is None or self._searched[0] != mark:
            self._searched = mark, self._search(mark[0], needles())
        return self._searched[1]

    def keep(self, data: bytes) -> None:
        """Write it, for its owner alone. Raises Unreachable where it is no whole archive, Refused where it cannot be written."""
        if not archives.is_archive(data):
            raise Unreachable("what kotsadm sent is no whole archive")
        archives.write(self._path, data)

    def _search(self, size: int, needles: Sequence[Needle]) -> Contents:
        findings: list[Finding] = []
        files = 0
        try:
            for name, pieces in archives.members(self._path):
                files += 1
                try:
                    findings += search(name, pieces, needles)
                except archives.Unreadable:
                    findings.append(Finding(name, "could not be unpacked, so it was not searched"))
        except Refused as error:
            return Contents(size, problem=str(error))
        return Contents(size, files, len(needles), tuple(findings))
