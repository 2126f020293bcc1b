# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account and a machine with Packer as a world for the laws: what the builder of images does to them, and what he left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.image import build_client, ec2_client, packer_client
from ansible_collections.serverops.circleci.plugins.module_utils.transport.commands import Ran
from unit.laws.killing import Tap

from lab.images.account import Account
from lab.images.builder import Builder
from lab.nomad.clock import VirtualClock

CANARY = "canary-password-3c9"
HOME, AWAY, FAMILY = "eu-west-1", "us-east-1", "circleci-linux"
TEMPLATE = "{{user `image_name`}} {{user `image_family`}} {{user `image_digest`}} {{user `image_run`}}"


class ImageWorld:
    """`text` is the template's; the machine is called lab."""

    def __init__(self) -> None:
        self.clock, self.tap = VirtualClock(), Tap()
        self.account = Account(self.clock)
        self.account.around = self.tap.around
        self.builder = Builder(self.account)
        self._counted = 0
        self.machine, self.version, self.text = "lab/1", "1.6.6", TEMPLATE
        self.account.region(HOME)["images"]["ami-base"] = {"ImageId": "ami-base", "Name": "ubuntu", "State": "available", "Tags": [], "Public": True}

    @contextmanager
    def open(self) -> Iterator[None]:
        """Clients and programs made inside lead here."""
        with ExitStack() as stack:
            for module, name, value in (
                (ec2_client, "aws_client", lambda _service, region, _cloud: self.account.client(region)),
                (packer_client, "Detached", lambda folder, name, ending="": Process(self, process_name(folder, name))),
                (packer_client, "find_program", lambda name: f"/usr/bin/{name}" if self.version else None),
                (packer_client, "run", self._run),
                (packer_client, "place", lambda: self.machine),
                (build_client, "read_text", lambda path, _option: self.text if path.endswith("json") else Path(path).name),
            ):
                stack.enter_context(mock.patch.object(module, name, value))
            yield

    def writes(self) -> list[Any]:
        """What was written to EC2 by the builder of images, and builds begun."""
        return [*self.account.writes, *range(self._counted, self.builder.starts)]

    def settle_in(self) -> ImageWorld:
        """What made this world does not count."""
        self.account.writes.clear()
        self._counted = self.builder.starts
        self.tap.points.clear()
        return self

    def end(self) -> Json:
        """Images by region, and what hangs about."""
        self.clock.sleep(300)
        for name in self.builder.builds:
            self.builder.look(name)
        self.clock.sleep(60)
        found: Json = {}
        for region, kinds in sorted(self.account.things.items()):
            self.account.pass_time(region)
            if not kinds["images"]:
                continue  # asked, and nothing there
            found[region] = {
                "images": sorted(map(_seen, kinds["images"].values()), key=str),
                "machines": sum(one["State"]["Name"] == "running" for one in kinds["instances"].values()),
                "others": {kind: len(kinds[kind]) for kind in ("volumes", "keys", "groups")},
            }
        kept = [name for name, build in self.builder.builds.items() if build.kept]
        return {**found, "files": kept} if kept else found

    def harm(self) -> list[str]:
        """Never two machines at once, never a public image."""
        bad = [one["Name"] for kinds in self.account.things.values() for one in kinds["images"].values() if one.get("Public") and one["ImageId"] != "ami-base"]
        return [f"{name} is public" for name in bad]

    def _run(self, _argv: Sequence[str]) -> Ran:
        return Ran(0, f"1700000000,,version,{self.version}\n")

    def build(self, name: str) -> Any:
        return self.builder.look(name)


def _seen(image: Json) -> tuple[str, str, tuple[Any, ...]]:
    return image["Name"].partition("-linux-")[0], image["State"], tuple(image.get("permissions", ()))


def process_name(folder: str, name: str) -> str:
    """Locks of another folder tell of other processes."""
    return name if folder.endswith("/.serverops/images") else f"{folder}/{name}"


class Process:
    """What stands for transport/detached.py: the process of one build."""

    def __init__(self, world: ImageWorld, name: str) -> None:
        self._world, self._name = world, name
        self.log, self.kept = f"/logs/{name}.log", f"/logs/{name}.pkrvars.json"

    def start(self, argv: Sequence[str], environment: Mapping[str, str], kept: Secret) -> None:
        assert CANARY not in str(argv), "a secret is in the arguments"
        with self._world.tap.around("packer build"):
            self._world.builder.start(self._name, kept.reveal())

    def is_alive(self) -> bool:
        build = self._world.builder.look(self._name)
        return build is not None and build.alive

    def tail(self) -> str:
        build = self._world.builder.look(self._name)
        return build.log if build is not None else ""

    def keeps(self) -> bool:
        build = self._world.builder.look(self._name)
        return build is not None and build.kept

    def tidy(self) -> None:
        self._world.builder.builds[self._name].kept = False


Trouble = Callable[[Any], None]
