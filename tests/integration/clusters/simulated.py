# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated cluster of the lab, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .base import ask, until

TESTS = Path(__file__).resolve().parents[2]


class SimulatedCluster:
    """The lab's Nomad of one profile; its time runs `pace` times as fast."""

    def __init__(self, profile: str, folder: Path, pace: float = 1.0, clients: int = 3) -> None:
        self.version, self.pace = profile, pace
        self.witness = folder / "witness"
        self.witness.mkdir(parents=True)
        ready = folder / "ready.json"
        command = [sys.executable, "-m", "lab.nomad", "--profile", profile, "--clients", str(clients), "--speed", str(pace)]
        command += ["--witness", str(self.witness), "--ready", str(ready)]
        with open(folder / "lab.log", "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)}, stdout=log, stderr=log)
        until(lambda: ready.exists() and ready.read_text().strip(), "the lab is ready")
        told = json.loads(ready.read_text())
        self.url, self.control = told["url"], told["control"]

    def build(self, job: str, client: str, seconds: float | None = None) -> None:
        self.order("/builds", {"job": job, "client": client, "seconds": seconds})
        until(lambda: list(self.witness.glob(f"{job}.*")), f"{job} runs")

    def finish(self, job: str) -> None:
        self.order("/finish", {"job": job})

    def kill_server(self) -> None:
        self.order("/server/kill", {})

    def start_server(self) -> None:
        self.order("/server/start", {})
        until(lambda: ask(self.url + "/v1/nodes"), "the server answers")

    def order(self, path: str, body: dict[str, object]) -> object:
        """A control route of the lab."""
        return ask(self.control + path, body, "POST")

    def told(self, path: str) -> dict[str, object]:
        """What a control route tells."""
        found: dict[str, object] = ask(self.control + path)
        return found

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
