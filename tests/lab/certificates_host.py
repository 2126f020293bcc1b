"""A Services host that stays, with two pairs for it: `python -m lab.certificates_host FOLDER`, until there is a file `stop` in the folder."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from lab.certificates import authority, key_of, server
from lab.replicated.services import ServicesHost

LONGEST = 600.0  # s, should nobody stop it


def main(folder: Path) -> None:
    """Serve; ready.json says where, last of all."""
    now, root, name = datetime.now(timezone.utc), authority("Root of a scenario"), "circleci.example.com"
    ends = now + timedelta(days=90)
    pairs = [server(name, root, key=key_of("p256", number), begins=now - timedelta(days=1), ends=ends) for number in (1, 2)]
    with ServicesHost(folder, pace=0.03) as host:
        told = {"endpoint": f"127.0.0.1:{host.tls_port}", "console": f"127.0.0.1:{host.console_port}", "health_urls": host.health_urls, "root": root.pem}
        told["pairs"] = [{"certificate": made.pem, "key": made.key_pem, "fingerprint": made.fingerprint} for made in pairs]
        part = folder / "ready.part"
        part.write_text(json.dumps(told))
        part.replace(folder / "ready.json")
        until = time.monotonic() + LONGEST
        while not (folder / "stop").exists() and time.monotonic() < until:
            time.sleep(0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
