"""What happened besides the recorded requests, in the recordings of what guards a server."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
from functools import partial
from typing import Any

from lab.nomad import recording
from lab.nomad.guard import GUARDS
from lab.nomad.lab import Lab
from lab.nomad.replay import NOBODY, Scenario, Step
from lab.nomad.scenarios import SPEAK, both, has, ran, rest, spec
from lab.nomad.scenarios_later import SCENARIOS

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
    ran(BUILD)(lab)
    lab.clock.sleep(1)
    hidden(lab)
    lab.clock.sleep(1)
    while not has(lab, "hidden", "running"):
        lab.clock.sleep(0.1)


def when(version: str, name: str, text: str, until: bool = False) -> float:
    """The time of a recorded note, or of the request before it."""
    lines = recording.load(version, name)
    number = next(n for n, line in enumerate(lines) if line.get("note", "").startswith(text))
    return float(lines[number - 1 if until else number]["t"])


def anonymous(rules: str | None) -> Any:
    return lambda lab: lab.policy("anonymous", rules)


def thin_tokens(version: str) -> Scenario:
    opened, closed = (when(version, "acl-thin-tokens", text) for text in ("anonymous may", "drain-only drains"))
    return Scenario(before=thin, steps=[(opened, anonymous('node { policy = "read" }')), (closed, anonymous(None))], clients=2)


def swept(at: float) -> Scenario:
    """1.11.3: a denied listener hears nothing until the server's garbage collection closes his connection, at that time."""
    return Scenario(before=guarded, logs_of=("build",), steps=[(at, lambda lab: lab.api.broker.sweep())], guard={"stream_ends": (900.0, 900.0)})


def gone(lab: Lab) -> None:
    lab.token("gone-token", name="gone", policies=["drain-and-read-job"])
    lab.token("gone-token", gone=True)


def eligible(how: str) -> Any:
    body = b'{"Eligibility": "%s"}' % how.encode()
    return lambda lab: lab.api.handle("PUT", f"/v1/node/{NODE}/eligibility", {}, body, {"X-Nomad-Token": "management-token"})


def roles(version: str) -> Scenario:
    """A token by its role, which is deleted; a token of 9 s."""
    over = when(version, "acl-roles-expiry", "role deleted")
    short = when(version, "acl-roles-expiry", "blocking query and")
    return Scenario(
        before=both(thin, gone),
        steps=[
            (0.0035, lambda lab: lab.token("by-role-token", name="by-role", roles=["drainers"])),
            (over, lambda lab: lab.role("drainers", None)),
            (short - 0.0035, lambda lab: lab.token("short-token", name="short", policies=["drain-and-read-job"], ttl=9)),
            (short + 2, eligible("eligible")),
            (short + 12, eligible("ineligible")),
        ],
        clients=2,
    )


def leader_change(version: str, leader: str, then: str) -> Scenario:
    """Three servers, two clients; the leader is killed in mid drain, 3.5 s later another leads."""

    def before(lab: Lab) -> None:
        assert lab.peers is not None
        lab.peers.lead(leader)
        ran(BUILD, spec("pinned", script="exec sleep 6", node="c1"))(lab)

    at = when(version, "drain-leader-change", f"{leader} killed") - 0.003
    lines = recording.load(version, "drain-leader-change")
    calling = max(line["until"] for line in lines if "until" in line and "connection refused" in str(line["response"]["body"]))
    forget = calling + 0.0005 - at
    return Scenario(before=before, steps=[(at, lambda lab: lab.kill_peer(elect=3.53, then=then, forget=forget))], clients=2, servers=3)


def introduction(version: str) -> Scenario:
    """c1 joins, dies, is purged, loses its state and is cloned, where a client needs a token to join."""
    at = partial(when, version, "introduction-token")
    tokens: dict[str, str] = {}

    def before(lab: Lab) -> None:
        lab.enforce_introduction("strict")
        lab.cluster.tables = dict.fromkeys(lab.cluster.tables, 0)

    def mint(lab: Lab) -> None:
        tokens.update({name: lab.api.introduction.mint(name) for name in ("c1", "c2")})

    def first(lab: Lab) -> None:
        lab.add_client("c1", node_id=NODE)

    def again(token: str = "", ready_after: float = 0.0, heartbeat: float | None = None, **how: Any) -> Any:
        def act(lab: Lab) -> None:
            if lab.machines["c1"].alive:
                lab.kill_client("c1", heartbeat=0.5)
            lab.introduce("c1", tokens.get(token, ""), **how)
            lab.return_client("c1", ready_after, heartbeat)

        return act

    def dies(lab: Lab) -> None:
        lab.kill_client("c1", heartbeat=3.2)

    cloned = at("the state folder with another")
    return Scenario(
        before=before,
        steps=[
            (0.002, first),
            (at("c1 with c2's"), both(mint, again("c2"))),
            (at("c1 with its own"), again("c1", 0.05)),
            (24.33, dies),
            (at("restarted without"), again(ready_after=1.9)),
            (38.0, dies),
            (at("purged while down, restarted"), again(ready_after=7.8, heartbeat=5.0)),
            (51.0, dies),
            (at("purged while down, its state"), again(lost_state=True)),
            (at("the same machine with"), again("c1", 0.1)),
            (68.9, dies),
            (cloned, again("c1", node_id=NOBODY)),
        ],
        flags={"purged_back": (3.2, 3.9)},
        clients=0,
    )


def shutdown(version: str) -> Scenario:
    """The agent of a busy client, with drain_on_shutdown of 6 s, is told to end."""

    def before(lab: Lab) -> None:
        lab.acl(True, {"management-token": "management"})
        ran(spec("long", node="c1"))(lab)

    at = when(version, "shutdown-drain-acl", "SIGTERM") - 0.125
    steps: list[Step] = [(max(0.0, at), lambda lab: lab.shutdown_client("c1", 6.0, heartbeat=5.0))]
    return Scenario(before=before, steps=steps, flags={"heartbeat_lost": (6.0, 6.5)}, since=19 if version == "1.11.3" else 0)


def quiet(version: str) -> Scenario:
    return Scenario()


def told(version: str) -> Scenario:
    """Guarded by tokens; in 1.11.3 with the moment when the denied listener was let go."""
    return swept(5.529) if version == "1.11.3" else Scenario(before=guarded, logs_of=("build",))


def ends(version: str) -> Scenario:
    return roles(version) if GUARDS[version].roles else Scenario(before=both(thin, gone), clients=2)


def more(version: str) -> Scenario:
    """A server without clients: what happens to a token of each kind."""
    at = partial(when, version, "acl-more")
    steps: list[Step] = [
        (at("the policy is written"), lambda lab: lab.policy("drain-and-read-job", READ_JOB)),
        (at("token deleted"), lambda lab: lab.token("gone-token", gone=True)),
        (at("anonymous may"), anonymous(READ_JOB)),
    ]

    def before(lab: Lab) -> None:
        tokens = {f"{name}-token": {"name": "t", "policies": [policy]} for name, policy in (("drain-and-read-job",) * 2, ("scale",) * 2, ("gone", "scale"))}
        lab.acl(True, {"management-token": "management", **tokens}, {"drain-and-read-job": READ_JOB, "scale": 'namespace "*" { policy = "scale" }'})

    def short(lab: Lab) -> None:
        lab.token("short-token", name="t", policies=["drain-and-read-job"], ttl=2)
        lab.role("drainers", ["drain-and-read-job"])
        lab.token("by-role-token", name="t", roles=["drainers"])

    if GUARDS[version].roles:
        steps += [(at("token expired") - 3, short), (at("role deleted"), lambda lab: lab.role("drainers", None))]
    return Scenario(before=before, steps=steps, clients=0)


def changes(version: str) -> Scenario:
    return leader_change(version, *{"1.7.7": ("server", "s3"), "1.11.3": ("s3", "server")}[version])


MAKERS: dict[str, Callable[[str], Scenario]] = {
    "acl": told,
    "acl-more": more,
    "acl-thin-tokens": thin_tokens,
    "acl-roles-expiry": ends,
    "event-stream-errors": quiet,
    "drain-leader-change": changes,
    "shutdown-drain-acl": shutdown,
    "introduction-token": introduction,
}
for _version, _guard in GUARDS.items():
    _silent = {"event-stream": quiet, "event-stream-all-namespaces": quiet} if _guard.stream != "yes" else {}  # where there is none
    _made = {name: make(_version) for name, make in {**MAKERS, **_silent}.items() if name in recording.names(_version)}
    SCENARIOS.setdefault(_version, {}).update(_made)
