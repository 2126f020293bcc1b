"""The in-process way to a console for the real client: no socket, the virtual clock."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import io
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from lab.kots.server import encoded
from lab.kots.world import KotsWorld

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
