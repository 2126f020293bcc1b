# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive that is kept at a path: written whole and for its owner alone, read file by file without being unpacked to disk."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.transport.files import write_private

PIECE = 4 * 1024 * 1024  # bytes
MOST = 16 * 1024**3  # bytes of content; more is no bundle but a trap
BROKEN = "is no whole tar.gz archive"
FAULTS = (tarfile.TarError, OSError, EOFError, zlib.error)


class Unreadable(Exception):
    """A compressed file in the archive that is none."""


def check_place(path: str) -> None:
    """Raises BadInput where no file can be at `path`."""
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        raise BadInput(f"dest {path} is a folder; give the path of a file in it")
    if not os.path.isdir(folder):
        raise BadInput(f"dest {path} cannot be written, since there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise BadInput(f"dest {path} cannot be written, since folder {folder} is not writable for this user; give another dest")


def mark_of(path: str) -> Optional[tuple[int, int]]:
    """Size and time of change; None where nothing is."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"dest {path} cannot be looked at: {error.strerror}") from None
    return found.st_size, found.st_mtime_ns


def is_archive(data: bytes) -> bool:
    """Whether it is a whole tar.gz."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for _member in archive:
                pass
    except FAULTS:
        return False
    return True


def write(path: str, data: bytes) -> None:
    """All of it or nothing, mode 0600. Raises Refused where it cannot be."""
    try:
        write_private(path, data)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None


def members(path: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each file of a tar.gz: its name and its content in pieces, those of .gz and .tgz unpacked. Raises Refused where it is no such archive."""
    budget = [MOST]
    try:
        with tarfile.open(path, mode="r:gz") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    yield member.name, _pieces(file, member.name.endswith((".gz", ".tgz")), budget)
    except FAULTS:
        raise Refused(BROKEN) from None


def _pieces(file: Any, packed: bool, budget: list[int]) -> Iterator[bytes]:
    source = gzip.GzipFile(fileobj=file) if packed else file
    while True:
        try:
            piece = source.read(PIECE)
        except FAULTS:
            if packed:
                raise Unreadable from None
            raise Refused(BROKEN) from None
        if not piece:
            return
        budget[0] -= len(piece)
        if budget[0] < 0:
            raise Refused(f"unpacks to more than {MOST // 1024**3} GiB")
        yield bytes(piece)
