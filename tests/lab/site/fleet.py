"""Build machines of a site and the Nomad server in its pod: what a client's files and its systemctl do to its joining."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
import sys
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab.kubernetes.state import Change
from lab.nomad.clock import RealClock
from lab.nomad.lab import Lab
from lab.nomad.server import Server
from lab.site.site import Site

TESTS = Path(__file__).parents[2]
RPC, HTTP = 4647, 4646
SERVERS = re.compile(r'(?m)^[^#\n]*\bretry_join\s*=\s*\[\s*"([^"]+)"')
CONFIG = """# How the vendor's template leaves it.
name = "{name}"
data_dir = "{data}"
datacenter = "default"
client {{
  enabled = true
  # retry_join = ["an-example:4647"]
  server_join = {{
    retry_join = ["{server}"]
  }}
  node_class = "linux-64bit"
}}
"""


@dataclass
class Machine:
    """A host of build jobs. `busy` are ids of the builds that run on it, whatever its agent says."""

    name: str
    folder: Path
    up: bool = True
    joined: bool = False
    busy: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)  # what was done to its unit

    def runs(self, seconds: float) -> None:
        """A build of a server that is gone, for so many seconds of real time."""
        self.busy.append("0fd1e2c3b4a5")
        ends = threading.Timer(seconds, self.busy.clear)
        ends.daemon = True
        ends.start()

    @property
    def config(self) -> Path:
        return self.folder / "etc" / "config.hcl"

    @property
    def data(self) -> Path:
        return self.folder / "opt" / "nomad"

    @property
    def mark(self) -> Path:
        """Which server's cluster its state is of."""
        return self.data / "client" / "server-id"


class Fleet:
    """The Nomad server lives in a pod. A client becomes ready when its file leads to what that pod advertises, and its state is no other server's."""

    def __init__(self, site: Site, folder: Path, count: int = 2, profile: str = "1.1.2", speed: float = 10.0) -> None:
        self.site, self.profile, self.speed = site, profile, speed
        self.resolve: Callable[[str], str] = lambda name: name
        self.advertised: dict[str, str] = {}  # pod's uid -> the address that its agent read when it began
        self.machines = {name: Machine(name, folder / name) for name in (f"c{number + 1}" for number in range(count))}
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self._begin()
        site.state.controllers.append(self._follow)
        with site.state.news:
            for pod in site.state.all("pods", site.installation.namespace):
                self._seen(pod)
        for machine in self.machines.values():
            self._furnish(machine)
            self.systemctl(machine, ["start", "nomad"])

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.server.stop()

    def lost(self) -> None:
        """The Nomad server is gone with all that it knew; the machines run on and know it by nothing but their files."""
        with self.site.state.news:
            self.server.stop()
            self._begin()
            for machine in self.machines.values():
                machine.joined = False

    def address(self) -> str:
        """The balancer of the Nomad server, "" while there is none."""
        service = self.site.state.get("services", self.site.installation.namespace, "nomad-server-external") or {}
        found = (((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or [{}])[0]
        return str(found.get("ip") or found.get("hostname") or "")

    def ready(self) -> list[str]:
        """Names of the clients that the server calls ready."""
        with self.nomad.cluster.lock:
            return sorted(one.node.name for one in self.nomad.machines.values() if one.node.status == "ready")

    def inventory(self) -> dict[str, Any]:
        """The group nomad_clients as an inventory has it."""
        hosts = {
            one.name: {
                "ansible_connection": "local",
                "ansible_python_interpreter": str(one.folder / "bin" / "python"),
                "nomad_client_config": str(one.config),
                "nomad_client_state": str(one.data),
            }
            for one in self.machines.values()
        }
        return {"all": {"children": {"nomad_clients": {"hosts": hosts}}}}

    # --- the pod ---
    def _begin(self) -> None:
        self.nomad = Lab(self.profile, clients=0, clock=RealClock(self.speed))
        self.id = str(uuid.uuid4())
        self.server = Server(self.nomad, 0).start()

    def _follow(self, change: Change) -> None:
        if change.key[0] == "pods" and change.key[1] == self.site.installation.namespace and change.type != "DELETED":
            self._seen(change.object)

    def _seen(self, pod: dict[str, Any]) -> None:
        """It reads the address as it begins; one that comes later is unknown to it until it is made again."""
        meta = pod["metadata"]
        if (meta.get("labels") or {}).get("app") != "nomad-server" or meta["uid"] in self.advertised:
            return
        self.advertised[meta["uid"]] = self.address()
        self.site.state.ports[self.site.installation.namespace, meta["name"], HTTP] = ("127.0.0.1", self.server.port)

    def _told(self) -> str:
        """What the pod that stands now advertises."""
        for pod in self.site.state.all("pods", self.site.installation.namespace):
            if pod["metadata"]["uid"] in self.advertised and not pod["metadata"].get("deletionTimestamp"):
                return self.advertised[pod["metadata"]["uid"]]
        return ""

    # --- a machine ---
    def _furnish(self, machine: Machine) -> None:
        for folder in (machine.config.parent, machine.mark.parent, machine.folder / "bin"):
            folder.mkdir(parents=True, exist_ok=True)
        machine.config.write_text(CONFIG.format(name=machine.name, data=machine.data, server=f"{self.address()}:{RPC}"))
        machine.mark.write_text(self.id)
        url = f"http://127.0.0.1:{self.http.server_address[1]}/{machine.name}"
        for program in ("systemctl", "docker"):
            ask = f'PYTHONPATH="{TESTS}" exec "{sys.executable}" -m lab.site.program {url}/{program} "$@"\n'
            self._script(machine.folder / "bin" / program, ask)
        self._script(machine.folder / "bin" / "python", f'PATH="{machine.folder / "bin"}:$PATH" exec "{sys.executable}" "$@"\n')

    @staticmethod
    def _script(path: Path, text: str) -> None:
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)

    def systemctl(self, machine: Machine, argv: list[str]) -> tuple[int, str]:
        """Exit code and output of the few words that ansible.builtin.systemd_service says."""
        verb = next((word for word in argv if not word.startswith("-")), "")
        if verb == "show":
            state = "active" if machine.up else "inactive"
            return 0, f"Id=nomad.service\nLoadState=loaded\nActiveState={state}\nSubState={'running' if machine.up else 'dead'}\nUnitFileState=enabled\n"
        if verb in ("stop", "restart"):
            self._down(machine)
        if verb in ("start", "restart"):
            self._up(machine)
        if verb in ("start", "stop", "restart"):
            machine.done.append(verb)
            return 0, ""
        return 1, f"Unknown command verb {verb}.\n"

    def docker(self, machine: Machine, _argv: list[str]) -> tuple[int, str]:
        """The containers of builds: those of the machine's own, and those that the server sent."""
        with self.nomad.cluster.lock:
            held = self.nomad.machines.get(machine.name)
            sent = [one.allocation[:12] for one in held.builds.values() if one.ended is None] if held else []
        return 0, "".join(f"{one}\n" for one in [*machine.busy, *sent])

    def _down(self, machine: Machine) -> None:
        machine.up = False
        if machine.joined:
            self.nomad.kill_client(machine.name, heartbeat=0.5)
        machine.joined = False

    def _up(self, machine: Machine) -> None:
        machine.up = True
        named = SERVERS.search(machine.config.read_text())
        host = self.resolve(named.group(1).rpartition(":")[0]) if named else ""
        stale = machine.mark.exists() and machine.mark.read_text() != self.id
        if not host or host != self.address() or self._told() != host or stale:
            return  # the agent runs, and nobody hears of it
        machine.mark.parent.mkdir(parents=True, exist_ok=True)
        machine.mark.write_text(self.id)
        if machine.name in self.nomad.machines:
            self.nomad.return_client(machine.name)
        else:
            self.nomad.add_client(machine.name)
        machine.joined = True

    # --- the wire ---
    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fleet = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                _empty, name, program = self.path.split("/")
                argv = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with fleet.site.state.news:
                    code, out = getattr(fleet, program)(fleet.machines[name], argv)
                text = json.dumps({"code": code, "out": out}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        return Handler
