"""Tables and dates as the program prints them."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from datetime import UTC, datetime
from typing import Any

BACKUPS = ("NAME", "STATUS", "ERRORS", "WARNINGS", "STARTED", "COMPLETED", "EXPIRES")
RESTORES = ("NAME", "BACKUP", "STATUS", "STARTED", "COMPLETED", "ERRORS", "WARNINGS")


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Columns four spaces apart; the last is not filled up."""
    widths = [max(len(row[place]) for row in (heads, *rows)) + 4 for place in range(len(heads))]
    lines = ["".join(cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)) + row[-1] for row in (heads, *rows)]
    return "\n".join(lines) + "\n"


def when(text: str | None) -> str:
    return f"{text[:10]} {text[11:19]} +0000 UTC" if text else "<nil>"


def until(text: str | None, now: datetime) -> str:
    if not text:
        return ""
    seconds = (datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - now).total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(seconds, 0))}s"


def backup(item: dict[str, Any], now: datetime) -> tuple[str, ...]:
    told = item.get("status") or {}
    numbers = (str(told.get("errors", 0)), str(told.get("warnings", 0)))
    dates = (when(told.get("startTimestamp")), when(told.get("completionTimestamp")), until(told.get("expiration"), now))
    return (item["metadata"]["name"], told.get("phase") or "New", *numbers, *dates)


def restore(item: dict[str, Any]) -> tuple[str, ...]:
    told = item.get("status") or {}
    dates = (when(told.get("startTimestamp")), when(told.get("completionTimestamp")))
    return (item["metadata"]["name"], item["spec"]["backupName"], told.get("phase") or "New", *dates, str(told.get("errors", 0)), str(told.get("warnings", 0)))
