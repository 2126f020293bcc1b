# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When files and folders were last changed: for files that are made of others, to see whether they are behind."""

from __future__ import annotations

import os


def changed_at(path: str) -> int:
    """Nanoseconds; 0 where there is nothing, or where it cannot be seen."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
