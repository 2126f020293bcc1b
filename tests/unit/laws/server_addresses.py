# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A 3.x installation with its balancers, kotsadm and a resolver, as a world in which names lead to it, or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest import mock

import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotFound, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots import console_client
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import calls_client
from ansible_collections.serverops.circleci.plugins.module_utils.transport import names
from ansible_collections.serverops.circleci.plugins.module_utils.transport.names import Resolved
from unit.laws.server_world import CANARY, NAMESPACE, PARAMS, ServerWorld
from unit.laws.subject import Reading

from lab.copies import copied
from lab.kots.adapter import ConsoleAdapter
from lab.kots.model import Answer, Item
from lab.kots.world import KotsWorld
from lab.kubernetes.link import LabLink
from lab.kubernetes.state import User

DOOR = import_module("ansible_collections.serverops.circleci.plugins.modules.server_addresses_info").DOOR
PUBLIC = ("circleci-server-traefik", "output-processor", "vm-service", "nomad-server")
ITEMS = (Item("domain"), Item("vm_service_host"), Item("nomad_host"), Item("secret", type="password"))
NAMES = {"frontend": "ci.example.com", "nomad_server": "nomad.example.com", "output_processor": "output.example.com", "vm_service": "vm.example.com"}
KEYS = {"frontend": "domain", "vm_service": "vm_service_host"}
SERVICES = {"frontend": PUBLIC[0], "nomad_server": "nomad-server-external", "output_processor": PUBLIC[1], "vm_service": PUBLIC[2]}


class AddressesWorld(ServerWorld):
    """`names` is what the resolver knows (a text: an alias); `silent` whether it says nothing. `listening`: where somebody answers."""

    def __init__(self) -> None:
        super().__init__(apps=PUBLIC)
        self.console = KotsWorld(self.state, namespace=NAMESPACE).install()
        self.app = self.console.add_app(items=ITEMS, domain=f"https://{NAMES['frontend']}/", vm_service_host="192.0.2.14", secret=CANARY)
        self.names: dict[str, Any] = {name: self.addresses(role) for role, name in NAMES.items()}
        self.silent = False
        self.listening: set[tuple[str, int]] = set()
        self.tried: list[tuple[str, int]] = []

    def service(self, role: str) -> Json:
        return copied(self.state.objects["services", NAMESPACE, SERVICES[role]])

    def addresses(self, role: str) -> list[str]:
        return [one["ip"] for one in self.service(role)["status"]["loadBalancer"]["ingress"]]

    def balance(self, role: str, *rows: Mapping[str, str], **spec: Any) -> None:
        """Other addresses of its balancer, as a restore brings them."""
        found = self.service(role)
        found["status"] = {"loadBalancer": {"ingress": list(rows)} if rows else {}}
        found["spec"] |= spec
        self.state.put("services", NAMESPACE, SERVICES[role], found)

    @contextmanager
    def open(self) -> Iterator[None]:
        stub = SimpleNamespace(port=1, forget=lambda: None, failure=lambda: None, close=lambda: None)
        with (
            super().open(),
            mock.patch.object(calls_client, "Link", lambda _connection: LabLink(self.api, CANARY, self._around)),
            mock.patch.object(console_client, "Forward", lambda *_args: stub),
            mock.patch.object(console_client, "new_session", lambda *_args, **_more: self._session()),
            mock.patch.object(names, "resolve", self._resolve),
            mock.patch.object(names, "listens", self._listens),
        ):
            yield

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", ConsoleAdapter(self.console, lambda what, writes: self.tap.around(what, before=writes)))
        return session

    def _resolve(self, name: str, _resolver: str = "") -> Resolved:
        if self.silent:
            raise Unreachable(f"the resolver gave no usable answer about {name}")
        found, through = self.names.get(name), []
        while isinstance(found, str):
            through.append(found)
            found = self.names.get(found)
        if not found:
            raise NotFound(f"{name} does not exist, or has no address")
        return Resolved(tuple(found), tuple(through))

    def _listens(self, address: str, port: int, _timeout: float) -> str:
        self.tried.append((address, port))
        return "" if (address, port) in self.listening else "no answer in time"


def restored() -> AddressesWorld:
    """After a restore: every balancer is another, and the names lead to the old ones."""
    world = AddressesWorld()
    for number, role in enumerate(SERVICES, 10):
        world.balance(role, {"ip": f"203.0.113.{number}"})
    world.settle_in()
    return world


def _silent(world: Any) -> None:
    world.silent = True


def _unknown(world: Any) -> None:
    world.state.users[CANARY] = User("nobody", ())


def _console_echoes(world: Any) -> None:
    world.console.fault("/api/v1", Answer(401, {"error": "wrong header"}), count=1000)


def readings() -> list[Reading]:
    """server_addresses_info after a restore, with names given and read."""
    params = {**PARAMS, "names": NAMES, "config_keys": KEYS, "probe": list(NAMES)}
    troubles = (_silent, _unknown, _console_echoes)
    return [
        Reading("server_addresses_info", DOOR, restored, params, CANARY, troubles),
        Reading("server_addresses_info, names of the configuration", DOOR, restored, {**params, "names": {}}, CANARY, troubles),
    ]
