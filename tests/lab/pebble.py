"""Let's Encrypt as its makers test against it: their server Pebble with their DNS, both real, on ports of the loopback."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from lab.tls import Papers

PROGRAMS = ("certbot", "pebble", "pebble-challtestsrv")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
WITHOUT = f"{' and '.join(MISSING)} not on PATH; apt-get install certbot pebble"
PATIENCE = 20.0  # s in which a server must be up
# Writes the record, as the interface of a DNS provider that wants to see a token, and keeps a list of what it did.
HOOK = """#!{python}
import json, os, sys, time, urllib.request
told = {{"host": "_acme-challenge." + os.environ["CERTBOT_DOMAIN"] + "."}}
with open({log!r}, "a") as log:
    print({act!r}, told["host"], file=log)
if os.environ.get("DNS_TOKEN") != {token!r}:
    sys.exit("403: no zone is open to the token " + os.environ.get("DNS_TOKEN", ""))
if {act!r} == "set-txt":
    told["value"] = os.environ["CERTBOT_VALIDATION"]
urllib.request.urlopen({url!r}, json.dumps(told).encode(), 10).close()
time.sleep({seconds})
"""


class Pebble:
    """An authority that issues for names whose DNS has the record it asks for. `life` of its certificates is in seconds."""

    def __init__(self, folder: Path, life: int = 90 * 86400) -> None:
        self.folder, self._stack = folder, ExitStack()
        folder.mkdir(parents=True, exist_ok=True)
        self._papers = Papers(folder / "papers")
        self._ports = {name: free_port() for name in ("acme", "management", "dns", "records")}
        self._life = life

    def __enter__(self) -> Pebble:
        certificate, key = self._papers.sign("pebble", "localhost")
        ports = {name: f"127.0.0.1:{port}" for name, port in self._ports.items()}
        config = {"listenAddress": ports["acme"], "managementListenAddress": ports["management"], "certificate": certificate, "privateKey": key}
        config |= {"httpPort": 1, "tlsPort": 1, "certificateValidityPeriod": self._life}
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": config}))
        self._start("pebble-challtestsrv", *("-http01", "", "-https01", "", "-tlsalpn01", ""), "-dns01", ports["dns"], "-management", ports["records"])
        self._start("pebble", "-strict", "-config", str(self.folder / "pebble.json"), "-dnsserver", ports["dns"])
        ends = time.monotonic() + PATIENCE
        while not self._is_up():
            assert time.monotonic() < ends, (self.folder / "pebble.log").read_text()
            time.sleep(0.1)
        return self

    def __exit__(self, *_error: Any) -> None:
        self._stack.close()

    @property
    def directory(self) -> str:
        """The address that an ACME client wants."""
        return f"https://localhost:{self._ports['acme']}/dir"

    @property
    def authority(self) -> str:
        """PEM text of who signed the server's own certificate."""
        return Path(self._papers.ca).read_text()

    @property
    def root(self) -> str:
        """PEM text of the root of what it issues."""
        return self._read(f"https://localhost:{self._ports['management']}/roots/0")

    @property
    def issued(self) -> int:
        """How many certificates it has issued."""
        return (self.folder / "pebble.log").read_text().count("Issued certificate")

    @property
    def failed(self) -> int:
        """How many validations have failed."""
        return len(re.findall("authz .* set INVALID", (self.folder / "pebble.log").read_text()))

    @property
    def hooks(self) -> list[str]:
        """What the hooks did, in order."""
        with suppress(FileNotFoundError):
            return (self.folder / "hooks.log").read_text().splitlines()
        return []

    def records(self, name: str) -> bool:
        """Whether its DNS has a TXT record of that name: a question as a resolver asks it (RFC 1035, 4.1), and the count of answers."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
        question = b"\x5e\x2f\x01\x00\x00\x01" + bytes(6) + labels + b"\x00\x00\x10\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            asked.settimeout(5)
            asked.sendto(question, ("127.0.0.1", self._ports["dns"]))
            return int.from_bytes(asked.recv(4096)[6:8], "big") > 0

    def hook(self, act: str, token: str, seconds: float = 0.0) -> str:
        """The path of a hook: `act` is set-txt or clear-txt, `seconds` how long it takes."""
        path, url = self.folder / act, f"http://127.0.0.1:{self._ports['records']}/{act}"
        path.write_text(HOOK.format(python=sys.executable, log=str(self.folder / "hooks.log"), act=act, token=token, url=url, seconds=seconds))
        path.chmod(0o700)
        return str(path)

    def _start(self, program: str, *arguments: str) -> None:
        log = self._stack.enter_context((self.folder / f"{program}.log").open("wb"))
        env = {"PATH": os.environ["PATH"], "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
        process = subprocess.Popen([program, *arguments], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._stack.callback(process.wait, 10)
        self._stack.callback(process.kill)

    def _is_up(self) -> bool:
        with suppress(OSError):
            self._read(self.directory)
            socket.create_connection(("127.0.0.1", self._ports["records"]), 1).close()
            return True
        return False

    def _read(self, url: str) -> str:
        with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=self._papers.ca), timeout=5) as answer:
            return str(answer.read().decode())


def free_port() -> int:
    """A port of the loopback that nobody has now."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])
