# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the machine that the module runs on: started without a shell, bounded in time; what they say, never that they say it is well."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret

LONGEST = 1_000_000  # letters of an output that are kept


@dataclass(frozen=True)
class Ran:
    """What a program left: its exit code (None: it was ended for want of time), and the texts."""

    code: Optional[int]
    out: str = ""
    err: str = ""


def find_program(*names: str) -> Optional[str]:
    """Path of the first of the programs that is on PATH."""
    return next((found for found in map(shutil.which, names) if found), None)


def run(argv: Sequence[str], timeout: float = 20.0, fed: Optional[Secret] = None, more: Optional[Mapping[str, str]] = None, longest: int = LONGEST) -> Ran:
    """Run a program; no terminal, no secret in its arguments, `fed` on its stdin, `more` in its environment; of what it says `longest` letters are kept.

    Whatever goes wrong is an empty answer: whoever asks judges by the texts.
    """
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if fed is None else {"input": fed.reveal()}
    env = {**_environment(), **(more or {})}
    try:
        done = subprocess.run(list(argv), capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=timeout, check=False, env=env, **given)
    except subprocess.TimeoutExpired:
        return Ran(None)
    except OSError as error:
        return Ran(None, err=str(error.strerror or ""))
    return Ran(done.returncode, done.stdout[:longest], done.stderr[:longest])


def addresses_of(host: str) -> frozenset[str]:
    """The addresses that this host finds for a name; none where it finds none."""
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):
        return frozenset()


def _environment() -> dict[str, str]:
    """What programs need of ours; no credentials of ours among it."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
