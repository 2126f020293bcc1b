# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When another certificate is needed, and what is decided then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.host.certbot import Link, Order, SetAside, TidyUp, decide, why_due
from ansible_collections.serverops.circleci.plugins.module_utils.host.certbot_model import LETS_ENCRYPT, CertbotSpec, CertbotState, Stored

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)
NAME = "circleci.example.com"
SPEC = CertbotSpec(NAME, (NAME,), "manual")
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


def stored(left: float = 60, life: float = 90, **more: Any) -> Stored:
    made = Stored("5f70", (NAME,), NOW + (left - life) * DAY, NOW + left * DAY, "ecdsa", LETS_ENCRYPT)
    return replace(made, **more)


@pytest.mark.parametrize(
    ("has", "wants", "words"),
    [
        (None, {}, "there is no certificate yet"),
        (stored(), {}, ""),
        (stored(30.1), {}, ""),
        (stored(29.9), {}, "the stored certificate ends at 2026-06-30"),
        (stored(-1), {}, "ends at 2026-05-31"),
        (stored(29.9), {"renew_days": 20}, ""),
        (stored(3.1, life=6), {}, ""),
        (stored(2.9, life=6), {}, "ends at"),
        (stored(6, life=6), {"renew_days": 90}, ""),
        (stored(names=(NAME, "app.example.com")), {}, f"is for {NAME}, app.example.com"),
        (stored(names=("b.example.com", NAME)), {"host_names": (NAME, "b.example.com")}, ""),
        (stored(), {"host_names": (NAME, "*.example.com")}, f"the stored certificate is for {NAME}"),
        (stored(server=STAGING), {}, f"is from {STAGING}"),
        (stored(), {"directory_url": STAGING}, f"is from {LETS_ENCRYPT}"),
        (stored(), {"key_type": "rsa"}, "the key of the stored certificate is ecdsa"),
        (stored(key="rsa"), {"key_type": "rsa"}, ""),
        (stored(key="rsa"), {}, ""),
    ],
)
def test_another_is_needed_only_where_the_stored_one_will_not_do(has: Stored | None, wants: dict[str, Any], words: str) -> None:
    found = why_due(replace(SPEC, **wants), CertbotState(NOW, has))
    assert words in found and bool(words) == bool(found), found


ORDERED = {"order": True}


@pytest.mark.parametrize(
    ("state", "memory", "kind", "step"),
    [
        (CertbotState(NOW), {}, "steps", Order(NAME, (NAME,))),
        (CertbotState(NOW), ORDERED, "stuck", None),
        (CertbotState(NOW, running=True), {}, "waiting", None),
        (CertbotState(NOW, stored(), running=True), {}, "waiting", None),
        (CertbotState(NOW, stored()), ORDERED, "settled", None),
        (CertbotState(NOW, stored(1), stored()), {}, "steps", Link(NAME, (NAME,))),
        (CertbotState(NOW, stored(1), stored()), ORDERED, "steps", Link(NAME, (NAME,))),
        (CertbotState(NOW, stored(1), stored()), {"link": True}, "stuck", None),
        (CertbotState(NOW, stored(1)), {"link": True}, "steps", Order(NAME, (NAME,))),
        (CertbotState(NOW, stored(), unfinished=("live/x",)), {}, "steps", SetAside(NAME, ("live/x",))),
        (CertbotState(NOW, stored(), left=True), {}, "steps", TidyUp(NAME)),
        (CertbotState(NOW, left=True), ORDERED, "steps", TidyUp(NAME)),
    ],
)
def test_what_is_decided(state: CertbotState, memory: dict[str, Any], kind: str, step: Any) -> None:
    found = decide(Look(SPEC, state, memory))[NAME]
    assert (found.kind, found.steps) == (kind, (step,) if step else ())
