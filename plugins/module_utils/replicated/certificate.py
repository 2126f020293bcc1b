# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate of the app or of the console: judged before anything is changed, installed beside a copy of the old pair, believed when it is served."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional, Union

from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput
from ansible_collections.serverops.circleci.plugins.module_utils.core.params import not_negative
from ansible_collections.serverops.circleci.plugins.module_utils.core.secret import Secret
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN, Decision, Json, Look, Unknown, act, settled, stuck, waiting
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Fault, Paper
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_names import as_address, plain
from ansible_collections.serverops.circleci.plugins.module_utils.host.endpoints import Endpoint, parse_endpoint

APP, CONSOLE = "app", "console"
PORTS = {APP: 443, CONSOLE: 8800}
PATIENCE = 60.0  # s in which something must be served
CONFIRM = 5.0  # s after which another one must still be served to be believed
KEPT = "/var/lib/serverops/certificates"


@dataclass(frozen=True)
class PairSpec:
    """What is wanted."""

    certificate: Secret
    private_key: Secret
    target: str = APP
    present: bool = True
    host_names: tuple[str, ...] = ()
    authorities: str = ""
    self_signed: bool = False
    order: str = "fix"
    min_days: int = 0
    endpoint: Endpoint = Endpoint("127.0.0.1")
    console: Optional[Endpoint] = None
    kept: str = KEPT


@dataclass(frozen=True)
class Identity:
    """A pair by the fingerprints of its chain and of its key's public half; `chain` alone where nothing more can be seen."""

    chain: tuple[str, ...] = ()
    key: str = ""

    @property
    def leaf(self) -> str:
        return self.chain[0] if self.chain else ""


@dataclass(frozen=True)
class PairState:
    """What was found. `wanted` is None where there is nothing to install; `served` is the leaf at the endpoint, `unserved` why there is none to see.

    `keepable`: the stored pair is there with its key; `left`: a run that was killed has left files; `others`: there are notes of other changes.
    `noted`: there is a note of this one; `pending`: the app has not been started since. What was started since has read it, whoever started it.
    """

    wanted: Optional[Identity] = None
    leaf: Optional[Paper] = None
    faults: tuple[str, ...] = ()
    mended: tuple[Fault, ...] = ()
    stored: Identity = Identity()
    keepable: bool = False
    kept: Identity = Identity()
    noted: bool = False
    pending: bool = False
    served: Union[str, Unknown] = UNKNOWN
    unserved: str = ""
    left: bool = False
    others: bool = False
    console_current: Optional[bool] = None  # has the wanted pair; None where that was not asked

    @property
    def is_unproven(self) -> bool:
        """Whether what is stored was installed, and not seen served since."""
        return self.pending or (self.noted and self.served != self.stored.leaf)


@dataclass(frozen=True)
class KeepPair:
    """Copy the pair that is in use, to be able to put it back."""

    item: str
    fingerprint: str

    def describe(self) -> Json:
        return {"step": "keep", "id": self.item, "fingerprint": self.fingerprint}


@dataclass(frozen=True)
class InstallPair:
    """Hand a pair to Replicated; for the app with a note that it waits for a restart."""

    item: str
    identity: Identity

    def describe(self) -> Json:
        return {"step": "install", "id": self.item, "fingerprint": self.identity.leaf}


@dataclass(frozen=True)
class TidyUp:
    """Take away the files that a run which was killed had made for the console's program."""

    item: str

    def describe(self) -> Json:
        return {"step": "tidy", "id": self.item}


PairLook = Look[PairSpec, PairState]


def pair_spec(params: Mapping[str, Any]) -> PairSpec:
    """Raises BadInput."""
    target, present = params["target"], params["state"] == "present"
    for name in ("certificate", "private_key") if present else ():
        if not params[name]:
            raise BadInput(f"{name} is needed for state present; give its PEM text")
    not_negative(min_days=params["min_days"])
    port = PORTS[target]
    return PairSpec(
        certificate=Secret(params["certificate"] or ""),
        private_key=Secret(params["private_key"] or ""),
        target=target,
        present=present,
        host_names=_names(params["host_names"] or ()),
        authorities=params["authorities"] or "",
        self_signed=params["self_signed"],
        order=params["chain_order"],
        min_days=params["min_days"],
        endpoint=parse_endpoint(params["endpoint"] or f"127.0.0.1:{port}", "endpoint", port),
        console=_beside(target, params["console_endpoint"]),
        kept=params["kept_directory"],
    )


def _names(given: Iterable[str]) -> tuple[str, ...]:
    names = tuple(plain(name) for name in given)
    for name in names:
        if not as_address(name) and set(name) & set("/: "):
            raise BadInput(f"host_names has {name!r}, which is no name of a host; give it without scheme and port")
        if not name.isascii():
            raise BadInput(f"host_names has {name!r}, whose letters stand in no certificate; give it in its xn-- form")
    return names


def _beside(target: str, given: Optional[str]) -> Optional[Endpoint]:
    if given and target == CONSOLE:
        raise BadInput(f"console_endpoint is {given}, but with target console the place that is looked at is endpoint; leave console_endpoint out")
    return parse_endpoint(given, "console_endpoint", PORTS[CONSOLE]) if given else None


# -- the kernel's questions ----------------------------------------------------------------------------------


def refusals(look: PairLook) -> list[str]:
    """Every fault of the pair; or that there is none to put back."""
    if not look.spec.present and look.state.wanted is None:
        return [f"there is no earlier pair of the {look.spec.target} in {look.spec.kept}; give certificate and private_key"]
    return list(look.state.faults)


def decide(look: PairLook) -> dict[str, Decision]:
    """Keep the old pair and install the new one, or see whether it is served."""
    return {look.spec.target: _decision(look)}


def _decision(look: PairLook) -> Decision:
    state, spec = look.state, look.spec
    if state.wanted is None:
        return stuck("there is nothing to install")
    if state.stored != state.wanted:
        # What was never served is not worth keeping: the copy of what was stays until a restart has proven the new one.
        proven = not (state.is_unproven and state.kept.chain)
        keep = [KeepPair(spec.target, state.stored.leaf)] if spec.present and state.keepable and proven and state.kept != state.stored else []
        return act("another certificate is installed", *keep, InstallPair(spec.target, state.wanted))
    if state.left:
        return act("files of a run that was killed are left", TidyUp(spec.target))
    if state.pending:
        return settled("it is installed, and served when the app was restarted")
    remedy = "restart the app (replicated_app, state restarted), or put the old pair back (state previous)" if spec.target == APP else "see the console's log"
    if isinstance(state.served, str):
        if state.served == state.wanted.leaf:
            return settled(f"it is installed, and served at {spec.endpoint}")
        return stuck(f"it is installed, but {spec.endpoint} serves another one ({state.served[:16]}); {remedy}", confirm=CONFIRM)
    if look.phases.get(spec.target, 0.0) < PATIENCE:
        return waiting(f"it is installed; {state.unserved}", phase="served", recheck=5.0)
    return stuck(f"it is installed, but {state.unserved}; {remedy}")


def effect(state: PairState, step: Any) -> PairState:
    """The state after a step."""
    if isinstance(step, KeepPair):
        return replace(state, kept=state.stored)
    if isinstance(step, TidyUp):
        return replace(state, left=False)
    if step.item == CONSOLE:
        return replace(state, stored=step.identity, served=step.identity.leaf, unserved="", keepable=True, left=False)
    return replace(state, stored=step.identity, pending=True, keepable=True, served=UNKNOWN, unserved="")


def assume(look: PairLook, _item: str) -> PairState:
    """What is installed comes to be served."""
    return replace(look.state, served=look.state.wanted.leaf if look.state.wanted else "", unserved="")


def remember(look: PairLook) -> Json:
    """Nothing."""
    return look.memory


def facts(look: PairLook) -> dict[str, Json]:
    """What is installed and what is kept, by fingerprints."""
    stored, kept = look.state.stored, look.state.kept
    return {look.spec.target: {"certificate": stored.leaf or None, "chain": len(stored.chain), "previous": kept.leaf or None}}


def view(look: PairLook, decisions: Mapping[str, Decision]) -> Json:
    """The result."""
    state = look.state
    return {
        "certificate": _leaf_view(state.leaf, state.wanted),
        "served": state.served if isinstance(state.served, str) else None,
        "previous": state.kept.leaf or None,
        "console_current": state.console_current,
        "mended": [fault.kind for fault in state.mended],
        "restart_required": state.is_unproven and state.stored == state.wanted,
        "restart_noted": state.pending or state.noted or state.others,
        "reason": decisions[look.spec.target].reason,
    }


def out_of_sight(last: Json) -> Json:
    """The last view."""
    return last


def progress(look: PairLook, decisions: Mapping[str, Decision]) -> str:
    """A line."""
    return decisions[look.spec.target].reason


def _leaf_view(leaf: Optional[Paper], wanted: Optional[Identity]) -> Json:
    if leaf is None:
        return {"subject": None, "names": [], "ends": None, "fingerprint": wanted.leaf if wanted else None}
    return {"subject": leaf.subject, "names": [*leaf.names, *leaf.addresses], "ends": leaf.ends.isoformat(), "fingerprint": leaf.fingerprint}
