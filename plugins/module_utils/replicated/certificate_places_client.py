# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where pairs of certificate and key are kept and installed: the app's settings, the console, and files of ours that nobody else can read."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Callable, Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Refused, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_client import read_material
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.certificate import APP, CONSOLE, Identity
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.client import ReplicatedClient
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import Held
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import Access, HostFiles

CERTIFICATE, KEY = "ssl_cert", "ssl_private_key"  # the items' names (circleci/enterprise-setup, files/renewal.sh)
OURS = Access(0o600)
PASSED = ("console-new.key", "console-new.pem")  # files for the console's program, while it runs
PATIENCE = 25.0  # s


@dataclass(frozen=True)
class Pair:
    """Both in base64, as Replicated keeps files."""

    certificate: Secret
    key: Secret

    @property
    def identity(self) -> Identity:
        """What tells it from others; texts that are no certificates have one too."""
        papers = read_material(_decoded(self.certificate)).papers
        keys = read_material(_decoded(self.key)).keys
        chain = tuple(paper.fingerprint for paper in papers) or (_digest(self.certificate),)
        return Identity(chain, keys[0].spki if keys else _digest(self.key))

    def pem(self) -> bytes:
        """The certificates."""
        return _decoded(self.certificate)

    def text(self) -> str:
        """For a file that only its owner can read."""
        return json.dumps({"certificate": self.certificate.reveal(), "private_key": self.key.reveal()}) + "\n"


def pair_of(certificate: str, key: str) -> Pair:
    """From PEM texts."""
    return Pair(*(Secret(base64.b64encode(text.encode()).decode()) for text in (certificate, key)))


class KeptPairs:
    """Files of one folder, one a pair."""

    def __init__(self, folder: str, files: HostFiles) -> None:
        self._folder, self._files = folder, files

    def read(self, name: str) -> Optional[Pair]:
        """The pair of that name. Raises Refused for a file that holds none."""
        path = f"{self._folder}/{name}.json"
        data = self._files.look(path).data
        if data is None:
            return None
        try:
            found = json.loads(data)
            return Pair(Secret(str(found["certificate"])), Secret(str(found["private_key"])))
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{path} holds no pair of certificate and key; move it away") from None

    def write(self, name: str, pair: Pair) -> None:
        self.put(f"{name}.json", pair.text())

    def put(self, name: str, text: str) -> str:
        """A file for its owner alone; its path."""
        path = f"{self._folder}/{name}"
        self._files.update(path, lambda _old: text.encode(), OURS)
        return path

    def has(self, name: str) -> bool:
        return self._files.look(f"{self._folder}/{name}").data is not None

    def drop(self, name: str) -> None:
        self._files.update(f"{self._folder}/{name}", lambda _old: None)


class AppPlace:
    """The app's settings. What is imported is served when the app has been started again."""

    name = APP

    def __init__(self, client: ReplicatedClient, kept: KeptPairs) -> None:
        self._client, self.kept = client, kept

    def stored(self, _served: str) -> tuple[Identity, Optional[Pair]]:
        """The pair of the settings; none where either is missing."""
        held = self._held()
        pair = Pair(held[CERTIFICATE].data, held[KEY].data)
        there = bool(pair.certificate.reveal() and pair.key.reveal())
        return (pair.identity, pair) if there else (Identity(), None)

    def install(self, pair: Pair, _host_name: str) -> None:
        """Import it, on the program's stdin, and see whether it was taken."""
        self._client.import_items({CERTIFICATE: Held(Secret("fullchain.pem"), pair.certificate), KEY: Held(Secret("privkey.pem"), pair.key)})
        if self.stored("")[1] != pair:
            raise Refused("Replicated took the import, but its settings hold another certificate; look for locked settings in the console")

    def host_name(self) -> str:
        """The name of the installation."""
        return host_name_of(self._client)

    def left(self) -> bool:
        """Nothing is ever left here."""
        return False

    def tidy(self) -> None:
        """Nothing."""

    def _held(self) -> dict[str, Held]:
        held = self._client.held()
        missing = [name for name in (CERTIFICATE, KEY) if name not in held]
        if missing:
            raise Refused(f"the settings of this installation have no {' and no '.join(missing)}")
        return held


class ConsolePlace:
    """The console on 8800, whose certificate stands in no settings: what it serves is what it has, and our own copy has the key."""

    name = CONSOLE

    def __init__(self, client: ReplicatedClient, kept: KeptPairs) -> None:
        self._client, self.kept = client, kept

    def stored(self, served: str) -> tuple[Identity, Optional[Pair]]:
        """What is served, and the pair where it is the one that we installed last."""
        ours = self.kept.read("console-current")
        if ours is not None and served in ("", ours.identity.leaf):  # out of sight it is taken for what we installed, and waited for
            return ours.identity, ours
        return Identity((served,) if served else ()), None

    def install(self, pair: Pair, host_name: str) -> None:
        """By files, since the program takes no other way; they are taken away again."""
        program = commands.find_program("replicated", "/usr/local/bin/replicated")
        if program is None:
            raise NotFound("replicated is neither on PATH nor in /usr/local/bin; run this on the Services host of a 2.x installation, as root")
        files = dict(zip(PASSED, (pair.key, pair.certificate)))
        try:
            paths = [self.kept.put(name, _decoded(text).decode("utf-8", "replace")) for name, text in files.items()]
            ran = commands.run([program, "console", "cert", "set", host_name, *paths], PATIENCE)
        finally:
            self.tidy()
        with doing("set the certificate of the console"):
            if ran.code is None:
                raise Unreachable("replicated did not answer")
            if ran.code != 0:
                raise Refused(f"replicated refuses: {' '.join(ran.err.split())[:300] or 'it says nothing'}")
        self.kept.write("console-current", pair)  # last: a run that was killed before hands the pair over again

    def left(self) -> bool:
        """Whether a run that was killed has left the files that it passed."""
        return any(self.kept.has(name) for name in PASSED)

    def tidy(self) -> None:
        """Take them away."""
        for name in PASSED:
            self.kept.drop(name)

    def host_name(self) -> str:
        """The name of the installation."""
        return host_name_of(self._client)


PLACES: dict[str, Callable[[ReplicatedClient, KeptPairs], Union[AppPlace, ConsolePlace]]] = {APP: AppPlace, CONSOLE: ConsolePlace}


def host_name_of(client: ReplicatedClient) -> str:
    """The setting `hostname`; empty where there is none."""
    return next((item.effective.reveal() for item in client.items() if item.name == "hostname"), "")


def _decoded(text: Secret) -> bytes:
    try:
        return base64.b64decode(text.reveal())
    except ValueError:
        return b""


def _digest(text: Secret) -> str:
    return hashlib.sha256(text.reveal().encode()).hexdigest()
