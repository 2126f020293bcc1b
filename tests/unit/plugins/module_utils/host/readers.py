# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are easily read wrongly, and the programs that read them for real: shells, systemd, apt, Java. PAM and Docker are kept as their rule."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

WRONG = (
    "a b",
    "'",
    '"',
    "$HOME",
    "${x}",
    "$",
    "$(id)",
    "`id`",
    "#",
    " #",
    "\\",
    "\\n",
    "!",
    "*",
    "~",
    "%",
    "%h",
    "%%",
    ";",
    "&",
    "|",
    "(",
    ")",
    "{a,b}",
    "<",
    "=",
    "é",
    "日本",
    "",
)
SHELLS = ("sh", "dash", "bash")
SYSTEMD = "/lib/systemd/systemd"


def awkward(count: int, seed: int = 7) -> list[str]:
    """Each of the signs alone, then mixtures; the same each time."""
    chance = random.Random(seed)
    found = [*WRONG, "x" * 65536, "a\nb", "a\rb", "a\tb", "a\0b", "ends with \\", "'\"'\"'", "-n", "http://10.0.0.33:3128"]
    while len(found) < count:
        found.append("".join(chance.choice((*WRONG, "a", "1", "/", ".", " ")) for _number in range(chance.randint(1, 12))))
    return found[:count]


def needs(*programs: str) -> None:
    """Skips the test, saying so, where a reader is not on this machine."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} on PATH, so this reader was not tried")


def by_shell(program: str, path: Path, export: bool = True) -> dict[str, str]:
    """What a program that the shell starts gets; nothing else is in its environment."""
    needs(program)
    script = f'{"" if export else "set -a; "}. "$1" && exec /usr/bin/env -0'
    ran = subprocess.run([program, "-c", script, program, str(path)], env={}, capture_output=True, check=True, timeout=60)
    assert ran.stderr == b""
    return dict(entry.partition("=")[::2] for entry in ran.stdout.decode("utf-8", "surrogateescape").split("\0") if entry)


def by_systemd(dropin: str, folder: Path) -> dict[str, str]:
    """What systemd itself makes of a drop-in: its test mode prints each unit as it understood it."""
    needs(SYSTEMD, "setpriv")
    units, home = folder / "units", folder / "home"
    (units / "probe.service.d").mkdir(parents=True)
    home.mkdir()
    for name in ("basic.target", "shutdown.target"):
        (units / name).write_text("[Unit]\n")
    (units / "probe.service").write_text("[Service]\nExecStart=/bin/true\n")
    (units / "probe.service.d" / "x.conf").write_bytes(dropin.encode("utf-8", "surrogateescape"))
    env = {"SYSTEMD_UNIT_PATH": str(units), "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": os.defpath}
    argv = [SYSTEMD, "--test", "--user", "--unit=probe.service"]
    if os.geteuid() == 0:  # it does not do this for root
        os.chown(home, 65534, 65534)
        for path in (folder, *folder.parents):
            if path.owner() == "root" and path.is_relative_to("/tmp") and path != Path("/tmp"):
                path.chmod(path.stat().st_mode | 0o055)
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv]
    ran = subprocess.run(argv, env=env, capture_output=True, timeout=60, check=False)
    text = ran.stdout.decode("utf-8", "surrogateescape")
    assert "probe.service" in text, ran.stderr.decode()
    lines = [line.strip() for line in text.split("\n") if line.strip().startswith("Environment: ")]
    return dict(line.removeprefix("Environment: ").partition("=")[::2] for line in lines)


def by_apt(path: Path) -> dict[str, str]:
    """What apt itself has read."""
    needs("apt-config")
    ran = subprocess.run(["apt-config", "dump", "-c", str(path)], capture_output=True, text=True, check=True, timeout=60, env={"PATH": os.defpath})
    pairs = [line.split(" ", 1) for line in ran.stdout.splitlines() if line.startswith(("Acquire::http::Proxy::", "Acquire::https::Proxy::"))]
    return {name: value.removesuffix(";").strip('"') for name, value in pairs}


def by_java(path: Path) -> dict[str, str]:
    """The properties of a Java that a script starts as CircleCI's do: with the words of JVM_OPTS."""
    needs("java", "sh")
    script = '. "$1"; exec java $JVM_OPTS -XshowSettings:properties -version'
    ran = subprocess.run(["sh", "-c", script, "sh", str(path)], capture_output=True, text=True, check=True, timeout=120)
    return dict(line.strip().partition(" = ")[::2] for line in ran.stderr.splitlines() if " = " in line)


def by_pam(text: str) -> dict[str, str]:
    """The rule of pam_env's own reader (Linux-PAM 1.1 to 1.4): a # ends the line, one quote at each end goes, nothing is escaped."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        body = line.lstrip(" \t").removeprefix("export ").partition("#")[0]
        name, equals, value = body.partition("=")
        if not equals or not name.replace("_", "a").isalnum() or len(line.encode()) > 1022:
            continue
        if value[:1] in ("'", '"'):
            value = value[1:-1] if value[-1:] in ("'", '"') else value[1:]
        found[name] = value
    return found


def by_docker(text: str) -> dict[str, str]:
    """The rule of Docker's --env-file: blanks before the name go, # begins a comment at the line's begin alone, all behind the = is the value."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        body = line.removesuffix("\r").lstrip(" \t")
        if body and not body.startswith("#") and "=" in body:
            name, _equals, value = body.partition("=")
            found[name] = value
    return found


def fits(render: Callable[[str], object], value: str) -> bool:
    """Whether the value was taken, not refused."""
    from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput

    try:
        render(value)
    except BadInput as error:
        assert value == "" or value not in str(error) or len(value) < 4, "a refusal does not show the value"
        return False
    return True
