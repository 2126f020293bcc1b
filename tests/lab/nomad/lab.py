"""The lab in one object: a cluster, its machines, its API, faults, the truth; and the control routes as methods."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from pathlib import Path
from typing import Any

import requests

from lab.nomad.adapter import LabAdapter
from lab.nomad.agents import Agents
from lab.nomad.api import Api
from lab.nomad.build import Build
from lab.nomad.client import Client
from lab.nomad.clock import Clock, VirtualClock
from lab.nomad.cluster import Cluster
from lab.nomad.faults import Fault, Faults
from lab.nomad.journal import Journal
from lab.nomad.model import Job, Node
from lab.nomad.peers import Peer, Peers, Sole
from lab.nomad.policies import Rights
from lab.nomad.profile import PROFILES, Profile
from lab.nomad.snapshot import Snapshots
from lab.nomad.tls import Tls
from lab.nomad.wire import Response

SEC = 10**9


class Lab:
    """In process: Lab("1.1.2", clients=3), lab.session(), lab.build(...), lab.kill_client("c1"), lab.clock.sleep(10)."""

    def __init__(
        self,
        profile: str | Profile = "1.1.2",
        clients: int = 3,
        clock: Clock | None = None,
        seed: int = 1,
        witness: Path | None = None,
        instances: bool = True,
        servers: int = 1,
    ) -> None:
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.clock = clock or VirtualClock()
        self.cluster = Cluster(self.profile, self.clock, seed)
        self.api = Api(self.cluster)
        if servers not in (1, 3):
            raise ValueError(f"servers: {servers}; 1 or 3")
        self.peers = Peers(self) if servers == 3 else None
        self.places: list[Sole] | list[Peer] = self.peers.all if self.peers else [Sole(self)]
        self.faults = Faults()
        self.journal = Journal()
        self.snapshots = Snapshots(self.cluster)
        self.machines: dict[str, Client] = {}
        self.builds: list[Build] = []
        self.witness = witness
        self.instances = instances
        self.tls: Tls | None = None
        self.strangers: list[Client] = []
        self._numbers = 0
        self.agents = Agents(self) if self.profile.logs_of_clients_only and not isinstance(self.clock, VirtualClock) else None
        if clients:
            self.add_clients(clients)

    # --- in process ---
    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", LabAdapter(self))
        session.mount("https://", LabAdapter(self))
        return session

    @property
    def requests(self) -> dict[str, Any]:
        return self.journal.show()

    # --- clients ---
    def add_clients(self, count: int = 1) -> list[str]:
        return [self.add_client() for _turn in range(count)]

    def add_client(
        self,
        name: str | None = None,
        instance_id: str | None = None,
        node_class: str = "linux-64bit",
        datacenter: str = "dc1",
        version: str | None = None,
        node_id: str | None = None,
        memory: int = 24105,
        introduction: str = "",
        pool: str = "default",
    ) -> str:
        """`introduction`: the token with which it joins (1.11)."""
        with self.cluster.lock:
            self._numbers += 1
            number = self._numbers
            name = name or f"c{number}"
            if name in self.machines:
                raise ValueError(f"client {name} exists")
            if instance_id is None and self.instances:
                instance_id = f"i-{number:017x}"
            if node_id is None:
                node_id = f"{number}1111111-2222-4333-8444-55555555555{number}" if number < 10 else self.cluster.new_id()
            node = Node(node_id, name, number, node_class, datacenter, version or self.profile.version, instance_id, memory, pool)
            node.address = self._address(name, number)
            self.machines[name] = Client(self.cluster, node, self._on_build)
            self.machines[name].introduction = introduction
            self.machines[name].join()
            return node_id

    def introduce(self, name: str, introduction: str | None = None, lost_state: bool = False, node_id: str = "") -> None:
        """What a client starts with the next time: an introduction token, an empty state folder, or a copied one under another node id."""
        with self.cluster.lock:
            machine = self._machine(name)
            if machine.alive:
                raise ValueError(f"client {name} runs: kill it first")
            machine.introduction = machine.introduction if introduction is None else introduction
            machine.identity = "" if lost_state else machine.identity
            if node_id:
                old, machine.joined = machine.node, False
                machine.node = Node(node_id, old.name, old.number, old.node_class, old.datacenter, old.version, old.instance_id, old.memory)
                self.cluster.clients[node_id] = machine

    def _address(self, name: str, number: int) -> str:
        """Where the agent of a client answers itself, in versions where somebody must ask it. Nobody listens in process: the adapter knows."""
        if not self.profile.logs_of_clients_only:
            return ""
        return self.agents.listen(name) if self.agents else f"127.0.0.1:{23000 + 10 * number}"

    def agent(self, name: str, path: str, query: dict[str, str], headers: dict[str, str]) -> Response | None:
        """What a client's agent answers to a GET; None while it is dead or frozen."""
        client = self.machines[name]
        if not client.alive or client.frozen:
            return None
        answer = self.api.handle("GET", path, query, b"", headers, agent=name)
        return answer if isinstance(answer, Response) else answer.expire()

    def _machine(self, name: str) -> Client:
        for client in self.machines.values():
            if name in (client.node.name, client.node.id):
                return client
        raise KeyError(f"no client {name}")

    def node_id(self, name: str) -> str:
        return self._machine(name).node.id

    def kill_client(self, name: str, builds: str = "live", heartbeat: float | None = None) -> None:
        """kill -9 of the agent; builds "live" go on, "die": the machine is gone. `heartbeat`: seconds until the server notices."""
        if builds not in ("live", "die"):
            raise ValueError("builds: live or die")
        with self.cluster.lock:
            self._machine(name).die(builds, heartbeat)

    def shutdown_client(self, name: str, deadline: float = 60.0, heartbeat: float = 2.2) -> bool:
        """SIGTERM of an agent with drain_on_shutdown and leave_on_terminate. With access control on, 1.7.7 drains nothing and just ends: False."""
        if not self.profile.guards.drains_on_shutdown:
            raise ValueError(f"Nomad {self.profile.version} has no drain_on_shutdown: kill the client")
        with self.cluster.lock:
            client, acl = self._machine(name), self.api.acl
            if acl.enabled and not self.profile.shutdown_drains_with_acl:
                client.die("live")
                return False
            client.leaves_quietly = heartbeat
            client.leave(deadline, f"client:{client.node.id}" if acl.enabled else acl.accessor(Rights()))
            return True

    def freeze_client(self, name: str, heartbeat: float | None = None) -> None:
        """The agent stops answering (SIGSTOP, a cut cable); its builds go on."""
        with self.cluster.lock:
            self._machine(name).freeze(heartbeat)

    def return_client(self, name: str, ready_after: float = 0.0, heartbeat: float | None = None) -> None:
        """The agent starts again, or goes on; `ready_after`: it stays "initializing" that long, as real ones sometimes do,
        and with `heartbeat` below that the server calls it down in between (node-gc)."""
        with self.cluster.lock:
            self._machine(name).come_back(ready_after, heartbeat)

    def replace_client(self, name: str) -> str:
        """The machine lost its data: the same instance id comes back under a new node id."""
        with self.cluster.lock:
            old = self._machine(name)
            if old.alive:
                old.die("die")
            node = Node(
                self.cluster.new_id(),
                old.node.name,
                old.node.number,
                old.node.node_class,
                old.node.datacenter,
                old.node.version,
                old.node.instance_id,
                old.node.memory,
            )
            node.address = old.node.address
            self.machines[name] = Client(self.cluster, node, self._on_build)
            self.machines[name].join()
            return node.id

    # --- builds ---
    def build(
        self,
        job: str,
        client: str | None = None,
        seconds: float | None = 20.0,
        count: int = 1,
        stop_seconds: float = 0.0,
        type: str = "batch",
        exit_code: int = 0,
        kill_timeout: float = 5.0,
        namespace: str = "default",
        memory: int = 10,
        cpu: int = 20,
        pool: str = "default",
        away: float = 0.0,
        plugin: bool = False,
        parameterized: bool = False,
        max_parallel: int | None = None,
        stdout: str | None = None,
        stderr: str = "",
        last: str | None = None,
    ) -> str:
        """Register a job; `client` ties it to one client (a regular expression of names). `type`: batch, service, system, sysbatch.
        `away`: seconds its client may be cut off (status disconnected, allocations unknown); `plugin`: a CSI node plugin;
        `parameterized`: nothing runs before dispatch(); `max_parallel`: of a service's migrate block; `stdout`, `stderr`: printed
        at the start, `last`: on stdout at its own end."""
        meta = {"lab_stop_seconds": f"{stop_seconds:g}", "lab_exit": str(exit_code), "lab_stderr": stderr}
        meta |= {"lab_stdout": f"{job} started\n" if stdout is None else stdout, "lab_last": f"{job} done\n" if last is None else last}
        if seconds is not None:
            meta["lab_seconds"] = f"{seconds:g}"
        task = {
            "Name": "task",
            "Driver": "raw_exec",
            "Config": {"command": "/bin/sh", "args": ["-c", "build"]},
            "KillTimeout": int(kill_timeout * SEC),
            "Meta": meta,
            "Resources": {"CPU": cpu, "MemoryMB": memory},
        }
        rules = [{"LTarget": "${node.unique.name}", "RTarget": f"^({client})$", "Operand": "regexp"}] if client else []
        spec = {"ID": job, "Name": job, "Type": type, "Region": "global", "Datacenters": ["dc1"], "Priority": 50, "Namespace": namespace, "Constraints": rules}
        if plugin:
            task["CSIPluginConfig"] = {"ID": job, "Type": "node", "MountDir": "/csi"}
        group: dict[str, Any] = {"Name": "group", "Count": count, "Tasks": [task]}
        if away:
            group |= {"Disconnect": {"LostAfter": int(away * SEC), "Replace": False}, "MaxClientDisconnect": int(away * SEC)}
        if max_parallel:
            group["Migrate"] = {"MaxParallel": max_parallel, "HealthCheck": "task_states", "MinHealthyTime": SEC, "HealthyDeadline": 300 * SEC}
        spec |= {"TaskGroups": [group], "NodePool": pool}
        if parameterized:
            spec["ParameterizedJob"] = {"Payload": "optional", "MetaRequired": [], "MetaOptional": []}
        return self.register(spec).id

    def dispatch(self, job: str) -> str:
        """Start a child of a parameterized job; its id."""
        with self.cluster.lock:
            parent = self.cluster.jobs[job]
            if not parent.parameterized:
                raise ValueError(f"job {job} is not parameterized")
            return self.cluster.dispatch_job(parent, None, {}, "")[0].id

    def pause_broker(self, paused: bool = True) -> None:
        """Stop all scheduling, as an operator can from 1.4 on: drains end, and everything goes on running."""
        if not self.profile.paused_broker:
            raise ValueError(f"Nomad {self.profile.version} cannot pause its evaluation broker")
        with self.cluster.lock:
            self.cluster.scheduler.configure({**self.cluster.scheduler.config, "PauseEvalBroker": paused})

    def register(self, spec: dict[str, Any]) -> Job:
        with self.cluster.lock:
            return self.cluster.register_job(spec, spec.get("Namespace") or "default")[0]

    def cancel(self, job: str, purge: bool = False) -> None:
        """A person stops the job."""
        with self.cluster.lock:
            self.cluster.deregister_job(job, purge)

    def finish(self, job: str) -> None:
        """The running builds of the job end by themselves, now."""
        with self.cluster.lock:
            for machine in self.machines.values():
                for build in [one for one in machine.builds.values() if one.job == job and machine.runs[one.allocation].state == "running"]:
                    machine.ends(build, machine.runs[build.allocation])

    def _on_build(self, build: Build) -> None:
        if build.ended is None:
            self.builds.append(build)
        if self.witness is not None:
            path = self.witness / f"{build.job.replace('/', '_')}.{build.allocation}"
            how = "started" if build.ended is None else "itself" if build.how == "itself" else build.how if build.how == "lost" else "killed"
            with path.open("a") as out:
                out.write(how + "\n")

    def truth(self) -> dict[str, Any]:
        """What really happened to each build, and where each machine stands: the witness, not the API."""
        with self.cluster.lock:
            builds = [
                {"allocation": b.allocation, "job": b.job, "node": b.node, "client": b.client, "started": b.started, "ended": b.ended, "how": b.how}
                for b in self.builds
            ]
            nodes = [
                {
                    "name": m.node.name,
                    "id": m.node.id,
                    "instance_id": m.node.instance_id,
                    "alive": m.alive,
                    "joined": m.joined,
                    "busy": sum(1 for b in m.builds.values() if b.ended is None and b.allocation in self.cluster.allocations),
                }
                for m in self.machines.values()
            ]
            return {"t": self.clock.now(), "builds": builds, "nodes": nodes}

    # --- server ---
    def kill_server(self, seconds: float | None = None, leaderless: float = 1.5) -> None:
        """kill -9; what was written is durable. After `seconds` it starts, and is without a leader for a moment."""
        with self.cluster.lock:
            c = self.cluster
            c.server_up = c.has_leader = False
            c.epoch += 1
            c.wake()
            if seconds is not None:
                c.clock.after(seconds, lambda: self.start_server(leaderless))

    def start_server(self, leaderless: float = 1.5) -> None:
        with self.cluster.lock:
            self.cluster.server_up = True
            for job in self.cluster.jobs.values():
                job.children_lost = self.profile.restart_loses_children
                job.text.clear()
            self.cluster.wake()
            self.clock.after(leaderless, self.lead)

    def lose_leader(self, seconds: float | None = None) -> None:
        with self.cluster.lock:
            self.cluster.has_leader = False
            self.cluster.wake()
            if seconds is not None:
                self.clock.after(seconds, self.lead)

    def place(self, *names: str) -> Sole | Peer:
        """The server of that name or address; the first, if none has it."""
        for place in self.places:
            if place.name in names or getattr(place, "address", "") in names:
                return place
        return self.places[0]

    def kill_peer(self, name: str = "", **fields: Any) -> str:
        """kill -9 of one of three servers; without a name of the one that leads. Returns its name.
        `seconds` until it is back, `elect` until another leads, `then`: that one, `forget` until the others stop calling the dead one."""
        if self.peers is None:
            raise ValueError("this lab has one server: kill that, or start it with three")
        with self.cluster.lock:
            if not name and self.peers.leader is None:
                raise ValueError("nobody leads at the moment")
            name = name or str(self.peers.leader.name)  # type: ignore[union-attr]
            self.peers.kill(name, **fields)
            return name

    def start_peer(self, name: str) -> None:
        if self.peers is None:
            raise ValueError("this lab has one server")
        with self.cluster.lock:
            self.peers.start(name)

    def lead(self) -> None:
        c = self.cluster
        if not c.server_up:
            return
        c.has_leader = True
        self.snapshots.replay()
        for node in c.nodes.values():
            c.drainer.begin(node)
        c.wake()

    def restore_server(self, back: int | None = None) -> int:
        """A snapshot restore: the state stays, all indexes go back."""
        with self.cluster.lock:
            return self.snapshots.go_back(back)

    # --- access, faults, time ---
    def secured(self, tls: Tls) -> None:
        """New files were loaded: agents whose certificate is of no trusted CA are cut off, others come back (tls-rotation)."""
        with self.cluster.lock:
            if not tls.knows_agents():
                strangers = [m for m in self.machines.values() if m.alive and not m.frozen]
                for machine in strangers:
                    machine.freeze()
                self.strangers += strangers
            else:
                for machine in self.strangers:
                    machine.come_back()
                self.strangers = []

    def reload_tls(self) -> str:
        """SIGHUP. What is wrong with the files, if anything."""
        if self.tls is None:
            raise ValueError("this lab was started without TLS")
        return self.tls.reload()

    def acl(self, enabled: bool = True, tokens: dict[str, Any] | None = None, policies: Any = None, roles: Any = None) -> None:
        """All tokens anew: secret -> kind, or {"policies", "roles", "type", "ttl", "name"}; policies: name -> HCL or data."""
        with self.cluster.lock:
            self.api.acl.set(enabled, tokens or {}, policies, roles)

    def enforce_introduction(self, enforcement: str) -> None:
        """none, warn (as a server starts with) or strict."""
        with self.cluster.lock:
            self.api.introduction.enforce(enforcement)

    def policy(self, name: str, rules: Any) -> None:
        """HCL, or data like RulesJSON; None deletes it. "anonymous": what those without a token may do."""
        with self.cluster.lock:
            self.api.acl.policy(name, rules)

    def role(self, name: str, policies: list[str] | None) -> None:
        with self.cluster.lock:
            self.api.acl.role(name, policies)

    def token(self, secret: str, gone: bool = False, **fields: Any) -> None:
        """One more token, or one less."""
        with self.cluster.lock:
            if gone:
                self.api.acl.drop(secret)
            else:
                self.api.acl.token(secret, **fields)

    def fault(self, kind: str, **fields: Any) -> Fault:
        return self.faults.add(kind=kind, **fields)

    def clear_faults(self) -> None:
        self.faults.clear()

    def advance(self, seconds: float) -> None:
        with self.cluster.lock:
            self.clock.sleep(seconds)

    def get(self, path: str, **query: str) -> Any:
        """A quick look through the API, for tests' set-ups."""
        living = next((place for place in self.places if place.up), self.places[0])
        response = self.session().get(f"http://{living.name}{path}", params=query)
        response.raise_for_status()
        return json.loads(response.text)
