"""Test hosts for as long as somebody wants them: `python -m lab.hosts FOLDER services client` leaves FOLDER/hosts.json, an inventory, when they are up."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import argparse
import signal
import sys
import time
from pathlib import Path

from lab.hosts.image import why_not
from lab.hosts.machines import Machines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.hosts", description=__doc__)
    parser.add_argument("folder", type=Path, help="keys, settings and the inventory go there; once `stop` appears in it, the hosts go")
    parser.add_argument("names", nargs="+", help="one host each")
    parser.add_argument("--seconds", type=float, default=1800, help="how long they live at most (default: %(default)s)")
    args = parser.parse_args()
    if reason := why_not():
        sys.exit(f"python -m lab.hosts: {reason}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    stop = args.folder / "stop"
    stop.unlink(missing_ok=True)
    ends = time.monotonic() + args.seconds
    with Machines(args.folder, *args.names) as machines:
        machines.inventory()
        while not stop.exists() and time.monotonic() < ends:
            time.sleep(0.2)
    (args.folder / "hosts.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
