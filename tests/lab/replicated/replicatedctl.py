"""replicatedctl, as far as an operator of a 2.x installation needs it. What it is not: NOT_MODELLED."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

from lab.replicated.host import APP_ID, Failed, Host
from lab.replicated.items import STORED, view

Json = dict[str, Any]
NOT_MODELLED = ("snapshot", "preflight", "support-bundle", "migration", "cluster", "terms", "license-load")
VERSION = "2.34.1"


class Waits(Exception):
    """The program stays until the task has ended (--attach): ask again with `follow`."""

    def __init__(self, task: str, quiet: bool) -> None:
        super().__init__(task)
        self.task, self.quiet = task, quiet


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise Failed(f"Error: {message}")


def run(host: Host, argv: list[str], stdin: Callable[[], str]) -> str:
    """What it prints. Raises Failed, or Waits."""
    words = list(argv)
    while words and words[0] in ("--no-tty", "-i", "-t"):  # the script's own, for docker exec
        words.pop(0)
    command = words[0] if words else ""
    if command in NOT_MODELLED:
        raise Failed(f"Error: the lab does not model {command}")
    if command not in COMMANDS:
        raise Failed(f'Error: unknown command "{command}" for "replicatedctl"')
    return COMMANDS[command](host, words[1:], stdin)


def follow(host: Host, task: str) -> str | None:
    """What a program that waits prints in the end; None while the task runs."""
    found = host.state["tasks"][task]
    if found["State"] == "running":
        return None
    if found["State"] == "failed":
        raise Failed(f"Error: {found['Error']}")
    return ""


def _shown(value: Any, given: argparse.Namespace) -> str:
    """As -o or --template ask for it."""
    if getattr(given, "template", None):
        return _filled(given.template, value)
    if getattr(given, "output", None) == "yaml":
        import yaml

        return str(yaml.safe_dump(value, sort_keys=False))
    return json.dumps(value, indent=4) + "\n"


def _filled(template: str, value: Any) -> str:
    """Go's templates as far as {{.A.B}}."""

    def one(found: re.Match[str]) -> str:
        here: Any = value
        for key in found.group(1).strip().strip(".").split("."):
            here = {name.lower(): entry for name, entry in here.items()}.get(key.lower(), "<no value>") if isinstance(here, dict) else "<no value>"
        return str(here)

    return re.sub(r"\{\{([^}]*)\}\}", one, template)


def _parser(*flags: str) -> Parser:
    parser = Parser(add_help=False)
    parser.add_argument("--host")
    for flag in flags:
        if flag == "output":
            parser.add_argument("-o", "--output", choices=("json", "yaml"))
            parser.add_argument("--template")
        else:
            parser.add_argument(f"-{flag[0]}", f"--{flag}", action="store_true")
    return parser


def _system(host: Host, words: list[str], _stdin: Any) -> str:
    _must(words, "status")
    given = _parser("output", "quiet").parse_args(words[1:])
    status = host.system()
    return f"{min(status.values(), key=('failed', 'initializing', 'ready').index)}\n" if given.quiet else _shown(status, given)


def _app(host: Host, words: list[str], _stdin: Any) -> str:
    _must(words, "status", "start", "stop", "apply-config", "inspect")
    if words[0] in ("status", "inspect"):
        given, _more = _parser("output").parse_known_args(words[1:])  # a word more is tolerated
        if words[0] == "status":
            return _shown(host.status(), given)
        return _shown([{"ID": APP_ID, "Name": "CircleCI Server", "Sequence": host.app["sequence"], "VersionLabel": "2.17.2"}], given)
    force = ("force",) if words[0] != "start" else ()
    given = _parser("attach", "quiet", *force).parse_args(words[1:])
    act = {"start": host.start, "stop": host.stop, "apply-config": host.apply_config}[words[0]]
    task = act(given.force) if force else act()
    if given.attach:
        raise Waits(task, given.quiet)
    return f"{task}\n" if given.quiet else _shown(host.state["tasks"][task], given)


def _task(host: Host, words: list[str], _stdin: Any) -> str:
    _must(words, "ls", "inspect", "attach")
    tasks = host.state["tasks"]
    if words[0] == "ls":
        given = _parser("output", "quiet", "all").parse_args(words[1:])
        running = [one for one in tasks.values() if given.all or one["State"] == "running"]
        return "".join(f"{one['ID']}\n" for one in running) if given.quiet else _shown(running, given)
    parser = _parser("output", "quiet")
    parser.add_argument("ids", nargs="+")
    given = parser.parse_args(words[1:])
    if any(one not in tasks for one in given.ids):
        raise Failed("Error: task not found")
    if words[0] == "attach":
        raise Waits(given.ids[0], given.quiet)
    return _shown([tasks[one] for one in given.ids], given)


def _config(host: Host, words: list[str], stdin: Callable[[], str]) -> str:
    _must(words, "export", "import", "set", "view")
    if words[0] == "export":
        parser = _parser("output")
        parser.add_argument("--hidden", action="store_true")
        given = parser.parse_args(words[1:])
        return _shown(host.exported(given.hidden), given)
    if words[0] == "view":
        parser = _parser("output", "quiet")
        parser.add_argument("--group", default="")
        given = parser.parse_args(words[1:])
        host.status()
        shown = view(host.state["stored"], given.group)
        return "".join(f"{one['Name']}\n" for one in shown) if given.quiet else _shown(shown, given)
    parser = _parser()
    parser.add_argument("--skip-validation", action="store_true")
    if words[0] == "import":
        parser.add_argument("--format", choices=("json", "yaml"), default="json")
        given = parser.parse_args(words[1:])
        host.import_items(_read(stdin(), given.format), not given.skip_validation)
        return ""
    return _set(host, parser, words[1:])


def _set(host: Host, parser: Parser, words: list[str]) -> str:
    parser.add_argument("name")
    parser.add_argument("--value", action="append", default=[])
    parser.add_argument("--data", action="append", default=[])
    given = parser.parse_args(words)
    if given.name not in STORED:
        raise Failed(f"Error: config item {given.name} not found")
    if STORED[given.name].multiple:
        item: Json = {"multi_value": given.value, "multi_data": given.data}
    else:
        item = {"value": "".join(given.value[-1:]), "data": "".join(given.data[-1:])}
    host.import_items({given.name: item}, not given.skip_validation)
    return ""


def _read(text: str, form: str) -> Any:
    try:
        if form == "json":
            return json.loads(text)
        import yaml

        return yaml.safe_load(text)
    except ValueError as error:
        raise Failed(f"Error: {error}") from None


def _params(host: Host, words: list[str], stdin: Callable[[], str]) -> str:
    _must(words, "export", "import", "set", "unset")
    host.system()
    if words[0] == "export":
        return _shown(host.state["params"] | host.state["overridden"], _parser("output").parse_args(words[1:]))
    parser = _parser()
    if words[0] == "import":
        parser.add_argument("--format", choices=("json", "yaml"), default="json")
        host.state["overridden"] |= _read(stdin(), parser.parse_args(words[1:]).format)
        return ""
    parser.add_argument("key")
    parser.add_argument("--value", default="")
    given = parser.parse_args(words[1:])
    if words[0] == "unset":
        host.state["overridden"].pop(given.key, None)
    else:
        host.state["overridden"][given.key] = given.value
    return ""


def _auth(host: Host, words: list[str], stdin: Callable[[], str]) -> str:
    _must(words, "export", "import", "reset")
    host.system()
    if words[0] == "export":
        return _shown(host.state["auth"], _parser("output").parse_args(words[1:]))
    host.state["auth"] = {"Anonymous": {}} if words[0] == "reset" else _read(stdin(), "json")
    return ""


def _license(host: Host, words: list[str], _stdin: Any) -> str:
    _must(words, "inspect")
    parser = _parser("output")
    parser.add_argument("--sync", action="store_true")
    given = parser.parse_args(words[1:])
    host.system()
    return _shown({"ID": "lab-license", "ExpirationTime": "2030-01-01T00:00:00Z", "ExpirationPolicy": "ignore"}, given)


def _release(host: Host, words: list[str], _stdin: Any) -> str:
    _must(words, "ls")
    given = _parser("output", "fetch", "pending").parse_known_args(words[1:])[0]
    return _shown([] if given.pending else [{"Sequence": host.app["sequence"], "Version": "2.17.2"}], given)


def _version(_host: Host, words: list[str], _stdin: Any) -> str:
    given = _parser("output").parse_args(words)
    return _shown({"version": VERSION}, given) if given.output else f"{VERSION}\n"


def _must(words: list[str], *known: str) -> None:
    if not words or words[0] not in known:
        raise Failed(f'Error: unknown command "{" ".join(words[:1])}"; known are {", ".join(known)}')


COMMANDS: dict[str, Callable[[Host, list[str], Callable[[], str]], str]] = {
    "app": _app,
    "app-config": _config,
    "app-release": _release,
    "console-auth": _auth,
    "license": _license,
    "params": _params,
    "system": _system,
    "task": _task,
    "version": _version,
}
