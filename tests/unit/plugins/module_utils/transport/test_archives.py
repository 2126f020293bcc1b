# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An archive at a path: written whole and private or not at all, read without being unpacked, refused where it is a trap or none."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.transport import archives


def packed(**files: bytes) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return raw.getvalue()


def content(path: Path) -> dict[str, bytes]:
    return {name: b"".join(pieces) for name, pieces in archives.members(str(path))}


def test_written_it_is_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    old = os.umask(0)
    try:
        archives.write(str(path), packed(a=b"1"))
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600
    assert content(path) == {"a": b"1"}, "a link leads nowhere"
    assert [one.name for one in tmp_path.iterdir()] == ["x.tar.gz"], "nothing is left over"


def test_a_folder_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be written: No such file"):
        archives.write(str(tmp_path / "no" / "x"), b"1")
    assert list(tmp_path.iterdir()) == []


def test_compressed_files_in_it_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(packed(**{"a.gz": gzip.compress(b"inner"), "b.tgz": packed(c=b"deep")}))
    found = content(path)
    assert found["a.gz"] == b"inner" and b"deep" in found["b.tgz"]


def test_one_that_is_not_compressed_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(packed(**{"a.gz": b"plain"}))
    with pytest.raises(archives.Unreadable):
        content(path)


@pytest.mark.parametrize("data", [b"", b"plain", packed(a=os.urandom(50_000))[:2000], gzip.compress(b"no tar")], ids=["empty", "plain", "cut off", "no tar"])
def test_what_is_no_whole_archive(tmp_path: Path, data: bytes) -> None:
    assert not archives.is_archive(data)
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises(Refused, match=r"is no whole tar\.gz archive"):
        content(path)


def test_what_is_one() -> None:
    assert archives.is_archive(packed(a=b"1"))


def test_one_without_end_is_a_trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST", 1000)
    path = tmp_path / "x"
    path.write_bytes(packed(a=b"0" * 600, b=b"0" * 600))
    with pytest.raises(Refused, match="unpacks to more than"):
        content(path)


def test_places(tmp_path: Path) -> None:
    archives.check_place(str(tmp_path / "new"))
    assert archives.mark_of(str(tmp_path / "new")) is None
    (tmp_path / "new").write_bytes(b"12")
    mark = archives.mark_of(str(tmp_path / "new"))
    assert mark is not None and mark[0] == 2
    with pytest.raises(BadInput, match="is a folder"):
        archives.check_place(str(tmp_path))
    with pytest.raises(BadInput, match="there is no folder"):
        archives.check_place(str(tmp_path / "no" / "x"))
