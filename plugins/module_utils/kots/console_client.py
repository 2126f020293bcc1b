# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kotsadm's HTTP API, over a forward of ours into its pod: what counts as an answer, how often to ask, and with whose rights."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Callable, Optional, TypeVar

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError, NotFound, NotPermitted, Refused, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import spec_from_params
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.errors import AUTH_SECRET, NotSent, error_from_answer, error_from_exception
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.client import KubernetesClient
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.connection import KubernetesConnection, checked
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import SECRET
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.road_client import PodClient, PodRoad
from ansible_collections.serverops.circleci.plugins.module_utils.transport.forward import LOOPBACK, Forward
from ansible_collections.serverops.circleci.plugins.module_utils.transport.retries import retried
from ansible_collections.serverops.circleci.plugins.module_utils.transport.sessions import Tls, new_session

ParsedT = TypeVar("ParsedT")

API = "/api/v1"
PORT = 3000
SELECTOR = "app=kotsadm"
MOST = 2  # connections at once: each is a stream at the API server
TIMEOUT = 15.0  # s for one answer
DIAL = 6.0  # s for each of the two calls that open the way: less than our own patience, so that their reason comes first
READ_BOUND = 30.0  # s for a read with its retries
SHORTEST_PAUSE, LONGEST_PAUSE = 0.25, 4.0


class _Road:
    """The way into kotsadm's pod, in words of this system."""

    def __init__(self, pods: PodClient, namespace: str) -> None:
        self._road = PodRoad(pods, namespace, SELECTOR, PORT)

    def dial(self) -> Any:
        """A channel to whichever pod of kotsadm is Ready now."""
        try:
            return self._road.dial()
        except Unreachable as error:
            raise NotSent(f"{str(error).partition('; see kubernetes_forward')[0]}; see namespace, and the pod kotsadm") from None
        except NotPermitted as error:
            raise NotPermitted(str(error).replace("kubernetes_forward needs", "the way to kotsadm needs")) from None


class ConsoleClient:
    """One kotsadm. Nothing is asked, and no port opened, before the first call. Reads are retried within a bound, writes never."""

    def __init__(self, kubernetes: KubernetesClient, pods: PodClient, namespace: str, clock: Clock) -> None:
        self.place = f"kotsadm in namespace {namespace}"
        self._kubernetes, self._pods, self._namespace, self._clock = kubernetes, pods, namespace, clock
        self._session: Optional[Any] = None
        self._url = ""
        self._forward: Optional[Forward] = None
        self._auth: Optional[Secret] = None

    def health(self) -> Json:
        """What GET /healthz tells: version and the state of its parts. Needs no auth string."""
        return self._retried(lambda: self._object(self._ask("GET", "/healthz", None, False), "/healthz"))

    def read(self, path: str) -> Json:
        """GET /api/v1 + `path`, which must answer with a JSON object.

        Raises NotFound, NotPermitted, Refused (NeedsVeleroAccess among them), Unreachable where no usable answer came within 30 s.
        """
        return self._retried(lambda: self._object(self._ask("GET", API + path, None, True), path))

    def read_text(self, path: str) -> str:
        """As read(), of what is no JSON: a log."""
        return self._retried(lambda: str(self._ask("GET", API + path, None, True).text))

    def read_bytes(self, path: str) -> bytes:
        """As read(), of what is no text: a support bundle."""
        return self._retried(lambda: bytes(self._ask("GET", API + path, None, True).content))

    def write(self, method: str, path: str, body: Optional[Mapping[str, Any]] = None) -> Json:
        """POST or PUT once. Raises as read(); Unreachable then leaves open whether it took effect: look. NotSent does not: nothing was asked."""
        got = self._ask(method, API + path, body, True)
        found = self._object(got, path)
        if found.get("success") is False:
            raise Refused(f"{self.place} did not do it: {' '.join(str(found.get('error') or 'no reason given').split())[:200]}")
        return found

    def parsed(self, parse: Callable[[Any], ParsedT], body: Any) -> ParsedT:
        """What `parse` makes of an answer; one of another shape is no answer."""
        try:
            return parse(body)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._not_kotsadms("an answer") from None

    def close(self) -> None:
        """End the forward, if one was used; it ends by itself with the process."""
        if self._forward:
            self._forward.close()

    # -- one request -------------------------------------------------------------------------------

    def _retried(self, ask: Callable[[], ParsedT]) -> ParsedT:
        return retried(ask, self._clock, READ_BOUND, SHORTEST_PAUSE, LONGEST_PAUSE)

    def _ask(self, method: str, path: str, body: Optional[Mapping[str, Any]], with_auth: bool) -> Any:
        from requests import exceptions

        headers = {"Accept": "application/json", **({"Authorization": self._authstring().reveal()} if with_auth else {})}
        session = self._open()
        if self._forward:
            self._forward.forget()
        try:
            got = session.request(method, self._url + path, headers=headers, json=body, timeout=(TIMEOUT, TIMEOUT), allow_redirects=False)
        except exceptions.RequestException as error:
            raise self._lost(error) from None
        if not 200 <= got.status_code < 300:
            raise error_from_answer(got.status_code, _body(got), path, self.place)
        return got

    def _lost(self, error: Any) -> CollectionError:
        """Why no answer came: the road knows better than the library."""
        return (self._forward.failure() if self._forward else None) or error_from_exception(error, self.place)

    def _object(self, got: Any, path: str) -> Json:
        found = _body(got)
        if not isinstance(found, dict):
            raise self._not_kotsadms(path)
        return found

    def _not_kotsadms(self, path: str) -> Unreachable:
        return Unreachable(f"what {self.place} answered about {path.partition('?')[0]} is not kotsadm's JSON; is port {PORT} of pod {SELECTOR} kotsadm?")

    def _open(self) -> Any:
        if self._session is None:
            self._forward = Forward(_Road(self._pods, self._namespace).dial, MOST)
            self._session = new_session(Tls(), MOST, at_most=True)
            self._url = f"http://{LOOPBACK}:{self._forward.port}"
        return self._session

    def _authstring(self) -> Secret:
        """The key to everything in kotsadm; kept in memory alone, and never made here: the official CLI does that at its first call."""
        if self._auth is None:
            with doing(f"read Secret {AUTH_SECRET}"):
                try:
                    found = self._kubernetes.get(SECRET, self._namespace, AUTH_SECRET)
                except NotFound:
                    raise Refused(
                        f"namespace {self._namespace} has no Secret {AUTH_SECRET}; is kotsadm there (namespace)? "
                        f"if so, make it once by: kubectl kots get apps --namespace {self._namespace}"
                    ) from None
                self._auth = _authstring(found)
        return self._auth


def console_from_params(params: Mapping[str, Any], kubernetes: KubernetesClient, clock: Clock) -> ConsoleClient:
    """The kotsadm of `namespace` in the cluster that the parameters name."""
    connection = checked(spec_from_params(KubernetesConnection, params))
    return ConsoleClient(kubernetes, PodClient(connection, DIAL), str(params["namespace"]), clock)


def _authstring(secret: Any) -> Secret:
    try:
        value = base64.b64decode(secret["data"][AUTH_SECRET], validate=True).decode("ascii")
    except (AttributeError, KeyError, TypeError, ValueError, binascii.Error):
        value = ""
    if not value.strip() or not value.isprintable():
        raise Refused(f"Secret {AUTH_SECRET} has no usable value under the key {AUTH_SECRET}; it is not the one that kotsadm was installed with")
    return Secret(value)


def _body(got: Any) -> Any:
    """The JSON of an answer, else its text."""
    try:
        return got.json()
    except ValueError:
        return got.text
