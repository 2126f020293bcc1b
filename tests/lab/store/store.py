"""A store of S3's kind on the loopback, in a process of its own that ends with the test."""
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
PATIENCE = 60.0  # s; two seconds as a rule, more where many tests begin at once


class Store:
    """`Store.start()`, or `with Store.start() as store`. Keys are not looked at until `enforce()`."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self._process, self.url = process, url

    @classmethod
    def start(cls) -> "Store":
        with tempfile.TemporaryDirectory() as folder:
            ready = Path(folder) / "store.json"
            command = [sys.executable, "-m", "lab.store", "--ready", str(ready), "--parent", str(os.getpid())]
            env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
            # Its log goes nowhere: moto writes a line a request, and a full pipe would stop it.
            process = subprocess.Popen(command, env={**env, "PYTHONPATH": str(TESTS)}, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + PATIENCE
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    raise RuntimeError(f"the store did not start (exit {process.poll()})")
                time.sleep(0.02)
            return cls(process, json.loads(ready.read_text())["url"])

    def __enter__(self) -> "Store":
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

    # -- what is in it, whatever the rights in force say ------------------------------------------------

    def bucket(self, name: str, region: str = "us-east-1") -> str:
        """Make a bucket; gives its name."""
        return str(self._control("bucket", name=name, region=region)["name"])

    def objects(self, bucket: str, prefix: str = "") -> dict[str, int]:
        """Sizes by name."""
        return dict(self._control("objects", bucket=bucket, prefix=prefix))

    def write(self, bucket: str, key: str, body: str = "") -> None:
        self._control("write", bucket=bucket, key=key, body=body)

    def read(self, bucket: str, key: str) -> str:
        return str(self._control("read", bucket=bucket, key=key)["body"])

    def remove(self, bucket: str, key: str) -> None:
        self._control("remove", bucket=bucket, key=key)

    # -- rights ------------------------------------------------------------------------------------------

    def user(self, name: str, policy: dict[str, Any]) -> dict[str, str]:
        """A user with that policy; gives access_key and secret_key."""
        return dict(self._control("user", name=name, policy=policy))

    def users(self) -> dict[str, Any]:
        """Policies' names and keys' ids, by user."""
        return dict(self._control("users"))

    def enforce(self, on: bool = True) -> None:
        """From now on keys, signatures and policies are checked."""
        self._control("enforce", on=on)

    # -- faults ------------------------------------------------------------------------------------------

    def fault(self, answer: str, **more: Any) -> None:
        """Only this fault from now on: see lab.store.faults.Fault."""
        self._control("faults", faults=[{"answer": answer, **more}])

    def faults(self, *entries: dict[str, Any]) -> None:
        """These faults from now on; none: whole again."""
        self._control("faults", faults=list(entries))

    def clock(self, offset: float) -> None:
        """Its clock runs so many seconds ahead."""
        self._control("clock", offset=offset)

    def calls(self) -> list[dict[str, Any]]:
        """What it was asked since the last time this was asked: method, path, query, status, key, and IAM's action."""
        return list(self._control("calls"))

    # -- what a user of it needs --------------------------------------------------------------------------

    def location(self, bucket: str, prefix: str = "", region: str = "us-east-1", name: str = "default") -> dict[str, Any]:
        """A BackupStorageLocation of Velero's that names it."""
        storage = {"bucket": bucket, **({"prefix": prefix} if prefix else {})}
        config = {"region": region, "s3Url": self.url, "s3ForcePathStyle": "true"}
        return {
            "apiVersion": "velero.io/v1",
            "kind": "BackupStorageLocation",
            "metadata": {"name": name, "namespace": "velero"},
            "spec": {"provider": "aws", "objectStorage": storage, "config": config},
        }

    def _control(self, act: str, **given: Any) -> Any:
        request = urllib.request.Request(f"{self.url}/_lab/{act}", json.dumps(given).encode(), method="POST")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.load(answer)
