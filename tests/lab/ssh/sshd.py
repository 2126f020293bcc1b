"""A real sshd on a loopback port, as an ordinary process with its own keys and settings in a temporary folder."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAM = "/usr/sbin/sshd"
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
StrictModes no
PrintMotd no
AllowTcpForwarding {forwarding}
"""


def why_not() -> str:
    """Why no sshd can be started here; empty where one can."""
    missing = [name for name in ("ssh", "ssh-keygen") if shutil.which(name) is None]
    if not os.access(PROGRAM, os.X_OK):
        missing.append(PROGRAM)
    return f"no {', '.join(missing)} here: install openssh-server and openssh-client" if missing else ""


class Sshd:
    """Lets the user who runs the tests in, by one key. `kill` also ends the connections that stand."""

    def __init__(self, folder: Path, forwarding: str = "yes") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.port = _free_port()
        self.key, self.other_key = self._new_key("key"), self._new_key("other_key")
        shutil.copy(f"{self.key}.pub", folder / "authorized_keys")
        self._new_key("host_key")
        self.known_hosts = folder / "known_hosts"
        self.know(folder / "host_key.pub")
        (folder / "sshd_config").write_text(CONFIG.format(port=self.port, folder=folder, forwarding=forwarding))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def login(self) -> dict[str, object]:
        """The options of ssh_forward that get one in."""
        files = {"key_file": str(self.key), "known_hosts_file": str(self.known_hosts)}
        return {"host": "127.0.0.1", "port": self.port, "user": self.user, **files}

    @property
    def log(self) -> str:
        return (self.folder / "sshd.log").read_text()

    def know(self, public_key: Path) -> None:
        """Make this the key by which the host is known."""
        kind, text = public_key.read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {text}\n")

    def start(self) -> None:
        if os.geteuid() == 0:  # where sshd locks itself up; the package's service makes it at every boot
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with open(self.folder / "sshd.log", "ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "-D", "-e", "-f", str(self.folder / "sshd_config")], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        ends = time.monotonic() + 20
        while time.monotonic() < ends and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as found:
                if found.recv(4) == b"SSH-":
                    return
            time.sleep(0.05)
        raise AssertionError(f"sshd did not start: {self.log}")

    def kill(self) -> None:
        """kill -9 of the listener and of every connection's process: they are its children, which leave its group."""
        if self._process is None:
            return
        process, self._process = self._process, None
        for pid in [*_below(process.pid), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(20)

    close = kill

    def _new_key(self, name: str) -> Path:
        path = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True, stdin=subprocess.DEVNULL)
        return path


def _below(pid: int) -> list[int]:
    """The processes that it started, and those that they started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == pid:
                    found += [int(entry.name), *_below(int(entry.name))]
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
