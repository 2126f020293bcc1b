# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of certbot, and a certbot that takes its time, as a world for the laws. It stores as the real one does: versions, links, a renewal file last."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host import certbot_client
from ansible_collections.serverops.circleci.plugins.module_utils.host.certbot_client import CertbotPort
from ansible_collections.serverops.circleci.plugins.module_utils.host.certbot_model import BEGUN, LETS_ENCRYPT, CertbotSpec
from ansible_collections.serverops.circleci.plugins.module_utils.transport import versions
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import Found, HostFiles
from unit.laws.killing import Tap

from lab.certificates import NOW, authority, key_of, server
from lab.nomad.clock import VirtualClock

NAME, CANARY = "circleci.example.com", "canary-dns-token-81b2"
ROOT = authority("Root of Let's Encrypt")
TAKES = 20.0  # s of an order
INIT = CertbotPort.__init__
FOUR = ("cert", "chain", "fullchain", "privkey")
FAILS = f"""
{BEGUN}
Saving debug log to /x/letsencrypt.log
Hook '--manual-auth-hook' for {NAME} reported error code 3
Hook '--manual-auth-hook' for {NAME} ran with error output:
 403: no zone is open to the token {CANARY}
Some challenges have failed.
Certbot failed to authenticate some domains (authenticator: manual). The Certificate Authority reported these problems:
  Domain: {NAME}
  Type:   unauthorized
  Detail: No TXT records found for DNS challenge
"""


class CertbotWorld:
    """`fails`: the authority refuses; `program`: there is a certbot."""

    def __init__(self) -> None:
        self.clock, self.tap = VirtualClock(), Tap()
        self.clock.base = NOW
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name) / "letsencrypt"
        self.fails, self.program = False, True
        self.began: list[tuple[float, tuple[str, ...], bool]] = []
        self.ended = self.issued = self.aside = self.crowd = self.tidied = 0
        self.kept, self._counted = False, 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Clients made inside lead here."""
        files = _Files(self.tap)

        def init(port: CertbotPort, spec: CertbotSpec, clock: Any) -> None:
            self._init(port, spec, clock)

        with ExitStack() as stack:
            for name, value in (
                ("Detached", lambda _folder, _name, _ending, _option: Process(self)),
                ("find_program", lambda name: f"/usr/bin/{name}" if self.program else None),
                ("HostFiles", lambda: files),
                ("set_aside", self._set_aside),
            ):
                stack.enter_context(mock.patch.object(certbot_client, name, value))
            stack.enter_context(mock.patch.object(CertbotPort, "__init__", init))
            yield

    def _init(self, port: CertbotPort, spec: CertbotSpec, clock: Any) -> None:
        """Each world has a folder of its own, and all worlds the same options."""
        INIT(port, replace(spec, config_directory=str(self.folder)), clock)

    def writes(self) -> list[Any]:
        return [*self.began[self._counted :], *range(self.aside), *range(self.tidied)]

    def settle_in(self) -> CertbotWorld:
        """What made this world does not count."""
        self._counted = len(self.began)
        self.tap.kill(None)
        return self

    def end(self) -> Json:
        """What is stored and used, once certbot has ended."""
        self.clock.sleep(2 * TAKES)
        self.look()
        live = self.folder / "live" / NAME / "cert.pem"
        aside = self.folder / "unfinished"
        return {
            "stored": max((int(path.stem[4:]) for path in self.folder.glob(f"archive/{NAME}/cert*.pem")), default=0),
            "used": versions.version_in_use(str(live)),
            "aside": sorted(path.name for path in aside.iterdir()) if aside.exists() else [],
            "secrets": self.kept,
        }

    def harm(self) -> list[str]:
        found = [f"{self.issued} certificates were issued"] if self.issued > 1 else []
        return found + ([f"{self.crowd} ran beside another"] if self.crowd else [])

    # -- certbot -----------------------------------------------------------------------------------

    def begin(self, names: Sequence[str], force: bool) -> None:
        self.look()
        self.crowd += self.is_running
        self.began.append((self.clock.now(), tuple(names), force))
        self.kept = True

    @property
    def is_running(self) -> bool:
        return len(self.began) > self.ended

    def look(self) -> bool:
        """Let what should have happened by now happen; whether it runs still."""
        while self.is_running and self.clock.now() - self.began[self.ended][0] >= TAKES:
            _at, names, force = self.began[self.ended]
            self.ended, self.kept = self.ended + 1, False
            if not force:
                self.link(self.newest())
            elif not self.fails:
                self.issued += 1
                self.store(names)
                self.link(self.newest())
        return self.is_running

    def newest(self) -> int:
        return max((int(path.stem[7:]) for path in self.folder.glob(f"archive/{NAME}/privkey*.pem")), default=0)

    def store(self, names: Sequence[str] = (NAME,), days: int = 90, whole: bool = True) -> CertbotWorld:
        """A version more, and the renewal file."""
        number, begins = self.newest() + 1, self.clock.wall()
        made = server(
            "issued", ROOT, names=tuple(names), key=key_of("p256", number), begins=begins - timedelta(days=90 - days), ends=begins + timedelta(days=days)
        )
        texts = {"cert": made.pem, "chain": ROOT.pem, "fullchain": made.pem + ROOT.pem, "privkey": made.key_pem}
        archive, renewal = self.folder / "archive" / NAME, self.folder / "renewal"
        for place in (archive, renewal):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for kind, text in texts.items():
            (archive / f"{kind}{number}.pem").write_text(text)
        (renewal / f"{NAME}.conf").write_text(f"version = 2.1.0\n[renewalparams]\nserver = {LETS_ENCRYPT}\n" if whole else "")
        return self

    def link(self, number: int) -> CertbotWorld:
        live = self.folder / "live" / NAME
        live.mkdir(parents=True, exist_ok=True, mode=0o700)
        for kind in FOUR:
            (live / f"{kind}.pem").unlink(missing_ok=True)
            (live / f"{kind}.pem").symlink_to(f"../../archive/{NAME}/{kind}{number}.pem")
        return self

    def _set_aside(self, path: str, folder: str) -> None:
        with self.tap.around(f"set aside {Path(path).name}"):
            self.aside += 1
            versions.set_aside(path, folder)


class Process:
    """What stands for transport/detached.py."""

    def __init__(self, world: CertbotWorld) -> None:
        self._world = world
        self.log, self.kept = f"/runs/{NAME}.log", f"/runs/{NAME}.credentials.ini"

    def start(self, argv: Sequence[str], environment: Mapping[str, str], _kept: Secret | None = None) -> None:
        assert CANARY not in str(argv), "a secret is in the arguments"
        assert environment["DNS_TOKEN"] == CANARY, "the hook gets no token"
        with self._world.tap.around("start certbot"):
            if self._world.look():
                raise Refused("certbot runs already")
            names = [word for before, word in zip(argv, argv[1:], strict=False) if before == "--domain"]
            self._world.begin(names, "--force-renewal" in argv)

    def is_alive(self) -> bool:
        with self._world.tap.around("is certbot alive", before=False):
            return self._world.look()

    def keeps(self) -> bool:
        with self._world.tap.around("are there credentials", before=False):
            return self._world.kept

    def tidy(self) -> None:
        with self._world.tap.around("tidy up"):
            if self._world.look():
                raise Refused("certbot runs")
            self._world.kept = False
            self._world.tidied += 1

    def tail(self) -> str:
        return FAILS if self._world.fails and self._world.ended else ""


class _Files(HostFiles):
    """The real files; each look is a contact. The host's store of authorities is left out."""

    def __init__(self, tap: Tap) -> None:
        super().__init__()
        self._tap = tap

    def look(self, path: str) -> Found:
        with self._tap.around(f"read {Path(path).name}", before=False):
            return super().look(path) if "letsencrypt" in path else Found(path)
