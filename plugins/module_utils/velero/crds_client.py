# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the CustomResourceDefinitions of a version come from: its own program, a file of the operator's, or the cluster, where it has them already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands, files
from ansible_collections.serverops.circleci.plugins.module_utils.velero import versions
from ansible_collections.serverops.circleci.plugins.module_utils.velero.crds import checked_crds, unfit
from ansible_collections.serverops.circleci.plugins.module_utils.velero.spec import InstallSpec

PRINT = ("install", "--crds-only", "--dry-run", "-o", "json")
PATIENCE = 60.0


class CrdSource:
    """Found once in a run: the program's output and the file do not change under us."""

    def __init__(self, spec: InstallSpec, kubeconfig: str = "") -> None:
        self._spec, self._kubeconfig = spec, kubeconfig
        self._own: Optional[tuple[Json, ...]] = None

    def find(self, there: Mapping[str, Json], running: Optional[tuple[int, int, int]]) -> tuple[tuple[Json, ...], str]:
        """The CRDs to apply, and why there are none to be had (empty where all is well). None to apply and no reason: those of the cluster will do."""
        if self._own is None:
            self._own = self._given() or ()
        if self._own:
            return self._own, ""
        fault = unfit(there, self._spec.minor, running)
        remedy = (
            f"put the program velero {self._spec.version} on PATH or name it in velero_cli, or give in crds_file what it prints by: velero {' '.join(PRINT)}"
        )
        return (), f"the kinds of Velero {self._spec.version} are not in the cluster ({fault}); {remedy}" if fault else ""

    def _given(self) -> Optional[tuple[Json, ...]]:
        """From the file or the program that the operator names, else from the program on PATH where it is of the version that is wanted."""
        spec = self._spec
        if spec.crds_file:
            documents = _documents(files.read_text(spec.crds_file, "crds_file"), spec.crds_file)
            return checked_crds(documents, spec.version, spec.minor, f"crds_file {spec.crds_file}")
        program = commands.find_program(spec.velero_cli or "velero")
        if spec.velero_cli and not program:
            raise BadInput(f"velero_cli is {spec.velero_cli}, but no program is there; give the path of velero {spec.version}")
        if not program:
            return None
        has = program_version(program)
        if has != versions.version_of(spec.version):
            if not spec.velero_cli:
                return None
            words = ".".join(map(str, has)) if has else "a version that it does not tell"
            raise BadInput(f"velero_cli {program} is {words}, but version is {spec.version}; give the program of that version")
        return self._printed(program)

    def _printed(self, program: str) -> Optional[tuple[Json, ...]]:
        more = ("--kubeconfig", self._kubeconfig) if self._kubeconfig else ()
        ran = commands.run([program, *PRINT, *more], PATIENCE)
        try:
            document = json.loads(ran.out)
        except ValueError:
            if not self._spec.velero_cli:
                return None
            said = " ".join(ran.err.split())[:200]
            raise BadInput(f"velero_cli {program} printed no CRDs ({said}); newer versions need a usable kubeconfig for it: give one, or crds_file") from None
        return checked_crds([document], self._spec.version, self._spec.minor, f"velero_cli {program}")


def program_version(program: str) -> Optional[tuple[int, int, int]]:
    """What the program says it is; None where it says nothing of the kind."""
    for line in commands.run([program, "version", "--client-only"], PATIENCE).out.splitlines():
        name, _colon, value = line.strip().partition(":")
        if name == "Version":
            return versions.version_of(value)
    return None


def _documents(text: str, path: str) -> list[Any]:
    """JSON or YAML, one document or many."""
    import yaml

    try:
        return list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        raise BadInput(f"crds_file is {path}, which is neither JSON nor YAML") from None
