# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of the lab's Nomad as worlds for the laws: one to be stopped beside one that must live on."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ansible_collections.serverops.circleci.plugins.module_utils.core.shapes import Json
from unit.laws.nomad import CANARY, MODULES, PARAMS, TROUBLES, NomadWorld
from unit.laws.running import module_run
from unit.laws.subject import Reading, Subject

STOP = import_module(MODULES + "nomad_job_stop").DOOR
LOG = import_module(MODULES + "nomad_job_log").DOOR
INFO = import_module(MODULES + "nomad_job_info").DOOR
PROFILES = ("0.5.6", "1.1.2", "1.11.3")
JOB: Json = {"job": "build", "confirm": "build"}


class JobWorld(NomadWorld):
    """A lab with the job `build` and another that runs for an hour; what counts at the end is how each of their allocations ended."""

    def end(self) -> Json:
        found: dict[str, list[str]] = {}
        for one in self.lab.truth()["builds"]:
            found.setdefault(one["job"], []).append(one["how"])
        wanted = sorted(job.id for job in self.lab.cluster.jobs.values() if not job.stop)
        return {"builds": {job: sorted(ends) for job, ends in found.items()}, "wanted": wanted}


def _all_rights(world: NomadWorld) -> None:
    """What is enough for a drain may not list jobs, stop one, or read a log."""
    if world.lab.profile.acl:
        world.lab.acl(True, {CANARY: "management"})


def _running(profile: str, type: str = "batch", acl: bool = False) -> JobWorld:
    world = JobWorld(profile, 3, {"c1": [3600.0]}, acl)
    _all_rights(world)
    world.lab.build("build", None, seconds=None, count=3, stop_seconds=20.0, kill_timeout=60.0, type=type)
    world.clock.sleep(2)
    return world.settle_in()


def _waiting(profile: str) -> JobWorld:
    """It never got a client."""
    world = JobWorld(profile, 3, {"c1": [3600.0]})
    world.lab.build("build", "nowhere")
    world.clock.sleep(2)
    return world.settle_in()


def _stopped(profile: str) -> JobWorld:
    """Stopped by an earlier run, and still winding up."""
    world = _running(profile)
    result = module_run(STOP, world, {**PARAMS, **JOB, "wait": False})
    assert not result.get("failed"), result
    return world.settle_in()


def _over(profile: str) -> JobWorld:
    """It ended by itself."""
    world = JobWorld(profile, 3, {"c1": [3600.0]})
    world.lab.build("build", seconds=5.0)
    world.clock.sleep(10)
    return world.settle_in()


def _ends(*ends: str, wanted: tuple[str, ...] = ()) -> Json:
    builds = {"build-c1-0": ["running"], **({"build": list(ends)} if ends else {})}
    return {"builds": builds, "wanted": sorted(["build-c1-0", *wanted])}


def _subject(name: str, make: Callable[[], NomadWorld], ends: Json, short: float | None = None) -> Subject:
    return Subject(f"nomad_job_stop {name}", STOP, make, {**PARAMS, **JOB}, ends, CANARY, short, troubles=TROUBLES)


def subjects() -> list[Subject]:
    """nomad_job_stop of jobs in every state, on every profile."""
    found = []
    for p in PROFILES:
        cancelled = _ends("cancelled", "cancelled", "cancelled")
        found += [
            _subject(f"a running build, {p}", lambda p=p: _running(p, acl=True), cancelled, 5.0),
            _subject(f"a waiting build, {p}", lambda p=p: _waiting(p), _ends()),
            _subject(f"a build that winds up, {p}", lambda p=p: _stopped(p), cancelled, 5.0),
            _subject(f"a build that is over, {p}", lambda p=p: _over(p), _ends("itself", wanted=("build",))),
        ]
    return [*found, _subject("a service, 1.1.2", lambda: _running("1.1.2", "service"), cancelled, 5.0)]


def readings() -> list[Reading]:
    """nomad_job_info with a job that runs and one that waits, nomad_job_log of the one that runs; on every profile."""
    queues = [Reading(f"nomad_job_info, {p}", INFO, lambda p=p: _queue(p), PARAMS, CANARY, TROUBLES) for p in PROFILES]
    return queues + [Reading(f"nomad_job_log, {p}", LOG, lambda p=p: _queue(p), {**PARAMS, "job": "build-c1-0"}, CANARY, TROUBLES) for p in PROFILES]


def _queue(profile: str) -> NomadWorld:
    world = NomadWorld(profile, 3, {"c1": [3600.0]}, acl=True)
    _all_rights(world)
    world.lab.build("waits", "nowhere")
    world.clock.sleep(2)
    return world.settle_in()
