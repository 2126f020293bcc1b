# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repositories' password: one row for each state of the cluster and wish of the operator."""

from __future__ import annotations

from typing import Optional

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.velero.password import is_default, ruling

DEFAULT, OWN, NEW, FRESH = (Secret(text) for text in ("static-passw0rd", "own-password", "given-password", "made-up"))
USED = "BackupRepository app"


@pytest.mark.parametrize(
    ("there", "given", "used", "fresh", "state", "written", "words"),
    [
        (None, None, "", FRESH, "generated", FRESH, ""),
        (None, NEW, "", FRESH, "given", NEW, ""),
        (None, None, "", None, "absent", None, "left to Velero"),
        (None, None, USED, FRESH, "absent", None, "from your vault"),
        (None, NEW, USED, FRESH, "given", NEW, ""),
        (DEFAULT, None, "", FRESH, "generated", FRESH, ""),
        (DEFAULT, None, "", None, "default", None, "left to Velero"),
        (DEFAULT, NEW, "", FRESH, "given", NEW, ""),
        (DEFAULT, None, USED, FRESH, "default", None, "everybody knows"),
        (DEFAULT, NEW, USED, FRESH, "default", None, "none of it could be read"),
        (OWN, None, "", FRESH, "own", None, ""),
        (OWN, None, USED, FRESH, "own", None, ""),
        (OWN, OWN, USED, FRESH, "given", None, ""),
        (OWN, NEW, "", FRESH, "given", NEW, ""),
        (OWN, NEW, USED, FRESH, "own", None, "none of it could be read"),
    ],
)
def test_a_row(there: Optional[Secret], given: Optional[Secret], used: str, fresh: Optional[Secret], state: str, written: Optional[Secret], words: str) -> None:
    found = ruling(there, given, used, fresh)
    assert (found.state, found.password) == (state, written)
    told = found.warning + found.refusal
    assert words in told and bool(words) == bool(told)
    assert not any(secret.reveal() in told for secret in (OWN, NEW, FRESH))
    assert bool(found.refusal) == ("read" in words or "vault" in words)


def test_only_veleros_own_is_the_default() -> None:
    assert is_default(DEFAULT) and not is_default(OWN) and not is_default(None)
