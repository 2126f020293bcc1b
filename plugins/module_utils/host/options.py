# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of modules that leave a note where a restart is due; doc_fragments/restart_notes.py describes it."""

from __future__ import annotations

from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import DIRECTORY

RESTART_NOTES: dict[str, dict[str, Any]] = {"restart_notes": {"type": "path", "default": DIRECTORY}}
