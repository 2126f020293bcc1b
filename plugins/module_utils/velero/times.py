# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and durations as Kubernetes and Go write them: read into numbers, checked before they are written."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

# What Go's time.ParseDuration takes: no days, no weeks. A Backup whose ttl it cannot read stops Velero altogether (recorded on 1.6.3, 1.14.0, 1.18.3).
_UNITS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_LONGEST = 9_223_372_036.0  # s, the nanoseconds that 64 bits hold


def seconds_of(text: Any) -> Optional[float]:
    """Seconds of a Go duration such as 720h0m0s; None where Go could not read it either."""
    if not isinstance(text, str):
        return None
    bare = text[1:] if text[:1] in ("+", "-") else text
    if bare == "0":
        return 0.0
    total, at = 0.0, 0
    while at < len(bare):
        part = _PART.match(bare, at)
        if not part:
            return None
        total, at = total + float(part.group(1)) * _UNITS[part.group(2)], part.end()
    if not bare or total > _LONGEST:
        return None
    return -total if text.startswith("-") else total


def checked_duration(option: str, text: str) -> str:
    """The text, if Go can read it and it is above zero; raises BadInput naming the option."""
    found = seconds_of(text)
    if found is None:
        raise BadInput(
            f"{option} is {text!r}, which is no duration that Velero can read; write hours, minutes and seconds, such as 720h or 1h30m (there are no days)"
        )
    if found <= 0:
        raise BadInput(f"{option} is {text!r}, but it must be more than 0")
    return text


def epoch_of(text: Any) -> Optional[float]:
    """Seconds since 1970 of a time such as 2026-11-23T08:50:42Z, with or without parts of a second; None where there is none."""
    if not isinstance(text, str) or not text:
        return None
    whole = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if not whole:
        return None
    try:
        moment = datetime.fromisoformat(whole.group(1) + whole.group(3).replace("Z", "+00:00"))
    except ValueError:  # the 31st of February
        return None
    return moment.timestamp() + float(whole.group(2) or 0)


def text_of(epoch: Optional[float]) -> Optional[str]:
    """The time as Kubernetes writes it, in UTC, whole seconds; None for None."""
    if epoch is None:
        return None
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
