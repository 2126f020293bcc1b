"""A requests adapter that answers in process on the virtual clock: no socket, no real second."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from lab.nomad.clock import VirtualClock
from lab.nomad.faults import Fault, stale
from lab.nomad.peers import Peer, Sole
from lab.nomad.stream import Stream
from lab.nomad.wire import Blocked, Query, Response

if TYPE_CHECKING:
    from lab.nomad.lab import Lab

HOP = 0.001  # a request over the loopback took about a millisecond


class Ear(io.RawIOBase):
    """What a listener reads: waits on the virtual clock for the next line, for `limit` seconds at most."""

    def __init__(self, stream: Stream, clock: VirtualClock, limit: float | None) -> None:
        super().__init__()
        self.stream, self.clock, self.limit = stream, clock, limit
        self.left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self.clock.lock:
            end = None if self.limit is None else self.clock.now() + self.limit
            while not self.left:
                self.left = self.stream.take()
                if self.left or self.stream.over:
                    break
                due = self.clock.next_due()
                if due is None or (end is not None and due > end):
                    if end is None:
                        raise TimeoutError("nothing will ever come")
                    self.clock.run_until(end)
                    raise TimeoutError("timed out")
                self.clock.step()
        count = min(len(buffer), len(self.left))
        buffer[:count], self.left = self.left[:count], self.left[count:]
        return count

    def close(self) -> None:
        self.stream.close()
        super().close()


class LabAdapter(BaseAdapter):
    """Time passes while a request is held, event by event; a read timeout is honoured after its time has passed."""

    def __init__(self, lab: "Lab") -> None:
        super().__init__()
        if not isinstance(lab.clock, VirtualClock):
            raise TypeError("the in-process adapter needs the virtual clock; with a real one use the server")
        self.lab = lab
        self.clock: VirtualClock = lab.clock

    def close(self) -> None:
        pass

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: None | float | tuple[float, float] | tuple[float, None] = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        with self.lab.cluster.lock:
            return self._send(request, stream, timeout[1] if isinstance(timeout, tuple) else timeout)

    def _send(self, request: requests.PreparedRequest, stream: bool, read: float | None) -> requests.Response:
        limit = None if read is None else self.clock.now() + read
        self.clock.sleep(HOP)
        found = urlsplit(str(request.url))
        query = Query(found.query)
        path = found.path if "%2F" in found.path else unquote(found.path)
        body = request.body or b""
        data = body.encode() if isinstance(body, str) else bytes(body)
        method = str(request.method)
        lab = self.lab
        agent = next((one for one in lab.machines.values() if one.node.address == found.netloc), None) if lab.profile.logs_of_clients_only else None
        if agent is not None:
            said = lab.agent(agent.node.name, path, query, dict(request.headers))
            if said is None:
                raise requests.ConnectionError("[Errno 111] Connection refused", request=request)
            return self._build(request, said)
        place = lab.place(str(found.hostname), found.netloc)
        if not place.up:
            raise requests.ConnectionError("[Errno 111] Connection refused", request=request)
        entry = lab.journal.note(self.clock.now(), method, path, query, dict(request.headers), data, 0)
        fault = lab.faults.strike(method, path)
        if fault is not None and not fault.apply:
            self._break(fault, request, limit)
            answer = fault.answer()
            if answer is not None:
                entry["status"] = answer.status
                return self._build(request, answer)
        answer = self._serve(place, request, (method, path, query, data, dict(request.headers)), limit)
        if isinstance(answer, Stream):
            entry["status"] = answer.status
            return self._listen(request, answer, stream, read)
        if fault is not None:
            if fault.apply:
                self._break(fault, request, limit)
                answer = fault.answer() or answer
            if fault.kind == "stale":
                answer = stale(answer)
            elif fault.kind == "truncate":
                answer = Response(answer.status, answer.body[: len(answer.body) // 2], {**answer.headers, "Content-Length": str(len(answer.body))})
        entry["status"] = answer.status
        built = self._build(request, answer)
        if fault is not None and fault.kind == "truncate":
            if stream:
                return built
            raise requests.exceptions.ChunkedEncodingError("Connection broken: IncompleteRead", request=request)
        return built

    def _break(self, fault: Fault, request: requests.PreparedRequest, limit: float | None) -> None:
        if fault.kind == "refuse":
            raise requests.ConnectionError("[Errno 111] Connection refused", request=request)
        if fault.kind == "reset":
            raise requests.ConnectionError("[Errno 104] Connection reset by peer", request=request)
        if fault.kind == "close":
            raise requests.ConnectionError("Remote end closed connection without response", request=request)
        if fault.kind == "stall":
            end = self.clock.now() + fault.seconds
            if limit is None or limit > end:
                self.clock.run_until(end)
                raise requests.ConnectionError("[Errno 104] Connection reset by peer", request=request)
            self._time_out(request, limit)

    def _time_out(self, request: requests.PreparedRequest, limit: float) -> None:
        self.clock.run_until(limit)
        raise requests.ReadTimeout("Read timed out.", request=request)

    def _serve(self, place: Sole | Peer, request: requests.PreparedRequest, call: tuple[Any, ...], limit: float | None) -> Response:
        answer = place.handle(*call)
        while isinstance(answer, Blocked):
            due = self.clock.next_due()
            end = answer.until if limit is None else min(answer.until, limit)
            if due is not None and due <= end:
                self.clock.step()
            elif limit is not None and limit < answer.until:
                self._time_out(request, limit)
            else:
                self.clock.run_until(answer.until)
                answer = answer.expire()
                break
            if not place.up or place.epoch != answer.epoch:
                raise requests.ConnectionError("[Errno 104] Connection reset by peer", request=request)
            answer = answer.poll() or answer
        return answer

    def _listen(self, request: requests.PreparedRequest, answer: Stream, stream: bool, read: float | None) -> requests.Response:
        """Time passes while somebody reads; without `stream` requests itself reads to the end, or until its time is out."""
        built = self._build(request, answer)
        built.headers.pop("Content-Length", None)
        source: Any = Ear(answer, self.clock, read)
        built.raw = HTTPResponse(source, headers=answer.headers, status=200, preload_content=False)
        if not stream:
            _all = built.content
        return built

    def _build(self, request: requests.PreparedRequest, answer: Response) -> requests.Response:
        response = requests.Response()
        response.status_code = answer.status
        headers = {"Content-Length": str(len(answer.body)), **answer.headers}
        response.headers = CaseInsensitiveDict(headers)
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        response.raw = HTTPResponse(io.BytesIO(answer.body), headers=headers, status=answer.status, preload_content=False)
        response.url = str(request.url)
        response.request = request
        response.reason = ""
        extract_cookies_to_jar(response.cookies, request, response.raw)
        return response
