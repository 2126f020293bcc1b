# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The official CLI of KOTS, where it is on this machine: its version, and nothing else. Its exit codes tell nothing (recorded)."""

from __future__ import annotations

import json
import re
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import find_program, run


def cli_version() -> Optional[str]:
    """Version of the CLI without its v; None where there is none, or it does not say."""
    program = find_program("kubectl-kots", "kots")
    if program is None:
        return None
    return version_in(run([program, "version", "-o", "json"]).out) or version_in(run([program, "version"]).out)


def version_in(text: str) -> Optional[str]:
    """The version in what the CLI prints: JSON of newer ones, a sentence of old ones, with codes for the terminal between."""
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    said = str(told.get("version") or "") if isinstance(told, dict) else text
    found = re.search(r"v?(\d+\.\d+\.\d+)", said)
    return found.group(1) if found else None
