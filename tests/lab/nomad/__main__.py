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
    given = parser.parse_args()
    if given.witness:
        given.witness.mkdir(parents=True, exist_ok=True)
    clock = RealClock(given.speed) if given.speed > 0 else VirtualClock()
    lab = Lab(given.profile, given.clients, clock, given.seed, given.witness)
    over = threading.Event()
    server = Server(lab, given.port).start()
    control = Control(lab, given.control_port, over.set).start()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: over.set())
    line = json.dumps({"url": server.url, "control": control.url, "pid": os.getpid()})
    if given.ready:
        partial = given.ready.with_name(given.ready.name + ".part")
        partial.write_text(line + "\n")
        partial.rename(given.ready)
    print(line, flush=True)
    over.wait()
    server.stop()
    if lab.agents:
        lab.agents.stop()
    control.stop()


if __name__ == "__main__":
    main()
