"""What tasks wrote, and how it is asked for: of the servers, or (below 0.9) of the agent on the client that holds it."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import base64
import re
from typing import TYPE_CHECKING, Any

from lab.nomad.acl import Acl
from lab.nomad.client import Client
from lab.nomad.render import dumps
from lab.nomad.wire import TEXT, Fail, Request, Response

if TYPE_CHECKING:
    from lab.nomad.cluster import Cluster

TRUE, FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")


def written(task: dict[str, Any], stream: str) -> bytes:
    """Meta lab_stdout, lab_stderr; else what the script's echoes write. All of it is there from the start."""
    meta = task.get("Meta") or {}
    if "lab_" + stream in meta:
        return str(meta["lab_" + stream]).encode()
    script = " ".join(str(part) for part in (task.get("Config") or {}).get("args") or [])
    said = re.findall(r"echo ([\w ]+?) *(>&2)?(?=;|$)", script)
    return "".join(f"{words}\n" for words, error in said if bool(error) == (stream == "stderr")).encode()


class LogCalls:
    """/v1/client/fs/logs, by version; texts and numbers as recorded (alloc-logs)."""

    def __init__(self, cluster: "Cluster", acl: Acl) -> None:
        self.c = cluster
        self.acl = acl
        self.old = cluster.profile.old_drain

    def by_server(self, request: Request, item: str) -> Response:
        """From 0.9 on the servers fetch it from the client."""
        if self.old:
            raise Fail(500, "node is not running a Nomad Client")
        self._check(request, item)
        try:
            self.acl.management(request.rights)  # of the tokens here only a management one may read logs (acl)
        except Fail as fail:
            raise Fail(500, fail.text) from None
        if len(item) != 36:
            raise Fail(500, "alloc lookup failed: index error: UUID must be 36 characters")
        allocation = self.c.allocations.get(item)
        if allocation is None:
            raise Fail(404, f'Unknown allocation "{item}"')
        client = self.c.clients.get(allocation.node_id)
        if client is None or not client.alive or client.frozen:
            raise Fail(500, "No path to node")  # not recorded: its documentation
        return self._send(request, client, item)

    def by_agent(self, request: Request, client: Client) -> Response:
        """What the agent on a client answers; below 0.9 only it has logs."""
        found = re.fullmatch(r"/v1/client/fs/logs/(.*)", request.path)
        if not found:
            raise Fail(404, self.c.profile.not_found)
        item = found[1]
        if not self.old:
            return self.by_server(request, item)
        self._check(request, item)
        if item not in client.builds:
            raise Fail(500, f'unknown allocation ID "{item}"')
        return self._send(request, client, item)

    def _check(self, request: Request, item: str) -> None:
        bad, query = 500 if self.old else 400, request.query
        if not item:
            raise Fail(bad, "must provide a valid alloc id")
        if not query.get("task"):
            raise Fail(bad, "must provide task name")
        follow = query.get("follow", "false")
        if follow not in TRUE + FALSE:
            word = "Failed" if self.old else "failed"
            raise Fail(bad, f'{word} to parse follow field to boolean: strconv.ParseBool: parsing "{follow}": invalid syntax')
        if query.get("type") not in ("stdout", "stderr"):
            raise Fail(bad, "must provide log type (stdout/stderr)")
        offset = query.get("offset", "0")
        if not re.fullmatch(r"[+-]?\d+", offset):
            raise Fail(bad, f'error parsing offset: strconv.ParseInt: parsing "{offset}": invalid syntax')
        if query.get("origin", "start") not in ("start", "end"):
            raise Fail(bad, "origin must be start or end")

    def _send(self, request: Request, client: Client, item: str) -> Response:
        if item not in client.builds:
            raise Fail(404, f"state for allocation {item} not found on client")
        job, query = client.builds[item].source, request.query
        task, stream = job.task, query["type"]
        if query["task"] != task["Name"]:
            old = Fail(404, f'task group "{job.group["Name"]}" does not have task with name "{query["task"]}"')
            raise old if self.old else Fail(400, f'unknown task name "{query["task"]}"')
        whole, offset = written(task, stream), int(query.get("offset", "0"))
        part = whole[max(0, len(whole) - offset) :] if query.get("origin") == "end" else whole[offset:]
        if query.get("plain") not in TRUE and part:
            part = dumps({"Data": base64.b64encode(part).decode(), "File": f"alloc/logs/{query['task']}.{stream}.0", "Offset": len(whole)})
        return Response(200, part, {"Content-Type": TEXT})
