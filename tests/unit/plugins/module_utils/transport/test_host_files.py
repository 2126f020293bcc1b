# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a host: changed whole or not at all, with what they had kept; what stands in the way is told and left alone."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted
from ansible_collections.serverops.circleci.plugins.module_utils.transport import host_files, host_system
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import Access, HostFiles
from unit.laws.killing import Killed

OLD, NEW = b'# ours\nexport A="1"\n', b'# ours\nexport A="2"\n'
CALLS = ("lock", "create", "write", "own", "allow", "label", "sync", "rename", "remove", "make_folder")


class Scripted(host_system.System):
    """Linux, until the call with this number: then death before or after it, or an error."""

    def __init__(self, at: int = -1, fault: BaseException | None = None, after: bool = False) -> None:
        self.made: list[str] = []
        self.at, self.fault, self.after = at, fault, after

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in CALLS:
            return found

        def call(*args: Any) -> Any:
            self.made.append(name)
            hit = self.fault is not None and len(self.made) - 1 == self.at
            if hit and not self.after:
                raise self.fault  # type: ignore[misc]
            result = found(*args)
            if hit:
                raise self.fault  # type: ignore[misc]
            return result

        return call


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "customizations"
    found.write_bytes(OLD)
    found.chmod(0o640)
    return found


def update(path: Path, system: host_system.System | None = None, asked: Access | None = None, data: bytes | None = NEW) -> None:
    HostFiles(system).update(str(path), lambda _old: data, asked or Access())


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_it_is_changed_with_owner_and_mode_kept(path: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, 12, 34)
    before = path.stat()
    update(path)
    now = path.stat()
    assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (before.st_uid, before.st_gid, 0o640)
    assert path.read_bytes() == NEW and names(tmp_path) == ["customizations"]


def test_what_is_as_wanted_is_not_touched(path: Path) -> None:
    before = path.stat()
    system = Scripted()
    update(path, system, data=OLD)
    assert system.made == ["lock"] and path.stat() == before


def test_mode_and_owner_are_set_as_asked_and_seen(path: Path) -> None:
    files = HostFiles()
    assert files.look(str(path)).has(Access(0o640)) and not files.look(str(path)).has(Access(0o600))
    update(path, asked=Access(0o600), data=OLD)
    assert files.look(str(path)).access.mode == 0o600 and path.read_bytes() == OLD


def test_a_new_file_and_its_folders_are_made_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "frontend" / "more" / "customizations"
    old = os.umask(0o077)
    try:
        update(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 and stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o755
    assert HostFiles().look(str(tmp_path / "none")).data is None


def test_none_takes_the_file_away(path: Path, tmp_path: Path) -> None:
    update(path, data=None)
    assert names(tmp_path) == []
    system = Scripted()
    update(path, system, data=None)
    assert system.made == ["lock"]


def test_attributes_are_kept(path: Path) -> None:
    """An ACL and a label of SELinux are extended attributes; one of a user stands for them where the file system knows it."""
    try:
        os.setxattr(path, "user.serverops", b"kept")
    except OSError:
        pytest.skip("the file system of the temporary folder keeps no extended attributes")
    update(path)
    assert os.getxattr(path, "user.serverops") == b"kept"


def test_an_acl_is_carried_over_and_one_of_the_folder_is_not_added(path: Path) -> None:
    set_to: list[tuple[str, bytes | None]] = []

    class Noted(host_system.System):
        def label(self, handle: int, name: str, value: bytes | None) -> None:
            set_to.append((name, value))

    def labels(handle: int) -> dict[str, bytes]:
        new = os.fstat(handle).st_mode & 0o777 == 0o600
        return {"system.posix_acl_access": b"of the folder", "user.new": b"1"} if new else {"system.posix_acl_access": b"old", "security.selinux": b"etc_t"}

    with mock.patch.object(host_files, "labels", labels):
        update(path, Noted())
    assert set_to == [("security.selinux", b"etc_t"), ("system.posix_acl_access", b"old"), ("user.new", None)]


@pytest.mark.parametrize("code", [errno.ENOTSUP, errno.EPERM])
def test_a_label_that_cannot_be_kept_stops_the_change_unless_there_are_none_there(path: Path, code: int) -> None:
    class Unable(host_system.System):
        def label(self, handle: int, name: str, value: bytes | None) -> None:
            raise OSError(code, os.strerror(code))

    with mock.patch.object(host_files, "labels", lambda handle: {"security.selinux": str(os.fstat(handle).st_ino).encode()}):
        if code == errno.ENOTSUP:
            update(path, Unable())
            assert path.read_bytes() == NEW
        else:
            with pytest.raises(NotPermitted, match="lsattr"):
                update(path, Unable())
            assert path.read_bytes() == OLD


# -- what stands in the way ----------------------------------------------------------------------------------------


def test_a_link_is_followed_where_only_we_may_write(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    update(link)
    assert link.is_symlink() and path.read_bytes() == NEW and HostFiles().look(str(link)).data == NEW


def test_a_link_into_a_folder_of_others_is_not_followed(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    target = open_folder / "target"
    target.write_bytes(OLD)
    link = tmp_path / "link"
    link.symlink_to(target)
    seen = HostFiles().look(str(link))
    assert "others than us may write to" in seen.hindrance
    with pytest.raises(NotPermitted, match="leads to"):
        update(link)
    assert target.read_bytes() == OLD
    (tmp_path / "astray").symlink_to(open_folder / "new" / "file")
    with pytest.raises(NotPermitted, match="leads to"):
        update(tmp_path / "astray")
    assert names(open_folder) == ["target"]


def test_a_file_with_two_names_a_folder_and_a_pipe_are_told(path: Path, tmp_path: Path) -> None:
    os.link(path, tmp_path / "twin")
    assert "2 names (hard links)" in HostFiles().look(str(path)).hindrance
    with pytest.raises(NotPermitted, match="2 names"):
        update(path)
    with pytest.raises(NotPermitted, match="is a folder"):
        update(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotPermitted, match="is no file"):
        HostFiles().look(str(tmp_path / "pipe"))
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(NotPermitted, match="cannot be read"):
        HostFiles().look(str(tmp_path / "round"))


def test_an_immutable_file_is_told(path: Path) -> None:
    with mock.patch.object(host_files, "flags", lambda _handle: host_system.IMMUTABLE):
        assert "chattr -i -a" in HostFiles().look(str(path)).hindrance
        with pytest.raises(NotPermitted, match="immutable"):
            update(path)
    assert path.read_bytes() == OLD


def test_a_file_that_is_far_too_large_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_files, "LARGEST", 10)
    with pytest.raises(NotPermitted, match="larger than 10 bytes"):
        HostFiles().look(str(path))


def test_who_waits_too_long_for_the_lock_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_files, "PATIENCE", 0.0)
    monkeypatch.setattr(host_system.System, "lock", lambda _self, _folder: False)
    with pytest.raises(NotPermitted, match="by somebody else"):
        update(path)
    assert path.read_bytes() == OLD


# -- faults at each call -----------------------------------------------------------------------------------------------


def calls(tmp_path: Path) -> list[str]:
    system = Scripted()
    probe = tmp_path / "probe" / "file"
    probe.parent.mkdir()
    probe.write_bytes(OLD)
    update(probe, system)
    return system.made


def test_a_change_is_lock_create_write_allow_sync_rename_sync(tmp_path: Path) -> None:
    assert calls(tmp_path) == ["lock", "create", "write", "allow", "sync", "rename", "sync"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EBUSY])
def test_an_error_of_any_call_leaves_the_old_file(tmp_path: Path, code: int) -> None:
    for at, name in enumerate(calls(tmp_path)):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        path = folder / "file"
        path.write_bytes(OLD)
        with pytest.raises(NotPermitted, match=r"cannot be (changed: .*it is as it was|made safe)"):
            update(path, Scripted(at, OSError(code, os.strerror(code))))
        renamed = at > 5
        assert path.read_bytes() == (NEW if renamed else OLD), name
        assert names(folder) == ["file"]


@pytest.mark.parametrize("after", [False, True])
def test_death_at_any_call_leaves_the_old_or_the_new_file_and_the_next_run_tidies_up(tmp_path: Path, after: bool) -> None:
    for at, name in enumerate(calls(tmp_path)):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        path = folder / "file"
        path.write_bytes(OLD)
        with pytest.raises(Killed):
            update(path, Scripted(at, Killed(name), after))
        assert path.read_bytes() in (OLD, NEW), name
        update(path, data=NEW + b"more\n")
        assert path.read_bytes() == NEW + b"more\n" and names(folder) == ["file"]


def test_a_write_in_pieces_is_whole(path: Path) -> None:
    class Slow(host_system.System):
        def write(self, handle: int, data: bytes) -> int:
            return os.write(handle, data[:3])

    update(path, Slow())
    assert path.read_bytes() == NEW
