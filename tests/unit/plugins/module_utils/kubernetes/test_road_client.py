# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The road into a pod names the options that its caller has."""

from __future__ import annotations

from typing import Any, cast

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import NotPermitted, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.model import Pod
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.road_client import PodRoad


class Pods:
    """A client that knows these pods, or raises."""

    def __init__(self, *pods: Pod, error: Exception | None = None) -> None:
        self._pods, self._error = pods, error

    def pods(self, _namespace: str, _selector: str) -> tuple[Pod, ...]:
        if self._error:
            raise self._error
        return self._pods


@pytest.mark.parametrize(("option", "words"), [("kubernetes_forward", "see kubernetes_forward.namespace and pod_selector"), ("", "see namespace$")])
def test_where_no_pod_is_ready_the_options_to_look_at_are_named(option: str, words: str) -> None:
    with pytest.raises(Unreachable, match=words):
        PodRoad(cast(Any, Pods(Pod("a", "Pending"))), "ns", "app=x", 1, option).dial()


@pytest.mark.parametrize(("option", "words"), [("kubernetes_forward", "; kubernetes_forward needs list on pods"), ("", "; the forward needs list on pods")])
def test_missing_rights_are_named(option: str, words: str) -> None:
    with pytest.raises(NotPermitted, match=words):
        PodRoad(cast(Any, Pods(error=NotPermitted("no (403: forbidden)"))), "ns", "app=x", 1, option).dial()
