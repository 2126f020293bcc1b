"""The routes of kotsadm: who may ask, and what answers."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from lab.kots import apps, bundles, deploys, settings, snapshots
from lab.kots.model import Answer, Json

if TYPE_CHECKING:
    from lab.kots.world import KotsWorld

Route = Callable[..., Answer]
ICON = "https://cdn2.iconfinder.com/data/icons/mixd/512/16_kubernetes-512.png"


def healthz(world: "KotsWorld", body: Json, query: Json) -> Answer:
    status = {"database": {"connected": True}, "storage": {"available": True}}
    return Answer(200, {"version": f"v{world.version}", "gitSha": "test", "status": status})


def login(world: "KotsWorld", body: Json, query: Json) -> Answer:
    if body.get("password") != world.password:
        return Answer(401, {"error": "Invalid password. Please try again."})
    token = f"Bearer {world.id('lab-jwt-')}"
    world.sessions.add(token)
    ends = (world.state.clock.wall() + timedelta(hours=12)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return Answer(200, {}, headers={"Set-Cookie": f'signed-token="{token}"; Path=/; Expires={ends}; HttpOnly'})


def metadata(world: "KotsWorld", body: Json, query: Json) -> Answer:
    console = {"isAirgap": False, "isKurl": False, "isEmbeddedCluster": False}
    told = {"iconUri": ICON, "branding": {"css": None, "fontFaces": None}, "name": "the application", "namespace": world.namespace}
    return Answer(200, {**told, "upstreamUri": "", "consoleFeatureFlags": None, "adminConsoleMetadata": console, "isEmbeddedClusterWaitingForNodes": False})


def ping(world: "KotsWorld", body: Json, query: Json) -> Answer:
    return Answer(200, {"ping": "pong", "snapshotInProgressApps": None})


def nothing(status: int) -> Route:
    return lambda world, body, query: Answer(status)


OPEN: list[tuple[str, str, Route]] = [("GET", "/healthz", healthz), ("POST", "/api/v1/login", login)]
ROUTES: list[tuple[str, str, Route]] = [
    ("GET", "/metadata", metadata),
    ("GET", "/ping", ping),
    ("GET", "/kurl", nothing(501)),
    ("GET", "/pendingapp", nothing(404)),
    ("GET", "/velero", settings.velero),
    ("GET", "/apps", apps.listed),
    ("GET", "/app/{slug}", apps.one),
    ("GET", "/app/{slug}/status", apps.status),
    ("GET", "/app/{slug}/versions", apps.versions),
    ("GET", "/app/{slug}/license", apps.licence),
    ("GET", "/app/{slug}/config/{sequence}", apps.config),
    ("GET", "/app/{slug}/sequence/{sequence}/preflight/result", apps.preflight),
    ("GET", "/app/{slug}/task/{task}", deploys.task),
    ("POST", "/app/{slug}/updatecheck", deploys.updatecheck),
    ("POST", "/app/{slug}/config/values", deploys.set_values),
    ("POST", "/app/{slug}/sequence/{sequence}/deploy", deploys.deploy),
    ("POST", "/app/{slug}/sequence/{sequence}/redeploy", deploys.redeploy),
    ("POST", "/app/{slug}/remove", deploys.remove),
    ("GET", "/snapshots", snapshots.listed),
    ("GET", "/snapshots/settings", settings.read),
    ("PUT", "/snapshots/settings", settings.write),
    ("GET", "/snapshot/config", settings.plan),
    ("PUT", "/snapshot/schedule", settings.schedule),
    ("PUT", "/snapshot/retention", settings.retention),
    ("POST", "/snapshot/backup", snapshots.backup),
    ("GET", "/snapshot/{name}", snapshots.one),
    ("GET", "/snapshot/{name}/logs", snapshots.logs),
    ("POST", "/snapshot/{name}/delete", snapshots.delete),
    ("POST", "/snapshot/{name}/restore-apps", snapshots.restore_apps),
    ("POST", "/snapshot/{name}/apps-restore-status", snapshots.restore_status),
    ("GET", "/troubleshoot/app/{slug}/supportbundles", bundles.listed),
    ("POST", "/troubleshoot/supportbundle/app/{id}/cluster/{cluster}/collect", bundles.collect),
    ("GET", "/troubleshoot/supportbundle/{bundle}", bundles.one),
    ("GET", "/troubleshoot/supportbundle/{bundle}/download", bundles.download),
]


def handle(world: "KotsWorld", method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    """The answer to one request."""
    found = urlsplit(path)
    for verb, pattern, route in OPEN:
        if (method, found.path) == (verb, pattern):
            return route(world, decoded(body), {})
    wanted = [(verb, *matched) for verb, *matched in _matching(found.path)]
    if not wanted:
        return Answer(404, "\n", "text/plain; charset=utf-8")
    refusal = refused(world, headers)
    if refusal is not None:
        return refusal
    for verb, route, names in wanted:
        if verb == method:
            query = {key: values[-1] for key, values in parse_qs(found.query).items()}
            return route(world, decoded(body), query, **names)
    return Answer(405)


def _matching(path: str) -> list[tuple[str, Route, dict[str, str]]]:
    found = []
    for verb, pattern, route in ROUTES:
        match = re.fullmatch("/api/v1" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), path)
        if match:
            found.append((verb, route, match.groupdict()))
    exact = [entry for entry in found if not entry[2]]
    return exact or found


def refused(world: "KotsWorld", headers: dict[str, str]) -> Answer | None:
    said = headers.get("authorization", "")
    cookie = re.search(r'signed-token="?([^";]+)', headers.get("cookie", ""))
    said = said or (cookie.group(1) if cookie else "")
    if not said:
        return Answer(401, {"error": "missing authorization token", "success": False})
    if said != world.secret_value() and said not in world.sessions:
        return Answer(401, {"error": "failed to parse authorization header", "success": False})
    return None


def decoded(body: bytes) -> Any:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
