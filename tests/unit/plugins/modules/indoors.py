# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doors run in process against the lab: everything between the parameters and the result, without a second of real time."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible_collections.serverops.circleci.plugins.module_utils import door
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import CollectionError
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Outcome
from ansible_collections.serverops.circleci.plugins.module_utils.nomad import client

from lab.nomad.lab import Lab

PLUGINS = "ansible_collections.serverops.circleci.plugins"
Json = dict[str, Any]


class Room:
    """One lab and the doors into it."""

    def __init__(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lab = lab
        monkeypatch.setattr(client, "new_session", lambda _tls: lab.session())

    def drain(self, check: bool = False, **params: Any) -> tuple[Json, str]:
        """The result and the failure of nomad_node_drain; no result where the task never came to see a client."""
        return self.change("nomad_node_drain", check, **params)

    def change(self, name: str, check: bool = False, **params: Any) -> tuple[Json, str]:
        """The result and the failure of a module that brings about a state; no result where it never came to see anything."""
        made = module(name).DOOR
        full = {name: option.get("default") for name, option in {**made.options, **door.WAIT_OPTIONS}.items()}
        try:
            outcome: Outcome = door.reconcile(made, {**full, "_run": None, **params}, check, self.lab.clock)
        except CollectionError as error:
            return {}, str(error)
        return door.result_of(outcome), outcome.failure

    def info(self, **params: Any) -> Json:
        """The result of nomad_node_info."""
        return self.read("nomad_node_info", **params)

    def read(self, name: str, **params: Any) -> Json:
        """The result of a module that reads."""
        made = module(name).DOOR
        full = {name: option.get("default") for name, option in made.options.items()}
        return made.read({**full, **params}, self.lab.clock)

    def send(self, path: str, body: Json) -> None:
        """Somebody else's order, left out of the lab's books."""
        self.lab.session().put("http://lab" + path, json=body).raise_for_status()
        self.lab.journal.clear()

    @property
    def writes(self) -> list[Json]:
        """What was written to the servers."""
        return list(self.lab.requests["writes"])


def module(name: str) -> ModuleType:
    """A module by its name."""
    return importlib.import_module(f"{PLUGINS}.modules.{name}")


def documented(name: str) -> Json:
    """The options that the documentation tells, those of its fragments included."""
    told = yaml.safe_load(module(name).DOCUMENTATION)
    options: Json = {}
    for fragment in told["extends_documentation_fragment"]:
        file, _dot, part = fragment.removeprefix("serverops.circleci.").partition(".")
        kind = importlib.import_module(f"{PLUGINS}.doc_fragments.{file}").ModuleDocFragment
        options.update(yaml.safe_load(getattr(kind, part.upper() or "DOCUMENTATION")).get("options") or {})
    return {**options, **told["options"]}


def returned(name: str) -> Json:
    """What the documentation says is returned."""
    return dict(yaml.safe_load(module(name).RETURN))


def check_options(name: str, options: Json) -> None:
    """Documentation and code tell the same options in the same way."""
    told = documented(name)
    assert set(told) == set(options)
    for option, code in options.items():
        said = told[option]
        for key in ("type", "elements", "choices", "default"):
            assert said.get(key) == code.get(key), f"{option}.{key}"
        assert bool(said.get("required")) == bool(code.get("required")), option
        if "env" in code:
            assert f"E({code['env']})" in " ".join(said["description"]), option


def process(name: str, environment: dict[str, str] | None = None, /, **params: Any) -> Json:
    """What a real process of the module prints."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("NOMAD_")}
    ran = subprocess.run(
        [sys.executable, "-m", f"{PLUGINS}.modules.{name}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": params}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**kept, **(environment or {})},
    )
    assert ran.stdout.strip().startswith("{"), ran.stderr[-2000:]
    return dict(json.loads(ran.stdout))
