"""python -m lab.nomad: the simulator as a program, until SIGTERM."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import argparse
import json
import os
import signal
import threading
from pathlib import Path

from lab.nomad.clock import RealClock, VirtualClock
from lab.nomad.control import Control
from lab.nomad.lab import Lab
from lab.nomad.profile import PROFILES
from lab.nomad.server import Server
from lab.nomad.tls import Tls


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.nomad", description="A Nomad server and its clients, simulated.")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="1.1.2")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--speed", type=float, default=1.0, help="times real time; 0: a virtual clock that POST /clock advances")
    parser.add_argument("--witness", type=Path, help="folder where every build leaves a file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ready", type=Path, help="file for the line that is printed when ready")
    parser.add_argument("--servers", type=int, choices=(1, 3), default=1, help="three: --port, and the next two if it is given")
    parser.add_argument("--tls-cert", type=Path, help="PEM; with --tls-key and --tls-ca the servers speak TLS; SIGHUP or POST /tls/reload reads them anew")
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--tls-ca", type=Path, help="CAs whose clients may come in")
    parser.add_argument("--tls-any-client", action="store_true", help="ask nobody for a certificate")
    parser.add_argument("--tls-agents", type=Path, help="the client agents' certificate: where the CA file does not know it, they are cut off")
    given = parser.parse_args()
    files = [given.tls_cert, given.tls_key, given.tls_ca]
    if any(files) and not all(files):
        parser.error("--tls-cert, --tls-key and --tls-ca belong together")
    if given.witness:
        given.witness.mkdir(parents=True, exist_ok=True)
    clock = RealClock(given.speed) if given.speed > 0 else VirtualClock()
    tls = Tls(*files, not given.tls_any_client, given.tls_agents) if all(files) else None
    lab = Lab(given.profile, given.clients, clock, given.seed, given.witness, servers=given.servers)
    over = threading.Event()
    servers = [Server(lab, given.port and given.port + n, tls, place).start() for n, place in enumerate(lab.places)]
    control = Control(lab, given.control_port, over.set).start()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: over.set())
    signal.signal(signal.SIGHUP, lambda *_: lab.tls and lab.reload_tls())
    line = json.dumps({"url": servers[0].url, "urls": [server.url for server in servers], "control": control.url, "pid": os.getpid()})
    if given.ready:
        partial = given.ready.with_name(given.ready.name + ".part")
        partial.write_text(line + "\n")
        partial.rename(given.ready)
    print(line, flush=True)
    while not over.wait(0.2):  # a signal may reach another thread: this one must look up to handle it
        pass
    for server in servers:
        server.stop()
    if lab.agents:
        lab.agents.stop()
    control.stop()


if __name__ == "__main__":
    main()
