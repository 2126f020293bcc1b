# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a host as a world for the laws: real files in a folder of its own, death at every call that changes one."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host import readers_client
from ansible_collections.serverops.circleci.plugins.module_utils.transport import host_files
from ansible_collections.serverops.circleci.plugins.module_utils.transport.folders import Folder
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_system import System
from unit.laws.killing import Tap
from unit.laws.subject import Subject

from lab.nomad.clock import VirtualClock

MODULES = "ansible_collections.serverops.circleci.plugins.modules."
CANARY = "5ec2e7-of-the-host"
ROOT = Path(tempfile.mkdtemp(prefix="serverops-laws-"))
atexit.register(shutil.rmtree, ROOT, ignore_errors=True)
CHANGING = ("create", "rename", "remove")  # death at each single call is in test_host_files.py
OLD = "# by hand\nexport KEPT='1' # why\nHTTP_PROXY=10.0.0.9:1\nexport JVM_OPTS=\"-Xmx1g\"\n"


def at(name: str) -> str:
    return str(ROOT / name)


class Tapped(System):
    """Linux; each call that changes something is a contact with the world."""

    world: HostWorld

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in CHANGING:
            return found
        world = self.world

        def call(*args: Any) -> Any:
            with world.tap.around(name):
                if world.full and name == "create":
                    raise OSError(28, "No space left on device")
                world.journal.append(name)
                result = found(*args)
                world.wrote(name)
                return result

        return call


class HostWorld:
    """A host. Each world has a disk of its own, which is in ROOT while it is open."""

    def __init__(self, files: dict[str, str] | None = None) -> None:
        self.clock: Any = VirtualClock()
        self.tap = Tap()
        self.journal: list[Any] = []
        self.full = False
        self.disk: dict[str, tuple[bytes, int]] = {name: (text.encode(), 0o644) for name, text in (files or {}).items()}

    @contextmanager
    def open(self) -> Iterator[None]:
        self._mount()
        put, remove, look = Folder.put, Folder.remove, host_files.HostFiles.look

        def tapped(name: str, act: Callable[..., Any], writes: bool) -> Callable[..., Any]:
            def call(*args: Any) -> Any:
                few = writes or len(self.tap.points) < 3  # for the world, a death at a reading is the one after the write before it
                with self.tap.around(name, before=writes) if few else nullcontext():
                    if writes:
                        self.journal.append(name)
                    return act(*args)

            return call

        with ExitStack() as stack:
            # The reading back by a real shell has tests of its own, and a process for each look takes most of the time here.
            stack.enter_context(mock.patch.object(readers_client.commands, "find_program", lambda *_names: None))
            stack.enter_context(mock.patch.object(Folder, "put", tapped("put", put, True)))
            stack.enter_context(mock.patch.object(Folder, "remove", tapped("remove", remove, True)))
            stack.enter_context(mock.patch.object(host_files.HostFiles, "look", tapped("look", look, False)))
            stack.enter_context(mock.patch.object(host_files, "System", type("TappedHere", (Tapped,), {"world": self})))
            try:
                yield
            finally:
                self._unmount()

    def _mount(self) -> None:
        shutil.rmtree(ROOT)
        ROOT.mkdir()
        for name, (data, mode) in self.disk.items():
            path = ROOT / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(mode)

    def _unmount(self) -> None:
        paths = [path for path in sorted(ROOT.rglob("*")) if path.is_file()]
        self.disk = {path.relative_to(ROOT).as_posix(): (path.read_bytes(), path.stat().st_mode & 0o777) for path in paths}

    def wrote(self, name: str) -> None:
        """A call has changed something."""

    def writes(self) -> list[Any]:
        return list(self.journal)

    def end(self) -> Json:
        found: Json = {}
        for name, (data, mode) in self.disk.items():
            folder = os.path.dirname(name)
            found[name] = {**json.loads(data), "time": ""} if folder == "notes.d" else [data.decode(), mode]
        return found

    def harm(self) -> list[str]:
        return [name for name in self.disk if ".serverops-" in name]


def note(what: str, paths: list[str], restart: str = "app") -> tuple[str, Json]:
    """A note's file and what it says."""
    from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import note_name

    name = f"{what} ({restart})"
    return f"notes.d/{note_name(name)}", {"what": name, "why": f"{what} changed in {', '.join(paths)}", "time": "", "restart": restart}


OVERRIDES: Json = {
    "variables": {"JVM_HEAP_SIZE": "4g", "GONE": None},
    "secret_variables": {"POSTGRES_PASSWORD": CANARY},
    "service": "frontend",
    "hosts": {"ghe.example.com": "10.0.1.20"},
    "config_directory": at("circleconfig"),
    "hosts_file": at("hosts"),
    "restart_notes": at("notes.d"),
}
PROXY: Json = {
    "http": f"http://builder:{CANARY}@10.0.0.33:3128",
    "allow_credentials": True,
    "services": ["10.0.1.238"],
    "s3_hosts": [],
    "places": ["customizations", "docker_daemon", "apt"],
    "paths": {"customizations": at("customizations"), "docker_daemon": at("docker.service.d/http-proxy.conf"), "apt": at("95proxy")},
    "restart_notes": at("notes.d"),
}
URL = PROXY["http"]
DIRECT = "169.254.169.254,127.0.0.1,localhost,::1,10.0.1.238"
JAVA = "-Xmx1g -Dhttp.proxyHost=10.0.0.33 -Dhttp.proxyPort=3128 -Dhttps.proxyHost=10.0.0.33 -Dhttps.proxyPort=3128"
PAIRS = (("HTTP_PROXY", URL), ("HTTPS_PROXY", URL), ("NO_PROXY", DIRECT), ("http_proxy", URL), ("https_proxy", URL), ("no_proxy", DIRECT))
APT = ("169.254.169.254", "127.0.0.1", "localhost", "10.0.1.238")
OVERRIDES_END: Json = {
    "circleconfig/frontend/customizations": [f'# x\nexport JVM_HEAP_SIZE="4g"\nexport POSTGRES_PASSWORD={CANARY}', 0o644],
    "hosts": ["127.0.0.1 localhost\n10.0.1.20\tghe.example.com\n", 0o644],
    **dict([note("overrides of frontend", [at("circleconfig/frontend/customizations"), at("hosts")])]),
}
PROXY_END: Json = {
    "customizations": [
        f"# by hand\nexport KEPT='1' # why\nexport HTTP_PROXY=\"{URL}\"\n"
        f'export JVM_OPTS="{JAVA} -Dhttp.nonProxyHosts=169.254.169.254|127.0.0.1|localhost|[::1]|10.0.1.238"\n'
        + "".join(f'export {name}="{value}"\n' for name, value in PAIRS[1:]),
        0o644,
    ],
    "docker.service.d/http-proxy.conf": ["[Service]\n" + "".join(f'Environment="{name}={value}"\n' for name, value in PAIRS), 0o644],
    "95proxy": [
        f'Acquire::http::Proxy "{URL}";\nAcquire::https::Proxy "{URL}";\n'
        + "".join(f'Acquire::{scheme}::Proxy::{host} "DIRECT";\n' for host in APT for scheme in ("http", "https")),
        0o644,
    ],
    **dict([note("proxy", [at("customizations")]), note("proxy", [at("docker.service.d/http-proxy.conf")], "docker")]),
}


def overridden() -> HostWorld:
    first = f"# x\nexport JVM_HEAP_SIZE=1g\r\nexport GONE=1\nexport JVM_HEAP_SIZE=2g\nexport POSTGRES_PASSWORD={CANARY}"
    return HostWorld({"circleconfig/frontend/customizations": first, "hosts": "127.0.0.1 localhost\n10.0.0.1 ghe.example.com\n"})


def by_hand() -> HostWorld:
    return HostWorld({"customizations": OLD})


def _full(world: HostWorld) -> None:
    world.full = True


def _broken(world: HostWorld) -> None:
    for name in ("circleconfig/frontend/customizations", "customizations"):
        world.disk[name] = (f"export A='{CANARY}\n".encode(), 0o644)


def _commanding(world: HostWorld) -> None:
    for name in ("circleconfig/frontend/customizations", "customizations"):
        world.disk[name] = (f"echo {CANARY}; HTTP_PROXY=$({CANARY}) JVM_HEAP_SIZE=`{CANARY}` x\n".encode(), 0o644)


TROUBLES = (_full, _broken, _commanding)


def subjects() -> list[Subject]:
    overrides, proxy = (import_module(MODULES + name).DOOR for name in ("service_customization", "proxy_config"))
    return [
        Subject("service_customization: overrides and a name", overrides, overridden, OVERRIDES, OVERRIDES_END, CANARY, troubles=TROUBLES),
        Subject("proxy_config: three places, two restarts", proxy, by_hand, PROXY, PROXY_END, CANARY, troubles=TROUBLES),
    ]
