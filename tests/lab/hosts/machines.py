"""Test hosts: containers with a real systemd and sshd, reached by SSH as a user reaches a host. They live as long as the `with` block."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import os
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from lab.hosts.image import Podman, cgroup_tree, image

LABEL = "serverops.lab.owner"
READY = ("running", "degraded")
PATIENCE = 60.0
# The image's keys would make all hosts one to whoever knows them by their keys.
OWN_KEYS = "rm -f /etc/ssh/ssh_host_*; ssh-keygen -q -A >/dev/null; touch /etc/hosts; systemctl restart ssh; cat /etc/ssh/ssh_host_ed25519_key.pub"
SHUTDOWN = "37"  # SIGRTMIN+3, by which systemd in a container is told to halt
# A control socket left over from a removed host with the same address would make the next one unreachable.
SSH_OPTIONS = "-o ControlMaster=no -o ControlPath=none -o StrictHostKeyChecking=yes -o UserKnownHostsFile={known_hosts}"


@dataclass(frozen=True)
class Machine:
    """One host: its name in the inventory, its container and its address."""

    name: str
    container: str
    address: str


class Machines:
    """`names` hosts, up and known by their keys when the block is entered, gone when it is left."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder, self.names = folder, names
        self.podman = Podman(folder)
        self.run_id = uuid.uuid4().hex[:8]
        self.key, self.known_hosts = folder / "key", folder / "known_hosts"
        self.machines: dict[str, Machine] = {}

    def __enter__(self) -> "Machines":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: "type[BaseException] | None", error: "BaseException | None", trace: "TracebackType | None") -> None:
        self.stop()

    def start(self) -> None:
        sweep(self.podman)
        self.key.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True, stdin=subprocess.DEVNULL)
        base = image(self.podman)
        self.machines = {name: self._run(base, name) for name in self.names}
        self.known_hosts.write_text("".join(self._ready(machine) for machine in self.machines.values()))

    def stop(self) -> None:
        ours = self.podman("ps", "--all", "--quiet", "--filter", f"name=serverops-{self.run_id}-", check=False).split()
        if ours:
            self.podman("rm", "--force", "--time", "5", *ours, check=False)

    def _run(self, base: str, name: str) -> Machine:
        container = f"serverops-{self.run_id}-{name}"
        volumes = ("--volume", f"{cgroup_tree()}:/sys/fs/cgroup:rw", "--volume", f"{self.key}.pub:/root/.ssh/authorized_keys:ro")
        # A bound /etc/hosts could not be replaced as on a real host.
        systemd = (
            "--systemd=false",
            "--cgroupns=host",
            "--no-hosts",
            "--tmpfs",
            "/run",
            "--tmpfs",
            "/run/lock",
            "--env",
            "container=podman",
            "--stop-signal",
            SHUTDOWN,
        )
        owner = ("--label", f"{LABEL}={os.getpid()}", "--hostname", name)
        self.podman("run", "--detach", "--name", container, "--network", "podman", *owner, *systemd, *volumes, base, "/lib/systemd/systemd")
        address = self.podman("inspect", "--format", "{{.NetworkSettings.IPAddress}}", container)
        return Machine(name, container, address)

    def _ready(self, machine: Machine) -> str:
        """The host's line for known_hosts, as soon as systemd has started all and sshd listens."""
        ends = time.monotonic() + PATIENCE
        seen = ""
        while time.monotonic() < ends:
            seen = self.podman("exec", machine.container, "sh", "-c", "systemctl is-system-running || true", check=False) or seen
            if seen in READY:
                key = self.podman("exec", machine.container, "sh", "-c", OWN_KEYS)
                return f"{machine.address} {' '.join(key.split()[:2])}\n"
            time.sleep(0.2)
        raise TimeoutError(f"{machine.name} did not come up in {PATIENCE:.0f} s: {seen!r}")

    def run(self, name: str, script: str) -> str:
        """What a shell on the host prints; a failure is an error with its words."""
        return self.podman("exec", self.machines[name].container, "sh", "-c", script)

    def variables(self, name: str) -> dict[str, object]:
        """Ansible's variables of one host."""
        return {
            "ansible_host": self.machines[name].address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": SSH_OPTIONS.format(known_hosts=self.known_hosts),
            "ansible_pipelining": True,
            "ansible_python_interpreter": "/usr/bin/python3",
        }

    def inventory(self, **groups: tuple[str, ...]) -> Path:
        """An inventory file with all hosts, each in the groups that name it."""
        whole = {"all": {"hosts": {name: self.variables(name) for name in self.names}, "children": {}}}
        whole["all"]["children"] = {group: {"hosts": {name: {} for name in members}} for group, members in groups.items()}
        place = self.folder / "hosts.json"
        place.write_text(json.dumps(whole))
        return place


def sweep(podman: Podman) -> None:
    """Remove the hosts whose owner has died: a run killed hard leaves its containers."""
    for line in podman("ps", "--all", "--filter", f"label={LABEL}", "--format", f'{{{{.ID}}}} {{{{index .Labels "{LABEL}"}}}}').splitlines():
        identifier, owner = line.split()
        if not Path("/proc", owner).exists():
            podman("rm", "--force", "--time", "1", identifier, check=False)
