"""The life of one container, step by step: a pure function of what it is, how its image behaves, and the time."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import dataclass, replace
from typing import Any

from lab.kubernetes.controllers.images import BACK_OFF, CALM, PULL_BACK_OFF, Image

Json = dict[str, Any]


@dataclass(frozen=True)
class Container:
    """Where a container is in its life. `phase`: queued (init containers come first), creating, pulling-failed, running, back-off, ended.

    Times are seconds of the lab's clock: `since` of the phase, `started` and `ended` of the last run.
    """

    name: str
    image: str
    init: bool = False
    phase: str = "queued"
    since: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    ready: bool = False
    restarts: int = 0
    failures: int = 0  # since it last ran long, for the back-off
    pulls: int = 0  # attempts that failed
    exit: tuple[int, str] | None = None  # of the last run
    before: tuple[int, str, float, float] | None = None  # of the run before: code, reason, started, ended

    @property
    def is_done(self) -> bool:
        return self.phase == "ended"


def back_off(failures: int) -> float:
    """Seconds until the next start after so many failures in a row; the first restart comes at once."""
    return 0.0 if failures <= 1 else BACK_OFF[min(failures - 2, len(BACK_OFF) - 1)]


def pull_back_off(pulls: int) -> float:
    return PULL_BACK_OFF[min(max(pulls, 1), len(PULL_BACK_OFF)) - 1]


def due(one: Container, image: Image, pace: float = 1.0) -> float | None:
    """When something happens to it next by itself; None: never."""
    times: list[float] = []
    if one.phase == "creating":
        times.append(one.since + (image.pull + image.start) * pace)
    elif one.phase == "pulling-failed":
        times.append(one.since + pull_back_off(one.pulls) * pace)
    elif one.phase == "back-off":
        times.append(one.since + back_off(one.failures) * pace)
    elif one.phase == "running":
        if not one.ready and not one.init and image.ready_after is not None:
            times.append(one.started + image.ready_after * pace)
        if image.run_for is not None:
            times.append(one.started + image.run_for * pace)
    return min(times) if times else None


def advance(one: Container, image: Image, policy: str, now: float, pace: float = 1.0) -> tuple[Container, tuple[str, ...]]:
    """What it is once that happened, and the kubelet's events (their reasons)."""
    if one.phase in ("creating", "pulling-failed"):
        if image.pull_error:
            return replace(one, phase="pulling-failed", since=now, pulls=one.pulls + 1), ("Failed",) if one.phase == "creating" else ("BackOff",)
        return _run(one, now), ("Pulled", "Created", "Started")
    if one.phase == "back-off":
        return _run(replace(one, restarts=one.restarts + 1), now), ("Pulled", "Created", "Started")
    if one.phase == "running" and image.run_for is not None and now >= one.started + image.run_for * pace - 1e-9:
        return end(one, image.ending, policy, now)
    if one.phase == "running" and not one.ready and not one.init and image.ready_after is not None:
        return replace(one, ready=True), ()
    return one, ()


def _run(one: Container, now: float) -> Container:
    before = (*one.exit, one.started, one.ended) if one.exit else one.before
    return replace(one, phase="running", since=now, started=now, ready=False, before=before, exit=None)


def end(one: Container, ending: tuple[int, str], policy: str, now: float) -> tuple[Container, tuple[str, ...]]:
    """It ends by itself or is killed: over for good, or waiting for its next start, by the pod's restart policy."""
    code, _reason = ending
    calm = now - one.started >= CALM
    over = replace(one, phase="ended", since=now, ended=now, ready=False, exit=ending, failures=1 if calm else one.failures + 1)
    if policy == "Never" or (code == 0 and (policy == "OnFailure" or one.init)):
        return over, ()
    return replace(over, phase="back-off"), ("BackOff",) if over.failures > 1 else ()


def status(one: Container, image: Image, stamp: Any, pod: str) -> Json:
    """Its entry in containerStatuses; `stamp` makes a timestamp of a time."""
    return {
        "name": one.name,
        "state": _state(one, image, stamp, pod),
        "lastState": {"terminated": _terminated(one, stamp)} if _terminated(one, stamp) else {},
        "ready": one.ready or (one.init and one.is_done and (one.exit or (1,))[0] == 0),
        "restartCount": one.restarts,
        "image": one.image,
        "imageID": "",
    }


def _state(one: Container, image: Image, stamp: Any, pod: str) -> Json:
    if one.phase == "queued":
        return {"waiting": {"reason": "PodInitializing"}}
    if one.phase == "creating":
        return {"waiting": {"reason": "ContainerCreating"}}
    if one.phase == "pulling-failed":
        if one.pulls <= 1:
            return {"waiting": {"reason": "ErrImagePull", "message": image.pull_error}}
        return {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{one.image}"'}}
    if one.phase == "running":
        return {"running": {"startedAt": stamp(one.started)}}
    if one.phase == "back-off" and one.failures > 1:
        told = _duration(back_off(one.failures))
        return {"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off {told} restarting failed container={one.name} pod={pod}"}}
    code, reason = one.exit or (0, "Completed")
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": stamp(one.started), "finishedAt": stamp(one.ended)}}


def _terminated(one: Container, stamp: Any) -> Json:
    """The run before the one that `state` speaks of."""
    if one.phase == "back-off" and one.exit:
        code, reason, started, ended = (*one.exit, one.started, one.ended)
    elif one.before:
        code, reason, started, ended = one.before
    else:
        return {}
    return {"exitCode": code, "reason": reason, "startedAt": stamp(started), "finishedAt": stamp(ended)}


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
