"""A simulated Google on the loopback, in a process of its own that ends with the test."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

TESTS = Path(__file__).parents[2]
PATIENCE = 60.0  # s


class Google:
    """`with Google.start() as google`. `google.ask("grant", resource=..., ...)` is an act of lab.google.control; `contents` the operator's key.

    `environment` leads a program that knows only Google's own names here.
    """

    def __init__(self, process: subprocess.Popen[bytes], url: str, ca: str) -> None:
        self._process, self.url = process, url
        self.environment = {"HTTPS_PROXY": url, "SSL_CERT_FILE": ca}
        self.contents = str(self.ask("operator")["contents"])

    @classmethod
    def start(cls) -> "Google":
        with tempfile.TemporaryDirectory() as folder:
            ready = Path(folder) / "google.json"
            command = [sys.executable, "-m", "lab.google", "--ready", str(ready), "--parent", str(os.getpid())]
            process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)}, stdin=subprocess.DEVNULL)
            deadline = time.monotonic() + PATIENCE
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    raise RuntimeError(f"the simulator did not start (exit {process.poll()})")
                time.sleep(0.02)
            told = json.loads(ready.read_text())
            return cls(process, told["url"], told["ca"])

    def __enter__(self) -> "Google":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def ask(self, act: str, **given: Any) -> Any:
        """An act past the API, whatever the rights say."""
        request = urllib.request.Request(f"{self.url}/_lab/{act}", json.dumps(given).encode(), method="POST")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.load(answer)

    def fault(self, answer: str = "", **more: Any) -> None:
        """Only this fault from now on; none: whole again."""
        self.ask("fault", faults=[{"answer": answer, **more}] if answer else [])

    def location(self, bucket: str, prefix: str = "", name: str = "default") -> dict[str, Any]:
        """A BackupStorageLocation of Velero's that names a bucket here."""
        storage = {"bucket": bucket, **({"prefix": prefix} if prefix else {})}
        return {
            "apiVersion": "velero.io/v1",
            "kind": "BackupStorageLocation",
            "metadata": {"name": name, "namespace": "velero"},
            "spec": {"provider": "gcp", "objectStorage": storage, "config": {"storeEndpoint": f"{self.url}/storage/v1/"}},
        }
