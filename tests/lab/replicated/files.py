"""The files that containers of a Services host read when they start, read by real readers: a shell, and a TOML parser."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import subprocess
from pathlib import Path

import tomllib

GLOBAL = "etc/circle-installation-customizations"
VERSION = "1.9.0"


def overrides(root: Path, container: str) -> dict[str, str]:
    """What a shell that sources the container's files exports, the general one first."""
    files = [path for path in (root / GLOBAL, root / "etc/circleconfig" / container / "customizations") if path.is_file()]
    if not files:
        return {}
    source = "; ".join(f'. "{path}"' for path in files)
    ran = subprocess.run(["sh", "-c", f"{source}; env -0"], capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"}, timeout=10)
    pairs = [entry.partition("=") for entry in ran.stdout.decode("utf-8", "replace").split("\0") if "=" in entry]
    return {name: value for name, _equals, value in pairs if name not in ("PATH", "PWD", "SHLVL", "OLDPWD", "_")}


def telegraf_start(root: Path, stamp: str) -> tuple[list[str], bool]:
    """What Telegraf logs when it starts, and whether it runs: it reads every .conf of its folder, and ends where one cannot be read."""
    lines = [f"{stamp} I! Starting Telegraf {VERSION}"]
    outputs: list[str] = []
    for path in sorted(path for path in (root / "etc/circleconfig/telegraf").glob("*.conf") if path.is_file()):
        try:
            parsed = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            where = f"/etc/telegraf/telegraf.d/{path.name}"
            return [f"{stamp} E! [telegraf] Error running agent: Error parsing {where}, {error}"], False
        for name, entries in parsed.get("outputs", {}).items():
            for each in entries if isinstance(entries, list) else [entries]:
                if " " in str(each.get("url", "")):  # in the words of Go's net/url
                    fault = f'parse "{each["url"]}": invalid character " " in host name'
                    return [*lines, f"{stamp} E! [telegraf] Error running agent: connecting output outputs.{name}: {fault}"], False
                outputs.append(name)
    return [*lines, f"{stamp} I! Loaded inputs: statsd", f"{stamp} I! Loaded outputs: {' '.join(outputs)}"], True
