"""The store as a program: `python -m lab.store --ready FILE`. FILE then holds its address as JSON."""
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

from moto.server import ThreadedMotoServer

from lab.store.amended import amend
from lab.store.front import Front


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parent", type=int, default=0, help="end with this process")
    args = parser.parse_args()
    amend()
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    front = Front(moto.get_host_and_port()[1], args.port)

    def end(*_signal: Any) -> None:
        threading.Thread(target=front.shutdown).start()

    signal.signal(signal.SIGTERM, end)
    if args.parent:
        threading.Thread(target=_watch, args=(args.parent, front), daemon=True).start()
    part = args.ready.with_suffix(".part")
    part.write_text(json.dumps({"url": front.url, "control": f"{front.url}/_lab"}))
    part.replace(args.ready)
    front.serve_forever()


def _watch(parent: int, front: Front) -> None:
    """A test that was killed ends nobody's server: this one then ends by itself."""
    gone = threading.Event()
    while not gone.wait(1.0):
        if os.getppid() != parent:
            front.shutdown()
            return


if __name__ == "__main__":
    main()
