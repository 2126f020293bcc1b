# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods as the recorded API shows them, and what its refusals mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError, NotFound, NotPermitted, Refused, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection, checked
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.errors import error_from_exception, error_from_status, message_of
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.model import Pod, pods_from_api, usable_pod

RECORDED = Path(__file__).parents[4] / "lab/recordings/kubernetes"


def recorded(name: str) -> list[Any]:
    return [json.loads(line) for line in (RECORDED / f"{name}.jsonl").read_text().splitlines()]


def test_of_all_recorded_pods_only_the_ready_one_can_be_used() -> None:
    bodies = [line["response"]["body"] for line in recorded("pods-states") if line.get("request", {}).get("method") == "GET"]
    pods = pods_from_api({"items": [body for body in bodies if isinstance(body, dict) and body.get("kind") == "Pod"]})
    assert {pod.name for pod in pods if pod.is_usable} == {"p-ready"}
    assert {pod.state for pod in pods} == {"Pending", "Running, not Ready", "Running and Ready", "Succeeded", "Failed"}


def test_a_pod_that_is_being_deleted_is_not_used() -> None:
    body = next(line["response"]["body"] for line in recorded("pods-states") if line.get("request", {}).get("method") == "DELETE")
    assert [(pod.deleting, pod.is_usable, pod.state) for pod in pods_from_api({"items": [body]})] == [(True, False, "ending")]


def test_an_empty_list_may_be_null() -> None:
    assert pods_from_api({"items": None}) == ()


A, B = Pod("a", "Running", True), Pod("b", "Running", True)


@pytest.mark.parametrize(
    ("pods", "last", "chosen"),
    [((), "a", None), ((A, B), "", A), ((A, B), "b", B), ((A, B), "gone", A), ((Pod("a", "Running", False), B), "a", B), ((Pod("a", "Pending"),), "a", None)],
)
def test_which_pod_is_spoken_to(pods: tuple[Pod, ...], last: str, chosen: Pod | None) -> None:
    assert usable_pod(pods, last) == chosen


@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [(401, NotPermitted, False), (403, NotPermitted, False), (404, NotFound, False), (302, Refused, False), (400, Refused, False), (422, Refused, False)]
    + [(code, Unreachable, True) for code in (408, 410, 429, 500, 503, 504)],
)
def test_what_a_status_means(status: int, kind: type[CollectionError], again: bool) -> None:
    found = error_from_status(status, "what\nit said", "api.example:6443")
    assert isinstance(found, kind) and "api.example:6443" in str(found) and "\n" not in str(found)
    assert getattr(found, "retry", False) == again


def test_what_the_official_client_raised_is_understood() -> None:
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

    made = {"wrong token": NotPermitted, "no rights": NotPermitted, "read_namespaced_config_map missing": NotFound}
    for line in recorded("python-client"):
        if line["call"] in made:
            error = ApiException(status=line["status"], reason=line["reason"])
            error.body = line["body"]
            found = error_from_exception(error, "x")
            assert isinstance(found, made[line["call"]]) and json.loads(line["body"])["message"][:40] in str(found)
    nobody = MaxRetryError(None, "/", NewConnectionError(None, "Connection refused"))  # type: ignore[arg-type]
    assert isinstance(error_from_exception(nobody, "x"), Unreachable)
    stranger = error_from_exception(MaxRetryError(None, "/", SSLError("certificate verify failed")), "x")  # type: ignore[arg-type]
    assert isinstance(stranger, Unreachable) and not stranger.retry and "ca_cert" in str(stranger)


def test_the_message_of_a_status_object_or_the_text() -> None:
    assert message_of(b'{"kind": "Status", "message": "no"}') == "no"
    assert message_of("404 page not found\n") == "404 page not found\n" and message_of(None) == ""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": "api.example"}, "kubernetes_forward.host is no http"),
        ({"host": "https://me:cafe@api.example"}, "api_key"),
        ({"kubeconfig": "/no/such/file"}, "kubernetes_forward.kubeconfig is /no/such/file"),
        ({"ca_cert": "/no/such/file"}, "kubernetes_forward.ca_cert"),
        ({"host": "https://x", "client_cert": __file__}, "client_key is missing"),
        ({"api_key": Secret("cafe\nX: y")}, "api_key holds"),
        ({"impersonate_user": "me\r\nX: y"}, "impersonate_user holds"),
    ],
)
def test_what_cannot_be_is_refused_with_its_option_and_without_secrets(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        checked(KubernetesConnection(**fields), "kubernetes_forward")
    assert "cafe" not in str(caught.value)


def test_several_kubeconfigs_may_be_given_of_which_one_is_there() -> None:
    given = KubernetesConnection(kubeconfig=f"/no/such/file:{__file__}")
    assert checked(given) is given
