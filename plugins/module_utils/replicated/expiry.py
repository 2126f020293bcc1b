# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When certificates end, wherever they are: files, servers, the app's settings. One line each, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.params import not_negative
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Fault, Paper, days_left, paper_view
from ansible_collections.serverops.circleci.plugins.module_utils.host.endpoints import Endpoint, parse_endpoint

# From bad to good. Unknown is not good.
VERDICTS = ("expired", "unknown", "not_yet_valid", "expires_soon", "ok")


@dataclass(frozen=True)
class Asked:
    """Where to look."""

    files: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    app: bool
    warn_days: int


@dataclass(frozen=True)
class Met:
    """What was found in one place: certificates, or why there are none to see."""

    source: str
    place: str
    papers: tuple[Paper, ...] = ()
    faults: tuple[Fault, ...] = ()
    unseen: str = ""


def asked_for(params: Mapping[str, Any]) -> Asked:
    """Raises BadInput."""
    not_negative(warn_days=params["warn_days"])
    endpoints = tuple(parse_endpoint(text, "endpoints") for text in params["endpoints"] or ())
    return Asked(tuple(params["files"] or ()), endpoints, params["app"], params["warn_days"])


def report(found: Iterable[Met], warn_days: int, now: datetime) -> Json:
    """The result."""
    lines = [line for met in found for line in _lines(met, warn_days, now)]
    lines.sort(key=lambda line: (VERDICTS.index(line["verdict"]), _ends(line), line["place"]))
    ends = [line["days_left"] for line in lines if line["days_left"] is not None]
    return {
        "certificates": lines,
        "counts": {verdict: sum(line["verdict"] == verdict for line in lines) for verdict in VERDICTS},
        "days_left": min(ends, default=None),
        "ok": all(line["verdict"] == "ok" for line in lines),
    }


def _lines(met: Met, warn_days: int, now: datetime) -> list[Json]:
    where = {"source": met.source, "place": met.place}
    faults = [fault.kind for fault in met.faults]
    hidden = [fault.words for fault in met.faults if fault.hides or not met.papers]
    lines = [{**where, **paper_view(paper, now), **_verdict(paper, warn_days, now), "faults": faults} for paper in met.papers]
    if lines and not hidden:
        return lines
    reason = met.unseen or "; ".join(hidden) or "there is no certificate in it"
    return [*lines, {**where, **NOTHING, "verdict": "unknown", "reason": reason, "faults": faults}]


NOTHING: Json = {name: [] if name == "names" else None for name in ("subject", "issuer", "names", "begins", "ends", "days_left", "key", "fingerprint")}


def _verdict(paper: Paper, warn_days: int, now: datetime) -> Json:
    left = days_left(paper, now)
    if paper.ends <= now:
        return {"verdict": "expired", "reason": f"it ended on {paper.ends:%Y-%m-%d}"}
    if paper.begins > now:
        return {"verdict": "not_yet_valid", "reason": f"it begins on {paper.begins:%Y-%m-%d}"}
    return {"verdict": "expires_soon" if left < warn_days else "ok", "reason": f"it ends on {paper.ends:%Y-%m-%d}, in {left} days"}


def _ends(line: Json) -> str:
    return str(line["ends"] or "")
