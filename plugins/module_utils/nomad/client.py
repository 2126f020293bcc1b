# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nomad's HTTP API over python-nomad's request(), with a session of ours: what counts as an answer, and how often to ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, TypeVar

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.entries import entries
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, Unreachable
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import HIDDEN
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.connection import NomadConnection, checked
from ansible_collections.serverops.circleci.plugins.module_utils.transport.retries import retried
from ansible_collections.serverops.circleci.plugins.module_utils.transport.sessions import new_session

if TYPE_CHECKING:
    from ansible_collections.serverops.circleci.plugins.module_utils.nomad.roads import Carried

ParsedT = TypeVar("ParsedT")

READ_BOUND = 30.0  # a leader's change takes 2-5 s (recorded); an answer that stays away longer is the caller's to judge
JITTER = 17.0 / 16.0  # the server adds up to a sixteenth to a blocking query's wait
SLACK = 5.0
CHUNK = 65536  # bytes of a list's text that are looked at together


class Answer(NamedTuple):
    """A JSON answer and the index of the last change to it (0 where none is told). A list's body holds what its entries were made into."""

    body: Any
    change: int = 0


class Question(NamedTuple):
    """One request. `entry` makes something of each entry of a list, as it arrives; timeout in seconds."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    timeout: float
    body: Optional[Mapping[str, Any]] = None
    entry: Optional[Callable[[Any], Any]] = None


class NomadClient:
    """Reads are retried within a bound, writes never: whoever lost a write's answer reads again."""

    def __init__(self, connection: NomadConnection, clock: Clock, session: Optional[Any] = None) -> None:
        tls = connection.tls
        self.place = connection.place
        self._connection, self._clock, self._given = connection, clock, session
        self._carried = _carried(connection) if connection.road and session is None else None
        self._timeout = connection.timeout
        self._token = connection.token
        session = session or (self._carried.session if self._carried else new_session(tls))
        session.max_redirects = 0  # python-nomad lets a DELETE follow redirects, and the token with it
        self._settings = {
            "address": self._carried.url if self._carried else connection.url,
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

    def at(self, address: str) -> NomadClient:
        """The client of another agent, `address` being its host:port: same road, same TLS, same token.

        Raises Refused where the road does not lead there, BadInput where the address cannot be.
        """
        if self._connection.road:
            self._connection.road.must_lead_to_agents()
        scheme = self._connection.url.partition("://")[0]
        return NomadClient(checked(replace(self._connection, url=f"{scheme}://{address}")), self._clock, self._given)

    def close(self) -> None:
        """End the forward, if one is used; it ends by itself with the process."""
        if self._carried:
            self._carried.forward.close()

    def read(self, *path: str, bound: float = READ_BOUND, **query: str) -> Answer:
        """GET until an answer comes, `bound` seconds at most. Raises NotFound, NotPermitted, Refused, BadInput, Unreachable."""
        return retried(lambda: self._answer(Question("get", path, query, self._timeout)), self._clock, bound)

    def read_list(self, name: str, entry: Callable[[Any], Any], bound: float = READ_BOUND, **query: str) -> Answer:
        """GET a list, each entry made into what is kept of it (None: nothing) while it arrives; for the rest as `read`."""
        return retried(lambda: self._answer(Question("get", (name,), query, self._timeout, entry=entry)), self._clock, bound)

    def read_bytes(self, *path: str, bound: float = READ_BOUND, **query: str) -> bytes:
        """As read(), of what is no JSON: a log."""
        return retried(lambda: self._plain(Question("get", path, query, self._timeout)), self._clock, bound)

    def parsed(self, parse: Callable[[Any], ParsedT], body: Any) -> ParsedT:
        """What `parse` makes of an answer; one of another shape is no answer: JSON, but not Nomad's."""
        try:
            return parse(body)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._not_nomads() from None

    def watch(self, *path: str, index: int, seconds: float, entry: Optional[Callable[[Any], Any]] = None, **query: str) -> Answer:
        """A blocking query: answers when the index is passed or `seconds` are over. `entry` as for read_list. Not retried."""
        query = {**query, "index": str(index), "wait": f"{max(1, int(seconds * 1000))}ms"}
        return self._answer(Question("get", path, query, seconds * JITTER + SLACK, entry=entry))

    def write(self, *path: str, body: Optional[Mapping[str, Any]] = None, **query: str) -> Answer:
        """POST once (python-nomad follows the redirects of a PUT, and would carry the token along)."""
        return self._answer(Question("post", path, query, self._timeout, body))

    def remove(self, *path: str, **query: str) -> Answer:
        """DELETE once."""
        return self._answer(Question("delete", path, query, self._timeout))

    def _send(self, question: Question) -> Any:
        from nomad.api.base import Requester
        from nomad.api.exceptions import BaseNomadException, TimeoutNomadException

        # The bare requester: python-nomad's own front takes address, token and region from the environment before what it is given.
        requester = Requester(**self._settings)
        requester.ENDPOINT = question.path[0]
        asked = {
            "method": question.method,
            "params": dict(question.query),  # a fresh dict: the requester writes into the caller's
            "data": None if question.body is None else json.dumps(question.body),
            "timeout": (min(question.timeout, self._timeout), question.timeout),
            "stream": question.entry is not None,
        }
        if self._carried:
            self._carried.forward.forget()
        try:
            got = requester.request(*question.path[1:], **asked)
        except BaseNomadException as error:
            raise self._failure(error.nomad_resp) from None
        except TimeoutNomadException as error:  # what it calls any lost connection of a streamed answer
            raise self._lost(error.args[0]) from None
        if got.status_code != 200:  # a redirect counts as fine there
            raise self._failure(got)
        return got

    def _failure(self, got: Any) -> CollectionError:
        from ansible_collections.serverops.circleci.plugins.module_utils.nomad.errors import error_from_answer

        if getattr(got, "response", None) is not None:  # an exception about an answer: a redirect that is not followed
            got = got.response
        status = getattr(got, "status_code", None)
        if status is None:
            return self._lost(got)
        headers = got.headers.copy()  # whatever way a proxy spells their names
        for name, value in headers.items():
            headers[name] = self._hidden(value)
        try:
            said = got.text
        except OSError as error:  # a list's answer is read only here
            return self._lost(error)
        return error_from_answer(status, self._hidden(said), headers, self.place)

    def _lost(self, cause: Any) -> CollectionError:
        """Why no answer came: the road knows better than whoever stands at its near end."""
        from ansible_collections.serverops.circleci.plugins.module_utils.nomad.errors import error_from_exception

        return (self._carried and self._carried.forward.failure()) or error_from_exception(cause, self.place)

    def _hidden(self, text: str) -> str:
        """The text without our token, should the other side say it back; before the text is cut, so that no part of it is left."""
        return text.replace(self._token.reveal(), HIDDEN) if self._token else text

    def _plain(self, question: Question) -> bytes:
        got = self._send(question)
        kind = str(got.headers.get("Content-Type") or "")
        if kind.startswith("text/html"):
            raise Unreachable(f"what {self.place} answered is a page ({kind}); is nomad_url a log-in page or another service?")
        return bytes(got.content)

    def _answer(self, question: Question) -> Answer:
        got = self._send(question)
        if got.headers.get("X-Nomad-Knownleader") == "false":
            got.close()
            raise Unreachable(f"{self.place} knows no leader, so its answer may be old")
        try:
            body = self._entries(got, question.entry) if question.entry else got.json()
        except ValueError:
            kind = got.headers.get("Content-Type") or "no type"
            raise Unreachable(f"what {self.place} answered is not JSON ({kind}); is nomad_url a log-in page or another service?") from None
        index = got.headers.get("X-Nomad-Index") or "0"
        return Answer(body, int(index) if index.isdigit() else 0)

    def _entries(self, got: Any, entry: Callable[[Any], Any]) -> list[Any]:
        try:
            return [made for each in entries(got.iter_content(CHUNK)) if (made := self.parsed(entry, each)) is not None]
        except TypeError:
            raise self._not_nomads() from None
        except OSError as error:  # all of requests' own are
            raise self._lost(error) from None
        finally:
            got.close()

    def _not_nomads(self) -> Unreachable:
        return Unreachable(f"what {self.place} answered is JSON, but not what Nomad says there; is nomad_url another service?")


def client_from_params(params: Mapping[str, Any], clock: Clock) -> NomadClient:
    """The client that a module's parameters ask for; raises BadInput with the first option that cannot be."""
    given = spec_from_params(NomadConnection, params, prefix="nomad_")
    if params.get("ssh_forward") or params.get("kubernetes_forward"):
        from ansible_collections.serverops.circleci.plugins.module_utils.nomad.roads import with_road

        given = with_road(given, params)
    return NomadClient(checked(given), clock)


def _carried(connection: NomadConnection) -> Optional[Carried]:
    from ansible_collections.serverops.circleci.plugins.module_utils.nomad.roads import carried

    return carried(connection)
