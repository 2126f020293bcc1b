"""An HTTP proxy that counts: the real squid where it is on PATH, which asks for names of the tests on the loopback; and a web server to be asked."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NO_SQUID = "there is no squid on PATH, so no real proxy was asked"
BIN = "/usr/sbin"
CONF = """
http_port 127.0.0.1:{port}
hosts_file {folder}/hosts
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
cache deny all
shutdown_lifetime 0 seconds
logfile_rotate 0
max_filedescriptors 4096
acl ours src 127.0.0.1
acl shut dstdomain shut.test
{login}
http_access deny shut
http_access allow ours {known}
http_access deny all
"""


def squid() -> str | None:
    """Its path; Debian keeps it where only root looks."""
    return shutil.which("squid", path=f"{os.environ.get('PATH', '')}{os.pathsep}{BIN}")


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Squid:
    """`with Squid(folder, ("github.test",)) as proxy`: it finds these names on this machine."""

    def __init__(self, folder: Path, names: tuple[str, ...] = (), login: bool = False) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True)
        (folder / "hosts").write_text("".join(f"127.0.0.1 {name}\n" for name in (*names, "localhost")))
        auth = f"auth_param basic program {folder}/never\nacl known proxy_auth REQUIRED" if login else ""
        if login:
            (folder / "never").write_text("#!/bin/sh\nwhile read line; do echo ERR; done\n")
            (folder / "never").chmod(0o755)
        (folder / "squid.conf").write_text(CONF.format(port=self.port, folder=folder, login=auth, known="known" if login else ""))
        if os.geteuid() == 0:  # it gives up being root
            shutil.chown(folder, "proxy", "proxy")
            for above in folder.parents:
                if above.is_relative_to("/tmp") and above != Path("/tmp"):
                    above.chmod(above.stat().st_mode | 0o011)
        program = squid()
        assert program, NO_SQUID
        self._process = subprocess.Popen(
            [program, "-N", "-f", str(folder / "squid.conf")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait()

    def _wait(self) -> None:
        for _try in range(200):
            with socket.socket() as made:
                if made.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"squid did not start: {(self.folder / 'cache.log').read_text() if (self.folder / 'cache.log').exists() else 'no log'}")

    def __enter__(self) -> "Squid":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self) -> list[str]:
        """What it was asked for, such as "GET http://github.test:1/" or "CONNECT github.test:443", in order."""
        log = self.folder / "access.log"
        fields = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        return [f"{one[5]} {one[6]}" for one in fields if not one[6].startswith("error:")]  # somebody who connects and says nothing


class Web:
    """`with Web() as web`: answers every GET, and counts who was asked for."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        hosts = self.hosts

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hosts.append(self.headers.get("Host", ""))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> "Web":
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
