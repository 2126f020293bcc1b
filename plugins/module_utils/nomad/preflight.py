# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold before the first write of a drain: rights, a working broker, a server that can, clients enough."""

from __future__ import annotations

from typing import Optional

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Look
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.case import DrainSpec
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.model import Server
from ansible_collections.serverops.circleci.plugins.module_utils.nomad.steps import State


def refusals(look: Look[DrainSpec, State]) -> list[str]:
    """Every reason not to begin, as sentences."""
    found = [_token(look.state.server), _broker(look.state.server), _old_server(look.spec, look.state.server), _too_few(look)]
    return [sentence for sentence in found if sentence]


def ready_others(look: Look[DrainSpec, State]) -> int:
    """Clients besides the targets that take builds now."""
    return sum(1 for node in look.state.nodes.values() if node.is_open and node.is_ready and node.id not in look.state.targets)


def _token(server: Server) -> Optional[str]:
    return f"ACLs are on, and {server.doubt}" if server.doubt else None


def _broker(server: Server) -> Optional[str]:
    if not server.paused:
        return None
    return "the evaluation broker is paused (PauseEvalBroker), so a drain would end while all builds go on; unpause it in the scheduler configuration first"


def _old_server(spec: DrainSpec, server: Server) -> Optional[str]:
    if server.has_eligibility:
        return None
    if spec.state == "cordoned":
        return f"state is cordoned, but Nomad {server.version_text} knows no cordon (it came with 0.8); use drained, which waits until the client is idle"
    if spec.deadline is not None:
        return f"deadline is {spec.deadline:g}, but Nomad {server.version_text} knows no drain deadline (it came with 0.8); leave it out"
    return None


def _too_few(look: Look[DrainSpec, State]) -> Optional[str]:
    spec, state = look.spec, look.state
    targets = [state.nodes[item] for item in state.targets if item in state.nodes]
    if spec.state == "eligible" or not any(node.is_open for node in targets):
        return None
    ready = ready_others(look)
    if ready >= spec.min_ready:
        return None
    return (
        f"min_ready is {spec.min_ready}, but only {ready} clients besides the {len(targets)} named ones are ready and eligible; "
        "name fewer, bring others up, or set min_ready: 0 if builds may wait (as on a site with one client)"
    )
