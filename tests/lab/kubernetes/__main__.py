"""python -m lab.kubernetes: a cluster's API as a program, until SIGTERM. Prints where it is, and writes a kubeconfig for kubectl and modules."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import argparse
import base64
import json
import os
import secrets
import signal
import ssl
import tempfile
import threading
from pathlib import Path
from typing import Any

import yaml

from lab.kubernetes.kinds import BUILT_IN
from lab.kubernetes.server import Server
from lab.kubernetes.state import ADMIN, State
from lab.nomad.clock import RealClock
from lab.tls import Papers


def kubeconfig(url: str, token: str, ca: str = "", namespace: str = "default") -> dict[str, Any]:
    """For whoever has this token; `ca` is the PEM of the authority that a TLS server's certificate is from. kubectl sends no token without TLS."""
    context = {"cluster": "lab", "user": "lab", "namespace": namespace}
    trust = {"certificate-authority-data": base64.b64encode(ca.encode()).decode(), "tls-server-name": "localhost"} if ca else {}
    return {
        **{"apiVersion": "v1", "kind": "Config", "current-context": "lab", "contexts": [{"name": "lab", "context": context}]},
        **{"clusters": [{"name": "lab", "cluster": {"server": url, **trust}}], "users": [{"name": "lab", "user": {"token": token}}]},
    }


def with_tls() -> tuple[ssl.SSLContext, str]:
    """A certificate of an authority of this run alone, and that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        papers = Papers(Path(folder))
        context.load_cert_chain(*papers.sign("api", "localhost"))
        return context, Path(papers.ca).read_text()


def load(state: State, path: Path) -> int:
    """Puts the objects of a file of manifests (YAML, JSON) into the state; definitions first, so that their kinds are known."""
    items = [one for one in yaml.safe_load_all(path.read_text()) if one]
    items = [each for one in items for each in (one["items"] if one["kind"].endswith("List") and "items" in one else [one])]
    for item in sorted(items, key=lambda one: one["kind"] != "CustomResourceDefinition"):
        group = item["apiVersion"].rpartition("/")[0]
        kind = next((one for one in state.kinds.values() if one.kind == item["kind"] and one.group == group), None)
        if kind is None:
            raise SystemExit(f"{path}: {item['apiVersion']} {item['kind']} is no kind that is served; put its CustomResourceDefinition into the file")
        meta = item["metadata"]
        state.put(kind.qualified, meta.get("namespace", "default") if kind.namespaced else "", meta["name"], item)
    return len(items)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.kubernetes", description="The API of a Kubernetes cluster, simulated, on the loopback.")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--kubeconfig", type=Path, help="file to write, for the administrator; nobody else may read it")
    parser.add_argument("--load", type=Path, action="append", default=[], help="manifests of objects that are there from the start; may be given again")
    parser.add_argument("--plain", action="store_true", help="http; kubectl then sends no token")
    parser.add_argument("--ready", type=Path, help="file for the line that is printed when ready")
    given = parser.parse_args()
    state = State(RealClock())
    for path in given.load:
        load(state, path)
    token = secrets.token_urlsafe(18)
    state.users[token] = ADMIN
    context, ca = (None, "") if given.plain else with_tls()
    server = Server(state, context, given.port)
    if given.kubeconfig:
        written(given.kubeconfig, yaml.safe_dump(kubeconfig(server.url, token, ca), sort_keys=False))
    over = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: over.set())
    told = {"url": server.url, "kubeconfig": str(given.kubeconfig or ""), "kinds": len(BUILT_IN), "pid": os.getpid()}
    line = json.dumps(told if given.kubeconfig else {**told, "token": token})
    if given.ready:
        written(given.ready, line + "\n")
    print(line, flush=True)
    while not over.wait(0.2):  # a signal may reach another thread: this one must look up to handle it
        pass
    server.stop()


def written(path: Path, text: str) -> None:
    """There whole or not at all, and for its owner alone."""
    partial = path.with_name(path.name + ".part")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    partial.rename(path)


if __name__ == "__main__":
    main()
