# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole 3.x installation in a process of its own: nodes and pods, kotsadm, Velero with its agents, and an object store, all on the loopback.

As a program: `python -m integration.kots_site --ready FILE`, until its parent ends.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.installation.installation import install
from lab.kots.world import Entitlement, KotsWorld
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.nomad.clock import RealClock
from lab.store.store import Store
from lab.velero.world import VeleroWorld

TESTS = Path(__file__).parents[1]
SPEED = 2.0  # times real time
BUCKET = "circleci-backups"
PATIENCE = 120.0  # s


@dataclass
class Site:
    """Where it is, and who may do everything there."""

    process: subprocess.Popen[bytes]
    url: str
    token: str

    @classmethod
    def start(cls) -> Site:
        with tempfile.TemporaryDirectory() as folder:
            ready = Path(folder) / "site.json"
            env = {**os.environ, "PYTHONPATH": str(TESTS)}
            command = [sys.executable, "-m", "integration.kots_site", "--ready", str(ready)]
            process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + PATIENCE
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    raise RuntimeError(f"the site did not start (exit {process.poll()})")
                time.sleep(0.05)
            told = json.loads(ready.read_text())
        return cls(process, told["url"], told["token"])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready", type=Path, required=True)
    ready: Path = parser.parse_args().ready
    parent = os.getppid()
    with Store.start() as store:
        store.bucket(BUCKET)
        state = State(RealClock(SPEED))
        token = secrets.token_urlsafe(18)
        state.users[token] = ADMIN
        server = Server(state)
        made = install(state)
        _until(lambda: bool(made.pods()) and not made.unready())
        velero = VeleroWorld(state, "1.6.3", store)
        velero.volumes.least = 6.0  # s of a volume: long enough for lines of progress
        velero.install(BUCKET, config={"region": "us-east-1", "s3ForcePathStyle": "true", "s3Url": store.url})
        console = KotsWorld(state, "1.124.18").start()
        console.add_app(labels=("3.4.0",)).entitlements = (Entitlement("isSnapshotSupported", "Snapshots", True),)
        _until(lambda: _is_available(state))
        part = ready.with_suffix(".part")
        part.write_text(json.dumps({"url": server.url, "token": token}))
        part.replace(ready)
        while os.getppid() == parent:
            time.sleep(0.5)


def _is_available(state: State) -> bool:
    where = state.get("backupstoragelocations.velero.io", "velero", "default") or {}
    agents = state.get("daemonsets.apps", "velero", "restic") or {}
    counts = agents.get("status") or {}
    ready = counts.get("numberReady", 0)
    return (where.get("status") or {}).get("phase") == "Available" and ready > 0 and ready == counts.get("desiredNumberScheduled")


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE / 2
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("the installation did not become ready")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
