# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request to the Kubernetes API: over the official client's pool of connections, what counts as an answer, and how often to ask.

Its pool is used rather than its call_api, which takes other arguments, and raises other exceptions, in 37 than in 24 to 36; and a redirect is not followed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Optional, TypeVar
from urllib.parse import urlencode

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.answers import SHORTEST_SECRET, warnings_in
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.errors import error_from_exception
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.link_client import Link
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.refusals import Unauthenticated, refusal, told
from ansible_collections.serverops.circleci.plugins.module_utils.transport.retries import retried

ParsedT = TypeVar("ParsedT")

FIELD_MANAGER = "serverops.circleci"  # what the API notes as the owner of the fields that we set, and logs as our user agent
JSON = "application/json"
CONNECT, READ = 10.0, 25.0  # s; a step returns within 30
READ_BOUND = 30.0  # s for which a read is asked again
MOST_WARNINGS = 100


@dataclass(frozen=True)
class Call:
    """A request. `hidden` are texts that its answer must not carry into a message."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    content: str = JSON
    accept: str = JSON
    hidden: tuple[str, ...] = ()


class Calls:
    """The API of one cluster as one user. Reads are retried within a bound, writes never: whoever lost a write's answer reads again."""

    def __init__(self, connection: KubernetesConnection, clock: Clock, link: Optional[Link] = None) -> None:
        self._link, self._clock = link or Link(connection), clock
        self._warnings: dict[str, None] = {}
        self._date: Optional[tuple[float, float]] = None  # the API's time in epoch seconds, and ours when it came

    @property
    def place(self) -> str:
        """Host and port of the API, for messages."""
        return self._link.place

    @property
    def clock(self) -> Clock:
        """The clock that waits are measured by."""
        return self._clock

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the API warned of so far, each once."""
        return tuple(self._warnings)

    @property
    def date(self) -> Optional[float]:
        """The API's own time now (epoch seconds), by the last answer; None before the first."""
        return None if self._date is None else self._date[0] + self._clock.now() - self._date[1]

    def read(self, call: Call, bound: float = READ_BOUND) -> Any:
        """The JSON of an answer, asked again for `bound` seconds at most. Raises what refusals.py names."""
        return self.retried(lambda: self.write(call), bound)

    def write(self, call: Call) -> Any:
        """The JSON of the answer to one request."""
        text = self.text(call)
        try:
            return json.loads(text)
        except ValueError:
            raise Unreachable(f"what {self.place} answered is no JSON; is that the Kubernetes API, and no log-in page?") from None

    def text(self, call: Call) -> str:
        """The answer to one request as text."""
        from urllib3.exceptions import HTTPError

        got = self.open(call)
        try:
            return str(got.data.decode("utf-8", "replace"))
        except HTTPError as error:
            raise error_from_exception(error, self.place) from None
        finally:
            got.release_conn()

    def open(self, call: Call) -> Any:
        """The answer of urllib3 to one request, its body not read yet. Raises where it is none of success.

        401 says that nothing was done, so it is asked once more where the kubeconfig or the pod's token has another credential by now.
        """
        try:
            return self._opened(call)
        except Unauthenticated:
            if not self._link.renewed():
                raise
            return self._opened(call)

    def _opened(self, call: Call) -> Any:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        api = self._link.api()
        url = api.configuration.host + call.path + ("?" + urlencode(call.query) if call.query else "")
        headers = {**self._link.headers(), "User-Agent": FIELD_MANAGER, "Accept": call.accept}
        body = None
        if call.body is not None:
            body, headers["Content-Type"] = json.dumps(call.body).encode(), call.content
        asked = {"timeout": Timeout(connect=CONNECT, read=READ), "retries": False, "redirect": False, "preload_content": False}
        try:
            got = api.rest_client.pool_manager.request(call.method, url, body=body, headers=headers, **asked)
            self._note(got.headers)
            if not 200 <= got.status <= 299:
                text = str(got.data.decode("utf-8", "replace"))
                raise refusal(told(got.status, text, got.headers, (*self._tokens(), *call.hidden)), self.place)
            return got
        except HTTPError as error:
            raise error_from_exception(error, self.place) from None

    def retried(self, ask: Callable[[], ParsedT], bound: float = READ_BOUND) -> ParsedT:
        """What `ask` gives, asked again while it is Unreachable and `bound` seconds are not over."""
        return retried(ask, self._clock, bound)

    def _tokens(self) -> tuple[str, ...]:
        """What a refusal might say back."""
        found = (value.rpartition(" ")[2] for name, value in self._link.headers().items() if name.lower() == "authorization")
        return tuple(token for token in found if len(token) >= SHORTEST_SECRET)

    def _note(self, headers: Any) -> None:
        for warning in warnings_in(headers.get("Warning") or ""):
            if len(self._warnings) < MOST_WARNINGS:
                self._warnings[warning] = None
        try:
            self._date = parsedate_to_datetime(headers.get("Date") or "").timestamp(), self._clock.now()
        except (TypeError, ValueError):  # an answer without one, or with no date in it
            return
