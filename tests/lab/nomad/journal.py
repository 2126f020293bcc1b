"""What came in: counts by route, the last requests, every write in full, connections."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re
from collections import Counter, deque
from typing import Any

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def route(path: str) -> str:
    path = ID.sub("<id>", path)
    return re.sub(r"^/v1/job/(.+?)(/allocations|/summary|/evaluations)?$", r"/v1/job/<job>\2", path)


class Journal:
    def __init__(self, keep: int = 2000) -> None:
        self.counts: Counter[str] = Counter()
        self.last: deque[dict[str, Any]] = deque(maxlen=keep)
        self.writes: list[dict[str, Any]] = []
        self.connections = 0
        self.open_now = 0
        self.open_most = 0

    def note(self, t: float, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes, port: int) -> dict[str, Any]:
        """Headers by name only: a token is never kept."""
        entry = {"t": round(t, 3), "method": method, "path": path, "query": dict(query), "headers": sorted(headers), "port": port, "status": None}
        self.counts[f"{method} {route(path)}"] += 1
        self.last.append(entry)
        if method != "GET":
            self.writes.append({**entry, "body": body.decode("utf-8", "replace")})
        return entry

    def opened(self) -> None:
        self.connections += 1
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)

    def closed(self) -> None:
        self.open_now -= 1

    def show(self) -> dict[str, Any]:
        return {
            "counts": dict(self.counts),
            "total": sum(self.counts.values()),
            "last": list(self.last),
            "writes": list(self.writes),
            "connections": {"ever": self.connections, "at_once": self.open_most, "now": self.open_now},
        }

    def clear(self) -> None:
        self.counts.clear()
        self.last.clear()
        self.writes.clear()
