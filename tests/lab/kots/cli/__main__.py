"""One run of the program: python -m lab.kots.cli VERSION [words...]"""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import sys

from lab.kots.cli.program import main
from lab.kots.cli.run import Lost
from lab.kots.cli.wire import Wire


def kubeconfig(argv: list[str]) -> str | None:
    for place, word in enumerate(argv):
        if word == "--kubeconfig" and place + 1 < len(argv):
            return argv[place + 1]
        if word.startswith("--kubeconfig="):
            return word.partition("=")[2]
    return None


if __name__ == "__main__":
    try:
        code = main(sys.argv[1], sys.argv[2:], Wire(kubeconfig(sys.argv[2:])), sys.stdout, sys.stderr)
    except Lost as fault:
        sys.stderr.write(f"Error: {fault}\n")
        code = 1
    sys.exit(code)
