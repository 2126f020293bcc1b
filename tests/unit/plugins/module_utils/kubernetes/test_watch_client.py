# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror: equal to the server's list whatever cuts happen, quick, cheap, and never silent about what hinders it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes import watch_client
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.events import Shown
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import CONFIG_MAP
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.watch_client import Mirror, wait_any
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.plugins.module_utils.kubernetes.scripted import Answer, Asked, scripted
from unit.plugins.module_utils.kubernetes.watched import CUTS, Cluster, body


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_client, "PAUSE", 0.004)
    monkeypatch.setattr(watch_client, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(watch_client, "REFUSED_PAUSE", 0.02)


def mirror_of(cluster: Cluster, script: Callable[[Asked], Any] | None = None) -> tuple[Mirror, list[Asked]]:
    client, asked = scripted(script=script or cluster.answer, clock=SystemClock())
    return Mirror(client, CONFIG_MAP, "lab"), asked


def shown(mirror: Mirror) -> list[tuple[str, str]]:
    return [(item["metadata"]["name"], item["metadata"]["resourceVersion"]) for item in mirror.items()]


def must_be_equal(mirror: Mirror, cluster: Cluster, seconds: float = 5.0) -> None:
    ends = time.monotonic() + seconds
    while shown(mirror) != cluster.state() and time.monotonic() < ends:
        mirror.wait(0.2)
    assert shown(mirror) == cluster.state()


Change = tuple[str, str, str]
CHANGES = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from(["put", "put", "put", "delete", "forget"]), st.sampled_from(["", "", *CUTS])), max_size=14
)


@settings(max_examples=120, deadline=None)
@given(CHANGES, CHANGES, st.sampled_from([0, 2]))
def test_whatever_cuts_happen_a_mirror_ends_equal_to_the_servers_list(before: list[Change], after: list[Change], page: int) -> None:
    cluster = Cluster(page)
    for change in before:
        cluster.change(*change)
    mirror, _asked = mirror_of(cluster)
    with mirror:
        mirror.items()
        for change in after:
            cluster.change(*change)
        must_be_equal(mirror, cluster)
    cluster.end()


@pytest.mark.parametrize("cut", CUTS)
def test_each_cut_alone_loses_nothing_and_lists_again_only_where_it_must(cut: str) -> None:
    cluster = Cluster()
    cluster.change("a", "put")
    mirror, asked = mirror_of(cluster)
    with mirror:
        assert len(mirror.items()) == 1
        cluster.change("b", "put", cut if cut != "refused" else "clean")
        if cut == "refused":
            with cluster.lock:
                cluster.cuts.append((0, "refused"))
        must_be_equal(mirror, cluster)
    cluster.end()
    assert cluster.lists == (2 if cut == "gone" else 1)
    assert all(int(one.query["resourceVersion"]) >= 11 for one in asked if "watch" in one.query), "never from the beginning"


def test_no_event_is_applied_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    apply = Shown.apply

    def noted(self: Shown, event: Any) -> bool:
        changed = apply(self, event)
        told.extend([event["object"]["metadata"]["resourceVersion"]] if changed else [])
        return changed

    monkeypatch.setattr(Shown, "apply", noted)
    cluster = Cluster()
    mirror, _asked = mirror_of(cluster)
    with mirror:
        mirror.items()
        for number, cut in enumerate(CUTS):
            cluster.change("abcde"[number % 5], "put", "" if cut == "gone" else cut)
        must_be_equal(mirror, cluster)
    cluster.end()
    assert told == sorted(set(told)) and len(told) == len(CUTS)


def test_one_list_and_one_watch_serve_a_wait_however_long() -> None:
    cluster = Cluster()
    mirror, asked = mirror_of(cluster)
    with mirror:
        for number in range(20):
            cluster.change("a", "put")
            mirror.wait(1.0)
            must_be_equal(mirror, cluster)
            assert number < 20
    cluster.end()
    assert [one.query.get("watch") for one in asked] == [None, "1"]
    watch = asked[1]
    assert int(watch.query["timeoutSeconds"]) >= 300 and watch.query["allowWatchBookmarks"] == "true", "one watch in five minutes is enough"


def test_a_change_wakes_within_a_tenth_of_a_second() -> None:
    cluster = Cluster()
    mirror, _asked = mirror_of(cluster)
    with mirror:
        mirror.items()
        lags = []
        for _number in range(5):
            began: list[float] = []
            timer = threading.Timer(0.05, lambda began=began: (began.append(time.monotonic()), cluster.change("a", "put")))  # type: ignore[misc]
            timer.start()
            assert mirror.wait(5.0)
            lags.append(time.monotonic() - began[0])
        assert sorted(lags)[2] < 0.1, lags
    cluster.end()


def test_wait_tells_whether_something_changed() -> None:
    cluster = Cluster()
    mirror, _asked = mirror_of(cluster)
    with mirror:
        mirror.items()
        began = time.monotonic()
        assert mirror.wait(0.1) is False and 0.09 < time.monotonic() - began < 1
        cluster.change("a", "put")
        assert mirror.wait(5.0) is True and mirror.wait(0.05) is False, "told once"
        cluster.change("b", "put")
        must_be_equal(mirror, cluster)
        assert mirror.wait(0.05) is False, "what `items` showed is no news"
    cluster.end()


def test_what_changed_before_the_wait_is_told_at_once() -> None:
    cluster = Cluster()
    mirror, _asked = mirror_of(cluster)
    with mirror:
        mirror.items()
        cluster.change("a", "put")
        time.sleep(0.2)
        began = time.monotonic()
        assert mirror.wait(5.0) and time.monotonic() - began < 1
    cluster.end()


def test_one_wait_serves_several_mirrors() -> None:
    one, other = Cluster(), Cluster()
    mirrors = (mirror_of(one)[0], mirror_of(other)[0])
    with mirrors[0], mirrors[1]:
        assert [mirror.items() for mirror in mirrors] == [(), ()]
        threading.Timer(0.05, lambda: other.change("a", "put")).start()
        assert wait_any(mirrors, 5.0) and not wait_any(mirrors, 0.05)
        assert not mirrors[0]._bells, "nobody listens any more"
    one.end()
    other.end()


def test_a_refusal_of_the_watch_is_told_at_once_and_ends_with_its_cause() -> None:
    cluster = Cluster()
    denied = threading.Event()
    words = 'configmaps is forbidden: User "u" cannot watch resource "configmaps" in API group "" in the namespace "lab"'

    def script(asked: Asked) -> Any:
        return Answer(403, body(403, words)) if denied.is_set() and "watch" in asked.query else cluster.answer(asked)

    mirror, _asked = mirror_of(cluster, script)
    with mirror:
        mirror.items()
        denied.set()
        cluster.change("a", "put", "clean")
        with pytest.raises(NotPermitted, match="watch on configmaps in namespace lab"):
            mirror.wait(5.0)
        with pytest.raises(NotPermitted):
            mirror.items()
        denied.clear()
        time.sleep(0.1)
        must_be_equal(mirror, cluster)
    cluster.end()


def test_an_outage_is_borne_for_a_while_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    away = threading.Event()

    def script(asked: Asked) -> Any:
        return Answer(503, "no server") if away.is_set() else cluster.answer(asked)

    mirror, _asked = mirror_of(cluster, script)
    with mirror:
        mirror.items()
        away.set()
        cluster.change("a", "put", "clean")
        time.sleep(0.1)
        assert mirror.items() == (), "the last known, for a while"
        monkeypatch.setattr(watch_client, "READ_BOUND", 0.1)
        time.sleep(0.1)
        with pytest.raises(Unreachable, match="503"):
            mirror.items()
        with pytest.raises(Unreachable, match="503"):
            mirror.wait(5.0)
        away.clear()
        time.sleep(0.1)
        must_be_equal(mirror, cluster)
    cluster.end()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_in_the_thread_is_never_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    mirror, _asked = mirror_of(cluster)
    with mirror:
        mirror.items()
        monkeypatch.setattr(Shown, "apply", lambda self, event: 1 / 0)
        cluster.change("a", "put")
        with pytest.raises(Unreachable, match="ended by itself"):
            mirror.wait(5.0)
        with pytest.raises(Unreachable, match="configmaps in namespace lab"):
            mirror.items()
    cluster.end()


def test_a_first_list_that_fails_is_told_and_may_be_asked_again() -> None:
    cluster = Cluster()
    answers = iter([Answer(403, body(403, "no")), None, None])
    mirror, _asked = mirror_of(cluster, lambda asked: next(answers) or cluster.answer(asked))
    with mirror:
        with pytest.raises(NotPermitted):
            mirror.items()
        assert mirror.items() == ()
    cluster.end()


def test_fresh_is_a_list_and_leads_the_mirror_back_where_the_store_was_restored() -> None:
    cluster = Cluster()
    for name in "abc":
        cluster.change(name, "put")
    mirror, _asked = mirror_of(cluster)
    with mirror:
        assert len(mirror.items()) == 3 and len(mirror.fresh()) == 3 and cluster.lists == 2
        with cluster.lock:  # a copy from before b and c
            cluster.version, cluster.items = 11, {"a": cluster.items["a"]}
            cluster.history.clear()
            cluster.cuts.append((12, "clean"))
        assert [item["metadata"]["name"] for item in mirror.fresh()] == ["a"]
        cluster.change("d", "put")
        must_be_equal(mirror, cluster)
        assert [name for name, _version in shown(mirror)] == ["a", "d"]
    cluster.end()


def test_a_silent_server_without_bookmarks_is_borne_as_long_as_its_watches_last() -> None:
    cluster = Cluster()
    mirror, asked = mirror_of(cluster)
    with mirror:
        mirror.items()
        for name in "abc":
            cluster.change(name, "put", "silent")
            must_be_equal(mirror, cluster)
    cluster.end()
    patience = [sock.patience for sock in cluster.socks]
    assert patience[0] == 150 and set(patience[1:]) == {315} and {one.timeout.read_timeout for one in asked} == {25}


def test_a_server_that_sends_bookmarks_is_missed_soon() -> None:
    cluster = Cluster()
    cluster.change("a", "put")
    cluster.end()  # this one ends its watches with a bookmark
    mirror, asked = mirror_of(cluster)
    with mirror:
        mirror.items()
        while sum("watch" in one.query for one in asked) < 2:
            time.sleep(0.01)
        cluster.change("b", "put", "silent")
        must_be_equal(mirror, cluster)
    assert len(cluster.socks) > 2 and {sock.patience for sock in cluster.socks} == {150}


def test_a_closed_mirror_leaves_no_thread() -> None:
    cluster = Cluster()
    mirror, _asked = mirror_of(cluster)
    mirror.items()
    cluster.end()
    mirror.close()
    mirror.close()
    assert mirror._thread is not None and not mirror._thread.is_alive()


def test_a_server_that_ends_every_watch_at_once_is_not_stormed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_client, "PAUSE", 0.1)
    monkeypatch.setattr(watch_client, "LONGEST_PAUSE", 0.2)
    cluster = Cluster()
    cluster.end()
    mirror, asked = mirror_of(cluster)
    with mirror:
        mirror.items()
        time.sleep(0.5)
        assert 2 <= len(asked) < 10
