"""Replays the recordings of kots and kotsadm on the virtual clock, and tells the differences."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import io
import json
import re
from pathlib import Path
from typing import Any

from lab.kots.cli.program import main
from lab.kots.inside import Killed
from lab.kots.not_modelled import LINES
from lab.kots.scenarios import SPACE, STEPS, Stage

FOLDER = Path(__file__).parents[1] / "recordings" / "kots"
FILES = sorted(f"{path.parent.name}/{path.stem}" for path in FOLDER.glob("*/*.jsonl"))
Line = dict[str, Any]
MASKS = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC", "<time>"),
    (r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", "<time> "),
    (r"\b[EW]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ", "<log> "),
    (r"localhost:(?!8080|8800)\d{4,5}", "localhost:<port>"),
    (r"forwarding \d+ -> 3000", "forwarding <port> -> 3000"),
    (r"other-s3-bucket-\d+", "other-s3-bucket-<n>"),
    (r"Bearer [^\"]+\"; Path=/; Expires=[^;]+;", "Bearer <jwt>"),
    (r"filesChanged[^}]+", "<diff>"),
    (r"[A-Za-z0-9+/]{22}==", "<sealed>"),  # by another key
]
IGNORED = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "generateName"}
SIZES = {"volumeSnapshotLocations", "snapshotMoveData", "defaultVolumesToFsBackup", "csiSnapshotTimeout", "itemOperationTimeout", "status"}  # Velero's


def load(name: str) -> list[Line]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def said(line: Line) -> str:
    if "argv" in line:
        return "cli " + " ".join(line["argv"][1:])
    if "request" not in line:
        return ""
    told = line["request"]
    who = "kotsadm" if line.get("server") == "kotsadm" else "http"
    return f"{who} {told['method']} {told['path']} {json.dumps(told.get('query') or {})} {json.dumps(told.get('body'))}"


def left_out(name: str, line: Line) -> bool:
    return any(file in ("*", name.partition("/")[2]) and re.search(pattern, said(line)) for file, pattern, _why in LINES)


class Replay:
    """One file."""

    def __init__(self, name: str) -> None:
        self.version, _slash, self.scenario = name.partition("/")
        self.stage = Stage(self.version, self.scenario)
        self.names: dict[str, str] = {}  # theirs -> ours
        self.found: list[str] = []
        self.after_install = False

    def run(self, lines: list[Line], name: str) -> list[str]:
        zero = self.stage.state.clock.now()
        for number, line in enumerate(lines):
            if number in STEPS.get(self.scenario, {}):
                STEPS[self.scenario][number](self.stage)
                self.stage.state.clock.sleep(0.5)
            self.stage.state.clock.sleep(zero + line["t"] - self.stage.state.clock.now())
            self.after_install |= said(line).startswith("cli install")
            if said(line) and not left_out(name, line):
                self.found += [f"{name} line {number} {said(line)[:90]}: {text}" for text in self.one(line)]
        return self.found

    def one(self, line: Line) -> list[str]:
        if "argv" in line:
            return self.cli(line)
        return self.console(line) if line.get("server") == "kotsadm" else self.http(line)

    # --- the three kinds of line ---
    def cli(self, line: Line) -> list[str]:
        stage, out, err = self.stage, io.StringIO(), io.StringIO()
        if self.scenario == "restore-traps" and (line.get("note") or "").startswith(("a partly failed", "kotsadm does not answer")):
            self.partly()
        argv = [self.ours(word) for word in line["argv"][1:]]
        begun, cluster = stage.state.clock.now(), stage.cluster
        cluster.configured = not self.after_install
        limit = re.match(r"still running after (\d+) s", str(line["rc"]))
        cluster.until = begun + (float(limit.group(1)) if limit else 600.0)
        try:
            code: Any = main(self.version, argv, cluster, out, err)
        except Killed:
            code = "still running"
        took = stage.state.clock.now() - begun
        return self.compare_cli(line, code, out.getvalue(), err.getvalue(), took)

    def compare_cli(self, line: Line, code: Any, out: str, err: str, took: float) -> list[str]:
        found = []
        if (code if code != "still running" else None) != (line["rc"] if isinstance(line["rc"], int) else None):
            found.append(f"exit {code} for {line['rc']}: {err[-300:]!r}")
        if "stdout_json" in line:
            self.learn(line["stdout_json"], parsed(out))
            found += self.differ("stdout", parsed(out), line["stdout_json"])
        else:
            self.learn_text(line["stdout"], out)
            found += self.differ("stdout", screen(out, line["stdout"]), screen(self.ours(line["stdout"]), line["stdout"]))
        if noise(err, line["stderr"]) != noise(line["stderr"], line["stderr"]):
            found.append(f"stderr {noise(err, line['stderr'])!r} for {noise(line['stderr'], line['stderr'])!r}")
        if abs(took - line["seconds"]) > 1.6:
            found.append(f"took {took} s for {line['seconds']} s")
        return found

    def console(self, line: Line) -> list[str]:
        told, right = line["request"], line["response"]
        given = told["authorization"]
        authorization = None if given is None else "" if given == "<authstring>" else given
        begun = self.stage.state.clock.now()
        answer = self.stage.world.call(told["method"], self.ours(told["path"]), told["body"], authorization)
        took = self.stage.state.clock.now() - begun
        self.learn(right["body"], answer.body)
        found = [] if answer.status == right["status"] else [f"status {answer.status} for {right['status']}"]
        kind = answer.kind if answer.body is not None else None
        if kind != right["headers"].get("Content-Type"):
            found.append(f"content type {kind} for {right['headers'].get('Content-Type')}")
        if mask(answer.headers.get("Set-Cookie", "")) != mask(right["headers"].get("Set-Cookie", "")):
            found.append(f"cookie {answer.headers}")
        if abs(took - line["took"]) > 1.0:
            found.append(f"took {took} s for {line['took']} s")
        body = "" if answer.body is None else answer.body
        if told["path"].endswith("/logs"):
            return found if bool(body) == bool(right["body"]) else [*found, f"logs {body!r}"]
        return found + self.differ("body", body, right["body"])

    def http(self, line: Line) -> list[str]:
        told, right = line["request"], line["response"]
        self.stage.cluster.configured = True
        if told["method"] == "POST":
            status, body = self.stage.cluster.kube("POST", told["path"], None, told["body"])
        else:
            status, body = self.stage.cluster.kube("GET", self.ours(told["path"]))
        found = [] if status == right["status"] else [f"status {status} for {right['status']}"]
        theirs = right["body"]
        if "items" in theirs:
            short = "Partial" in str(theirs.get("kind"))
            ours_, theirs_ = ([view(item, short) for item in one["items"] or []] for one in (body, theirs))
            return found + self.differ("items", ours_, theirs_)
        return found + self.differ("object", view(body, False), view(theirs, False))

    # --- names and masks ---
    def partly(self) -> None:
        """Between the lines the console is made again, and a Restore set to PartiallyFailed by hand."""
        self.stage.bring_back()
        key = ("restores.velero.io", "velero", "good.kotsadm")
        held = self.stage.state.objects[key]
        self.stage.state.put(*key, {**held, "status": {"phase": "PartiallyFailed", "errors": 1, "warnings": 2}})

    def ours(self, text: str) -> str:
        for theirs, mine in self.names.items():
            text = text.replace(theirs, mine)
        return text

    def learn(self, theirs: Any, ours: Any) -> None:
        if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.get("backupName") and ours.get("backupName"):
            self.names[theirs["backupName"]] = ours["backupName"]
        self.learn_text(json.dumps(theirs), json.dumps(ours))

    def learn_text(self, theirs: str, ours: str) -> None:
        """A name that only the text tells; also of a backup that failed."""
        unknown = [name for name in re.findall(r"instance-[a-z0-9]{5}\b", theirs) if name not in self.names]
        mine = [name for name in re.findall(r"instance-[a-z0-9]{5}\b", ours) if name not in self.names.values()]
        for left, right in zip(dict.fromkeys(unknown), dict.fromkeys(mine), strict=False):
            self.names[left] = right

    def differ(self, what: str, ours: Any, theirs: Any) -> list[str]:
        left, right = plain(ours, SPACE), plain(self.translated(theirs), SPACE)
        return [] if left == right else [f"{what} {short(left)} for {short(right)}"]

    def translated(self, value: Any) -> Any:
        return json.loads(self.ours(json.dumps(value)))


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def short(value: Any) -> str:
    return json.dumps(value, sort_keys=True)[:1500]


def mask(text: str) -> str:
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    return text


def plain(value: Any, key: str = "") -> Any:
    """Without what is another run's; lists of objects in the order of their names."""
    if isinstance(value, dict):
        if value.get("kind") == "Backup" and "spec" in value:
            value = {**value, "spec": {name: one for name, one in value["spec"].items() if name not in SIZES}}
        ignored = IGNORED | ({"status"} if value.get("kind") in ("Backup", "Restore") else set())
        kept = {name: plain(one, name) for name, one in value.items() if name not in ignored and not name.startswith("velero.io/")}
        return {name: one for name, one in kept.items() if (name, one) != ("labels", {})}
    if isinstance(value, list):
        found = [plain(one) for one in value]
        return sorted(found, key=lambda one: json.dumps(one, sort_keys=True)) if key in ("backups", "items") or whole(value) else found
    return mask(value) if isinstance(value, str) else value


def whole(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(one, dict) and "metadata" in one for one in value)


def screen(text: str, theirs: str) -> str:
    """What a person sees: tables without an order of rows, the same prompt once, guides up to their first lines."""
    if "<the same prompt again" in theirs:
        return text[:200]
    if "RBAC" in theirs or "minimal role" in theirs:
        return "\n".join(text.splitlines()[:3])
    if "Follow these instructions" in text:
        return text.partition("Velero:")[0]
    if text.startswith("Examples:"):
        return text.partition("\n\nFlags")[0]
    lines = text.splitlines()
    return "\n".join([*lines[:1], *sorted(lines[1:])]) if text.startswith("NAME") else text


def noise(text: str, theirs: str) -> str:
    """stderr: usage only as such; an old program's log of failures once, and nothing after it where the recording was cut."""
    text = mask(text)
    head, usage, _rest = text.partition("Usage:\n")
    text = head + usage
    lines = text.splitlines()
    if "portforward.go:400" in text:
        cut = "Error:" not in theirs
        return "\n".join(line for line in dict.fromkeys(lines) if not cut or "forwarding" not in line and not line.startswith("Error:"))
    return "\n".join(line.replace(" loader.go:223] Config not found: /does/not/exist", " loader.go:223] Config not found") for line in lines)


def view(item: Line, short: bool) -> Line:
    """Of lists asked for as metadata only labels and names; of others all that KOTS writes."""
    meta = item.get("metadata", {})
    marks = ("kots.io", "velero.io/backup", "velero.io/restore")
    told = {"name": meta.get("name"), "marks": {k: v for k, v in (meta.get("labels") or {}).items() if k.startswith(marks)}}
    if short:
        return told
    notes = {name: text for name, text in (meta.get("annotations") or {}).items() if name.startswith("kots.io")}
    data = {name: "<hidden>" if "authstring" in name else text for name, text in (item.get("data") or {}).items()}
    spec = {name: one for name, one in (item.get("spec") or {}).items() if name not in SIZES | {"default", "excludedResources"}}
    ended = {name: one for name, one in (item.get("status") or {}).items() if name in ("phase", "errors")}
    deleting = bool(meta.get("deletionTimestamp"))
    return {**told, "annotations": notes, "data": data, "spec": spec, "status": ended, "rules": item.get("rules"), "deleting": deleting}


def replay(name: str) -> list[str]:
    return Replay(name).run(load(name), name)
