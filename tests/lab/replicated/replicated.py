"""replicated, the older program, as far as renewing certificates and scripts of old use it."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from collections.abc import Callable
from pathlib import Path

from lab.replicated.host import APP_ID, Failed, Host


def run(host: Host, argv: list[str], _stdin: Callable[[], str]) -> str:
    """What it prints. Raises Failed."""
    host.system()
    said = {"-version": "Replicated version 2.34.1", "status": host.system()["Replicated"]}
    if len(argv) == 1 and argv[0] in said:
        return f"{said[argv[0]]}\n"
    if argv == ["apps"]:
        rows = [("ID", "NAME", "SEQUENCE", "STATUS"), (APP_ID, "CircleCI Server", str(host.app["sequence"]), host.app["state"].capitalize())]
        return "".join("    ".join(row) + "\n" for row in rows)
    if len(argv) > 2 and argv[0] == "app":
        if argv[1] != APP_ID:
            raise Failed(f"app {argv[1]} not found")
        return _app(host, argv[2:])
    if len(argv) == 6 and argv[:3] == ["console", "cert", "set"]:
        return _cert(host, *argv[3:])
    if argv == ["auth", "reset"]:
        host.state["auth"] = {"Anonymous": {}}
        return ""
    raise Failed(f"the lab does not model: replicated {' '.join(argv)}")


def _app(host: Host, words: list[str]) -> str:
    if words[:1] == ["status"]:
        return f"{host.app['state'].capitalize()}\n"
    if words[:1] == ["settings"]:
        return json.dumps(host.exported(True), indent=4) + "\n"
    if words[:1] == ["start"]:
        host.start()
    elif words[:1] == ["stop"]:
        host.stop("-f" in words)
    else:
        raise Failed(f"the lab does not model: replicated app ID {' '.join(words)}")
    return ""


def _cert(host: Host, name: str, key: str, cert: str) -> str:
    """The console's own certificate: served at once, and in no export of the settings."""
    try:
        host.state["console"] = {"hostname": name, "cert": Path(cert).read_text(), "key": Path(key).read_text()}
    except OSError as error:
        raise Failed(f"open {error.filename}: {str(error.strerror).lower()}") from None
    host.note("console cert", name)
    return ""
