# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of which the pages of all reports are made, and the words that all use: tones, times, counts; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

Json = dict[str, Any]
GOOD, BAD, WARN, PLAIN = "good", "bad", "warn", "plain"
SIGNS = {GOOD: "✓", BAD: "✕", WARN: "!", PLAIN: "–"}


def page(title: str, how: Json, sections: list[Json], foot: str) -> Json:
    """A page with its outcome on top."""
    return {"title": title, "outcome": how, "sections": sections, "foot": foot}


def section(heading: str, *blocks: Optional[Json], level: int = 2, how: Optional[Json] = None) -> Json:
    """A heading and the blocks under it; `how`: an outcome to be told beside the heading."""
    return {"heading": heading, "level": level, "outcome": how, "blocks": [block for block in blocks if block]}


def text(sentence: str) -> Optional[Json]:
    """A paragraph."""
    return {"kind": "text", "text": sentence} if sentence else None


def figure(value: object, label: str, tone: str = PLAIN) -> Json:
    """One number with its meaning."""
    return {"value": str(value), "label": label, "tone": tone}


def facts(items: Sequence[tuple[str, str]]) -> Optional[Json]:
    """Names and values."""
    return {"kind": "facts", "items": [{"label": label, "text": value} for label, value in items if value]} if items else None


def orders(items: list[Json]) -> Optional[Json]:
    """Things to do, each with its command."""
    return {"kind": "orders", "items": items} if items else None


def table(caption: str, columns: Sequence[str], rows: list[list[Json]]) -> Optional[Json]:
    """The first cell of a row names it; a column whose name ends with # holds numbers."""
    heads = [{"text": column.rstrip("#"), "number": column.endswith("#")} for column in columns]
    return {"kind": "table", "caption": caption, "columns": heads, "rows": rows} if rows else None


def cell(value: object, tone: str = "", small: str = "") -> Json:
    """A cell; with a tone it gets the tone's sign too."""
    return {"text": str(value), "tone": tone, "sign": SIGNS.get(tone, ""), "small": small}


# -- words ------------------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """Such as 0.4 s, 45 s, 12 min 5 s or 5 h 3 min."""
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 // 60 else "")


def moment(text: str) -> str:
    """ "2026-11-24T20:59:07Z" as people write it."""
    return text.replace("T", " ").replace("Z", " UTC")


def number(count: int, noun: str) -> str:
    """Such as "1 build" and "2 builds"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def few(names: list[str], most: int = 4) -> str:
    """The names, or the first of many."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def sentence(text: str) -> str:
    """It, with a full stop."""
    text = text.strip()
    return text + ("" if text.endswith((".", "!", "?")) else ".") if text else ""
