# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What real Velero servers 1.6.3 and 1.14.0 wrote: every object of a kind in the recordings, and what the CLI's dry run lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

HERE = next(parent for parent in Path(__file__).parents if (parent / "lab").is_dir()) / "lab" / "recordings" / "velero"
VERSIONS = ("1.6.3", "1.14.0")


@cache
def lines(version: str, scenario: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / version / f"{scenario}.jsonl").read_text().splitlines()]


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "metadata" in value and "kind" in value and not str(value["kind"]).endswith("List"):
            yield value
        for inner in value.values():
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


@cache
def objects(version: str, kind: str) -> list[dict[str, Any]]:
    """Every object of that kind that was seen, in any state."""
    scenarios = sorted(path.stem for path in (HERE / version).glob("*.jsonl"))
    return [one for scenario in scenarios for line in lines(version, scenario) for one in _walk(line) if one["kind"] == kind]


def named(version: str, kind: str, name: str) -> list[dict[str, Any]]:
    return [one for one in objects(version, kind) if one["metadata"].get("name") == name]


@cache
def dry_run(version: str, agents: bool) -> list[dict[str, Any]]:
    """The objects of `velero install --dry-run -o json` by the guide's line, with the agents' flag or without."""
    flags = {"--use-restic", "--use-node-agent"}
    for line in lines(version, "install"):
        if "stdout_json" in line and "--provider" in line["argv"] and bool(flags & set(line["argv"])) == agents:
            return list(line["stdout_json"]["items"])
    raise LookupError(f"no dry run of {version}")


@cache
def crds(version: str) -> list[dict[str, Any]]:
    """What `velero install --crds-only --dry-run -o json` printed."""
    return next(list(line["stdout_json"]["items"]) for line in lines(version, "install") if "stdout_json" in line and "--crds-only" in line["argv"])
