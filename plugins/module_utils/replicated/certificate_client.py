# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the certificate of the app or of the console: what is wanted judged, what is stored, kept and served read, and changed with a note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, CollectionError, Refused, Unreachable, doing
from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import UNKNOWN
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Paper, sentences
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_chain import Asked, Judged, judge_key, judge_server
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_client import authorities_above, key_text, read_der, read_material
from ansible_collections.serverops.circleci.plugins.module_utils.host.endpoints import Endpoint
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import APP as RESTART
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import Note
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from ansible_collections.serverops.circleci.plugins.module_utils.host.trust_model import STORES
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.app_model import AppState
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.certificate import (
    APP,
    CONSOLE,
    Identity,
    KeepPair,
    PairSpec,
    PairState,
    TidyUp,
)
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.certificate_places_client import PLACES, KeptPairs, Pair, pair_of
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.client import ReplicatedClient
from ansible_collections.serverops.circleci.plugins.module_utils.replicated.model import CONTAINERS, Held
from ansible_collections.serverops.circleci.plugins.module_utils.transport import handshakes
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import HostFiles

WHAT = "certificate of the app"
TAKES = 15.0  # s that the console may take


class CertificatePort:
    """One of the two on a Services host."""

    def __init__(self, spec: PairSpec, notes: PendingRestarts, clock: Clock) -> None:
        self._spec, self._notes, self._clock = spec, notes, clock
        self._files = HostFiles()
        self._kept = KeptPairs(spec.kept, self._files)
        self._client = ReplicatedClient()
        self._place = PLACES[spec.target](self._client, self._kept)
        self._name = ""
        self._pair: Optional[Pair] = None

    def read(self, _confirming: frozenset[str]) -> PairState:
        """What is wanted and what there is."""
        with doing("read the certificates"):
            state = self._served(self._noted())
            stored, pair = self._place.stored(state.served if isinstance(state.served, str) else "")
            kept = self._kept.read(self._spec.target)
            state = replace(state, stored=stored, keepable=pair is not None, kept=kept.identity if kept else state.kept, left=self._place.left())
            self._name = self._spec.host_names[0] if self._spec.host_names else self._place.host_name()
            state = self._given(state) if self._spec.present else self._earlier(state, kept)
            return replace(state, console_current=self._console_has(state.wanted))

    def apply(self, step: Any) -> None:
        """Keep the old one, or install."""
        if isinstance(step, KeepPair):
            with doing("keep the old pair"):
                pair = self._place.stored(step.fingerprint)[1]
                if pair is not None:
                    self._kept.write(self._spec.target, pair)
            return
        if isinstance(step, TidyUp):
            with doing("tidy up"):
                self._place.tidy()
            return
        with doing("install the certificate"):
            if self._pair is not None:
                (self._into_app if self._spec.target == APP else self._into_console)(self._pair)

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(min(5.0, seconds))

    def _noted(self) -> PairState:
        """What the notes tell. They are read first: one that is written while we look at the app is not served by what we see."""
        noted = [note for note in self._notes.notes() if note.restart == RESTART]
        ours = tuple(note for note in noted if note.what == WHAT and self._spec.target == APP)
        pending = bool(ours) and bool(AppState(self._client.status(), self._client.containers(CONTAINERS), (), ours, self._clock.wall()).pending)
        return PairState(noted=bool(ours), pending=pending, others=len(noted) > len(ours))

    def _served(self, state: PairState) -> PairState:
        """The leaf that is served; not asked while a restart is due, since it is the old one then."""
        if state.pending:
            return state
        try:
            return replace(state, served=self._leaf_at(self._spec.endpoint))
        except Unreachable as error:
            return replace(state, served=UNKNOWN, unserved=str(error))

    def _leaf_at(self, at: Endpoint) -> str:
        """Fingerprint of the leaf that is served there. Raises Unreachable."""
        name = self._spec.host_names[0] if self._spec.host_names else ""
        return read_der(handshakes.served_certificate(at.host, at.port, name)).fingerprint

    def _console_has(self, wanted: Optional[Identity]) -> Optional[bool]:
        """Whether a run for the console would find nothing to do; False where that cannot be seen."""
        if self._spec.console is None:
            return None
        if wanted is None:  # refused: the console need not be asked
            return False
        place = PLACES[CONSOLE](self._client, self._kept)
        try:
            return place.stored(self._leaf_at(self._spec.console))[0] == wanted and not place.left()
        except CollectionError:
            return False

    def _into_app(self, pair: Pair) -> None:
        """Noted first, so that a run that dies has said it; noted again, so that a start in between does not count for it."""
        earlier = self._notes.find(WHAT)
        before, note = self._client.held(), self._leave_note()
        try:
            self._place.install(pair, self._name)
        except Refused:
            if self._holds(before):  # nothing more to restart for than before
                self._notes.take_back(note, earlier)
            raise
        self._leave_note()

    def _holds(self, before: Mapping[str, Held]) -> bool:
        """Whether the settings are what they were; False where that cannot be seen."""
        try:
            return self._client.held() == before
        except CollectionError:
            return False

    def _into_console(self, pair: Pair) -> None:
        self._place.install(pair, self._name)
        self._see_taken(pair.identity.leaf)

    def _see_taken(self, leaf: str) -> None:
        """The console serves it at once, or within moments; what it serves after them is what it has taken."""
        ends = self._clock.now() + TAKES
        found: Any = self._served(PairState()).served
        while isinstance(found, str) and found != leaf:
            if self._clock.now() >= ends:
                raise Refused(f"the program took it, but {self._spec.endpoint} still serves another one; see the console's log")
            self._clock.sleep(1.0)
            found = self._served(PairState()).served

    def _given(self, state: PairState) -> PairState:
        """The pair of the options, with its faults."""
        if not self._name:
            raise BadInput("host_names is empty and the setting hostname too; give the name that the certificate is for")
        spec, certificate, key = self._spec, self._spec.certificate.reveal(), self._spec.private_key.reveal()
        judged = self._judged(certificate)
        leaf = judged.papers[0] if judged.papers else None
        faults = (*sentences("certificate", judged.faults), *sentences("private_key", judge_key(read_material(key), leaf)))
        state = replace(state, leaf=leaf, mended=judged.mended, faults=faults)
        if leaf is None or state.faults:
            return state
        self._pair = pair_of("".join(paper.pem for paper in judged.papers), key_text(key))
        return replace(state, wanted=self._pair.identity) if spec.present else state

    def _judged(self, certificate: str) -> Judged:
        spec = self._spec
        near = read_material(certificate).papers
        known: tuple[Paper, ...] = read_material(spec.authorities).papers if spec.authorities else ()
        for store in STORES.values():
            known += authorities_above(self._files.look(store.bundle).data or b"", (*near, *known))
        names = spec.host_names or (self._name,)
        asked = Asked(self._clock.wall(), names, spec.min_days, spec.order, spec.self_signed, known)
        return judge_server(read_material(certificate, known), asked)

    def _earlier(self, state: PairState, kept: Optional[Pair]) -> PairState:
        """The pair that was kept; it is put back as it was, and not judged."""
        self._pair = kept
        papers = read_material(kept.pem()).papers if kept else ()
        return replace(state, wanted=kept.identity if kept else None, leaf=papers[0] if papers else None)

    def _leave_note(self) -> Note:
        return self._notes.leave(WHAT, "another certificate was installed", self._clock.wall())
