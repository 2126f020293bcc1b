"""python -m lab.site: a whole 3.x site as a program, until SIGTERM. Writes a kubeconfig with which modules, playbooks and kubectl reach it."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import argparse
import json
import os
import signal
import threading
from pathlib import Path

import yaml

from lab.kots.profile import PROFILES as CONSOLES
from lab.kubernetes.__main__ import kubeconfig, written
from lab.site.site import BUCKET, Site
from lab.velero.profile import PROFILES as SERVERS


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m lab.site", description="CircleCI Server 3.x with kotsadm, Velero and an object store, simulated, on the loopback."
    )
    parser.add_argument("--kubeconfig", type=Path, required=True, help="file to write; nobody else may read it")
    parser.add_argument("--velero", choices=sorted(SERVERS), default="1.14.0")
    parser.add_argument("--kots", choices=sorted(CONSOLES), default="1.124.18")
    parser.add_argument("--speed", type=float, default=10.0, help="times real time")
    parser.add_argument("--no-velero", action="store_true", help="leave Velero to be installed")
    parser.add_argument("--ready", type=Path, help="file for the line that is printed when ready")
    given = parser.parse_args()
    site = Site(given.velero, given.kots, given.speed, installed=not given.no_velero).settle()
    written(given.kubeconfig, yaml.safe_dump(kubeconfig(site.server.url, site.token, site.installation.namespace), sort_keys=False))
    over = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: over.set())
    line = json.dumps({"url": site.server.url, "kubeconfig": str(given.kubeconfig), "store": site.store.url, "bucket": BUCKET, "pid": os.getpid()})
    if given.ready:
        written(given.ready, line + "\n")
    print(line, flush=True)
    while not over.wait(0.2):  # a signal may reach another thread: this one must look up to handle it
        pass
    site.stop()


if __name__ == "__main__":
    main()
