# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Replicated's programs and Docker print, parsed; what is no such text is no answer."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import (
    Container,
    Held,
    Item,
    merged_items,
    oldest_start,
    parse_containers,
    parse_export,
    parse_form,
    parse_status,
    parse_system,
)

# As a guide shows it: started, and still on its way.
GUIDE: dict[str, Any] = {
    **{"AppID": "edd9", "Sequence": 2439, "PatchSequence": 0, "State": "started", "DesiredState": "started", "Error": "", "IsCancellable": False},
    **{"IsTransitioning": True, "LastModifiedAt": "2018-10-23T22:00:00.314191105Z"},
}


def test_started_and_in_transition_is_not_settled() -> None:
    status = parse_status(json.dumps([GUIDE]))
    assert (status.state, status.is_settled, status.has_failed) == ("started", False, False)
    assert parse_status(json.dumps([{**GUIDE, "IsTransitioning": False}])).is_settled
    assert parse_status(json.dumps([{**GUIDE, "IsTransitioning": False, "State": "stopped"}])).has_failed


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", "[{}]", json.dumps([GUIDE, GUIDE]), json.dumps([{**GUIDE, "IsTransitioning": "no"}]), "Started"])
def test_what_tells_no_state_is_no_answer(text: str) -> None:
    with pytest.raises(Unreachable):
        parse_status(text)


@pytest.mark.parametrize(("text", "said"), [("ready\n", "ready"), ('"initializing"\n', "initializing"), ("failed", "failed")])
def test_the_system(text: str, said: str) -> None:
    assert parse_system(text) == said


@pytest.mark.parametrize("text", ["", "fine", "ready ready"])
def test_another_word_for_the_system_is_no_answer(text: str) -> None:
    with pytest.raises(Unreachable):
        parse_system(text)


def test_what_items_hold() -> None:
    found = parse_export('{"a": {}, "b": {"value": "x"}, "c": {"value": "f", "data": "ZA=="}, "d": {"multi_value": ["1"], "multi_data": ["ZA=="]}}')
    assert [found[name].is_set for name in "abcd"] == [False, True, True, True]
    assert found["c"].to_api() == {"value": "f", "data": "ZA=="}
    assert found["d"].to_api() == {"multi_value": ["1"], "multi_data": ["ZA=="]}
    assert found["a"].to_api() == {"value": ""}
    assert "ZA==" not in repr(found) and "'x'" not in repr(found)
    for text in ("", "[]", '{"a": 1}'):
        with pytest.raises(Unreachable):
            parse_export(text)


def test_the_form_and_what_it_holds() -> None:
    items = [{"Name": "hostname", "Title": "Hostname", "Type": "text", "Default": "h"}, {"Name": "note", "Title": "Read this", "Type": "label"}]
    choice = {"Name": "kind", "Title": "", "Type": "select_one", "Items": [{"Name": "one", "Title": "The one"}]}
    form = parse_form(json.dumps([{"Name": "general", "Title": "General", "Items": [*items, choice]}]))
    found = merged_items(form, {"hostname": Held(), "extra": Held(Secret("x"))})
    assert [item.name for item in found] == ["hostname", "kind", "extra"]
    assert (found[0].group_title, found[0].effective, found[0].is_secret) == ("General", Secret("h"), False)
    assert found[1].options == (("one", "The one"),)
    assert found[2].is_secret, "of an unknown type"
    assert [Item("a", type=kind).is_secret for kind in ("password", "file", "text", "bool")] == [True, True, False, False]
    for text in ("", "{}", "[1]"):
        with pytest.raises(Unreachable):
            parse_form(text)


def test_when_the_app_started_is_when_its_oldest_did() -> None:
    early, late = datetime(2026, 3, 4, 5, 6, 7, 123456, timezone.utc), datetime(2026, 3, 4, 5, 6, 8, 0, timezone.utc)
    text = "/frontend true 2026-03-04T05:06:08Z\n/nomad true 2026-03-04T05:06:07.123456789Z\n/db-migrator false 2026-03-04T05:06:00Z\n"
    found = parse_containers(text)
    assert found[0] == Container("frontend", True, late)
    assert oldest_start(found) == early
    assert oldest_start(found[2:]) is None
    assert parse_containers("") == ()
    with pytest.raises(Unreachable):
        parse_containers("/frontend true yesterday\n")
