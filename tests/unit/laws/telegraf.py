# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telegraf on the lab's Services host as a world for the laws: its files are real, its container runs on the virtual clock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host import telegraf_client
from ansible_collections.serverops.circleci.plugins.module_utils.transport import host_files
from unit.laws.host_files import CANARY, MODULES, ROOT, HostWorld, at
from unit.laws.subject import Subject

from lab.replicated.services import ServicesHost

LAB = Path(str(ROOT) + "-lab")
FOLDER = "root/etc/circleconfig/telegraf"
KAFKA = f'[[outputs.kafka]]\n  brokers = ["kafka:9092"]\n  password = "{CANARY}"\n'


class TelegrafWorld(HostWorld):
    """Files that Telegraf reads at its start. Times of files are the virtual clock's."""

    def __init__(self, files: dict[str, str] | None = None) -> None:
        super().__init__({f"{FOLDER}/{name}": text for name, text in (files or {}).items()})
        shutil.rmtree(ROOT, ignore_errors=True)
        ROOT.mkdir()
        self.host = ServicesHost(ROOT, clock=self.clock)
        self.written = 0.0
        self.fault = ""
        self.clock.sleep(60)

    @contextmanager
    def open(self) -> Iterator[None]:
        with super().open(), ExitStack() as stack:
            (ROOT / FOLDER).mkdir(parents=True, exist_ok=True)
            stack.enter_context(mock.patch.object(telegraf_client, "commands", SimpleNamespace(find_program=lambda _name: "/lab/docker", run=self._docker)))
            stack.enter_context(mock.patch.object(host_files.HostFiles, "changed", lambda _files, _path: self.written))
            yield

    def _docker(self, argv: list[str], _timeout: float) -> Any:
        writes = argv[1] == "restart"
        with self.tap.around(argv[1], before=writes):
            if writes:
                self.journal.append(argv[1])
            done = self.host.run("docker", *argv[1:])
            self.clock.sleep(0.1)
        return SimpleNamespace(code=1 if self.fault and argv[1] == self.fault else done.code, out=done.out, err=done.err)

    def wrote(self, name: str) -> None:
        if name in ("rename", "remove"):
            self.written = self.clock.wall().timestamp()
            self.clock.sleep(0.1)

    def end(self) -> Json:
        with self.host.look() as host:
            container = host.containers()["telegraf"]
        return {**super().end(), "running": container["running"], "log": container["logs"][-1].partition(" ")[2]}


def empty() -> TelegrafWorld:
    return TelegrafWorld()


def old() -> TelegrafWorld:
    return TelegrafWorld({"kafka.conf": "[[outputs.file]]\n", "tags.conf": '[global_tags]\nEnv = "x"\n'})


def _broken(world: TelegrafWorld) -> None:
    world.disk[f"{FOLDER}/other.conf"] = (f'password = "{CANARY}"\n]'.encode(), 0o644)


def _silent(world: TelegrafWorld) -> None:
    world.fault = "restart"


def subjects() -> list[Subject]:
    door = import_module(MODULES + "telegraf_output").DOOR
    params: Json = {"name": "kafka", "content": KAFKA, "directory": at(FOLDER)}
    ends: Json = {f"{FOLDER}/kafka.conf": [KAFKA, 0o644], "running": True, "log": "I! Loaded outputs: kafka"}
    tags = {f"{FOLDER}/tags.conf": ['[global_tags]\nEnv = "x"\n', 0o644]}
    gone: Json = {**params, "state": "absent"}
    troubles = (_broken, _silent)
    return [
        Subject("telegraf_output: a new output", door, empty, params, ends, CANARY, troubles=troubles),
        Subject("telegraf_output: another output", door, old, params, {**ends, **tags}, CANARY, troubles=troubles),
        Subject("telegraf_output: none any more", door, old, gone, {**tags, "running": True, "log": "I! Loaded outputs: "}, CANARY, troubles=troubles),
    ]
