# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual step as a loop: look at a client every so many seconds until nothing runs on it. Usage: poll_loop.py URL CLIENT SECONDS."""

from __future__ import annotations

import json
import sys
import time
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main() -> None:
    url, client, seconds = sys.argv[1:]
    while True:
        with OPENER.open(f"{url}/v1/node/{client}/allocations", timeout=30) as got:
            allocations = json.load(got)
        if not any(allocation["ClientStatus"] in ("pending", "running") for allocation in allocations):
            return
        time.sleep(float(seconds))


if __name__ == "__main__":
    main()
