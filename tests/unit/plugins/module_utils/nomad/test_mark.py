# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark: when it holds, what is sent, what is kept of others."""

from __future__ import annotations

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.mark import Mark, mark_of, mark_view, meta_for
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import LastDrain
from unit.plugins.module_utils.nomad.values import ALL, MARKED, NO_MARK, OTHER, OURS, SINCE, cordoned, draining, mark, opened, ours, server

NEW_MARK = Mark(OURS, "run-2", "drained", "2026-11-23T09:00:00Z", "eligible")
SENT = {
    "serverops_owner": OURS,
    "serverops_run": "run-2",
    "serverops_intent": "drained",
    "serverops_since": "2026-11-23T09:00:00Z",
    "serverops_was": "eligible",
}


@pytest.mark.parametrize("node", [ours(), cordoned(last_drain=mark()), cordoned(last_drain=mark(), status="down")])
def test_a_mark_holds_while_the_client_is_closed(node: object) -> None:
    assert mark_of(node) == Mark(OURS, "run-1", "drained", SINCE, "eligible")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(opened(last_drain=mark()), id="it is open"),
        pytest.param(cordoned(last_drain=mark(), reopened=True), id="it was open since the drain began"),
        pytest.param(cordoned(), id="it never drained"),
        pytest.param(draining(last=NO_MARK), id="the drain has no mark"),
        pytest.param(draining(last=LastDrain("draining", SINCE, SINCE, (("owner", "somebody"),))), id="the drain has only foreign keys"),
    ],
)
def test_else_there_is_none(node: object) -> None:
    assert mark_of(node) is None  # type: ignore[arg-type]
    assert mark_view(node, server("1.1.2")) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("version", ALL)
def test_the_result_says_none_where_there_is_no_place_for_one(version: str) -> None:
    shown = mark_view(ours(), server(version))
    assert shown == ({"owner": OURS, "run": "run-1", "intent": "drained", "since": SINCE, "was": "eligible"} if version in MARKED else "none")


def test_a_first_mark_is_sent_alone() -> None:
    assert meta_for(opened(), NEW_MARK) == SENT


def test_others_keys_are_kept_since_the_server_replaces_meta_whole() -> None:
    there = NO_MARK._replace(meta=(("message", "scale down"), ("run_id", "7")))
    assert meta_for(draining(last=there), NEW_MARK) == {**SENT, "message": "scale down", "run_id": "7"}


def test_a_former_owner_is_kept_by_name() -> None:
    assert meta_for(draining(last=mark(OTHER)), NEW_MARK) == {**SENT, "serverops_previous_owner": OTHER}


def test_our_own_former_mark_is_no_previous_owner() -> None:
    assert meta_for(ours(), NEW_MARK) == SENT


def test_a_previous_owner_survives_our_next_orders() -> None:
    assert meta_for(draining(last=mark(previous_owner=OTHER)), NEW_MARK) == {**SENT, "serverops_previous_owner": OTHER}


@pytest.mark.parametrize("node", [opened(last_drain=mark(OTHER)), cordoned(last_drain=mark(OTHER), reopened=True)])
def test_the_history_of_a_client_that_was_open_since_is_not_carried_on(node: object) -> None:
    assert meta_for(node, NEW_MARK) == SENT  # type: ignore[arg-type]
