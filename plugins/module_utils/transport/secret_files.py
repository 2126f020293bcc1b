# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold a secret: read where they are there, and removed. They are written by files.write_secret."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret

LARGEST = 1_000_000  # bytes


def secret_text(path: str, option: str) -> Optional[Secret]:
    """What is in it; None where there is no such file, or an empty one. Raises BadInput naming the option."""
    try:
        with open(path, encoding="utf-8") as file:
            return Secret.maybe(file.read(LARGEST))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadInput(f"{option} is {path}, which cannot be read: {why}") from None


def remove_secret(path: str) -> None:
    """Gone; one that is not there is no failure."""
    with suppress(FileNotFoundError):
        os.unlink(path)
