# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Google as a world for the laws: in process, on a virtual clock, with a folder of its own for what is kept in files."""

from __future__ import annotations

import base64
import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.gcp import client, key_client, pair_client
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.adapters import BaseAdapter
from unit.laws.killing import Tap

from lab.google.answers import Asked
from lab.google.api import Api, Fault
from lab.google.control import PROJECT, Control
from lab.google.model import World
from lab.nomad.clock import VirtualClock

TOKEN = "ya29.canary-of-an-operator"
EMAIL = f"velero@{PROJECT}.iam.gserviceaccount.com"
BUCKET = "circleci-backups"
MINE = (f"serviceAccount:{EMAIL}", f"serviceAccount:{PROJECT}.svc.id.goog[velero/velero]")
STEP = 0.05  # s that a call takes


@lru_cache(maxsize=8)
def generated(number: int) -> rsa.RSAPrivateKey:
    """A key; making one takes a tenth of a second, so the worlds share them."""
    return rsa.generate_private_key(65537, 2048)


@lru_cache(maxsize=8)
def loaded(private: str) -> Any:
    """A key from its text; looking whether its numbers are prime takes most of the time of all laws."""
    return LOAD(private)


def fingerprint(private: str) -> str:
    return pair_client._fingerprint(loaded(private).public_key())


LOAD = pair_client._load


class GoogleWorld:
    """A project whose operator has the roles that the guide asks for."""

    def __init__(self, roles: tuple[str, ...] | None = None) -> None:
        self.clock: Any = VirtualClock()
        self.world = World(lambda: self.clock.wall().timestamp())
        self.api = Api(self.world)
        self.control = Control(self.api)
        self.control.operator(list(roles) if roles is not None else None)
        self.world.token(f"serviceAccount:operator@{PROJECT}.iam.gserviceaccount.com", 1e9, TOKEN)
        self._folder = tempfile.TemporaryDirectory()
        self.file = Path(self._folder.name) / "credentials-velero"
        self.tap = Tap()
        self.journal: list[str] = []
        self.params: Json = {"project": PROJECT, "access_token": TOKEN, "endpoint_url": "http://lab"}
        self._generated = 0

    # -- as the laws want it -----------------------------------------------------------------------------------

    @contextmanager
    def open(self) -> Iterator[None]:
        written, removed = key_client.write_secret, key_client.remove_secret
        with (
            mock.patch.object(client, "_session", self._session),
            mock.patch.object(pair_client, "_generate", self._generate),
            mock.patch.object(pair_client, "_load", loaded),
            mock.patch.object(
                key_client, "write_secret", lambda path, *more: self._file(lambda: written(self._real(path), *more), f"write {Path(path).suffix}")
            ),
            mock.patch.object(key_client, "remove_secret", lambda path: self._file(lambda: removed(self._real(path)), "remove")),
            mock.patch.object(key_client, "secret_text", lambda path, option, read=key_client.secret_text: read(self._real(path), option)),
            mock.patch.object(key_client, "must_be_writable", lambda path, option, ask=key_client.must_be_writable: ask(self._real(path), option)),
        ):
            yield

    def _real(self, path: str) -> str:
        """Every world has the same parameters, and a folder of its own."""
        return path.replace("/lab", self._folder.name)

    def _file(self, act: Any, words: str) -> None:
        with self.tap.around(words):
            self.journal.append(words)
            act()

    def _generate(self) -> rsa.RSAPrivateKey:
        self._generated += 1
        return generated(self._generated)

    def _session(self, connection: client.GcpConnection) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {connection.key.token.reveal()}" if connection.key and connection.key.token else ""
        session.mount("http://", LabAdapter(self))
        return session

    def writes(self) -> list[Any]:
        return list(self.journal)

    def settle_in(self) -> GoogleWorld:
        self.journal.clear()
        self.tap.kill(None)
        return self

    def end(self) -> Json:
        """What there is, without ids and times."""
        kept = self.file.read_text() if self.file.exists() else ""
        account = self.world.accounts.get(EMAIL)
        entries = [(place, one["role"], member) for place, policy in self.world.policies.items() for one in policy.bindings for member in one["members"]]
        return {
            "buckets": {name: _closed(one.body) for name, one in self.world.buckets.items()},
            "roles": {name.rpartition("/")[2]: sorted(role.permissions) for name, role in self.world.roles.items() if not role.deleted},
            "rights": sorted(f"{place.partition('/')[0]} {role.rpartition('/')[2]}" for place, role, member in entries if member in MINE),
            "others": len([member for _place, _role, member in entries if member not in MINE]),
            "account": account is not None,
            "keys": len(account.keys) if account else 0,
            "kept": EMAIL in kept and any(f'"private_key_id": "{key}"' in kept for key in (account.keys if account else ())),
            "beside": self.file.with_name(self.file.name + ".new").exists(),
        }

    def harm(self) -> list[str]:
        """A key whose private half nobody has, a file that others can read."""
        account = self.world.accounts.get(EMAIL)
        texts = [path.read_text() for path in Path(self._folder.name).iterdir()]
        modes = [f"{path.name} can be read by others" for path in Path(self._folder.name).iterdir() if path.stat().st_mode & 0o077]
        mine = [key for key in (account.keys.values() if account else ()) if key.origin == "USER_PROVIDED"]
        held = {fingerprint(json.loads(text)["private_key"]) for text in texts}
        seen = {key.id: pair_client.seen_in({"publicKeyData": base64.b64encode(key.certificate.encode())})[0] for key in mine}
        lost = [f"nobody has key {name}" for name, public in seen.items() if public not in held]
        return modes + (lost if len(lost) > self.may_be_lost else [])

    may_be_lost = 0  # how many keys of ours the files no longer hold, where one was replaced


def _closed(body: Json) -> bool:
    access = body["iamConfiguration"]
    uniform, versioned = access["uniformBucketLevelAccess"]["enabled"], body.get("versioning", {}).get("enabled", False)
    return bool(uniform and versioned and access["publicAccessPrevention"] == "enforced")


class LabAdapter(BaseAdapter):
    """In the place of the wire."""

    def __init__(self, world: GoogleWorld) -> None:
        super().__init__()
        self._world = world

    def send(self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any) -> requests.Response:
        split = urlsplit(str(request.url))
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        asked = Asked(str(request.method), split.path, dict(parse_qsl(split.query)), headers, body)
        writes = asked.method != "GET" and not asked.path.endswith(":getIamPolicy")
        said = f"{asked.method} {asked.path}"
        with self._world.tap.around(said, before=writes):
            if writes:
                self._world.journal.append(said)
            answer = self._world.api.handle(asked)
            self._world.clock.sleep(STEP)
        if answer is None:
            raise requests.ConnectionError("Connection reset by peer")
        found = requests.Response()
        found.status_code, found.raw, found.request, found.url = answer.status, io.BytesIO(answer.body), request, str(request.url)
        found.headers.update(answer.headers)
        return found

    def close(self) -> None:
        """Nothing is open."""


__all__ = ["BUCKET", "EMAIL", "PROJECT", "TOKEN", "Fault", "GoogleWorld"]
