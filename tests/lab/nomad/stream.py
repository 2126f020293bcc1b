"""The event stream: what changed, for those who listen; and how versions leave the denied in the dark."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import copy
import itertools
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.nomad.model import Allocation, Node
from lab.nomad.render import dumps
from lab.nomad.wire import Blocked, Fail, Request, Response

if TYPE_CHECKING:
    from lab.nomad.acl import Acl
    from lab.nomad.policies import Rights

BEAT = 30.0  # a quiet stream says {} that often, and once at its start
KEPT = 100  # messages for those who come later (event_buffer_size)
HEADERS = {"Cache-Control": "no-cache", "Content-Type": "application/json", "Vary": "Accept-Encoding"}
JOB_TOPICS = ("Allocation", "Job", "Evaluation", "Deployment", "Service")


@dataclass
class Event:
    topic: str
    kind: str
    index: int
    thing: Node | Allocation

    def show(self, render: Any) -> dict[str, Any]:
        thing = self.thing
        out: dict[str, Any] = {"Topic": self.topic, "Type": self.kind, "Key": thing.id, "Index": self.index}
        if isinstance(thing, Node):
            return {**out, "Namespace": "", "FilterKeys": None, "Payload": {"Node": render.node_value(thing)}}
        value = json.loads(render.allocation(thing))
        value.pop("Job", None)
        return {**out, "Namespace": thing.job.namespace, "FilterKeys": [thing.job.id, thing.deployment], "Payload": {"Allocation": value}}


class Stream(Response):
    """A connection that listens. `ready` holds lines that were not yet taken; once `over` nothing comes any more."""

    __eq__ = object.__eq__  # each listener is another, however alike their answers
    __hash__ = object.__hash__

    def __init__(self, broker: "Broker", request: Request, silent: bool) -> None:
        super().__init__(200, b"", {**({"Connection": "close"} if broker.guard.stream_hijacked else {}), **HEADERS})
        self.broker, self.silent = broker, silent
        self.chunked = not broker.guard.stream_hijacked
        self.secret = request.rights.secret
        self.topics = topics(request)
        self.namespace = request.query.get("namespace", "default")
        self.rights = request.rights
        self.ready: deque[bytes] = deque()
        self.over = False

    def beat(self) -> None:
        if self.over or self.silent or self not in self.broker.open:
            return
        self.ready.append(b"{}\n")
        self.broker.clock.after(BEAT, self.beat)
        self.broker.wake()

    def wants(self, event: Event) -> bool:
        keys = self.topics.get(event.topic, []) + self.topics.get("*", [])
        extra = [event.thing.job.id, event.thing.deployment] if isinstance(event.thing, Allocation) else []
        if not any(key in ("*", event.thing.id, *extra) for key in keys):
            return False
        if isinstance(event.thing, Node):
            return True
        if self.namespace == "*":
            return not self.broker.guard.stream_all_without_allocations and self.rights.sees(event.thing.job.namespace)
        return self.namespace == event.thing.job.namespace

    def offer(self, index: int, events: list[Event]) -> None:
        mine = [event for event in events if self.wants(event)]
        if self.silent or not mine:
            return
        if self.broker.acl.enabled and (self.broker.acl.expired(self.secret) or not self.broker.acl.rights(self.secret).known):
            self._token_ended()
            return
        shown = [event.show(self.broker.cluster.render) for event in mine]
        self.ready.append(dumps({"Index": index, "Events": shown}) + b"\n")

    def _token_ended(self) -> None:
        """1.7.7: a line of plain text with the next event, and the end; 1.11.3: silence (acl-roles-expiry)."""
        text = self.broker.guard.stream_expired
        if text:
            self.ready.append(text.encode() + b"\n")
            self.over = True
        else:
            self.broker.mute(self)

    def take(self) -> bytes:
        lines = b"".join(self.ready)
        self.ready.clear()
        return lines

    def close(self) -> None:
        self.over = True
        if self in self.broker.open:
            self.broker.open.remove(self)

    def as_blocked(self) -> Blocked:
        """For one who reads to the end before he looks."""
        clock = self.broker.clock

        def done() -> Response:
            return Response(200, self.take(), self.headers)

        return Blocked(clock.now() + 10**6, lambda: done() if self.over else None, done, self.broker.cluster.epoch)


def topics(request: Request) -> dict[str, list[str]]:
    """topic=Node, topic=Node:<id>; none: all."""
    pairs = getattr(request.query, "pairs", list(request.query.items()))
    out: dict[str, list[str]] = {}
    for name, value in pairs:
        if name == "topic":
            topic, _colon, key = value.partition(":")
            out.setdefault(topic, []).append(key or "*")
    return out or {"*": ["*"]}


class Broker:
    """Gathers what changed under one index and hands it to the listeners."""

    def __init__(self, acl: "Acl") -> None:
        self.acl = acl
        self.cluster = acl.cluster
        self.clock = self.cluster.clock
        self.guard = acl.guard
        self.wake: Callable[[], None] = self.cluster.wake
        self.open: list[Stream] = []
        self.kept: deque[tuple[int, list[Event]]] = deque(maxlen=KEPT)
        self.pending: list[Event] = []
        self.sweeping = False
        self.cluster.tell = self.note

    # --- what happens ---
    def note(self, kind: str, index: int, thing: Node | Allocation) -> None:
        """Told by the cluster at each change; shown when all of that moment is written."""
        if self.guard.stream != "yes":
            return
        self.pending.append(Event("Node" if isinstance(thing, Node) else "Allocation", kind, index, thing))
        if len(self.pending) == 1:
            self.clock.after(0.0, self.flush)

    def flush(self) -> None:
        pending, self.pending = self.pending, []
        for index, group in itertools.groupby(sorted(pending, key=lambda event: event.index), key=lambda event: event.index):
            events = list(group)
            if self.guard.stream_node_of_allocation and events[0].kind == "AllocationUpdated":
                ids = dict.fromkeys(event.thing.node_id for event in events if isinstance(event.thing, Allocation))
                events += [Event("Node", "AllocationUpdated", index, self.cluster.nodes[i]) for i in ids if i in self.cluster.nodes]
            for event in events:
                event.thing = copy.copy(event.thing)
                event.thing.text = {}
            self.kept.append((index, events))
            for stream in list(self.open):
                stream.offer(index, events)
        self.wake()

    # --- who listens ---
    def listen(self, request: Request) -> Response:
        if self.guard.stream != "yes":
            raise Fail(404, "")
        index = self._index(request.query.get("index", ""))
        denied = self._denied(request)
        if denied and self.guard.stream_denied != "silence":
            return Response(denied, b"Permission denied", dict(HEADERS))
        stream = Stream(self, request, silent=bool(denied))
        self.open.append(stream)
        if denied:
            self.mute(stream)
            return stream
        stream.beat()
        for number, events in self.kept:
            if number >= index:
                stream.offer(number, events)
        return stream

    @staticmethod
    def _index(text: str) -> int:
        try:
            return int(text or 0)
        except ValueError:
            raise Fail(400, f'Unable to parse index: strconv.Atoi: parsing "{text}": invalid syntax') from None

    def _denied(self, request: Request) -> int:
        rights = request.rights
        if not rights.known:
            return 403 if self.guard.stream_unknown_403 else 500
        asked = topics(request)
        may = all(self._may(rights, topic, request.query.get("namespace", "default")) for topic in asked)
        return 0 if may else 500

    def _may(self, rights: "Rights", topic: str, namespace: str) -> bool:
        if rights.management:
            return True
        if topic == "Node":
            return rights.node_read
        if topic not in JOB_TOPICS:
            return False
        if namespace == "*" and self.guard.stream_any_namespace:
            return any(rights.sees(name) for name in self.cluster.namespaces())
        return rights.sees(namespace)

    # --- the silent ones ---
    def mute(self, stream: Stream) -> None:
        """Nothing is said any more, not even {}; some day the server's garbage collection closes what it forgot (acl, acl-event-stream)."""
        stream.silent = True
        stream.ready.clear()
        if not self.sweeping:
            self.sweeping = True
            self.clock.after(self.cluster.random.uniform(*self.guard.stream_ends), self.sweep)

    def sweep(self) -> None:
        self.sweeping = False
        for stream in [s for s in self.open if s.silent]:
            stream.close()
        self.wake()
