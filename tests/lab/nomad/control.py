"""The control routes on a second port: what a tester does to the lab from outside."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import contextlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from lab.nomad.clock import VirtualClock

if TYPE_CHECKING:
    from lab.nomad.lab import Lab


class Control:
    """POST and DELETE change something, GET looks; bodies and answers are JSON; a mistake is 400 with its reason."""

    def __init__(self, lab: "Lab", port: int = 0, on_stop: Callable[[], None] = lambda: None) -> None:
        self.lab, self.on_stop = lab, on_stop
        control = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                data = self.rfile.read(length) if length else b""
                status, value = control.handle(self.command, self.path, data)
                text = json.dumps(value).encode()
                self.send_response_only(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(text)

            do_GET = do_POST = do_DELETE = _any

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.port = int(self.http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Control":
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def handle(self, method: str, path: str, data: bytes) -> tuple[int, Any]:
        try:
            body = json.loads(data) if data else {}
            parts = path.split("?")[0].strip("/").split("/")
            name = f"{method.lower()}_{parts[0]}" + (f"_{parts[-1]}" if len(parts) > 1 else "")
            action = getattr(self, name, None)
            if action is None:
                return 404, {"error": f"no such control route: {method} {path}"}
            with self.lab.cluster.lock:
                return 200, action(*([parts[1]] if len(parts) == 3 else []), **body)
        except (TypeError, ValueError, KeyError) as error:
            return 400, {"error": str(error)}

    # --- clients ---
    def post_clients(self, count: int = 0, **fields: Any) -> Any:
        if "class" in fields:
            fields["node_class"] = fields.pop("class")
        if count:
            return {"nodes": self.lab.add_clients(count)}
        return {"nodes": [self.lab.add_client(**fields)]}

    def post_clients_kill(self, client: str, builds: str = "live", heartbeat: float | None = None) -> Any:
        self.lab.kill_client(client, builds, heartbeat)
        return {}

    def post_clients_freeze(self, client: str, heartbeat: float | None = None) -> Any:
        self.lab.freeze_client(client, heartbeat)
        return {}

    def post_clients_return(self, client: str, ready_after: float = 0.0, heartbeat: float | None = None) -> Any:
        self.lab.return_client(client, ready_after, heartbeat)
        return {}

    def post_clients_shutdown(self, client: str, deadline: float = 60.0) -> Any:
        self.lab.shutdown_client(client, deadline)
        return {}

    def post_clients_replace(self, client: str) -> Any:
        return {"node": self.lab.replace_client(client)}

    def post_clients_introduce(self, client: str, **fields: Any) -> Any:
        self.lab.introduce(client, **fields)
        return {}

    def post_introduction(self, enforcement: str) -> Any:
        self.lab.enforce_introduction(enforcement)
        return {}

    # --- builds ---
    def post_builds(self, job: str, **fields: Any) -> Any:
        return {"job": self.lab.build(job, **fields)}

    def post_finish(self, job: str) -> Any:
        self.lab.finish(job)
        return {}

    def post_dispatch(self, job: str) -> Any:
        return {"job": self.lab.dispatch(job)}

    def post_broker(self, paused: bool) -> Any:
        self.lab.pause_broker(paused)
        return {}

    def post_cancel(self, job: str, purge: bool = False) -> Any:
        self.lab.cancel(job, purge)
        return {}

    # --- server ---
    def post_server_kill(self, seconds: float | None = None, leaderless: float = 1.5) -> Any:
        self.lab.kill_server(seconds, leaderless)
        return {}

    def post_server_start(self, leaderless: float = 1.5) -> Any:
        self.lab.start_server(leaderless)
        return {}

    def post_server_restore(self, back: int | None = None) -> Any:
        return {"index": self.lab.restore_server(back)}

    def post_leader_lose(self, seconds: float | None = None) -> Any:
        self.lab.lose_leader(seconds)
        return {}

    def post_leader_kill(self, **fields: Any) -> Any:
        return {"killed": self.lab.kill_peer("", **fields)}

    def post_servers_kill(self, name: str, **fields: Any) -> Any:
        return {"killed": self.lab.kill_peer(name, **fields)}

    def post_servers_start(self, name: str) -> Any:
        self.lab.start_peer(name)
        return {}

    def post_acl(self, enabled: bool = True, tokens: dict[str, Any] | None = None, policies: Any = None, roles: Any = None) -> Any:
        self.lab.acl(enabled, tokens, policies, roles)
        return {}

    def post_acl_policy(self, name: str, rules: Any) -> Any:
        self.lab.policy(name, rules)
        return {}

    def post_acl_role(self, name: str, policies: list[str] | None) -> Any:
        self.lab.role(name, policies)
        return {}

    def post_acl_token(self, secret: str, gone: bool = False, **fields: Any) -> Any:
        self.lab.token(secret, gone, **fields)
        return {}

    def post_tls_reload(self) -> Any:
        wrong = self.lab.reload_tls()
        return {"kept_old_files_because": wrong} if wrong else {}

    # --- faults, looks, time ---
    def post_fault(self, kind: str, **fields: Any) -> Any:
        return self.lab.fault(kind, **fields).show()

    def delete_fault(self) -> Any:
        self.lab.clear_faults()
        return {}

    def get_fault(self) -> Any:
        return [fault.show() for fault in self.lab.faults.live]

    def get_truth(self) -> Any:
        return self.lab.truth()

    def get_requests(self) -> Any:
        return self.lab.requests

    def delete_requests(self) -> Any:
        self.lab.journal.clear()
        return {}

    def post_clock(self, advance: float) -> Any:
        if not isinstance(self.lab.clock, VirtualClock):
            raise ValueError("only a virtual clock can be advanced")
        self.lab.advance(advance)
        return {"now": self.lab.clock.now()}

    def get_clock(self) -> Any:
        return {"now": self.lab.clock.now(), "wall": self.lab.clock.wall().isoformat()}

    def post_stop(self) -> Any:
        threading.Timer(0.05, self.on_stop).start()
        return {}
