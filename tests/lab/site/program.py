"""python -m lab.site.program URL [ARGUMENT ...]: a program of a build machine, played by the fleet at that address."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import sys
import urllib.request


def main() -> None:
    asked = urllib.request.Request(sys.argv[1], json.dumps(sys.argv[2:]).encode(), method="POST")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60) as answer:
        told = json.loads(answer.read())
    sys.stdout.write(told["out"])
    sys.exit(told["code"])


if __name__ == "__main__":
    main()
