"""Introduction tokens (1.11): who may join as a client where enforcement is strict, and who is turned away without a word."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.nomad.clock import Timer

if TYPE_CHECKING:
    from lab.nomad.cluster import Cluster
    from lab.nomad.model import Node

ENFORCEMENTS = ("none", "warn", "strict")
TTL, LONGEST = 300.0, 1800.0  # seconds; a longer wish is cut without a word
REFUSED = 15.0
FIRST = (1, 11)  # older clients know neither tokens nor identities


class Applicant:
    """A client's side: what it holds when it asks to join."""

    cluster: "Cluster"
    node: "Node"
    join: Callable[[float], None]
    introduction = ""  # the token given at its start (1.11)
    identity = ""  # in its state folder: the node id that it once joined as
    asking: Timer | None = None
    leaves_quietly = 2.2  # seconds from the end of its own drain until the server misses it (shutdown-drain)

    def admitted(self, ready_after: float) -> bool:
        """Refused: the agent logs it and asks again; the API shows nothing of it."""
        if self.asking is not None:
            self.asking.cancel()
        if self.cluster.admits(self):
            self.identity = self.node.id
            return True
        self.asking = self.cluster.clock.after(REFUSED, lambda: self.join(ready_after))
        return False


def encode(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Introduction:
    """The server's side: what it issued, and whom it lets in."""

    def __init__(self, cluster: "Cluster") -> None:
        self.cluster = cluster
        self.enforcement = "warn"
        self.issued: dict[str, tuple[str, str, float]] = {}  # token -> name, pool, end
        cluster.admits = self.admits

    def enforce(self, how: str) -> None:
        if how not in ENFORCEMENTS:
            raise ValueError(f"enforcement {how!r}: one of {', '.join(ENFORCEMENTS)}")
        if not self.cluster.profile.guards.introduction:
            raise ValueError(f"Nomad {self.cluster.profile.version} has no introduction tokens")
        self.enforcement = how

    def mint(self, name: str = "", pool: str = "", ttl: float = 0.0) -> str:
        now = self.cluster.clock.now()
        end = now + min(ttl or TTL, LONGEST)
        started = self.cluster.clock.wall().timestamp()
        claims = {"sub": f"node-introduction:global:{pool or 'default'}:{name}:default", "iat": int(started), "exp": int(started + end - now)}
        body = f"{encode({'alg': 'RS256', 'typ': 'JWT'})}.{encode({**claims, 'jti': self.cluster.new_id()})}"
        token = f"{body}.{encode(hashlib.sha256(body.encode()).digest())}"
        self.issued[token] = name, pool, end
        return token

    def admits(self, client: Applicant) -> bool:
        """Who once joined comes back by the identity in its state, even purged; a copied state under another node id does not
        (introduction-token)."""
        if self.enforcement != "strict":
            return True
        version = tuple(int(part) for part in client.node.version.split(".")[:2])
        if version < FIRST:
            return False
        if client.identity:
            return client.identity == client.node.id
        name, _pool, end = self.issued.get(client.introduction, ("", "", 0.0))
        return end > self.cluster.clock.now() and name in ("", client.node.name)
