"""A Services host for as long as the process runs: `python -m lab.replicated.serve FOLDER` leaves FOLDER/ports.json when its programs and ports are there."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import argparse
import json
import signal
from pathlib import Path

from lab.replicated.services import ServicesHost


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.replicated.serve", description=__doc__)
    parser.add_argument("folder", type=Path, help="its programs are in FOLDER/bin; where FOLDER/root is a link to /, the host's own files are read")
    parser.add_argument("--pace", type=float, default=0.03, help="how long its seconds are (default: %(default)s)")
    args = parser.parse_args()
    with ServicesHost(args.folder, pace=args.pace) as host:
        draft = args.folder / "ports.new"
        draft.write_text(json.dumps({"health_urls": host.health_urls, "tls": host.tls_port, "console": host.console_port}))
        draft.replace(args.folder / "ports.json")
        signal.pause()


if __name__ == "__main__":
    main()
