# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role managed_python where the host's Python is none: an interpreter that does not exist, and whatever comes after the role works."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from integration.playing import Played, play

from lab.certificates import Made, authority, server

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: /nonexistent/python3
  roles:
    - serverops.circleci.managed_python
  tasks:
    - name: A module, which needs a Python
      ansible.builtin.ping:
      when: not ansible_check_mode
"""


class Host:
    """A folder that stands for the host, and an archive with a Python."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp, self.place, self.home = tmp_path, tmp_path / "opt dir" / "python", tmp_path / "home"
        self.archive = tmp_path / "archive.tar.gz"
        self.pack(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')

    def pack(self, text: str) -> None:
        source = self.tmp / "source"
        source.mkdir(exist_ok=True)
        (source / "python3").write_text(text)
        (source / "python3").chmod(0o755)
        with tarfile.open(self.archive, "w:gz") as archive:
            archive.add(source / "python3", "python/bin/python3")
        self.sum = hashlib.sha256(self.archive.read_bytes()).hexdigest()

    def play(self, *options: str, **more: Any) -> Played:
        playbook = self.tmp / "play.yml"
        playbook.write_text(PLAY)
        given = {"managed_python_archive": str(self.archive), "managed_python_sha256": self.sum, "managed_python_directory": str(self.place), **more}
        return play(str(playbook), given, self.home, *options)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_check_predicts_the_run_changes_and_again_is_quiet(host: Host) -> None:
    check = host.play("--check")
    assert check.code == 0 and "changed=1 " in check.output and not host.place.exists(), check.output
    real = host.play()
    assert real.code == 0 and "changed=1 " in real.output, real.output
    assert sorted(path.name for path in host.place.iterdir()) == sorted([host.sum, "current"])
    again = host.play()
    assert again.code == 0 and "changed=0 " in again.output, again.output
    assert "changed=0 " in host.play("--check").output


def test_another_archive_takes_over_and_what_a_dead_run_left_is_swept(host: Host) -> None:
    assert host.play().code == 0
    first = host.sum
    (host.place / ".draft" / "python").mkdir(parents=True)
    host.pack(f'#!/bin/sh\n# another\nexec "{sys.executable}" "$@"\n')
    played = host.play(managed_python_archive=f"file://{host.archive}")
    assert played.code == 0 and "changed=1 " in played.output, played.output
    assert (host.place / "current").resolve().name == host.sum != first
    assert not (host.place / ".draft").exists()


BAD = [
    ({"managed_python_sha256": "0" * 64}, "nothing was unpacked"),
    ({"managed_python_sha256": "abc"}, "64 small hexadecimal digits"),
    ({"managed_python_archive": "http://mirror.example.com/python.tar.gz"}, "an address with https://"),
    ({"managed_python_archive": "/nowhere/python.tar.gz"}, "is not on this host"),
    ({"managed_python_interpreter": "bin/other"}, "the archive has no bin/other"),
    ({"managed_python_minimum": "9.9"}, "is older than 9.9"),
]


@pytest.mark.parametrize(("given", "words"), BAD)
def test_what_will_not_do_is_told_and_not_put_to_use(host: Host, given: dict[str, str], words: str) -> None:
    played = host.play(**given)
    assert played.code != 0 and words in " ".join(played.output.split()), played.output
    assert not (host.place / "current").exists()


def test_a_minimum_that_was_raised_is_looked_at_again(host: Host) -> None:
    assert host.play().code == 0
    check = host.play("--check", managed_python_minimum="9.9")
    assert check.code == 0 and "changed=1 " in check.output, check.output
    played = host.play(managed_python_minimum="9.9")
    assert played.code != 0 and "is older than 9.9" in " ".join(played.output.split()), played.output


class Leading(BaseHTTPRequestHandler):
    """Leads from https to plain http, where the archive is."""

    def do_GET(self) -> None:
        site: Any = self.server
        if self.path == "/python.tar.gz":
            site.fetched += 1
            body = site.archive.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_response(302)
        self.send_header("Location", site.leads_to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: Any) -> None:
        """Quiet."""


@contextmanager
def site(archive: Path, folder: Path, leads_to: str = "", made: Made | None = None) -> Iterator[Any]:
    """A server on the loopback; with a certificate it speaks TLS."""
    here: Any = ThreadingHTTPServer(("127.0.0.1", 0), Leading)
    here.archive, here.leads_to, here.fetched = archive, leads_to, 0
    if made:
        (folder / "pair.pem").write_text(made.pem + made.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "pair.pem")
        here.socket = context.wrap_socket(here.socket, server_side=True)
    threading.Thread(target=here.serve_forever, daemon=True).start()
    try:
        yield here
    finally:
        here.shutdown()
        here.server_close()


def path_with(folder: Path, fetcher: str) -> str:
    """The programs that the role uses, and one that fetches."""
    folder.mkdir()
    for name in ("sh", "cat", "tar", "gzip", "sha256sum", "mkdir", "rm", "mv", "ln", "echo", "chmod", "sleep", "env", fetcher):
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"there is no {name} on PATH, so it was not tried")
        (folder / name).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize("fetcher", ["curl", "wget"])
def test_no_redirect_to_plain_http_is_followed(host: Host, fetcher: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", path_with(host.tmp / "bin", fetcher))
    root, now = authority("Root of a mirror"), datetime.now(timezone.utc)
    made = server("127.0.0.1", root, names=("127.0.0.1",), begins=now - timedelta(days=1), ends=now + timedelta(days=9))
    host.home.mkdir()
    (host.tmp / "root.pem").write_text(root.pem)
    (host.home / ".wgetrc").write_text(f"ca_certificate = {host.tmp}/root.pem\n")
    (host.home / ".curlrc").write_text(f'cacert = "{host.tmp}/root.pem"\n')
    with site(host.archive, host.tmp) as plain:
        with site(host.archive, host.tmp, f"http://127.0.0.1:{plain.server_port}/python.tar.gz", made) as mirror:
            played = host.play(managed_python_archive=f"https://127.0.0.1:{mirror.server_port}/leads")
            assert played.code != 0 and "cannot be fetched" in " ".join(played.output.split()), played.output
            assert plain.fetched == 0 and not (host.place / "current").exists()
            direct = host.play(managed_python_archive=f"https://127.0.0.1:{mirror.server_port}/python.tar.gz")
            assert direct.code == 0 and mirror.fetched == 1, direct.output


def test_the_host_needs_no_python_up_to_the_end_of_the_role(host: Host) -> None:
    """The same play without the role's fact fails at the first module: so the role itself used none."""
    played = host.play(managed_python_use=False)
    assert played.code != 0 and "changed=1 " in played.output and "/nonexistent/python3" in played.output, played.output
    assert (host.place / "current").exists()
