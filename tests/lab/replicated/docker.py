"""docker, as far as people and modules look at the containers of a Services host."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import argparse
import json
import os
import re
import subprocess
from collections.abc import Callable
from typing import Any

from lab.replicated.host import Failed, Host
from lab.replicated.replicatedctl import Parser

Json = dict[str, Any]


def run(host: Host, argv: list[str], _stdin: Callable[[], str]) -> str:
    """What it prints. Raises Failed."""
    command, words = (argv or [""])[0], argv[1:]
    if command not in COMMANDS:
        raise Failed(f"docker: '{command}' is not a docker command of the lab.")
    return COMMANDS[command](host, words)


def _ps(host: Host, words: list[str]) -> str:
    parser = Parser(add_help=False)
    for flag in (("-a", "--all"), ("-q", "--quiet"), ("--no-trunc",)):
        parser.add_argument(*flag, action="store_true")
    parser.add_argument("--format")
    parser.add_argument("-f", "--filter", action="append", default=[])
    given = parser.parse_args(words)
    shown = {name: one for name, one in host.containers().items() if (one["running"] or given.all) and _passes(name, given.filter)}
    ids = {name: one["id"] if given.no_trunc else one["id"][:12] for name, one in shown.items()}
    if given.quiet:
        return "".join(f"{one}\n" for one in ids.values())
    if given.format:
        return "".join(_filled(given.format, {"ID": ids[name], "Names": name, "Status": _status(one), "Image": f"lab/{name}"}) for name, one in shown.items())
    head = "CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   PORTS   NAMES\n"
    return head + "".join(f'{ids[name]}   lab/{name}   "run"   some time ago   {_status(one)}      {name}\n' for name, one in shown.items())


def _passes(name: str, filters: list[str]) -> bool:
    return all(re.search(one.partition("=")[2], f"/{name}") for one in filters if one.startswith("name="))


def _status(one: Json) -> str:
    return "Up some time" if one["running"] else "Exited (0) some time ago"


def _filled(template: str, fields: Json) -> str:
    if template == "json" or template == "{{json .}}":
        return json.dumps(fields) + "\n"
    return re.sub(r"\{\{\s*\.(\w+)\s*\}\}", lambda found: str(fields.get(found.group(1), "<no value>")), template) + "\n"


def inspected(host: Host, name: str, there: dict[str, Json]) -> Json:
    """As docker inspect tells of one container."""
    key = name if name in there else next((key for key, found in there.items() if len(name) >= 12 and found["id"].startswith(name)), "")
    if not key:
        raise Failed(f"Error: No such object: {name}")
    one = there[key]
    state = {"Status": "running" if one["running"] else "exited", "Running": one["running"], "StartedAt": _time(host, one["started"])}
    state["FinishedAt"] = _time(host, one["finished"]) if one.get("finished") is not None else "0001-01-01T00:00:00Z"
    env = [f"{name}={value}" for name, value in one.get("base", {}).items()]
    return {
        "Id": one["id"],
        "Created": _time(host, one["created"]),
        "Name": f"/{key}",
        "RestartCount": 0,
        "State": state,
        "Config": {"Env": env, "Image": f"lab/{key}"},
    }


def _time(host: Host, at: float) -> str:
    """Docker tells nanoseconds."""
    return host.wall(at).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def _inspect(host: Host, words: list[str]) -> str:
    """What is not there is told on stderr at the end; what is, is printed."""
    parser = Parser(add_help=False)
    parser.add_argument("-f", "--format")
    parser.add_argument("--type", choices=("container",))
    parser.add_argument("names", nargs="+")
    given = parser.parse_args(words)
    found, missing, there = [], [], host.containers()
    for name in given.names:
        try:
            found.append(inspected(host, name, there))
        except Failed as failure:
            missing.append(str(failure))
    if given.format:
        text = "".join(_go(given.format, one) for one in found)
    else:
        text = json.dumps(found, indent=4) + "\n"
    if missing:
        raise Failed("\n".join(missing), text)
    return text


def _go(template: str, one: Json) -> str:
    """Go's templates as far as {{.State.StartedAt}} and {{json .State}}."""

    def value(found: re.Match[str]) -> str:
        here: Any = one
        for key in [key for key in found.group(2).split(".") if key]:
            here = here.get(key, "<no value>") if isinstance(here, dict) else "<no value>"
        return json.dumps(here) if found.group(1) or isinstance(here, bool) else str(here)

    return re.sub(r"\{\{\s*(json\s+)?([.\w]+)\s*\}\}", value, template) + "\n"


def _logs(host: Host, words: list[str]) -> str:
    parser = Parser(add_help=False)
    parser.add_argument("--tail", "-n", default="all")
    parser.add_argument("--timestamps", "-t", action="store_true")
    parser.add_argument("--since")
    parser.add_argument("name")
    given = parser.parse_args(words)
    lines = host.container(given.name)["logs"]
    if given.since:  # the lab's lines begin with their time
        lines = [line for line in lines if line[:19] >= given.since[:19]]
    count = None if given.tail == "all" else int(given.tail)
    return "".join(f"{line}\n" for line in (lines if count is None else lines[len(lines) - min(count, len(lines)) :]))


def _exec(host: Host, words: list[str]) -> str:
    """Runs a program of this machine with the container's environment."""
    parser = Parser(add_help=False)
    for flag in (("-i", "--interactive"), ("-t", "--tty")):
        parser.add_argument(*flag, action="store_true")
    parser.add_argument("-e", "--env", action="append", default=[])
    parser.add_argument("name")
    parser.add_argument("argv", nargs=argparse.REMAINDER)
    given = parser.parse_args(words)
    one = host.container(given.name)
    if not one["running"]:
        raise Failed(f"Error response from daemon: Container {one['id']} is not running")
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), **one["env"], **dict(pair.split("=", 1) for pair in given.env)}
    try:
        ran = subprocess.run(given.argv, env=env, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        raise Failed(f'OCI runtime exec failed: exec: "{given.argv[0]}": executable file not found in $PATH: unknown', code=127) from None
    if ran.returncode:
        raise Failed(ran.stderr.rstrip("\n"), ran.stdout, ran.returncode)
    return ran.stdout


def _restart(host: Host, words: list[str]) -> str:
    parser = Parser(add_help=False)
    parser.add_argument("-t", "--time", type=int)
    parser.add_argument("names", nargs="+")
    given = parser.parse_args(words)
    for name in given.names:
        host.restart_container(name)
    return "".join(f"{name}\n" for name in given.names)


def _version(_host: Host, words: list[str]) -> str:
    return "17.12.1-ce\n" if words else "Client:\n Version:\t17.12.1-ce\nServer:\n Engine:\n  Version:\t17.12.1-ce\n"


COMMANDS: dict[str, Callable[[Host, list[str]], str]] = {
    "exec": _exec,
    "inspect": _inspect,
    "logs": _logs,
    "ps": _ps,
    "restart": _restart,
    "version": _version,
}
