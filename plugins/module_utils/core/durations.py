# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that programs written in Go read: durations, schedules, names. Checked here, since Velero takes a wrong duration and then stands still."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}  # Go takes both letters for micro
PART = re.compile(r"(\d+\.?\d*|\.\d+)(h|ms|m|s|us|µs|μs|ns)", re.ASCII)
LONGEST = 2**63 / 1e9  # s: Go counts nanoseconds in 64 bits
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LONGEST_LABEL, LONGEST_NAME = 63, 253
DESCRIPTORS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
DAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}


class Field(NamedTuple):
    """One of the five fields of a cron schedule."""

    words: str
    least: int
    most: int
    names: Mapping[str, int] = {}


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of the week", 0, 6, DAYS),
)


def seconds(text: str, option: str) -> float:
    """A duration as Go writes it ("72h0m0s", "1h30m") in seconds. Raises BadInput with the option's name for all else, also below zero."""
    parts = PART.findall(text)
    whole = "".join(number + unit for number, unit in parts)
    found = sum(float(number) * UNITS[unit] for number, unit in parts)
    if text == "0" or (parts and whole == text and found < LONGEST):
        return found
    days = re.fullmatch(r"(\d+)d", text)
    meant = f"; there are no days: {text} is {int(days.group(1)) * 24}h" if days and len(text) < 9 else ""
    raise BadInput(f"{option} is {text!r}, but it must be a duration of hours, minutes and seconds such as 72h0m0s or 1h30m{meant}")


def text_of(duration: float) -> str:
    """Whole seconds as Go writes them: 72h0m0s."""
    minutes, rest = divmod(int(duration), 60)
    return f"{minutes // 60}h{minutes % 60}m{rest}s" if minutes >= 60 else f"{minutes}m{rest}s" if minutes else f"{rest}s"


def checked_name(text: str, option: str, longest: int = LONGEST_NAME) -> str:
    """The name of an object (an RFC 1123 subdomain). Raises BadInput."""
    if len(text) <= longest and text and all(LABEL.fullmatch(part) for part in text.split(".")):
        return text
    raise BadInput(
        f"{option} is {text[: longest + 10]!r}, but a name has at most {longest} small letters, digits, '-' and '.', and begins and ends with a letter or digit"
    )


def checked_label(text: str, option: str) -> str:
    """The name of a namespace or a Service (an RFC 1123 label: no dots). Raises BadInput."""
    if len(text) <= LONGEST_LABEL and LABEL.fullmatch(text):
        return text
    raise BadInput(
        f"{option} is {text[:80]!r}, but it must have at most {LONGEST_LABEL} small letters, digits and '-', and begin and end with a letter or digit"
    )


def checked_cron(text: str, option: str) -> str:
    """A schedule of five fields ("0 3 * * *"), or a word such as @daily or @every 6h; a time zone may stand before (CRON_TZ=Europe/London). Raises BadInput."""
    zone = re.match(r"(CRON_TZ|TZ)=\S+ +", text)
    rest = text[zone.end() :] if zone else text
    if rest.startswith("@"):
        _check_descriptor(rest, option)
        return text
    fields = rest.split()
    if len(fields) != len(FIELDS):
        raise BadInput(
            f"{option} is {text!r}, but a schedule has five fields (minute, hour, day of the month, month, day of the week) or is a word such as @daily"
        )
    for field, part in zip(FIELDS, fields):
        wrong = _wrong(field, part)
        if wrong:
            raise BadInput(f"{option} is {text!r}, but its {field.words} {part!r} {wrong}")
    return text


def _check_descriptor(text: str, option: str) -> None:
    if text in DESCRIPTORS:
        return
    if not text.startswith("@every "):
        raise BadInput(f"{option} is {text!r}, but the words are {', '.join(DESCRIPTORS)} and @every with a duration")
    if seconds(text[len("@every ") :], option) < 1:
        raise BadInput(f"{option} is {text!r}, but it must be a second at least")


def _wrong(field: Field, text: str) -> str:
    """What is wrong with a field; empty where nothing is."""
    for part in text.split(","):
        span, has_step, step = part.partition("/")
        if has_step and not (step.isdigit() and step.isascii() and int(step) > 0):
            return "has a step that is no number above 0"
        if span in ("*", "?"):
            continue
        ends = [_number(field, end) for end in span.split("-")]
        if len(ends) > 2 or any(not field.least <= end <= field.most for end in ends):
            names = f" or {', '.join(field.names)}" if field.names else ""
            return f"must be of numbers from {field.least} to {field.most}{names}, or *"
        if ends[0] > ends[-1]:
            return "has a range that ends before it begins"
    return ""


def _number(field: Field, text: str) -> int:
    return field.names.get(text.lower(), int(text) if text.isdigit() and text.isascii() else -1)
