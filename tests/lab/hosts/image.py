"""The file system of a test host: Debian with systemd, Python and sshd, made once from Debian's packages and kept in podman's own store."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SUITE = "bookworm"
# What a host has before anybody works on it: what Ansible needs, and the readers by which the tests read values back.
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "procps"),
    *("python3", "python3-apt", "python3-cryptography", "python3-tomlkit"),
    *("ca-certificates", "curl", "openssl"),
)
PROGRAMS = {"podman": "podman", "runc": "runc", "mmdebstrap": "mmdebstrap", "ssh": "openssh-client", "ssh-keygen": "openssh-client", "iptables": "iptables"}
NETAVARK = Path("/usr/lib/podman/netavark")
UNIFIED = Path("/sys/fs/cgroup/unified")
# Debian's crun knows no hybrid cgroups; limits above the caller's own cannot be set without CAP_SYS_RESOURCE.
SETTINGS = """
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=8192:8192"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""
TIMEOUT = 900


def why_not() -> str:
    """Why no test host can be started here; empty where one can."""
    if os.geteuid() != 0:
        return "test hosts need root (podman with systemd in it)"
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program) is None})
    if not NETAVARK.exists():
        missing.append("netavark")
    return f"no {', '.join(missing)} here: install them by apt" if missing else ""


def cgroup_tree() -> Path:
    """The tree of the second kind, which tells systemd at once when a group is empty."""
    return UNIFIED if UNIFIED.is_dir() else UNIFIED.parent


class Podman:
    """podman with settings of its own, so that those of the machine change nothing here."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "containers.conf"
        settings.write_text(SETTINGS)
        self.environment = dict(os.environ, CONTAINERS_CONF=str(settings))

    def __call__(self, *arguments: str, check: bool = True, timeout: int = TIMEOUT) -> str:
        done = subprocess.run(
            ["podman", *arguments], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"podman {' '.join(arguments[:3])}: {done.stderr.strip()}")
        return done.stdout.strip() if not done.returncode else ""


def image(podman: Podman) -> str:
    """The image's name; made where the store lacks it, which takes two or three minutes."""
    recipe = hashlib.sha256(repr((SUITE, PACKAGES)).encode()).hexdigest()[:12]
    name = f"localhost/serverops/{SUITE}:{recipe}"
    if not podman("image", "ls", "--quiet", name):
        with tempfile.TemporaryDirectory(prefix="serverops-image-") as folder:
            archive = Path(folder, "root.tar")
            argv = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(archive)]
            subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
            podman("import", "--quiet", str(archive), name)
    return name
