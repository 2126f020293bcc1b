# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Services host as a world for tls_certificate: its settings, its console, what it serves, and the folder of kept pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_client import read_material
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from ansible_collections.serverops.circleci.plugins.module_utils.replicated import certificate_client
from ansible_collections.serverops.circleci.plugins.module_utils.transport import handshakes
from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import Ran
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import Access, Found, HostFiles
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from unit.laws.services_world import ServicesWorld

from lab.certificates import Made, authority, key_of, server
from lab.replicated.ports import context_of, pair_of

HOST = "circleci.example.com"
ROOT = authority("Root of the app")
MIDDLE = authority("Middle of the app", ROOT)
ONE, TWO, THREE = (server(f"pair {number}", MIDDLE, names=(HOST,), key=key_of("p256", number)) for number in (1, 2, 3))
KEPT = "/var/lib/serverops/certificates"  # stands for a folder of the world's own


class CertificateWorld(ServicesWorld):
    """A host that may serve a pair already."""

    def __init__(self, serves: Made | None = None) -> None:
        super().__init__()
        self.kept = Path(self._folder.name) / "kept"
        self.refusing = ""
        self.deaf = self.stubborn = False
        if serves:
            self.store(serves)
            self.restarted()

    def store(self, made: Made) -> CertificateWorld:
        """By hand: into the settings, no note."""
        import base64

        with self.host.look() as now:
            for name, text in (("ssl_cert", made.pem + MIDDLE.pem), ("ssl_private_key", made.key_pem)):
                now.state["stored"][name] = {"value": "x", "data": base64.b64encode(text.encode()).decode()}
        return self

    def clear(self) -> CertificateWorld:
        """The notes, as replicated_app does after a start."""
        notes = PendingRestarts(self.notes_path)
        notes.clear([note.name for note in notes.notes()])
        return self

    @contextmanager
    def open(self) -> Iterator[None]:
        files = _Files(self.kept, self)
        with (
            super().open(),
            mock.patch.object(certificate_client, "HostFiles", lambda: files),
            mock.patch.object(handshakes, "served_certificate", self._served),
            mock.patch.object(handshakes, "addresses_of", self._resolved),
        ):
            yield

    def _run(self, argv: Sequence[str], _timeout: float = 20.0, fed: Secret | None = None) -> Ran:
        if list(argv[1:4]) != ["console", "cert", "set"]:
            return super()._run(argv, _timeout, fed)
        with self.tap.around("console cert"):
            self.journal.append("console cert")
            if self.stubborn:
                return Ran(0)
            paths = [word.replace(KEPT, str(self.kept)) for word in argv[1:]]
            done = self.host.run("replicated", *paths)
            return Ran(done.code, done.out, done.err)

    def _resolved(self, name: str) -> tuple[str, ...]:
        with self.tap.around(f"resolve {name}", before=False):
            return ("203.0.113.10",)

    def _served(self, host: str, port: int, _name: str = "") -> bytes:
        with self.tap.around("handshake", before=False), self.host.look() as now:
            console = now.state["console"]
            own = (console["cert"].encode(), console["key"].encode()) if console else None
            pair = own if port == 8800 else pair_of(now.state["live"])
            if self.deaf or pair is None or context_of(pair) is None:
                raise Unreachable(f"{host}:{port} shows no certificate: connection refused")
            return x509.load_pem_x509_certificates(pair[0])[0].public_bytes(Encoding.DER)

    def end(self) -> Json:
        """What is stored, kept and noted."""
        names = {made.fingerprint: name for name, made in (("one", ONE), ("two", TWO), ("three", THREE))}
        with self.host.look() as now:
            stored, console = pair_of(now.state["stored"]), now.state["console"]
        found = read_material(stored[0]).papers if stored else ()
        shown = read_material(console["cert"]).papers if console else ()
        return {
            "stored": names[found[0].fingerprint] if found else None,
            "console": names[shown[0].fingerprint] if shown else None,
            "kept": sorted(path.name for path in self.kept.iterdir()) if self.kept.exists() else [],
            "notes": [note.what for note in PendingRestarts(self.notes_path).notes()],
        }

    def harm(self) -> list[str]:
        readable = [path.name for path in self.kept.iterdir() if path.stat().st_mode & 0o077] if self.kept.exists() else []
        return [f"{name} can be read by others" for name in readable] + super().harm()


class _Files(HostFiles):
    """The real files, those of the kept pairs in the world's own folder. The host's store of authorities is left out."""

    def __init__(self, kept: Path, world: CertificateWorld) -> None:
        super().__init__()
        self._kept, self._world, self._tap = kept, world, world.tap

    def look(self, path: str) -> Found:
        ours = path.startswith((KEPT, str(self._kept)))
        return super().look(path.replace(KEPT, str(self._kept))) if ours else Found(path)

    def update(self, path: str, change: Callable[[bytes | None], bytes | None], asked: Access = Access()) -> None:  # noqa: B008
        with self._tap.around(f"write {Path(path).name}"):
            if self._world.refusing:
                raise NotPermitted(self._world.refusing)
            self._world.journal.append(f"write {path}")
            super().update(path.replace(KEPT, str(self._kept)), change, asked)


def given(made: Made | None = None, **params: Any) -> Json:
    """The options for a pair."""
    texts = {"certificate": made.pem + MIDDLE.pem, "private_key": made.key_pem} if made else {}
    return {"authorities": ROOT.pem, **texts, **params}
