# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module as Ansible sends it: one file with all it needs and its arguments, built by ansible-core and run as a process of its own."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible.executor.module_common import modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, module_loader
from ansible.template import Templar


@functools.cache
def _loader() -> Any:
    init_plugin_loader()
    return module_loader


def build(module: str, arguments: dict[str, Any], path: Path) -> Path:
    """The file for a module (by its full name) with these arguments."""
    found = _loader().find_plugin_with_context(module)
    assert found.resolved, f"there is no module {module}"
    built = modify_module(
        module_name=found.resolved_fqcn,
        module_path=found.plugin_resolved_path,
        module_args={**arguments, "_ansible_check_mode": False},
        templar=Templar(DataLoader()),
        task_vars={"ansible_python_interpreter": sys.executable},
        module_compression="ZIP_DEFLATED",
    )
    path.write_bytes(built.b_module_data)
    return path


def environment() -> dict[str, str]:
    """The caller's, without what would name another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("NOMAD_", "K8S_AUTH_", "KUBE"))}


def start(payload: Path) -> subprocess.Popen[str]:
    """Its process, begun."""
    command = [sys.executable, str(payload)]
    return subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def result(process: subprocess.Popen[str], seconds: float = 120.0) -> dict[str, Any]:
    """What the module answered; fails the test where it answered nothing or a failure."""
    try:
        output, _nothing = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _nothing = process.communicate()
        raise AssertionError(f"no end after {seconds} s: {output}") from None
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        raise AssertionError(f"the module died: {output}") from None
    assert not answer.get("failed"), answer.get("msg")
    return answer
