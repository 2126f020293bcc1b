"""A storm of deaths, drains, cancels and faults: the simulator never breaks, and its state stays true to itself."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import random

import pytest

from lab.nomad.lab import Lab
from lab.nomad.wire import Response


def act(lab: Lab, dice: random.Random, number: int) -> None:
    """One thing that somebody does."""
    name = dice.choice(sorted(lab.machines))
    node = lab.node_id(name)
    what, later = dice.randrange(12), lab.profile.unknown_state
    if what < 3:
        client = dice.choice([None, name])
        stop = dice.choice([0, 2, 9])
        kinds = ["batch", "batch", "service", "system", *(["sysbatch"] if later else [])]
        away = dice.choice([0, 0, 8, 300]) if later else 0
        lab.build(f"job-{number}", client, dice.choice([3, 15, None]), dice.choice([1, 2]), stop, dice.choice(kinds), away=away)
    elif what == 3 and lab.cluster.jobs:
        lab.cancel(dice.choice(sorted(lab.cluster.jobs)), dice.random() < 0.5)
    elif what == 4:
        lab.kill_client(name, dice.choice(["live", "die"]))
    elif what == 5:
        lab.return_client(name, dice.choice([0, 3]))
    elif what == 6:
        lab.freeze_client(name)
    elif what == 7 and dice.random() < 0.3:
        lab.replace_client(name)
    elif what == 7 and later:
        lab.pause_broker(dice.random() < 0.3)
    elif what == 8 and dice.random() < 0.5:
        dice.choice([lab.kill_server, lab.lose_leader])(dice.choice([1, 5]))
    elif lab.profile.old_drain:
        lab.api.handle("PUT", f"/v1/node/{node}/drain", {"enable": dice.choice(["true", "false"])})
    elif what == 9:
        lab.api.handle("PUT", f"/v1/node/{node}/eligibility", {}, b'{"Eligibility": "eligible"}')
    elif what == 10 and dice.random() < 0.3:
        lab.api.handle("PUT", f"/v1/node/{node}/purge", {})
    else:
        spec = dice.choice([None, {"Deadline": 0}, {"Deadline": 5 * 10**9, "IgnoreSystemJobs": True}, {"Deadline": -1}])
        lab.api.handle("PUT", f"/v1/node/{node}/drain", {}, json.dumps({"DrainSpec": spec, "MarkEligible": True}).encode())


def check(lab: Lab) -> None:
    c = lab.cluster
    for node in c.nodes.values():
        assert node.modify <= c.tables["nodes"] <= c.index
        assert (node.strategy is not None) == node.drain or lab.profile.old_drain
    for allocation in c.allocations.values():
        assert allocation.modify <= c.tables["allocs"] <= c.index
    for client in lab.machines.values():
        for build in client.builds.values():
            known = c.allocations.get(build.allocation)
            if known is not None and known.client in ("complete", "failed"):
                assert build.ended is not None, "an end that was reported has happened"
    if c.has_leader:
        for path in ("/v1/nodes", "/v1/allocations", "/v1/jobs", "/v1/evaluations", *(f"/v1/node/{n}/allocations" for n in c.nodes)):
            answer = lab.api.handle("GET", path, {})
            assert isinstance(answer, Response) and answer.status == 200
            json.loads(answer.body)


@pytest.mark.parametrize(
    ("version", "seed"), [(version, seed) for version in ("0.5.6", "1.1.2", "1.7.7") for seed in range(4)] + [(version, 0) for version in ("0.9.3", "1.11.3")]
)
def test_storm(version: str, seed: int) -> None:
    dice = random.Random(seed)
    lab = Lab(version, clients=4, seed=seed)
    for number in range(200):
        act(lab, dice, number)
        lab.clock.sleep(dice.choice([0.0, 0.05, 0.4, 2.0]))
        if number % 8 == 0:
            check(lab)
    if lab.profile.paused_broker:
        lab.pause_broker(False)
    lab.clock.sleep(10)
    for client in list(lab.machines.values()):
        lab.return_client(client.node.name)
    lab.clock.sleep(60)
    check(lab)
    for client in lab.machines.values():
        assert lab.cluster.nodes[client.node.id].status == "ready"
        just_now = {b.allocation for b in client.builds.values() if max(b.started, b.ended or 0) > lab.clock.now() - 3}
        running = {b.allocation for b in client.builds.values() if b.ended is None and b.allocation in lab.cluster.allocations}
        believed = {a.id for a in lab.cluster.of_node[client.node.id] if a.client == "running"}
        assert running - just_now == believed - just_now, "when all is quiet the server knows the truth"
