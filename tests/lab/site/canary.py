"""The part of CircleCI's API by which builds are asked for, watched, listed and canceled; they run on the fleet's Nomad clients, wait for one, or are lost."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import threading
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from lab.site.fleet import Fleet

ENDS = {"itself": "success", "killed": "canceled", "lost": "failed", "cancelled": "canceled"}


class Front:
    """Speaks HTTP on the loopback. What is asked with another token is refused as the real one does it."""

    def __init__(self, fleet: Fleet, token: str, seconds: float = 20.0) -> None:
        self.fleet, self.token, self.seconds = fleet, token, seconds
        self.pipelines: list[dict[str, Any]] = []
        self.recorded: list[dict[str, Any]] = []  # builds that the database knows, whether they live or not
        self.followed = ["github/example/canary", "github/example/app"]
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def believed(self, number: int, started: str, workflow: str = "") -> None:
        """A build of the project app that the database calls running."""
        own = {"vcs_type": "github", "username": "example", "reponame": "app", "build_num": number, "status": "running", "lifecycle": "running"}
        more: dict[str, Any] = {"workflows": {"workflow_id": workflow, "job_name": "test"}} if workflow else {}
        self.recorded.append({**own, "start_time": started, "build_url": f"{self.url}/gh/example/app/{number}", **more})

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, Any]:
        if self.fleet.site.installation.unready() or not self.fleet.site.installation.pods():
            return 503, {"message": "no server is available to handle this request"}
        if token != self.token:
            return 401, {"message": "You must log in first."}
        parts = unquote(urlsplit(path).path).strip("/").split("/")
        if parts[:3] == ["api", "v2", "project"] and parts[-1] == "pipeline" and len(parts) == 7:
            slug = "/".join(parts[3:6])
            return self._begin(slug, body) if method == "POST" else (200, {"next_page_token": None, "items": self._listed(slug)})
        if parts[:3] == ["api", "v2", "pipeline"] and parts[-1] == "workflow" and method == "GET":
            return self._workflows(parts[3])
        if parts[:2] == ["api", "v1.1"] and len(parts) > 2:
            return self._first_api(method, parts[2:], parse_qs(urlsplit(path).query))
        if parts[:3] == ["api", "v2", "workflow"] and parts[-1] == "cancel" and method == "POST":
            return self._canceled(lambda one: one.get("workflows", {}).get("workflow_id") == parts[3], 202)
        return 404, {"message": "Not found"}

    def _first_api(self, method: str, parts: list[str], query: dict[str, list[str]]) -> tuple[int, Any]:
        """https://circleci.com/docs/api/v1: `projects`, `project/<vcs>/<user>/<name>?filter=running&limit=&offset=`, `project/.../<number>/cancel`."""
        if parts == ["projects"] and method == "GET":
            return 200, [dict(zip(("vcs_type", "username", "reponame"), slug.split("/"), strict=True)) for slug in self.followed]
        slug = "/".join(parts[1:4])
        if parts[0] != "project" or slug not in self.followed:
            return 404, {"message": "Project not found"}
        if len(parts) == 4 and method == "GET":
            mine = [one for one in self._builds() if "/".join((one["vcs_type"], one["username"], one["reponame"])) == slug]
            mine.sort(key=lambda one: -int(one["build_num"]))  # the newest first, 30 of them, 100 at most
            start, size = int(query.get("offset", ["0"])[0]), min(int(query.get("limit", ["30"])[0]), 100)
            return 200, mine[start : start + size]
        if len(parts) == 6 and parts[-1] == "cancel" and method == "POST":
            return self._canceled(lambda one: str(one["build_num"]) == parts[4], 200)
        return 404, {"message": "Not found"}

    def _builds(self) -> list[dict[str, Any]]:
        """Those that are called running."""
        canaries = []
        for one in self.pipelines:
            if self._workflows(one["id"])[1]["items"][0]["status"] == "running":
                own = {"vcs_type": "github", "username": "example", "reponame": "canary", "build_num": one["number"], "lifecycle": "running"}
                canaries.append({**own, "status": "running", "start_time": one["created_at"], "build_url": f"{self.url}/gh/example/canary/{one['number']}"})
        return canaries + [one for one in self.recorded if one["lifecycle"] == "running"]

    def _canceled(self, chosen: Callable[[dict[str, Any]], bool], status: int) -> tuple[int, Any]:
        found = [one for one in self.recorded if chosen(one) and one["lifecycle"] == "running"]
        for one in found:
            one.update(status="canceled", lifecycle="finished")
        return (status, {"message": "Accepted."}) if found else (404, {"message": "Not found"})

    def _begin(self, slug: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        made = {
            "id": str(uuid.uuid4()),
            "number": len(self.pipelines) + 1,
            "state": "pending",
            "created_at": self.fleet.site.state.stamp(),
            "project_slug": slug,
            "vcs": {"branch": body.get("branch", "main")},
        }
        self.fleet.nomad.build(f"canary-{made['id']}", seconds=self.seconds)
        self.pipelines.append(made)
        return 201, {key: made[key] for key in ("id", "number", "state", "created_at")}

    def _listed(self, slug: str) -> list[dict[str, Any]]:
        return [{**one, "state": "created"} for one in reversed(self.pipelines) if one["project_slug"] == slug]

    def _workflows(self, pipeline: str) -> tuple[int, dict[str, Any]]:
        held = next((one for one in self.pipelines if one["id"] == pipeline), None)
        if held is None:
            return 404, {"message": "Pipeline not found"}
        builds = [one for one in self.fleet.nomad.truth()["builds"] if one["job"] == f"canary-{pipeline}"]
        status = ENDS.get(builds[-1]["how"], "running") if builds and builds[-1]["ended"] is not None else "running"
        return 200, {"next_page_token": None, "items": [{"id": pipeline, "name": "canary", "status": status, "created_at": held["created_at"]}]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                pass

            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}") if length else {}
                with front.fleet.site.state.news:
                    status, told = front.answer(self.command, self.path, self.headers.get("Circle-Token", ""), body)
                text = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = _any

        return Handler
