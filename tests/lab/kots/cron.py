"""Schedules of five fields, as kotsadm takes them: is it one, and when is it next?"""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from datetime import datetime, timedelta

SPOKEN = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MONTHS = {name: str(number) for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
DAYS = {name: str(number) for number, name in enumerate("SUN MON TUE WED THU FRI SAT".split())}
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
Fields = tuple[frozenset[int], ...]


def parse(text: str) -> Fields | None:
    """None for what is no schedule."""
    parts = SPOKEN.get(text, text).split()
    if len(parts) != 5:
        return None
    try:
        return tuple(frozenset(_field(part.upper(), place)) for place, part in enumerate(parts))
    except ValueError:
        return None


def _field(text: str, place: int) -> list[int]:
    low, high = LIMITS[place]
    words = {3: MONTHS, 4: DAYS}.get(place, {})
    found: list[int] = []
    for piece in text.split(","):
        span, _slash, step = piece.partition("/")
        first, dash, last = span.partition("-")
        first, last = words.get(first, first), words.get(last, last)
        begin = low if span in ("*", "?") else int(first)
        end = high if span in ("*", "?") or (step and not dash) else int(last) if dash else begin
        if not low <= begin <= end <= high or (step and int(step) < 1):
            raise ValueError(text)
        found += range(begin, end + 1, int(step or 1))
    return found


def after(text: str, now: datetime) -> datetime:
    """The first time after `now`."""
    fields = parse(text)
    assert fields is not None, text
    minute, hour, day, month, weekday = fields
    stars = SPOKEN.get(text, text).split()
    when = (now + timedelta(minutes=1)).replace(second=0, microsecond=0)
    for _step in range(2_000_000):
        day_fits, week_fits = when.day in day, when.isoweekday() % 7 in weekday
        fits = day_fits and week_fits if "*" in (stars[2], stars[4]) else day_fits or week_fits
        if when.month not in month or not fits:
            when = when.replace(hour=0, minute=0) + timedelta(days=1)
        elif when.hour not in hour:
            when = when.replace(minute=0) + timedelta(hours=1)
        elif when.minute not in minute:
            when += timedelta(minutes=1)
        else:
            return when
    raise ValueError(f"never: {text}")
