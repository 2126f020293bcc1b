# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and durations as Kubernetes and Go write them: read into numbers, checked before they are written."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.durations import seconds
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput


def seconds_of(text: Any) -> Optional[float]:
    """Seconds of a Go duration such as 720h0m0s; None where Go could not read it either: such a ttl stops Velero altogether (recorded)."""
    if not isinstance(text, str):
        return None
    signed = text[:1] in ("+", "-")
    try:
        found = seconds(text[1:] if signed else text, "duration")
    except BadInput:
        return None
    return -found if text.startswith("-") else found


def checked_duration(option: str, text: str) -> str:
    """The text, if Go can read it and it is above zero; raises BadInput naming the option."""
    if seconds(text, option) <= 0:
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
