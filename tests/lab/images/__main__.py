"""EC2 as a program, by moto behind the store's front: `python -m lab.images --ready FILE`. FILE then holds its address, and an image to start from."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import argparse
import json
import signal
import threading
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from lab.store.front import Front


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready", type=Path, required=True)
    args = parser.parse_args()
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    front = Front(moto.get_host_and_port()[1], 0)

    def end(*_signal: Any) -> None:
        threading.Thread(target=front.shutdown).start()

    signal.signal(signal.SIGTERM, end)
    direct = f"http://127.0.0.1:{moto.get_host_and_port()[1]}"
    ec2 = boto3.client("ec2", endpoint_url=direct, region_name="eu-west-1", aws_access_key_id="lab", aws_secret_access_key="lab")
    part = args.ready.with_suffix(".part")
    part.write_text(json.dumps({"url": front.url, "control": f"{front.url}/_lab", "base": ec2.describe_images()["Images"][0]["ImageId"]}))
    part.replace(args.ready)
    front.serve_forever()


if __name__ == "__main__":
    main()
