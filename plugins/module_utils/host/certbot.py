# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When certbot is to order a certificate: never while one will do, never twice in a run, and never beside another that orders it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Decision, Json, Look, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.host.certbot_model import CertbotSpec, CertbotState, Stored

ORDER, LINK = "order", "link"
LIFE = timedelta(days=90)  # of what is foreseen only


@dataclass(frozen=True)
class Order:
    """Have certbot obtain a certificate, or its successor."""

    item: str
    host_names: tuple[str, ...]

    def describe(self) -> Json:
        return {"step": ORDER, "id": self.item, "host_names": list(self.host_names)}


@dataclass(frozen=True)
class Link:
    """Have certbot set its links to the certificate that it has stored already. It does so by itself where it is asked for the `names` of the old one."""

    item: str
    names: tuple[str, ...]

    def describe(self) -> Json:
        return {"step": LINK, "id": self.item}


@dataclass(frozen=True)
class SetAside:
    """Move out of the way what certbot, killed at its first order, left half: beside it, it would order under another name and lose what it gets."""

    item: str
    paths: tuple[str, ...]

    def describe(self) -> Json:
        return {"step": "set_aside", "id": self.item, "paths": list(self.paths)}


@dataclass(frozen=True)
class TidyUp:
    """Remove the credentials that a certbot which was killed, or went down with the machine, has left."""

    item: str

    def describe(self) -> Json:
        return {"step": "tidy", "id": self.item}


CertbotLook = Look[CertbotSpec, CertbotState]


def why_due(spec: CertbotSpec, state: CertbotState) -> str:
    """Why another certificate is needed; empty where the stored one will do."""
    stored = state.stored
    if stored is None:
        return "there is no certificate yet"
    if set(stored.names) != set(spec.host_names):
        return f"the stored certificate is for {', '.join(stored.names)}"
    if stored.server != spec.directory_url:
        return f"the stored certificate is from {stored.server}"
    if spec.key_type and stored.key != spec.key_type:
        return f"the key of the stored certificate is {stored.key}"
    # Where certificates live shorter than renew_days each run would order one, until the authority refuses.
    margin = min(timedelta(days=spec.renew_days), (stored.ends - stored.begins) / 2)
    return f"the stored certificate ends at {stored.ends:%Y-%m-%d %H:%M} UTC" if stored.ends - state.now < margin else ""


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(_look: CertbotLook) -> list[str]:
    """What is wrong with the options is found before; the rest certbot tells."""
    return []


def decide(look: CertbotLook) -> dict[str, Decision]:
    """Wait for a certbot that runs; else order, once."""
    return {look.spec.name: _decision(look)}


def _decision(look: CertbotLook) -> Decision:
    spec, state = look.spec, look.state
    if state.running:
        return waiting(f"certbot obtains the certificate {spec.name}", phase="ordering")
    if state.left:
        return act("credentials of a certbot that was killed are left", TidyUp(spec.name))
    if state.unfinished:
        return act("certbot was ended in the middle of its first order", SetAside(spec.name, state.unfinished))
    if state.newer is not None and state.stored is not None:
        if look.memory.get(LINK):
            return stuck(f"certbot has stored a certificate that its links do not lead to, and does not set them: {_said(state)}")
        return act("certbot was ended before it had set its links to the new certificate", Link(spec.name, state.stored.names))
    why = why_due(spec, state)
    if not why:
        return settled(f"the certificate is good until {state.stored.ends:%Y-%m-%d}" if state.stored else "")
    if look.memory.get(ORDER):
        kept = "; the earlier one is as it was" if state.stored else ""
        return stuck(f"certbot obtained no certificate ({why}): {_said(state)}{kept}")
    return act(why, Order(spec.name, spec.host_names))


def _said(state: CertbotState) -> str:
    return f"{state.said or 'it said nothing'} (its log is {state.log})"


def effect(state: CertbotState, step: Any) -> CertbotState:
    """The state after a step, when all goes well."""
    if isinstance(step, TidyUp):
        return replace(state, left=False)
    if isinstance(step, SetAside):
        return replace(state, stored=None, newer=None, unfinished=())
    return replace(state, stored=state.newer, newer=None) if isinstance(step, Link) else replace(state, running=True, begun=ORDER)


def assume(look: CertbotLook, _item: str) -> CertbotState:
    """certbot ends well."""
    spec, now = look.spec, look.state.now
    made = Stored("", spec.host_names, now, now + max(LIFE, timedelta(days=2 * spec.renew_days + 1)), spec.key_type, spec.directory_url)
    return replace(look.state, stored=made, newer=None, running=False)


def remember(look: CertbotLook) -> Json:
    """What certbot was seen doing: what failed is told, and not tried again."""
    state = look.state
    begun = state.begun or (ORDER if state.running else "")
    return {**look.memory, begun: True} if begun else look.memory


def facts(look: CertbotLook) -> dict[str, Json]:
    """What is stored."""
    return {look.spec.name: {**_stored_view(look.state.stored), "directory_url": look.state.stored.server if look.state.stored else None}}


def view(look: CertbotLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    spec, state = look.spec, look.state
    live = f"{spec.config_directory}/live/{spec.name}"
    files = {"certificate_file": f"{live}/fullchain.pem", "private_key_file": f"{live}/privkey.pem"}
    return {"certificate": _stored_view(state.stored), **files, "log": state.log, "reason": decisions[spec.name].reason}


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(look: CertbotLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[look.spec.name].reason


def _stored_view(stored: Any) -> Json:
    if stored is None:
        return {"names": [], "ends": None, "fingerprint": None}
    ends = stored.ends.isoformat() if stored.fingerprint else None  # of what is foreseen nobody knows it
    return {"names": sorted(stored.names), "ends": ends, "fingerprint": stored.fingerprint or None}
