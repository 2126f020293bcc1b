# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that outlive us: real ones, whose lock tells whether they live, whoever died in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.transport.detached import Detached, check_folder, environment, place, whose

WORKS = ["/bin/sh", "-c", "echo at work; cat > /dev/null; while [ ! -e stop ]; do sleep 0.05; done; echo Error: over >&2"]
PATIENCE = 20.0


def until(so: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "serverops"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_it_lives_speaks_into_its_log_and_ends(folder: Path) -> None:
    one = Detached(str(folder), "run-1")
    assert not one.is_alive() and one.tail() == ""
    one.start(WORKS, {"PATH": os.environ["PATH"]}, Secret("a token"))
    assert one.is_alive() and Detached(str(folder), "run-1").is_alive(), "whoever asks"
    assert not Detached(str(folder), "run-2").is_alive()
    assert (folder / "run-1.kubeconfig").read_text() == "a token\n"
    assert {mode(folder / f"run-1.{end}") for end in ("log", "lock", "kubeconfig")} == {0o600} and mode(folder) == 0o700
    (folder / "stop").touch()
    until(lambda: not one.is_alive())
    assert one.tail() == "at work\nError: over\n"
    until(lambda: not (folder / "run-1.kubeconfig").exists())
    one.forget()
    assert [path.name for path in folder.iterdir() if path.name.startswith("run-1")] == ["run-1.log"]


def test_whose_locks_they_are_hangs_on_user_and_real_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(parents=True)
    (folder.parent / "link").symlink_to(folder)
    ours = whose(str(folder))
    assert whose(str(folder.parent / "link")) == ours != whose(str(folder.parent / "other"))
    monkeypatch.setenv("HOME", str(folder.parent))
    assert whose("~/serverops") == ours
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert whose(str(folder)).startswith("54321-") and whose(str(folder)) != ours


def test_a_second_one_of_the_same_name_is_refused(folder: Path) -> None:
    one = Detached(str(folder), "run-1")
    one.start(WORKS, {})
    try:
        with pytest.raises(Refused, match="runs already"):
            Detached(str(folder), "run-1").start(WORKS, {})
    finally:
        one.end()
    until(lambda: not one.is_alive())


def test_end_ends_its_whole_session_and_nothing_where_it_is_dead(folder: Path) -> None:
    one = Detached(str(folder), "run-1")
    one.start(["/bin/sh", "-c", "sleep 600 & sleep 600; true"], {"PATH": os.environ["PATH"]}, Secret("a token"))
    assert one.is_alive()
    one.end()
    until(lambda: not one.is_alive())
    one.end()
    assert not one.is_alive() and not (folder / "run-1.kubeconfig").exists()


def test_what_a_killed_one_left_is_removed_and_what_a_living_one_has_is_not(folder: Path) -> None:
    one = Detached(str(folder), "run-1")
    one.start(WORKS, {"PATH": os.environ["PATH"]}, Secret("a token"))
    with pytest.raises(Refused, match="it runs"):
        one.tidy()
    assert one.keeps()
    os.killpg(int((folder / "run-1.lock").read_text()), signal.SIGKILL)
    until(lambda: not one.is_alive())
    assert one.keeps(), "the shell that removes it was killed, too"
    one.tidy()
    one.tidy()
    assert not one.keeps() and not one.is_alive()
    half = Path(one.kept).with_name(f".{Path(one.kept).name}.serverops-half")
    half.touch()
    assert one.keeps(), "a write of it was killed"
    one.tidy()
    assert not one.keeps() and not half.exists()


def test_it_outlives_whoever_started_it_by_a_kill(folder: Path) -> None:
    code = (
        "import sys, time\n"
        "from ansible_collections.serverops.circleci.plugins.module_utils.transport.detached import Detached\n"
        f"Detached({str(folder)!r}, 'run-1').start({WORKS!r}, {{'PATH': '/usr/bin:/bin'}})\n"
        "print('started', flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert parent.stdout is not None and parent.stdout.readline() == b"started\n"
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(PATIENCE)
    parent.stdout.close()
    one = Detached(str(folder), "run-1")
    assert one.is_alive()
    (folder / "stop").touch()
    until(lambda: not one.is_alive())


def test_a_program_that_is_not_there_is_told_and_leaves_no_lock_behind(folder: Path) -> None:
    one = Detached(str(folder), "run-1")
    with pytest.raises(Refused, match="cannot be started"):
        one.start(["/nowhere/kots"], {})
    assert not one.is_alive()


def test_a_folder_where_others_may_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(BadInput, match="log_directory"):
        Detached(str(tmp_path), "run-1").start(WORKS, {})
    with pytest.raises(BadInput, match="log_directory"):
        check_folder(str(tmp_path))


def test_looking_at_a_folder_makes_none(tmp_path: Path) -> None:
    check_folder(str(tmp_path / "not" / "yet"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="log_directory"):
        Detached(str(tmp_path / "file" / "x"), "run-1").start(WORKS, {})


def test_the_environment_is_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "prod")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD", "secret")
    found = environment(("PATH", "AWS_"))
    assert found["AWS_PROFILE"] == "prod" and "PATH" in found and "ANSIBLE_VAULT_PASSWORD" not in found


def test_the_place_is_the_same_each_time() -> None:
    assert place() == place() != ""
