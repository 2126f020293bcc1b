# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are kept in numbered versions (cert1.pem, cert2.pem), the links that name the version in use, and what is set aside and not lost."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted

NUMBER = re.compile(r"(\d+)\.[a-z]+$")


def version_in_use(link: str) -> int:
    """The version that the link names; 0 where it is no link, or names none."""
    try:
        found = NUMBER.search(os.readlink(link))
    except OSError:
        return 0
    return int(found[1]) if found else 0


def versions_of(folder: str, stem: str, ending: str) -> frozenset[int]:
    """The versions of one file that are there; none where there is no folder. Raises NotPermitted."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise NotPermitted(f"{folder} cannot be read: {error.strerror}; run as root (become)") from None
    return frozenset(int(found[1]) for name in names for found in [re.fullmatch(rf"{re.escape(stem)}(\d+){re.escape(ending)}", name)] if found)


def there_of(folder: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Those of the files and folders that are there; the paths are seen from the folder."""
    return tuple(path for path in paths if os.path.lexists(os.path.join(folder, path)))


def set_aside(path: str, folder: str) -> None:
    """Move a file or folder into a private folder, under a name that nothing has there. Raises NotPermitted."""
    name, number = f"{os.path.basename(os.path.dirname(path))}-{os.path.basename(path)}", 1
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        while os.path.lexists(f"{folder}/{number}-{name}"):
            number += 1
        with suppress(FileNotFoundError):
            os.rename(path, f"{folder}/{number}-{name}")
    except OSError as error:
        raise NotPermitted(f"{path} cannot be moved to {folder}: {error.strerror}; move it out of the way") from None
