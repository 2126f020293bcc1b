# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project of the simulated Google and a machine with Packer as a world for the laws of vm_image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import requests
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.gcp import client
from ansible_collections.serverops.circleci.plugins.module_utils.image import build_client, packer_client
from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import Ran
from unit.laws.gcp_world import LabAdapter
from unit.laws.image_world import CANARY, TEMPLATE, Process, process_name
from unit.laws.killing import Tap

from lab.google.api import Api
from lab.google.compute import PUBLIC
from lab.google.control import PROJECT, Control
from lab.google.model import World
from lab.images.google_builder import GoogleBuilder
from lab.nomad.clock import VirtualClock

ZONE, FAMILY, BASE = "europe-west1-b", "circleci-linux", "ubuntu-2004-focal-v20230831"
TOKEN = "ya29.token-of-a-builder"
# What the operator's key holds; a module that shows any of it fails the laws.
KEY = json.dumps({"type": "service_account", "client_email": "x@lab", "private_key": f"-----BEGIN\n{CANARY}\n-----END\n", "token_uri": "http://lab/token"})


class GoogleImageWorld:
    """`text` is the template's; the machine is called lab. `roles` are those of whoever builds."""

    def __init__(self, roles: tuple[str, ...] = ("roles/compute.admin",)) -> None:
        self.clock: Any = VirtualClock()
        self.world = World(lambda: self.clock.wall().timestamp())
        self.api = Api(self.world)
        self.control = Control(self.api)
        self.control.operator(list(roles))
        self.control.image(BASE, PUBLIC)
        self.world.token(f"serviceAccount:operator@{PROJECT}.iam.gserviceaccount.com", 1e9, TOKEN)
        self.tap, self.journal = Tap(), []  # type: ignore[var-annotated]
        self.builder = GoogleBuilder(self.api, self.clock, TOKEN)
        self._counted = 0
        self.machine, self.version, self.text = "lab/1", "1.6.6", TEMPLATE + " instance_name"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Sessions and programs made inside lead here."""
        with ExitStack() as stack:
            for module, name, value in (
                (client, "_session", self._session),
                (packer_client, "Detached", lambda folder, name, ending="": Process(self, process_name(folder, name))),  # type: ignore[arg-type]
                (packer_client, "find_program", lambda name: f"/usr/bin/{name}" if self.version else None),
                (packer_client, "run", self._run),
                (packer_client, "place", lambda: self.machine),
                (build_client, "read_text", lambda path, _option: self.text if path.endswith("json") else Path(path).name),
            ):
                stack.enter_context(mock.patch.object(module, name, value))
            yield

    def _session(self, _connection: Any) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        session.mount("https://", LabAdapter(self))  # type: ignore[arg-type]
        return session

    def _run(self, _argv: Sequence[str]) -> Ran:
        return Ran(0, f"1700000000,,version,{self.version}\n")

    def writes(self) -> list[Any]:
        """What was ordered by the builder of images, and builds begun."""
        return [*self.journal, *range(self._counted, self.builder.starts)]

    def settle_in(self) -> GoogleImageWorld:
        """What made this world does not count."""
        self.journal.clear()
        self._counted = self.builder.starts
        self.tap.kill(None)
        return self

    def pass_time(self, seconds: float) -> None:
        """Time in which builds and operations go on."""
        for _second in range(int(seconds)):
            self.clock.sleep(1)
            for name in self.builder.builds:
                self.builder.look(name)
            self.api.compute.pass_time()

    def end(self) -> Json:
        """Images, and what hangs about."""
        self.pass_time(200)
        made = self.control.made()
        images = sorted((name.partition("-linux-")[0], *told) for name, told in made["images"].items())
        kept = [name for name, build in self.builder.builds.items() if build.kept]
        return {"images": images, "machines": len(made["machines"]), "disks": len(made["disks"]), **({"files": kept} if kept else {})}

    def harm(self) -> list[str]:
        """Never a public image of ours."""
        members = {name: told[1] for name, told in self.control.made()["images"].items()}
        return [f"{name} is public" for name, several in members.items() if any(one.startswith("all") for one in several)]


__all__ = ["BASE", "FAMILY", "KEY", "PROJECT", "TOKEN", "ZONE", "GoogleImageWorld"]
