# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a library wants to read from a path: made for this process alone, and gone with it."""

from __future__ import annotations

import atexit
import os
import tempfile
from contextlib import suppress


def kept_file(text: str) -> str:
    """The path of a file with that text, readable by its owner only, removed when the process ends."""
    handle, path = tempfile.mkstemp(prefix="serverops-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    atexit.register(_remove, path)
    return path


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
