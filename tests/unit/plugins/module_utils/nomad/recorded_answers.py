# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded answers that tests of jobs, queues and logs replay: recorded/<version>/<name>.jsonl, one answer a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "recorded"
VERSIONS = ("0.5.6", "0.9.3", "0.11.3", "1.1.2", "1.7.7", "1.11.3")
DISPATCHING = ("1.1.2", "1.7.7", "1.11.3")  # with recordings of dispatched builds and of full clients
POOLED = ("1.7.7", "1.11.3")


def lines(version: str, name: str) -> list[dict[str, Any]]:
    """The answers of one file, in order."""
    return [json.loads(line) for line in (HERE / version / f"{name}.jsonl").read_text().splitlines()]


def bodies(version: str, name: str, ends: str) -> list[Any]:
    """The bodies of those whose path ends so."""
    found = [line["body"] for line in lines(version, name) if line["path"].endswith(ends)]
    assert found, f"nothing in {version}/{name} ends with {ends}"
    return found
