# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of ssh: how it is started, what it is given of our environment, how it ends. A script stands in for it; the real one: nomad/test_roads.py."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, NotPermitted
from ansible_collections.serverops.circleci.plugins.module_utils.transport import ssh
from ansible_collections.serverops.circleci.plugins.module_utils.transport.login import Login

LOGIN = Login("bastion.example", "ops")
TARGET = "127.0.0.1:4646"


@pytest.fixture(autouse=True)
def forgetful() -> None:
    ssh._dying_with_us.cache_clear()


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH where our programs come first."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_without_an_ssh_client_the_option_and_the_package_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="ssh_forward needs the ssh client.*openssh-client"):
        ssh.dial(LOGIN, TARGET, 5.0)


def test_bytes_go_through_the_process_which_knows_none_of_our_secrets(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOMAD_TOKEN", "cafe-secret")
    monkeypatch.setenv("K8S_AUTH_API_KEY", "cafe-secret")
    program(path, "ssh", 'env; echo "$@"; cat')
    channel = ssh.dial(LOGIN, TARGET, 5.0)
    channel.send(b"question")
    got = b""
    while not got.endswith(b"question"):
        got += channel.receive() or b""
    assert b"cafe" not in got and b"-W 127.0.0.1:4646" in got and b"LC_ALL=C" in got
    assert channel.close() is None, "ended by us"


def test_the_last_words_of_a_client_that_ended_become_the_reason(path: Path) -> None:
    program(path, "ssh", 'echo "ops@bastion.example: Permission denied (publickey)." >&2; exit 255')
    channel = ssh.dial(LOGIN, TARGET, 5.0)
    assert channel.receive() == b""
    assert isinstance(channel.close(), NotPermitted)


def test_a_client_that_ends_well_gives_no_reason(path: Path) -> None:
    program(path, "ssh", "exit 0")
    channel = ssh.dial(LOGIN, TARGET, 5.0)
    assert channel.receive() == b"" and channel.close() is None


def test_a_client_that_does_not_listen_is_killed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "LAST_WORDS", 0.3)
    program(path, "ssh", "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    channel = ssh.dial(LOGIN, TARGET, 5.0)
    assert channel.receive() == b"ready\n"
    began = time.monotonic()
    assert channel.close() is None and time.monotonic() - began < 3
    assert channel._process.returncode == -9


@pytest.mark.parametrize(("helps", "used"), [("--pdeathsig keep|clear|<signame>", True), ("--nnp", False)])
def test_an_older_setpriv_is_not_used(path: Path, helps: str, used: bool) -> None:
    program(path, "setpriv", f'echo "{helps}"')
    assert ssh._dying_with_us() == (("setpriv", "--pdeathsig", "TERM") if used else ())
