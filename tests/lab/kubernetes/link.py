"""Stands where the Kubernetes client's Link is: one cluster as one user, by the lab's API as a function, on its clock. No socket, no watches."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lab.kubernetes.api import Api
from lab.kubernetes.request import Request
from lab.kubernetes.status import Response

Around = Callable[[Request], AbstractContextManager[None]]  # called around each request


def untouched(_asked: Request) -> AbstractContextManager[None]:
    return nullcontext()


class LabLink:
    """`around` may count, delay, kill, or raise in place of the answer what the client's pool raises."""

    place = "lab:6443"

    def __init__(self, api: Api, token: str, around: Around = untouched) -> None:
        self._lab, self._token, self._around = api, token, around

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"}

    def renewed(self) -> bool:
        """The token is the only one there is."""
        return False

    def api(self) -> Any:
        return SimpleNamespace(configuration=SimpleNamespace(host=""), rest_client=SimpleNamespace(pool_manager=self))

    def request(self, method: str, url: str, body: bytes | None = None, headers: Any = None, **_terms: Any) -> Any:
        found = urlsplit(url)
        told = {name.lower(): value for name, value in (headers or {}).items()}
        asked = Request(method, unquote(found.path), dict(parse_qsl(found.query)), told, body or b"")
        with self._around(asked):
            answer = self._lab.handle(asked)
        assert isinstance(answer, Response), "a watch needs the server"
        return SimpleNamespace(status=answer.status, headers={**answer.headers, "Date": self._lab.date()}, data=answer.text, release_conn=lambda: None)
