"""What happened besides the recorded requests, in the recordings of what guards a server."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.nomad.lab import Lab
from lab.nomad.replay import Scenario
from lab.nomad.scenarios import SCENARIOS, SPEAK, both, ran, rest, spec

READ_JOB = 'node { policy = "write" } namespace "*" { capabilities = ["read-job"] }'
THIN = {
    "drain-only": 'node { policy = "write" }',
    "drain-and-list": 'node { policy = "write" } namespace "*" { capabilities = ["list-jobs"] }',
    "drain-and-read-job": READ_JOB,
    "drain-default-only": 'node { policy = "write" } namespace "default" { capabilities = ["read-job"] }',
    "drain-but-deny": READ_JOB + ' namespace "other" { policy = "deny" }',
}
NODE = "11111111-2222-4333-8444-555555555551"
BUILD = spec("build", node="c1")


def hidden(lab: Lab) -> None:
    """A job in another namespace."""
    lab.cluster.spaces["other"] = lab.cluster.commit()
    lab.register({**spec("hidden", node="c1"), "Namespace": "other"})


def guarded(lab: Lab) -> None:
    lab.acl(True, {f"{kind}-token": kind for kind in ("management", "drain-only", "read-only", "drain-and-read")})
    if lab.profile.guards.namespaces_text == "":
        hidden(lab)
    both(ran(spec("build", script=SPEAK % 300, node="c1")), rest(1))(lab)


def thin(lab: Lab) -> None:
    """Five policies, a token each, one token of a policy that does not exist; a busy client."""
    tokens: dict[str, Any] = {f"{name}-token": {"name": name, "policies": [name]} for name in THIN}
    tokens["no-such-policy-token"] = {"name": "x", "policies": ["ghost"]}
    lab.acl(True, {"management-token": "management", **tokens}, THIN)
    lab.register(BUILD)
    lab.clock.sleep(1)
    hidden(lab)
    lab.clock.sleep(1)


def roles(lab: Lab) -> None:
    thin(lab)
    lab.token("gone-token", name="gone", policies=["drain-and-read-job"])
    lab.token("gone-token", gone=True)


def anonymous(rules: str | None) -> Any:
    return lambda lab: lab.policy("anonymous", rules)


THIN_TOKENS = Scenario(before=thin, steps=[(0.108, anonymous('node { policy = "read" }')), (1.62, anonymous(None))], clients=2)
GUARDED: dict[str, dict[str, Scenario]] = {
    "1.1.2": {
        "acl": Scenario(before=guarded),
        "acl-thin-tokens": THIN_TOKENS,
        "acl-roles-expiry": Scenario(before=roles, clients=2),
        "event-stream-errors": Scenario(),
    },
    "0.5.6": {"event-stream": Scenario(), "event-stream-all-namespaces": Scenario()},
}
for version, found in GUARDED.items():
    SCENARIOS[version].update(found)
