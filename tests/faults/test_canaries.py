# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token that must be seen nowhere: not in output at -vvvv, results, diffs, journals, logs, left files, command lines, environments, tracebacks (F89-F91)."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import SystemClock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.client import client_from_params
from ansible_collections.serverops.circleci.plugins.modules import nomad_node_drain
from faults.operators import Operator, both_ways
from faults.processes import Playing, processes_of

from lab.nomad.clock import RealClock
from lab.nomad.lab import Lab
from lab.nomad.server import Server
from lab.nomad.wire import Response

CANARY = "canary-7f3a9c21-5e0b-4d64-8a17-c0ffee5ec4e7"
BEAK = CANARY[:14]  # a part of it is a hit too


class Parrot(BaseHTTPRequestHandler):
    """Says the token back, in the way that the first part of the path names."""

    def _any(self) -> None:
        kind, said = self.path.split("/")[1], self.headers.get("X-Nomad-Token", "")
        status, body, headers = {
            "echo": (403, f"token {said} may not do that", {}),
            "cut": (403, "x" * 129 + f" token {said} may not do that", {}),
            "redirect": (302, "", {"Location": f"/login/{said}?token={said}"}),
            "page": (200, f"<html><body>{said}</body></html>", {"Content-Type": f"text/html; for={said}"}),
            "shape": (200, json.dumps({"token": said}), {"Content-Type": "application/json"}),
        }[kind]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_POST = do_PUT = _any

    def log_message(self, *_args: object) -> None:
        pass


@dataclass
class Sighting:
    """Where the canary was seen, and what the play said."""

    code: int = 0
    output: str = ""
    hits: list[str] = field(default_factory=list)
    watched: int = 0


def watch(playing: Playing, seen: Sighting) -> None:
    """Look at the processes as long as they run."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for line, environment in processes_of(playing.home).values():
                seen.watched += 1
                seen.hits += [f"command line: {line}"] if BEAK in line else []
                seen.hits += ["an environment"] if BEAK in environment else []

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    seen.code = playing.wait()
    over.set()
    thread.join()


def play(folder: Path, url: str, **variables: object) -> Sighting:
    """A play with the canary, at its loudest, and everything that it leaves."""
    home = folder / "home"
    (home / "tmp").mkdir(parents=True)
    given = folder / "given.json"
    given.write_text(json.dumps({"nomad_token": CANARY}))
    given.chmod(0o600)
    settings = {
        "ANSIBLE_LOG_PATH": str(home / "ansible.log"),
        "ANSIBLE_SHOW_CUSTOM_STATS": "true",
        "TMPDIR": str(home / "tmp"),
        "ANSIBLE_REMOTE_TMP": str(home / "tmp" / "remote"),
    }
    names = {"nomad_url": url, "nomad_drain_nodes": ["c1"], **variables}
    playing = Playing(names, home, "-vvvv", "--diff", "-e", f"@{given}", **settings)
    seen = Sighting()
    watch(playing, seen)
    seen.output = playing.output
    files = [path for path in home.rglob("*") if path.is_file()]
    seen.hits += [f"file {path}" for path in files if BEAK.encode() in path.read_bytes()]
    seen.hits += [f"output: {line[:400]}" for line in seen.output.splitlines() if BEAK in line]
    assert any("serverops-journal" in str(path) for path in files) and (home / "ansible.log").exists(), seen.output
    return seen


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Sighting]]]:
    """All plays, two at a time."""
    lab = Lab("1.1.2", clients=3, clock=RealClock(2))
    lab.acl(True, {CANARY: "management"})
    lab.build("build-1", "c1", seconds=16)
    nomad = Server(lab, 0).start()
    parrot = ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    threading.Thread(target=parrot.serve_forever, daemon=True).start()
    echo = f"http://127.0.0.1:{parrot.server_address[1]}"
    asked: dict[str, tuple[str, dict[str, object]]] = {
        "unreachable": ("http://127.0.0.1:9", {}),
        "page": (f"{echo}/page", {}),
        "success": (nomad.url, {}),
        "wrong input": (nomad.url, {"nomad_drain_nodes": ["c9"]}),
        "wrong type": (nomad.url, {"nomad_timeout": "soon"}),
        "tls": (nomad.url.replace("http://", "https://"), {}),
        "echo": (f"{echo}/echo", {}),
        "cut": (f"{echo}/cut", {}),
        "redirect": (f"{echo}/redirect", {}),
        "shape": (f"{echo}/shape", {}),
    }
    with ThreadPoolExecutor(4) as pool:
        yield {name: pool.submit(play, tmp_path_factory.mktemp("play"), url, **variables) for name, (url, variables) in asked.items()}
    nomad.stop()
    parrot.shutdown()


NAMES = ("success", "wrong input", "wrong type", "unreachable", "tls", "echo", "cut", "redirect", "page", "shape")


@pytest.mark.parametrize("name", NAMES)
def test_the_canary_is_seen_nowhere(name: str, plays: dict[str, Future[Sighting]]) -> None:
    seen = plays[name].result(240)
    assert not seen.hits, seen.hits
    assert (seen.code == 0) == (name == "success"), seen.output
    assert seen.watched > 3, "the processes were looked at"


def parrot_hook(kind: str, after: float, lab: Lab) -> object:
    answers = {
        "echo": Response(403, f"token {CANARY} may not".encode(), {}),
        "cut": Response(403, ("x" * 129 + f" token {CANARY} may not").encode(), {}),
        "500": Response(500, f"rpc error for {CANARY}".encode(), {}),
        "429": Response(429, f"slow down {CANARY}".encode(), {}),
        "404": Response(404, f"no {CANARY}".encode(), {}),
        "400": Response(400, f"bad {CANARY}".encode(), {}),
        "redirect": Response(302, b"", {"Location": f"/login/{CANARY}?token={CANARY}"}),
        "page": Response(200, f"<html>{CANARY}</html>".encode(), {"Content-Type": "text/html"}),
    }
    return lambda moment, _method, _path: answers[kind] if moment == "before" and lab.clock.now() > after else None


ECHOES = ("echo", "cut", "500", "429", "404", "400", "redirect")


@both_ways
@pytest.mark.parametrize("after", [0.0, 15.0])
@pytest.mark.parametrize("kind", [*ECHOES, "page"])
def test_no_sentence_and_no_result_holds_a_token_that_the_other_side_echoes(kind: str, after: float, sliced: bool) -> None:
    lab = Lab("1.1.2", clients=3)
    lab.acl(True, {CANARY: "management"})
    lab.build("build-1", "c1", seconds=60)
    lab.clock.sleep(1)
    result = Operator(lab, sliced, parrot_hook(kind, after, lab), token=CANARY).drain("c1", wait_timeout=60)  # type: ignore[arg-type]
    assert result["failed"]
    assert BEAK not in json.dumps(result)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:9", "http://nowhere.invalid:4646"])
def test_no_traceback_of_a_failed_call_shows_the_token(url: str) -> None:
    params = {name: option.get("default") for name, option in nomad_node_drain.DOOR.options.items()}
    client = client_from_params({**params, "nomad_url": url, "nomad_token": CANARY}, SystemClock())
    with pytest.raises(CollectionError) as failed:
        client.read("nodes", bound=0.1)
    assert BEAK not in "".join(traceback.format_exception(failed.value)) and BEAK not in repr(client)
