# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to an app's configuration: kotsadm for versions and values, the cluster for what runs."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import Refused, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.reconcile import Task
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from ansible_collections.serverops.circleci.plugins.module_utils.kots.client import InstallationClient
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config import Deploy, MakeVersion
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_choice import ConfigSpec, base_of, is_right, waits_for_us
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_model import (
    CHANGE,
    ConfigState,
    Item,
    Preflight,
    items_from_api,
    preflight_from_api,
    unready_of,
    versions_from_api,
)
from ansible_collections.serverops.circleci.plugins.module_utils.kots.config_seal_client import Opener, opener
from ansible_collections.serverops.circleci.plugins.module_utils.kots.errors import StillAtIt
from ansible_collections.serverops.circleci.plugins.module_utils.kots.model import version_from_health, version_numbers
from ansible_collections.serverops.circleci.plugins.module_utils.kubernetes.kinds import DEPLOYMENT, POD, STATEFUL_SET

BUILDS_ON_DEPLOYED = (1, 108, 0)  # from here kotsadm takes `current` with a change of the configuration
MOST = 3  # versions ahead that may be what an earlier run made
LOST = 12.0  # s in which a version may still come up whose making was cut off: kotsadm renders it first
PAUSE = 2.0


class ConfigPort:
    """One app of one kotsadm."""

    def __init__(self, client: InstallationClient, spec: ConfigSpec, task: Task, clock: Clock) -> None:
        self._client, self._spec, self._task, self._clock = client, spec, task, clock
        self._console, self._app = client.console, f"/app/{client.place.app}"
        self._opener: Optional[tuple[Opener, str]] = None
        self._version = ""
        self._configs: dict[int, tuple[Item, ...]] = {}
        self._items: dict[str, Item] = {}

    def read(self, _confirming: frozenset[str]) -> ConfigState:
        """Versions and configurations; preflights where one waits for us, and what runs where it is the current one."""
        state = replace(read_versions(self._client), ordered=self._is_ordered())
        self._version = self._version or version_of(self._client)
        state = replace(state, console=self._version, builds_on_deployed=(version_numbers(self._version) or (0, 0, 0)) >= BUILDS_ON_DEPLOYED)
        state = replace(state, configs={number: self._config(number) for number in self._needed(state)}, sealed=self._opener[1] if self._opener else "")
        if not self._spec.deploy or state.current is None:
            return state
        if is_right(self._spec, state.configs.get(state.current)):
            return replace(state, unready=self._unready())
        return replace(state, preflights=self._preflights(state))

    def apply(self, step: Any) -> None:
        """One order."""
        if isinstance(step, Deploy):
            with doing(f"deploy sequence {step.sequence}"):
                told = {"isSkipPreflights": self._spec.skip_preflights, "continueWithFailedPreflights": self._spec.despite_failed_preflights, "isCli": False}
                self._write(f"{self._app}/sequence/{step.sequence}/deploy", told)
            return
        with doing("make a version"):
            try:
                self._write(f"{self._app}/config/values", self._body(step))
            except StillAtIt:  # the order was taken: the rules wait for what comes of it
                return
            except Unreachable as error:  # no second order before it had the time
                raise Unreachable(str(error), after=LOST) from None

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(min(PAUSE, seconds))

    # -- reading -------------------------------------------------------------------------------------------

    def _is_ordered(self) -> bool:
        """Whether kotsadm took an order of this task. One whose answer was lost is in doubt: it is looked for, and sent again where nothing came of it."""
        return bool(self._task.answered("version"))

    def _needed(self, state: ConfigState) -> list[int]:
        """The base, the current one, and what an earlier run may have made."""
        changes = [one.sequence for one in state.ahead() if one.source == CHANGE][:MOST]
        return sorted({number for number in (state.current, base_of(self._spec, state), *changes) if number is not None and number >= 0})

    def _config(self, sequence: int) -> tuple[Item, ...]:
        """A version's configuration does not change any more."""
        if sequence not in self._configs:
            if self._opener is None:
                self._opener = opener(self._client.kubernetes, self._client.place.namespace)
            self._configs[sequence] = read_items(self._client, sequence, self._opener[0])
            self._items = {one.name: one for one in self._configs[sequence]}
        return self._configs[sequence]

    def _preflights(self, state: ConfigState) -> dict[int, Preflight]:
        ours = None if self._spec.skip_preflights else waits_for_us(self._spec, state)
        if ours is None or ours.status != "pending":
            return {}
        with doing(f"read the preflights of sequence {ours.sequence}"):
            body = self._console.read(f"{self._app}/sequence/{ours.sequence}/preflight/result")
            return {ours.sequence: self._console.parsed(preflight_from_api, body)}

    def _unready(self) -> tuple[str, ...]:
        kubernetes, place = self._client.kubernetes, self._client.place
        labels = f"kots.io/app-slug={place.app}"
        with doing("look at what runs"):
            workloads = [one for kind in (DEPLOYMENT, STATEFUL_SET) for one in kubernetes.list(kind, place.namespace, labels=labels).items]
            return unready_of(workloads, kubernetes.list(POD, place.namespace, labels=labels).items)

    # -- writing -------------------------------------------------------------------------------------------

    def _body(self, step: MakeVersion) -> Json:
        """JSON is YAML, and a value that looks like a number or a date stays a text in it."""
        values = {name: _value(self._items.get(name), text.reveal()) for name, text in step.changes}
        told = {"apiVersion": "kots.io/v1beta1", "kind": "ConfigValues", "metadata": {"name": "serverops"}, "spec": {"values": values}}
        base = {"current": self._spec.base == "deployed", "sequence": -1}
        return {
            "configValues": base64.b64encode(json.dumps(told).encode()).decode(),
            "merge": True,
            "deploy": False,
            "skipPreflights": self._spec.skip_preflights,
            **base,
        }

    def _write(self, path: str, body: Json) -> None:
        """An answer that says why it did not is a refusal, not a silence: asking again gives the same."""
        try:
            self._console.write("POST", path, body)
        except Unreachable as error:
            if not error.retry:
                raise Refused(str(error)) from None
            raise


def _value(item: Optional[Item], text: str) -> Json:
    if item is not None and item.is_password:
        return {"valuePlaintext": text}
    return {"value": text, "filename": item.filename} if item is not None and item.filename else {"value": text}


def version_of(client: InstallationClient) -> str:
    """kotsadm's own version."""
    with doing("ask kotsadm for its version"):
        return client.console.parsed(version_from_health, client.console.health())


def read_versions(client: InstallationClient) -> ConfigState:
    """The versions of the app."""
    with doing("read the app's versions"):
        versions, current, newest = client.console.parsed(versions_from_api, client.console.read(f"/app/{client.place.app}"))
    return ConfigState(versions, current, newest)


def read_items(client: InstallationClient, sequence: int, opened: Opener) -> tuple[Item, ...]:
    """The configuration of one version."""
    with doing(f"read the configuration of sequence {sequence}"):
        body = client.console.read(f"/app/{client.place.app}/config/{sequence}")
        return client.console.parsed(lambda told: items_from_api(told, opened), body)
