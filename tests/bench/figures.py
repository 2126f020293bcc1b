# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a run: each goal with what was measured for it, as one table and as files."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HEAD = ("", "what", "unit", "ours: median", "worst", "peer: median", "worst", "value", "goal", "")


@dataclass(frozen=True)
class Figure:
    """One measured thing. `value` is what the goal bounds: a ratio of medians, or a number of ours; without a goal it is told for comparison only."""

    id: str
    what: str
    unit: str
    ours: Sequence[float] = ()
    peer: Sequence[float] = ()
    value: float | None = None
    goal: float | None = None
    skipped: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def missed(self) -> bool:
        return self.goal is not None and self.value is not None and self.value > self.goal

    @property
    def verdict(self) -> str:
        if self.skipped:
            return f"skipped: {self.skipped}"
        if self.goal is None or self.value is None:
            return ""
        return "MISSED" if self.missed else "met"

    def row(self) -> tuple[str, ...]:
        return (self.id, self.what, self.unit, *middle_and_worst(self.ours), *middle_and_worst(self.peer), number(self.value), number(self.goal), self.verdict)


def ratio(ours: Sequence[float], peer: Sequence[float]) -> float:
    """Of the medians; smaller is better."""
    return statistics.median(ours) / statistics.median(peer)


def growth_exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """k where the values grow as size to the power of k: fitted through the logarithms."""
    fitted = statistics.linear_regression([math.log(size) for size in sizes], [math.log(value) for value in values])
    return fitted.slope


def middle_and_worst(values: Sequence[float]) -> tuple[str, str]:
    return (number(statistics.median(values)), number(max(values))) if values else ("", "")


def number(value: float | None) -> str:
    """As many digits as a noisy machine can tell."""
    if value is None:
        return ""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Texts to the left, numbers to the right, the verdict as long as it is."""
    cells = [cell.ljust(width) if column < 3 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row[:-1], widths))]
    return "  ".join([*cells, row[-1]]).rstrip() + "\n"


@dataclass
class Board:
    """All figures of one run."""

    figures: list[Figure] = field(default_factory=list)

    def add(self, *figures: Figure) -> None:
        """Note them all, then fail the test where one misses its goal."""
        self.figures.extend(figures)
        missed = [f"{figure.id}: {figure.what} is {number(figure.value)}, the goal is {number(figure.goal)}" for figure in figures if figure.missed]
        assert not missed, "; ".join(missed)

    def table(self) -> str:
        rows = [HEAD, *(figure.row() for figure in self.figures)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
        return "".join(line(row, widths) for row in rows)

    def save(self, folder: Path) -> None:
        """One file of JSON per benchmark, with every single value, and the table."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in sorted({figure.id for figure in self.figures}):
            told = [{**asdict(figure), "verdict": figure.verdict} for figure in self.figures if figure.id == name]
            (folder / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n")
        (folder / "table.txt").write_text(self.table())
