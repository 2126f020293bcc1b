# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test may ask of a cluster, simulated or real: builds, their true ends, and a server that can be killed."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

# Loopback only, whatever proxy the environment names.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Cluster(Protocol):
    """A running Nomad with the clients c1, c2, c3."""

    url: str
    version: str
    witness: Path
    pace: float

    def build(self, job: str, client: str, seconds: float | None = None) -> None:
        """A build of that length (in the cluster's time), or until `finish`, on that client; returns once it runs."""

    def finish(self, job: str) -> None:
        """A build without a length ends by itself now."""

    def kill_server(self) -> None:
        """kill -9 of the server, or what amounts to it."""

    def start_server(self) -> None:
        """The server is back; returns once it answers."""

    def close(self) -> None:
        """End all that was started."""


def ask(url: str, body: Any = None, method: str | None = None, token: str = "") -> Any:
    """The JSON that a URL answers."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-Nomad-Token": token} if token else {}
    with _OPENER.open(urllib.request.Request(url, data=data, method=method, headers=headers), timeout=30) as got:
        text = got.read()
    return json.loads(text) if text.strip() else None


def until(check: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """The first true answer of `check`; fails the test when the time is over."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            found = check()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not so after {seconds} s: {what}")


def endings(witness: Path) -> dict[str, str]:
    """How each build ended, by the files that the builds themselves wrote: job -> "itself", "killed", "lost" or "started" (it runs)."""
    found: dict[str, str] = {}
    for path in sorted(witness.iterdir()):
        lines = path.read_text().split()
        job = path.name.partition(".")[0]
        # A build that ran twice is worth the worse of its ends.
        ends = [found.get(job, "itself"), lines[-1] if lines else "started"]
        found[job] = next((word for word in ("killed", "lost", "started") if word in ends), "itself")
    return found
