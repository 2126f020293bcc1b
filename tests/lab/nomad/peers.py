"""Who answers: one server, or three of which one leads, dies, and is replaced after a while."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lab.nomad.render import dumps
from lab.nomad.wire import TEXT, Blocked, Response

if TYPE_CHECKING:
    from lab.nomad.lab import Lab

# drain-leader-change: followers call the dead leader for about 2 s, then know of none; 3.5 s after its death there is a new one.
FORGETS = (1.8, 1.9)
ELECTS = (2.0, 4.5)
NAMES = ("server", "s2", "s3")
LOCAL = ("/v1/agent/", "/v1/status/peers", "/v1/metrics")  # answered by whoever is asked


class Sole:
    """The only server."""

    name = NAMES[0]

    def __init__(self, lab: "Lab") -> None:
        self.lab = lab

    @property
    def up(self) -> bool:
        return self.lab.cluster.server_up

    @property
    def epoch(self) -> int:
        return self.lab.cluster.epoch

    def handle(self, *call: Any, **more: Any) -> Response | Blocked:
        return self.lab.api.handle(*call, **more)

    def at(self, address: str) -> None:
        self.lab.api.address = address


class Peer:
    """One of three. The state is common; what differs is who may be asked for it."""

    def __init__(self, peers: "Peers", name: str, address: str) -> None:
        self.peers, self.name, self.address = peers, name, address
        self.alive = True
        self.deaths = 0

    @property
    def up(self) -> bool:
        return self.alive and self.peers.cluster.server_up

    @property
    def epoch(self) -> int:
        return self.peers.cluster.epoch + self.deaths

    def at(self, address: str) -> None:
        self.address = address
        self.peers.tell()

    def handle(
        self, method: str, path: str, query: dict[str, str], body: bytes = b"", headers: dict[str, str] | None = None, **more: Any
    ) -> Response | Blocked:
        peers = self.peers
        local, stale = path.startswith(LOCAL), "stale" in query and method == "GET"
        if peers.leader is not self and not local and not stale and peers.calls_the_dead:
            return Response(500, peers.refusal().encode(), {"Content-Type": TEXT})
        answer = peers.api.handle(method, path, query, body, headers, **more)
        if isinstance(answer, Blocked):
            return self._held(answer, local or stale)
        if path == "/v1/agent/members" and answer.status == 200:
            answer.body = dumps({**json.loads(answer.body), "ServerName": self.name})
        return self._seen(answer) if stale else answer

    def _held(self, held: Blocked, local: bool) -> Blocked:
        """A question that was passed on ends with the leader it was passed to."""
        losses = self.peers.losses
        passed_on = not local and self.peers.leader is not self

        def poll() -> Response | None:
            if passed_on and self.peers.losses != losses:
                return Response(500, b"rpc error: EOF", {"Content-Type": TEXT})
            return held.poll()

        return replace(held, poll=poll, epoch=self.epoch)

    def _seen(self, answer: Response) -> Response:
        """How long ago a follower heard of its leader."""
        if "X-Nomad-Lastcontact" in answer.headers and self.peers.leader is not self:
            known = self.peers.cluster.has_leader or self.peers.calls_the_dead
            answer.headers.update({"X-Nomad-Knownleader": str(known).lower(), "X-Nomad-Lastcontact": str(self.peers.contact())})
        return answer


class Peers:
    def __init__(self, lab: "Lab") -> None:
        self.lab, self.cluster, self.api = lab, lab.cluster, lab.api
        self.all = [Peer(self, name, f"127.0.0.1:{4647 + 10 * number}") for number, name in enumerate(NAMES)]
        self.leader: Peer | None = self.all[0]
        self.last: Peer = self.all[0]
        self.losses = 0
        self.lost_at = 0.0
        self.calls_the_dead = False
        self.tell()

    def named(self, name: str) -> Peer:
        for peer in self.all:
            if name in (peer.name, peer.address):
                return peer
        raise ValueError(f"server {name!r}: one of {', '.join(NAMES)}")

    def tell(self) -> None:
        """The API names them: leader, peers, members."""
        self.api.address = self.last.address
        self.api.peers = self.all

    def refusal(self) -> str:
        return f"rpc error: failed to get conn: dial tcp {self.last.address}: connect: connection refused"

    def contact(self) -> int:
        """Milliseconds."""
        if self.leader is not None:
            return self.cluster.random.randrange(0, 60)
        return int(1000 * (self.cluster.clock.now() - self.lost_at)) + 20

    # --- deaths ---
    def lead(self, name: str) -> None:
        """Somebody else leads, without a loss (a tester's wish)."""
        self.leader = self.last = self.named(name)
        self.tell()

    def kill(self, name: str, seconds: float | None = None, elect: float | None = None, then: str = "", forget: float | None = None) -> None:
        """kill -9 of one. Of the leader: nobody can write or read a fresh answer until another leads, `elect` s later: `then`, or any.
        For `forget` s the others go on calling the dead one."""
        peer, c = self.named(name), self.cluster
        if not peer.alive:
            raise ValueError(f"server {name} is dead already")
        peer.alive = False
        peer.deaths += 1
        if peer is self.leader or not self._enough():
            self.leader = None
            self.losses += 1
            self.lost_at = c.clock.now()
            self.calls_the_dead = True
            c.has_leader = False
            losses = self.losses
            c.clock.after(c.random.uniform(*FORGETS) if forget is None else forget, lambda: self._forget(losses))
            c.clock.after(c.random.uniform(*ELECTS) if elect is None else elect, lambda: self._elect(losses, then))
        c.wake()
        if seconds is not None:
            c.clock.after(seconds, lambda: self.start(peer.name))

    def start(self, name: str) -> None:
        peer = self.named(name)
        peer.alive = True
        self.cluster.wake()
        if self.leader is None and not self.calls_the_dead:
            self.cluster.clock.after(self.cluster.random.uniform(*ELECTS), lambda losses=self.losses: self._elect(losses))

    def _enough(self) -> bool:
        return sum(peer.alive for peer in self.all) * 2 > len(self.all)

    def _forget(self, losses: int) -> None:
        if self.losses == losses:
            self.calls_the_dead = False
            self.cluster.wake()

    def _elect(self, losses: int, then: str = "") -> None:
        """A majority chooses; less than that waits for somebody to come back."""
        if self.losses != losses or self.leader is not None or not self._enough():
            return
        living = [peer for peer in self.all if peer.alive]
        self.leader = self.last = self.named(then) if then else self.cluster.random.choice(living)
        self.calls_the_dead = False
        self.tell()
        self.lab.lead()
