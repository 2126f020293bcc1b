# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of Google's means that is none of success."""

from __future__ import annotations

import re
from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused, Unreachable

LONGEST_TEXT = 400
# A new account or role is not known everywhere at once: https://cloud.google.com/iam/docs/access-change-propagation
NOT_YET = re.compile(r"^(Service account \S+ does not exist|Role \(?projects/\S+ does not exist)")


class Conflict(Refused):
    """It is there already, or it changed between the look and the act."""


class NotYet(Unreachable):
    """One part of Google does not know yet what another has just made."""


def answer_error(status: int, message: str, after: Optional[float] = None) -> CollectionError:
    """The failure that a status and the words beside it mean."""
    words = f"Google answers {status}: {' '.join(message.split())[:LONGEST_TEXT]}"
    if status == 401:
        return NotPermitted(f"{words}; give a key or a token that is valid")
    if status == 403:
        return NotPermitted(f"{words}; give whoever asks a role with that permission, or enable the API that is named")
    if status == 404:
        return NotFound(words)
    if status in (409, 412):
        return Conflict(words)
    if status in (408, 429) or status >= 500:
        return Unreachable(words, after=after)
    return NotYet(words) if NOT_YET.search(message) else Refused(words)
