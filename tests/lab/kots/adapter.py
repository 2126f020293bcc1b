"""In-process ways to a console and to its Kubernetes for the real clients: no socket, the virtual clock."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from lab.kots.server import encoded
from lab.kots.world import KotsWorld
from lab.kubernetes.api import Api
from lab.kubernetes.request import Request
from lab.kubernetes.state import State
from lab.kubernetes.status import Response

Around = Callable[[str, bool], AbstractContextManager[None]]  # called around each contact; False: a reading


def untouched(_what: str, _writes: bool) -> AbstractContextManager[None]:
    return nullcontext()


class ConsoleAdapter(BaseAdapter):
    """requests -> kotsadm."""

    def __init__(self, world: KotsWorld, around: Around = untouched) -> None:
        super().__init__()
        self.world, self.around = world, around

    def close(self) -> None:
        pass

    def send(self, request: requests.PreparedRequest, *args: Any, timeout: Any = None, **kwargs: Any) -> requests.Response:
        body = request.body or b""
        headers = {name.lower(): value for name, value in request.headers.items()}
        clock, patience = self.world.state.clock, timeout[1] if isinstance(timeout, tuple) else timeout
        with self.around(f"{request.method} {request.path_url}", request.method != "GET"):
            answer = self.world.ask(str(request.method), request.path_url, headers, body.encode() if isinstance(body, str) else body)
            if patience is not None and answer.after > patience:
                clock.sleep(patience)
                raise requests.ReadTimeout(request=request)
            clock.sleep(answer.after)
            if answer.close:
                raise requests.ConnectionError(request=request)
        raw = b"" if answer.body is None else answer.body if isinstance(answer.body, bytes) else encoded(answer.body)
        made = requests.Response()
        made.status_code, made.url, made.request = answer.status, str(request.url), request
        made.headers = CaseInsensitiveDict({"Content-Type": answer.kind, **answer.headers})
        made.raw = HTTPResponse(io.BytesIO(raw), status=answer.status, headers=made.headers, preload_content=False)
        return made


class KubernetesLink:
    """Stands where the client's Link is: one cluster as one user, by the lab's API as a function. No watches."""

    def __init__(self, state: State, token: str, around: Around = untouched) -> None:
        self.state, self.token, self.around, self.place = state, token, around, "lab:6443"
        self._api = Api(state)

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def renewed(self) -> bool:
        return False

    def api(self) -> Any:
        return SimpleNamespace(configuration=SimpleNamespace(host=""), rest_client=SimpleNamespace(pool_manager=self))

    def request(self, method: str, url: str, body: bytes | None = None, headers: Any = None, **_asked: Any) -> Any:
        found = urlsplit(url)
        told = {name.lower(): value for name, value in (headers or {}).items()}
        with self.around(f"{method} {url}", method != "GET"):
            answer = self._api.handle(Request(method, unquote(found.path), dict(parse_qsl(found.query)), told, body or b""))
        assert isinstance(answer, Response), "a watch needs the server"
        date = {"Date": format_datetime(self.state.clock.wall(), usegmt=True)}
        return SimpleNamespace(status=answer.status, headers={**answer.headers, **date}, data=answer.text, release_conn=lambda: None)
