# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nomad's HTTP API over python-nomad's request(), with a session of ours: what counts as an answer, and how often to ask."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Callable, Optional, TypeVar
from urllib.parse import urlsplit

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection, checked
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.errors import error_from_answer, error_from_exception
from ansible_collections.serverops.circleci.plugins.module_utils.transport.sessions import new_session

ParsedT = TypeVar("ParsedT")

READ_BOUND = 30.0  # a leader's change takes 2-5 s (recorded); an answer that stays away longer is the caller's to judge
LONGEST_PAUSE = 8.0
JITTER = 17.0 / 16.0  # the server adds up to a sixteenth to a blocking query's wait
SLACK = 5.0


@dataclass(frozen=True)
class Answer:
    """A JSON answer and its index (0 where none is told)."""

    body: Any
    index: int = 0


class NomadClient:
    """Reads are retried within a bound, writes never: whoever lost a write's answer reads again."""

    def __init__(self, connection: NomadConnection, clock: Clock, session: Optional[Any] = None) -> None:
        tls = connection.tls
        self.place = connection.place
        self._connection = connection
        self._clock = clock
        self._timeout = connection.timeout
        self._token = connection.token
        session = session or new_session(tls)
        session.max_redirects = 0  # python-nomad lets a DELETE follow redirects, and the token with it
        self._settings = {
            "address": connection.url,
            "token": connection.token.reveal() if connection.token else None,
            "region": connection.region,
            "verify": tls.trust,
            "cert": tls.identity,
            "session": session,
        }

    @property
    def has_token(self) -> bool:
        """Whether requests carry a token."""
        return self._token is not None

    def read(self, *path: str, bound: float = READ_BOUND, **query: str) -> Answer:
        """GET until an answer comes, `bound` seconds at most. Raises NotFound, NotPermitted, Refused, BadInput, Unreachable."""
        return self._retried(lambda: self._answer(self._send("get", path, query, None, self._timeout)), bound)

    def read_bytes(self, *path: str, bound: float = READ_BOUND, **query: str) -> bytes:
        """As read(), of what is no JSON: a log."""
        return self._retried(lambda: self._plain(self._send("get", path, query, None, self._timeout)), bound)

    def parsed(self, parse: Callable[[Any], ParsedT], body: Any) -> ParsedT:
        """What `parse` makes of an answer; one of another shape is no answer: JSON, but not Nomad's."""
        try:
            return parse(body)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Unreachable(f"what {self.place} answered is JSON, but not what Nomad says there; is nomad_url another service?") from None

    def watch(self, *path: str, index: int, seconds: float, **query: str) -> Answer:
        """A blocking query: answers when the index is passed or `seconds` are over. Not retried."""
        query = {**query, "index": str(index), "wait": f"{max(1, int(seconds * 1000))}ms"}
        return self._answer(self._send("get", path, query, None, seconds * JITTER + SLACK))

    def write(self, *path: str, body: Optional[Mapping[str, Any]] = None, **query: str) -> Answer:
        """POST once (python-nomad follows the redirects of a PUT, and would carry the token along)."""
        return self._answer(self._send("post", path, query, body, self._timeout))

    def remove(self, *path: str, **query: str) -> Answer:
        """DELETE once."""
        return self._answer(self._send("delete", path, query, None, self._timeout))

    def at(self, address: str) -> NomadClient:
        """The client of another agent of the same cluster, at `address` (host:port): same scheme, TLS and token."""
        scheme = urlsplit(self._connection.url).scheme
        return NomadClient(checked(replace(self._connection, url=f"{scheme}://{address}")), self._clock)

    def _retried(self, ask: Callable[[], ParsedT], bound: float) -> ParsedT:
        # Our own loop: the libraries' retries know neither a total bound nor a clock that is handed in.
        ends, pause = self._clock.now() + bound, 0.5
        while True:
            try:
                return ask()
            except Unreachable as error:
                rest = max(error.after or 0.0, random.uniform(pause / 2, pause))
                if not error.retry or self._clock.now() + rest >= ends:
                    raise
                self._clock.sleep(rest)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _send(self, method: str, path: tuple[str, ...], query: Mapping[str, str], body: Optional[Mapping[str, Any]], timeout: float) -> Any:
        from nomad.api.base import Requester
        from nomad.api.exceptions import BaseNomadException, TimeoutNomadException

        # The bare requester: python-nomad's own front takes address, token and region from the environment before what it is given.
        requester = Requester(**self._settings)
        requester.ENDPOINT = path[0]
        data = None if body is None else json.dumps(body)
        try:
            # A fresh dict: the requester writes into the caller's.
            got = requester.request(*path[1:], method=method, params=dict(query), data=data, timeout=(min(timeout, self._timeout), timeout))
        except BaseNomadException as error:
            raise self._failure(error.nomad_resp) from None
        except TimeoutNomadException as error:
            raise error_from_exception(error, self.place) from None
        if got.status_code != 200:  # a redirect counts as fine there
            raise self._failure(got)
        return got

    def _failure(self, got: Any) -> CollectionError:
        if getattr(got, "response", None) is not None:  # an exception about an answer: a redirect that is not followed
            got = got.response
        status = getattr(got, "status_code", None)
        if status is None:
            return error_from_exception(got, self.place)
        headers = got.headers.copy()  # whatever way a proxy spells their names
        for name, value in headers.items():
            headers[name] = self._hidden(value)
        return error_from_answer(status, self._hidden(got.text), headers, self.place)

    def _hidden(self, text: str) -> str:
        """The text without our token, should the other side say it back; before the text is cut, so that no part of it is left."""
        return text.replace(self._token.reveal(), HIDDEN) if self._token else text

    def _plain(self, got: Any) -> bytes:
        kind = str(got.headers.get("Content-Type") or "")
        if kind.startswith("text/html"):
            raise Unreachable(f"what {self.place} answered is a page ({kind}); is nomad_url a log-in page or another service?")
        return bytes(got.content)

    def _answer(self, got: Any) -> Answer:
        try:
            body = got.json()
        except ValueError:
            kind = got.headers.get("Content-Type") or "no type"
            raise Unreachable(f"what {self.place} answered is not JSON ({kind}); is nomad_url a log-in page or another service?") from None
        if got.headers.get("X-Nomad-Knownleader") == "false":
            raise Unreachable(f"{self.place} knows no leader, so its answer may be old")
        index = got.headers.get("X-Nomad-Index") or "0"
        return Answer(body, int(index) if index.isdigit() else 0)


def client_from_params(params: Mapping[str, Any], clock: Clock) -> NomadClient:
    """The client that a module's parameters ask for; raises BadInput with the first option that cannot be."""
    return NomadClient(checked(spec_from_params(NomadConnection, params, prefix="nomad_")), clock)
