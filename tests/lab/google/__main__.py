"""The simulator as a program: `python -m lab.google --ready FILE`. FILE then holds its address as JSON."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import argparse
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

from lab.google.server import Server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parent", type=int, default=0, help="end with this process")
    args = parser.parse_args()
    server = Server(args.port)

    def end(*_signal: Any) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, end)
    if args.parent:
        threading.Thread(target=_watch, args=(args.parent, server), daemon=True).start()
    part = args.ready.with_suffix(".part")
    part.write_text(json.dumps({"url": server.url, "control": f"{server.url}/_lab", "ca": server.ca}))
    part.replace(args.ready)
    server.serve_forever(0.1)


def _watch(parent: int, server: Server) -> None:
    """A test that was killed ends nobody's server: this one then ends by itself."""
    gone = threading.Event()
    while not gone.wait(1.0):
        if os.getppid() != parent:
            server.shutdown()
            return


if __name__ == "__main__":
    main()
