"""A client agent and the tasks on its machine: heartbeats, starts, stops, reports, deaths and returns."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lab.nomad.build import Build
from lab.nomad.clock import Timer
from lab.nomad.events import Events
from lab.nomad.intro import Applicant
from lab.nomad.model import LOST, SEC, Allocation, Node, TaskRun, work_of

if TYPE_CHECKING:
    from lab.nomad.cluster import Cluster

SEES = 0.01  # the client's own blocking query wakes
STARTS = 0.08  # received to started (node-allocations)
DIES = 0.04  # an obedient task after its interrupt
HEALTHY = 10.0  # min_healthy_time
RETRY = 1.0  # a report that found no leader is sent again


class Client(Events, Applicant):
    """One machine with an agent. Alive, frozen or dead; its tasks may outlive the agent."""

    def __init__(self, cluster: "Cluster", node: Node, on_build: Callable[[Build], None]) -> None:
        self.cluster, self.node, self.on_build = cluster, node, on_build
        self.alive = True
        self.frozen = False  # stopped, not dead: wakes up where it was
        self.leaving = False  # drain_on_shutdown: it waits for its own drain and does nothing more
        self.joined = False
        self.builds: dict[str, Build] = {}
        self.runs: dict[str, TaskRun] = {}  # what would be reported
        self.collected: set[str] = set()  # builds whose directories are gone
        self.dirty: set[str] = set()
        self.hurry = False  # something of what is dirty is urgent
        self.syncing: Timer | None = None
        self.noticed: Timer | None = None
        self.down: Timer | None = None
        self.later: list[float] = []  # the next waits for a heartbeat, where they are known
        self.seen: dict[str, str] = {}  # allocation -> desired status as last acted on
        cluster.clients[node.id] = self

    # --- membership ---
    def join(self, ready_after: float = 0.0) -> None:
        c = self.cluster
        if not c.reachable:
            c.clock.after(0.5, lambda: self.join(ready_after))
            return
        if not self.alive:
            return
        if not self.admitted(ready_after):
            return
        c.register_node(self.node)
        self.node = c.nodes[self.node.id]
        self.joined = True
        self.notice()
        self.sync_soon()
        if ready_after:
            c.clock.after(ready_after, self.ready)
        else:
            self.ready()

    def ready(self) -> None:
        if not self.alive or self.cluster.nodes.get(self.node.id) is not self.node:
            return
        if self.down is not None:
            self.down.cancel()
            self.down = None
        silent = self.node.was_down and not self.cluster.profile.says_reregistered
        self.node.was_down = False
        self.cluster.node_status(self.node, "ready", "Node reregistered by heartbeat" if silent or self.node.status == "down" else "")
        self.notice()
        self.sync_soon()

    def silent(self, seconds: float | None = None) -> None:
        """The last heartbeat was sent: the server calls the node down when its time is over."""
        c = self.cluster
        low, high = c.profile.heartbeat_lost
        wait = c.random.uniform(low, high) if seconds is None else seconds
        if self.down is not None:
            self.down.cancel()
        self.down = c.clock.after(wait, self._missed)

    def _missed(self) -> None:
        c = self.cluster
        if not c.reachable:
            self.down = c.clock.after(1.0, self._missed)
            return
        self.down = None
        if c.nodes.get(self.node.id) is not self.node:
            return
        live = [a for a in c.of_node.get(self.node.id, ()) if a.desired == "run" and not a.client_terminal]
        if any(a.job.may_be_away for a in live):
            if self.node.status == "disconnected":  # asked again and again as long as something may return (drain-then-disconnect)
                c.touch_node(self.node, "Node heartbeat missed")
            c.node_status(self.node, "disconnected", "Node heartbeat missed")
            self.silent(self.later.pop(0) if self.later else None)
        else:
            c.node_status(self.node, "down", "Node heartbeat missed")

    def forgotten(self) -> None:
        """Purged: the next heartbeat says "node not found" and the agent registers anew, open, without a past."""
        self.joined = False
        if self.alive:
            c = self.cluster
            low, high = c.profile.purged_back
            c.clock.after(c.random.uniform(low, high), self.rejoin)

    def rejoin(self) -> None:
        if self.alive and not self.joined:
            self._renew()
            self.join()

    def _renew(self) -> None:
        if self.cluster.nodes.get(self.node.id) is not self.node:
            old = self.node
            kept = (old.node_class, old.datacenter, old.version, old.instance_id, old.memory, old.pool, old.address)
            self.node = Node(old.id, old.name, old.number, *kept)

    def die(self, builds: str, heartbeat: float | None = None) -> None:
        """kill -9 of the agent; with builds "die" the machine goes too."""
        self.alive = False
        if builds == "die":
            for build in list(self.builds.values()):
                if build.ended is None:
                    self._over(build, "lost")
        self.silent(heartbeat)

    def leave(self, deadline: float, accessor: str) -> None:
        """SIGTERM of an agent with drain_on_shutdown: it drains itself and is gone soon after, whatever still runs (shutdown-drain)."""
        c = self.cluster
        c.drainer.set(self.node, int(deadline * SEC), True, {"message": "shutting down"}, accessor)
        self.leaving = True

        def look() -> None:
            if self.node.strategy is None:
                self.die("live", self.leaves_quietly)
            else:
                c.clock.after(0.005, look)

        look()

    def freeze(self, heartbeat: float | None = None) -> None:
        """SIGSTOP, or a cut cable: nothing is sent or seen, the tasks go on."""
        self.frozen = True
        self.silent(heartbeat)

    def thaw(self) -> None:
        self.frozen = False
        if self.joined and self.cluster.nodes.get(self.node.id) is not self.node:
            self.joined = False
            self.rejoin()
            return
        self._reconnect()
        if self.node.status != "disconnected":
            self.ready()
            return
        self.cluster.node_status(self.node, "initializing")
        self.cluster.evaluate_node(self.node, "node-update")
        self.cluster.clock.after(0.3, self.ready)

    def _reconnect(self) -> None:
        """What the server calls unknown goes on; what should have become healthy meanwhile is."""
        for allocation in self.cluster.of_node.get(self.node.id, ()):
            run = self.runs.get(allocation.id)
            if allocation.client != "unknown" or run is None:
                continue
            if run.state == "running":
                self._event(run, "Reconnected", "Client reconnected")
            if allocation.health is None and self._watches_health(allocation):
                self.cluster.clock.after(self._healthy_in(allocation), lambda a=allocation: self._healthy(a))
            self._report(allocation.id)

    def _watches_health(self, allocation: Allocation) -> bool:
        profile = self.cluster.profile
        return profile.deployments and allocation.job.type in (("service", "system") if profile.system_deployments else ("service",))

    def _healthy_in(self, allocation: Allocation) -> float:
        """From now: the time of the update block in a deployment, else that of the migrate block (drain-migrate-block)."""
        group, names = allocation.job.group, ("Update",) if allocation.deployment else ("Migrate",)
        if self.cluster.profile.quick_health and not allocation.deployment:
            names = ("Update", "Migrate")
        wanted = min((group.get(name) or {}).get("MinHealthyTime") or HEALTHY * SEC for name in names)
        return float(wanted) / SEC - (self.cluster.clock.now() - self.builds[allocation.id].started)

    def come_back(self, ready_after: float = 0.0, heartbeat: float | None = None) -> None:
        """The agent starts again and finds the tasks that still run."""
        if self.frozen:
            self.thaw()
        if self.alive:
            return
        self.alive, self.leaving = True, False
        for build in self.builds.values():
            build.recovered = True
            allocation = self.cluster.allocations.get(build.allocation)
            if allocation is not None and not (allocation.client_terminal and allocation.client != "lost"):
                run = self.runs[build.allocation]
                if build.how == "lost" and run.state != "dead":
                    run.failed = True
                    self._event_gives_up(run)
                    self._dead(run)
                elif build.ended is not None and run.state != "dead":
                    self._event_terminated(run, build.work.exit_code, 0)
                    run.failed = build.work.exit_code != 0
                    if build.how == "killed":
                        self._event(run, "Killed", "Task successfully killed")
                    self._dead(run)
                self.dirty.add(build.allocation)
        self._renew()
        self.join(ready_after)
        if heartbeat is not None:
            self.silent(heartbeat)

    # --- allocations ---
    def notice(self) -> None:
        """The server has news for this node."""
        if self.noticed is None or not self.noticed.live or self.noticed.at < self.cluster.clock.now():
            self.noticed = self.cluster.clock.after(SEES, self._pull)

    def _pull(self) -> None:
        c = self.cluster
        self.noticed = None
        if not self.alive or not self.joined or self.frozen or self.leaving:
            return
        if not c.reachable:
            self.noticed = c.clock.after(RETRY, self._pull)
            return
        for allocation in list(c.of_node.get(self.node.id, ())):
            if self.seen.get(allocation.id) == allocation.desired:
                continue
            if allocation.desired == "run":
                if self._must_wait(allocation):
                    continue
                self.seen[allocation.id] = "run"
                if not allocation.client_terminal:
                    self._start(allocation)
            else:
                self.seen[allocation.id] = allocation.desired
                self._stop(allocation)

    def _must_wait(self, allocation: Allocation) -> bool:
        """A replacement waits until the one before it has ended: here by the machine's truth (drain-old-enable-form of 0.5.6:
        the server calls it lost already), elsewhere by what the server knows (drain-force)."""
        here = self.runs.get(allocation.previous)
        if here is not None:
            return here.state != "dead"
        previous = self.cluster.allocations.get(allocation.previous)
        return previous is not None and not previous.client_terminal and previous.client != "unknown"

    def _start(self, allocation: Allocation) -> None:
        c = self.cluster
        build = Build(allocation.id, allocation.job.id, self.node.id, self.node.name, work_of(allocation.job.task), c.clock.now())
        build.plugin = allocation.job.is_plugin
        run = TaskRun()
        self.builds[allocation.id], self.runs[allocation.id] = build, run
        self._event(run, "Received", "Task received by client")
        self._event(run, "Task Setup", "Building Task Directory", {"message": "Building Task Directory"}, Message="Building Task Directory")
        c.clock.after(STARTS, lambda: self._started(build, run))

    def _started(self, build: Build, run: TaskRun) -> None:
        c = self.cluster
        if build.ended is not None:
            return
        build.started = c.clock.now()
        run.state, run.started = "running", c.stamp()
        self._event(run, "Started", "Task started by client")
        self.on_build(build)
        if build.work.seconds is not None:
            build.ending = c.clock.after(build.work.seconds, lambda: self.ends(build, run))
        self._report(build.allocation)

    def ends(self, build: Build, run: TaskRun) -> None:
        """The task ends by itself."""
        if build.ended is not None:
            return
        self._over(build, "itself")
        if not self.alive:
            return
        self._event_terminated(run, build.work.exit_code, 0)
        run.failed = build.work.exit_code != 0
        if run.failed:
            self._event_gives_up(run)
        self._finish(build, run)

    def _finish(self, build: Build, run: TaskRun) -> None:
        """The end is reported; of a re-attached task first its last event, its end only later (drain-client-restart-kill)."""
        if build.recovered and self.cluster.profile.recovered_stop:
            self._report(build.allocation)
            self.cluster.clock.after(self.cluster.profile.recovered_stop, lambda: self._finished(build, run))
        elif self.cluster.profile.end_takes:
            self._report(build.allocation)
            self.cluster.clock.after(self.cluster.profile.end_takes, lambda: self._finished(build, run))
        else:
            self._finished(build, run)

    def _finished(self, build: Build, run: TaskRun) -> None:
        self._dead(run)
        self._report(build.allocation)
        self.notice()

    def _stop(self, allocation: Allocation) -> None:
        build = self.builds.get(allocation.id)
        run = self.runs.get(allocation.id)
        if build is None or run is None:  # never started here: ends without a task
            self.runs[allocation.id] = run = TaskRun(state="dead")
            run.finished = self.cluster.stamp()
            self._report(allocation.id)
            return
        if build.ended is not None or run.state == "dead":
            self._report(allocation.id)
            return
        if run.state == "pending":  # a start under way is finished first
            self.cluster.clock.after(STARTS, lambda: self._stop(allocation))
            return
        seconds = f"{build.work.kill_timeout:g}s"
        text = self.cluster.profile.interrupt_text.format(seconds)
        self._event(run, "Killing", text, {"kill_timeout": seconds}, KillTimeout=int(build.work.kill_timeout * 1e9))
        self._report(allocation.id)
        build.stopping = self.cluster.clock.after(DIES + build.work.stop_takes, lambda: self._stopped(build, run, allocation))

    def _stopped(self, build: Build, run: TaskRun, allocation: Allocation) -> None:
        if build.ended is not None:
            return
        self._over(build, "cancelled" if allocation.job.stop else "killed")
        if build.recovered:  # a re-attached task is found to be dead only later (client-killed)
            self.cluster.clock.after(self.cluster.profile.recovered_stop, lambda: self._was_killed(build, run))
        else:
            self._was_killed(build, run)

    def _was_killed(self, build: Build, run: TaskRun) -> None:
        if not self.alive:
            return
        if build.plugin and self.cluster.profile.plugin_stop_fails:
            run.failed = True
            self._finished(build, run)
            return
        if self.cluster.profile.says_terminated:
            if build.work.stop_seconds <= build.work.kill_timeout and self.cluster.profile.stopped_text:
                self._event_terminated(run, 0, 0, self.cluster.profile.stopped_text)
            elif build.work.stop_seconds == 0:
                self._event_terminated(run, 130, 2)
            elif build.work.stop_seconds > build.work.kill_timeout:
                self._event_terminated(run, 137, 9)
            else:
                self._event_terminated(run, 0, 0)
        self._event(run, "Killed", "Task successfully killed")
        self._finished(build, run)

    def collect(self, allocation_id: str = "") -> int:
        """Throw away the directories of ended builds; their tasks then have one more event, Killing (operator-calls)."""
        chosen = [b for b in self.builds.values() if b.ended is not None and b.allocation not in self.collected and allocation_id in ("", b.allocation)]
        for build in chosen:
            self.collected.add(build.allocation)
            self._event(self.runs[build.allocation], "Killing", "Sent interrupt. Waiting 5s before force killing", {"kill_timeout": "5s"}, KillTimeout=5 * SEC)
            self._report(build.allocation)
        return len(chosen)

    def _over(self, build: Build, how: str) -> None:
        build.ended, build.how = self.cluster.clock.now(), how
        for timer in (build.ending, build.stopping):
            if timer is not None:
                timer.cancel()
        self.on_build(build)

    def _dead(self, run: TaskRun) -> None:
        run.state, run.finished = "dead", self.cluster.stamp()

    # --- events and reports ---
    def _report(self, allocation_id: str) -> None:
        self.dirty.add(allocation_id)
        self.sync_soon()

    def sync_soon(self) -> None:
        if not self.dirty:
            return
        every = self.cluster.profile.client_sync if self._urgent() else self.cluster.profile.quiet_sync
        now = self.cluster.clock.now()
        phase = (self.node.number * 0.037) % self.cluster.profile.client_sync
        next_tick = (int((now - phase) / every) + 1) * every + phase
        if self.syncing is not None and self.syncing.live and self.syncing.at > next_tick:
            self.syncing.cancel()
        if self.syncing is None or not self.syncing.live:
            self.syncing = self.cluster.clock.at(next_tick, self._sync)

    def _urgent(self) -> bool:
        """An end or a health goes at the next tick; a start and a task's events may wait (drain-while-stopping of 1.7.7)."""
        if self.hurry:
            return True
        for key in self.dirty:
            allocation, status = self.cluster.allocations.get(key), self._status(self.runs[key])[0]
            if allocation is not None and status not in ("running", allocation.client):
                return True
        return False

    def _sync(self) -> None:
        c = self.cluster
        self.syncing = None
        if not self.alive or not self.joined or self.frozen or not self.dirty:
            return
        if not c.reachable:
            self.syncing = c.clock.after(RETRY, self._sync)
            return
        changed = []
        for allocation_id in sorted(self.dirty, key=lambda key: (c.allocations[key].create, key) if key in c.allocations else (0, key)):
            allocation = c.allocations.get(allocation_id)
            if allocation is None:
                continue
            self._describe(allocation, self.runs[allocation_id].copy())
            changed.append(allocation)
        self.dirty.clear()
        self.hurry = False
        if changed:
            c.client_update(changed)

    @staticmethod
    def _status(run: TaskRun) -> tuple[str, str]:
        if run.state == "dead":
            return ("failed", "Failed tasks") if run.failed else ("complete", "All tasks have completed")
        return ("running", "Tasks are running") if run.state == "running" else ("pending", "")

    def _describe(self, allocation: Allocation, run: TaskRun) -> None:
        allocation.task = run
        if run.state != "pending":
            allocation.client, allocation.client_text = self._status(run)
        if not self._watches_health(allocation):
            return
        if allocation.client == "running" and allocation.health is None and allocation.desired == "run":
            self.cluster.clock.after(self._healthy_in(allocation), lambda: self._healthy(allocation))
        elif allocation.client_terminal and allocation.health is None and (allocation.deployment or not self.cluster.profile.deploys_unasked):
            allocation.health = self._health(False)
            if allocation.job.type == "service" and allocation.deployment and allocation.desired_text != LOST:
                self.cluster.clock.after(1.0, lambda: self._reschedule(allocation))

    def _health(self, good: bool) -> dict[str, Any]:
        return {"Canary": False, "Healthy": good, "ModifyIndex": self.cluster.index + 1, "Timestamp": self.cluster.stamp()}

    def _healthy(self, allocation: Allocation) -> None:
        wanted = allocation.desired == "run" or allocation.unknown_since is not None
        if self.alive and not self.frozen and wanted and allocation.client in ("running", "unknown") and allocation.health is None:
            allocation.health = self._health(True)
            self.hurry = True
            self._report(allocation.id)

    def _reschedule(self, allocation: Allocation) -> None:
        """The deployment watcher asks for a fresh one after an unhealthy end (drain-force-kill-timeout)."""
        if allocation.id in self.cluster.allocations:
            allocation.reschedule = True
            self.cluster.touch_allocation(allocation, self.cluster.commit("allocs"), by_server=False)
