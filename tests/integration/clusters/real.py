# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Nomad on loopback, where one is on PATH or named by LAB_NOMAD: one server, three clients, builds as raw_exec jobs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

from .base import ask, until

NAMES = ("server", "c1", "c2", "c3")
SECOND = 1_000_000_000
SCRIPT = """
echo started > "$0"
trap 'echo killed >> "$0"; kill $!; exit 143' TERM INT
{length} > /dev/null 2>&1 &
wait $!
echo itself >> "$0"
"""


def binaries() -> list[str]:
    """Real servers to test with: those in LAB_NOMAD (by colon), else the one on PATH."""
    named = [path for path in os.environ.get("LAB_NOMAD", "").split(":") if path]
    found = shutil.which("nomad")
    return named or ([found] if found else [])


class RealCluster:
    """Agents of one binary. Needs root, since raw_exec wants it."""

    pace = 1.0

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        said = subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout
        self.version = re.search(r"v(\d+\.\d+\.\d+)", said)[1]  # type: ignore[index]
        self._old = tuple(map(int, self.version.split("."))) < (0, 9, 0)
        self.witness = folder / "witness"
        self.witness.mkdir(parents=True)
        self._ports = dict(zip(NAMES, _free_ports(3 * len(NAMES))))
        self._agents: dict[str, subprocess.Popen[bytes]] = {}
        self.url = f"http://127.0.0.1:{self._ports['server'][0]}"
        try:
            for name in NAMES:
                self._start(name)
            until(lambda: len([n for n in self._ask(self.url + "/v1/nodes") if n["Status"] == "ready"]) == 3, "three clients are ready", 90)
        except BaseException:
            self._end()
            raise

    def build(self, job: str, client: str, seconds: float | None = None) -> None:
        rule = {"LTarget": "${node.unique.name}", "RTarget": client, "Operand": "="}
        over = self._folder / f"{job}.over"
        script = SCRIPT.format(length=f"while [ ! -e {over} ]; do sleep 0.1; done" if seconds is None else f"sleep {seconds}")
        task = {
            "Name": "task",
            "Driver": "raw_exec",
            "Config": {"command": "/bin/sh", "args": ["-c", script, f"{self.witness}/{job}.${{NOMAD_ALLOC_ID}}"]},
            "KillTimeout": 5 * SECOND,
            "Resources": {"CPU": 20, "MemoryMB": 10, "DiskMB": 0, "IOPS": 0},
            "LogConfig": {"MaxFiles": 1, "MaxFileSizeMB": 1},
        }
        group = {"Name": "group", "Count": 1, "Tasks": [task], "EphemeralDisk": {"SizeMB": 20}, "RestartPolicy": {"Attempts": 0, "Mode": "fail"}}
        body = {"Job": {"ID": job, "Name": job, "Type": "batch", "Region": "global", "Datacenters": ["dc1"], "Priority": 50}}
        body["Job"].update(Constraints=[rule], TaskGroups=[group])
        self._ask(self.url + "/v1/jobs", body, "PUT")
        until(lambda: any(path.read_text().strip() for path in self.witness.glob(f"{job}.*")), f"{job} runs", 90)

    def finish(self, job: str) -> None:
        (self._folder / f"{job}.over").touch()

    def kill_server(self) -> None:
        process = self._agents.pop("server")
        process.kill()
        process.wait()

    def start_server(self) -> None:
        self._start("server")
        until(lambda: self._ask(self.url + "/v1/nodes"), "the server answers", 90)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            for job in self._ask(self.url + "/v1/jobs"):
                self._ask(f"{self.url}/v1/job/{job['ID']}", method="DELETE")
            time.sleep(6)  # the tasks' time to end, else their executors stay behind
        self._end()

    def _ask(self, url: str, body: Any = None, method: str | None = None) -> Any:
        return ask(url, body, method)

    def _end(self) -> None:
        for process in self._agents.values():
            process.send_signal(signal.SIGINT)
        for process in self._agents.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._unmount()

    def _unmount(self) -> None:
        """Clients leave the folders of their builds' secrets mounted."""
        for line in Path("/proc/mounts").read_text().splitlines():
            place = line.split()[1]
            if place.startswith(f"{self._folder}/"):
                subprocess.run(["umount", place], check=False)

    def _start(self, name: str) -> None:
        home = self._folder / name
        home.mkdir(exist_ok=True)
        if self._old and name != "server":
            # Clients of one machine would all take the machine's id.
            (home / "client").mkdir(exist_ok=True)
            for kind in ("client-id", "secret-id"):
                given = home / "client" / kind
                given.write_text(given.read_text() if given.exists() else str(uuid.uuid4()))
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(self._config(name, home)))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}  # 1.11 does not start with AWS_CA_BUNDLE
        with open(self._folder / f"{name}.log", "ab") as log:
            self._agents[name] = subprocess.Popen([self._binary, "agent", "-config", str(path)], stdout=log, stderr=log, env=environment)

    def _config(self, name: str, home: Path) -> dict[str, object]:
        http, rpc, serf = self._ports[name]
        config: dict[str, object] = {
            "name": name,
            "data_dir": str(home),
            "bind_addr": "127.0.0.1",
            "disable_update_check": True,
            "ports": {"http": http, "rpc": rpc, "serf": serf},
            "advertise": {"http": "127.0.0.1", "rpc": "127.0.0.1", "serf": "127.0.0.1"},
        }
        if name == "server":
            return {**config, "server": {"enabled": True, "bootstrap_expect": 1}}
        prints = "arch,cpu,host,memory,network,nomad,signal,storage"
        options = {"driver.raw_exec.enable": "1", "driver.whitelist": "raw_exec", "fingerprint.whitelist": prints}
        client = {"enabled": True, "servers": [f"127.0.0.1:{self._ports['server'][1]}"], "options": options, "node_class": "linux-64bit"}
        config["client"] = client if self._old else {**client, "options": {"driver.allowlist": "raw_exec", "fingerprint.allowlist": prints, **options}}
        return config if self._old else {**config, "plugin": {"raw_exec": {"config": {"enabled": True}}}}


def _free_ports(count: int) -> list[tuple[int, ...]]:
    """Port numbers that nobody uses now, by threes."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _turn in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in sockets]
    return [tuple(ports[i : i + 3]) for i in range(0, count, 3)]
