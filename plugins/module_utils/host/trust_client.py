# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the authorities that a host trusts: its files, its store, the program that makes the store, and the hosts that must be trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.clock import Clock
from ansible_collections.serverops.circleci.plugins.module_utils.core.errors import BadInput, Refused, doing
from ansible_collections.serverops.circleci.plugins.module_utils.host import systemd_client, trust
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates import Paper
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_chain import Asked, Judged, judge_authorities
from ansible_collections.serverops.circleci.plugins.module_utils.host.certificates_client import authorities_above, fingerprints, read_material, without
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart import ClearNote
from ansible_collections.serverops.circleci.plugins.module_utils.host.restart_client import PendingRestarts
from ansible_collections.serverops.circleci.plugins.module_utils.host.trust_model import (
    SERVICES,
    STORES,
    Anchor,
    Named,
    RefreshStore,
    Store,
    TrustSpec,
    TrustState,
    Wish,
    WriteAnchor,
    anchor_names,
)
from ansible_collections.serverops.circleci.plugins.module_utils.transport import commands, handshakes
from ansible_collections.serverops.circleci.plugins.module_utils.transport.host_files import Access, HostFiles
from ansible_collections.serverops.circleci.plugins.module_utils.transport.stamps import changed_at

LONGEST = 25.0  # s that a store may take to be made


def store_of(name: str, root: str) -> tuple[Store, list[str]]:
    """The family's way and the command that refreshes its store. Raises BadInput where no such program is on PATH."""
    for family, store in STORES.items():
        program = commands.find_program(store.program) if name in ("auto", family) else None
        if not program:
            continue
        if root == "/":
            return store, [program, *store.refresh]
        return store, [commands.find_program("chroot") or "chroot", root, store.program, *store.refresh]
    wanted = " or ".join(store.program for family, store in STORES.items() if name in ("auto", family))
    raise BadInput(f"store is {name!r}, but {wanted} is not on PATH; install the package ca-certificates")


def note_of(name: str) -> str:
    """What a note of a restart is about."""
    return f"authorities {name}"


class TrustPort:
    """One host."""

    def __init__(self, spec: TrustSpec, notes: PendingRestarts, clock: Clock, files: Optional[HostFiles] = None) -> None:
        self._spec, self._notes, self._clock = spec, notes, clock
        self._files = files or HostFiles()
        self._store, self._refresh = store_of(spec.store, spec.root)

    def read(self, _confirming: frozenset[str]) -> TrustState:
        """Files, store and hosts."""
        bundle = self._files.look(self._at(self._store.bundle)).data or b""
        state = TrustState(
            named=self._named(bundle),
            trusted=fingerprints(bundle),
            behind=changed_at(self._at(self._store.bundle)) < changed_at(self._at(self._store.folder)),
            folders=self._folders(),
        )
        return state if any(one.faults for one in state.named) else replace(state, hosts=self._hosts(state, bundle))

    def apply(self, step: Any) -> None:
        """Write or remove one file, or make the store anew."""
        if isinstance(step, RefreshStore):
            with doing("refresh the store"):
                self._make_store(step.fingerprints)
            self._renew_notes()
            return
        if isinstance(step, ClearNote):
            self._notes.settle([step.note])
            return
        self._leave_note(step.name)
        data = step.paper.pem.encode() if isinstance(step, WriteAnchor) else None
        self._files.update(step.path, lambda _old: data, Access(0o644))
        self._leave_note(step.name)

    def wait(self, seconds: float) -> None:
        """Nothing tells of changes."""
        self._clock.sleep(min(1.0, seconds))

    def _named(self, bundle: bytes) -> tuple[Named, ...]:
        """Of each name what is wanted and what there is."""
        own = {note_of(wish.name) for wish in self._spec.wishes}
        noted = [note for note in self._notes.notes() if note.what in own]
        served = {note.what: note for note in systemd_client.served(noted, self._clock)}
        given = {wish.name: read_material(wish.certificates.reveal()).papers for wish in self._spec.wishes if wish.certificates}
        found = []
        for wish in self._spec.wishes:
            others = "".join(paper.pem for name, papers in given.items() if name != wish.name for paper in papers)
            above = authorities_above(bundle + b"\n" + others.encode(), given.get(wish.name, ()))
            pending = note_of(wish.name) in {note.what for note in noted}
            found.append(replace(self._found(wish, self._judged(wish, above)), pending=pending, served=served.get(note_of(wish.name))))
        return tuple(found)

    def _found(self, wish: Wish, judged: Judged) -> Named:
        anchors = tuple(self._anchor(f"{folder}/{name}") for folder in self._folders() for name in anchor_names(wish.name))
        return Named(wish.name, wish.option, judged.papers, judged.faults, judged.mended, anchors)

    def _judged(self, wish: Wish, known: tuple[Paper, ...]) -> Judged:
        """What was given, beside what the store has and what is given under other names."""
        if wish.certificates is None:
            return Judged()
        asked = Asked(self._clock.wall(), order=self._spec.order, min_days=self._spec.min_days, known=known)
        return judge_authorities(read_material(wish.certificates.reveal(), known), asked)

    def _anchor(self, path: str) -> Anchor:
        found = self._files.look(path)
        if found.data is None:
            return Anchor(path, None, found.hindrance)
        read = read_material(found.data)
        plain = len(read.papers) == 1 and not read.faults and not read.keys
        return Anchor(path, read.papers[0].fingerprint if plain else "", found.hindrance, fingerprints(found.data))

    def _hosts(self, state: TrustState, bundle: bytes) -> tuple[tuple[str, str], ...]:
        """Each host asked with the store as it would be: without what is to go, and with what is to come."""
        text = without(bundle, trust.lost(state)) + "".join(paper.pem for paper in state.wanted) if self._spec.hosts else ""
        found = [(str(host), handshakes.vouched(host.host, host.port, text)) for host in self._spec.hosts]
        return tuple((host, one.why if one.reached else f"nothing is known of it, {one.why}") for host, one in found)

    def _make_store(self, wanted: frozenset[str]) -> None:
        """The store itself tells whether it was made, not the program's exit code."""
        ran = commands.run(self._refresh, LONGEST)
        bundle = self._at(self._store.bundle)
        said = (ran.err or ran.out).strip().splitlines()[-1:] or ["nothing"]
        if changed_at(bundle) < changed_at(self._at(self._store.folder)):
            raise Refused(f"{self._store.program} did not make {bundle} anew; it said: {said[0][:300]}")
        if not wanted <= fingerprints(self._files.look(bundle).data or b""):
            raise Refused(f"{self._store.program} left certificates of {self._store.folder} out of {bundle}; it said: {said[0][:300]}")

    def _renew_notes(self) -> None:
        """What started before the store was made anew has read the old one, also where that is later than the files."""
        noted = {note.what for note in self._notes.notes()}
        for wish in self._spec.wishes:
            if note_of(wish.name) in noted:
                self._leave_note(wish.name)

    def _leave_note(self, name: str) -> None:
        if self._spec.restart != "none":
            self._notes.leave(note_of(name), f"the authorities {name} were changed", self._clock.wall(), self._spec.restart)

    def _folders(self) -> tuple[str, ...]:
        own = [self._store.folder, *([SERVICES] if self._spec.services else [])]
        return tuple(dict.fromkeys(self._at(folder) for folder in own))

    def _at(self, path: str) -> str:
        return path if self._spec.root == "/" else self._spec.root + path
