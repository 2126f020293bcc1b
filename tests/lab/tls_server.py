"""A TLS server that shows what it is given, on the loopback: GitHub Enterprise, a load balancer, an LDAP server as far as their certificates go."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from pathlib import Path

from lab.certificates import Made


class ShowingServer:
    """Shows a certificate and those above it; `switch` gives it others, for the next who connect."""

    def __init__(self, made: Made, *above: Made) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="serverops-tls-")
        self.switch(made, *above)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.asked = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> ShowingServer:
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._folder.cleanup()

    def __str__(self) -> str:
        return f"127.0.0.1:{self.port}"

    def switch(self, made: Made, *above: Made) -> None:
        """Show these from now on."""
        file = Path(self._folder.name) / "pair.pem"
        file.write_text(made.pem + "".join(one.pem for one in above) + made.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        self._context = context

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                threading.Thread(target=self._show, args=(near,), daemon=True).start()

    def _show(self, near: socket.socket) -> None:
        self.asked += 1
        near.settimeout(5)
        with contextlib.suppress(OSError), self._context.wrap_socket(near, server_side=True) as safe:
            safe.recv(1)
