"""The kubelets: what becomes of a pod on its node, from ContainerCreating to its end, told as status and events."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from dataclasses import replace
from typing import Any

from lab.kubernetes.controllers import containers, podstatus
from lab.kubernetes.controllers.containers import Container
from lab.kubernetes.controllers.podstatus import is_over
from lab.kubernetes.controllers.world import World
from lab.kubernetes.state import Change

Json = dict[str, Any]
WARNINGS = ("Failed", "BackOff")
STAGGER = 0.01  # s; pods that come together do not start at the same moment
HELD = "lab-state"  # pods with this label are left to the test, which writes their status


class Kubelet:
    """All of them: one memory of containers for each pod that has a node."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.lives: dict[str, tuple[Container, ...]] = {}  # by the pod's uid
        self._ending: set[str] = set()
        self._addresses = 0
        world.images.told.append(self._images_changed)

    def follow(self, change: Change) -> None:
        resource, namespace, name = change.key
        if resource != "pods":
            return
        if change.type == "DELETED":
            self.lives.pop(change.object["metadata"]["uid"], None)
            self._ending.discard(change.object["metadata"]["uid"])
        elif change.object["spec"].get("nodeName") and (not _is_held(change.object) or change.object["metadata"].get("deletionTimestamp")):
            self._world.later(self.look, namespace, name)

    def look(self, namespace: str, name: str) -> None:
        pod = self._world.get("pods", namespace, name)
        if pod is None or not pod["spec"].get("nodeName") or pod["spec"]["nodeName"] in self._world.state.silent:
            return
        uid = pod["metadata"]["uid"]
        if pod["metadata"].get("deletionTimestamp"):
            self._end(pod)
            return
        if uid not in self.lives:
            if is_over(pod) or not self._can_mount(pod):
                return
            self._begin(pod)
        self._live(pod)

    # --- life ---
    def _begin(self, pod: Json) -> None:
        spec = pod["spec"]
        made = [Container(one["name"], one["image"], init=True) for one in spec.get("initContainers") or ()]
        made += [Container(one["name"], one["image"]) for one in spec["containers"]]
        self._addresses += 1
        late = self._addresses % 3 * STAGGER * self._world.images.pace
        self.lives[pod["metadata"]["uid"]] = _start_next(tuple(made), self._world.clock.now() + late)

    def _can_mount(self, pod: Json) -> bool:
        """Every claim is bound; what hangs is looked at again."""
        for one in pod["spec"].get("volumes") or ():
            name = (one.get("persistentVolumeClaim") or {}).get("claimName")
            claim = self._world.get("persistentvolumeclaims", pod["metadata"]["namespace"], name) if name else None
            if name and (claim is None or (claim.get("status") or {}).get("phase") != "Bound"):
                self._world.later(self.look, pod["metadata"]["namespace"], pod["metadata"]["name"], 1.0)
                return False
        return True

    def _live(self, pod: Json) -> None:
        """All that is due by now happens, in order; then the status is told, and the next thing awaited."""
        uid, now, policy = pod["metadata"]["uid"], self._world.clock.now(), pod["spec"].get("restartPolicy", "Always")
        while True:
            self.lives[uid] = started = _start_next(self.lives[uid], now)
            number = next((at for at, one in enumerate(started) if (when := self._due(one)) is not None and when <= now + 1e-9), None)
            if number is None:
                break
            one = started[number]
            after, told = containers.advance(one, self._world.images.of(one.image), policy, now, self._world.images.pace)
            for reason in told:
                self._event(pod, after, reason)
            self.lives[uid] = (*started[:number], after, *started[number + 1 :])
        self._tell(pod)
        times = [when for one in self.lives[uid] if (when := self._due(one)) is not None]
        if times and not self._is_over(uid, policy):
            self._world.later(self.look, pod["metadata"]["namespace"], pod["metadata"]["name"], max(0.0, min(times) - now))

    def _due(self, one: Container) -> float | None:
        return containers.due(one, self._world.images.of(one.image), self._world.images.pace)

    def _is_over(self, uid: str, policy: str) -> bool:
        return podstatus.phase(self.lives[uid], policy) in ("Succeeded", "Failed")

    def _tell(self, pod: Json) -> None:
        old = pod.get("status") or {}
        mine, now = self.lives[pod["metadata"]["uid"]], self._world.stamp()
        policy = pod["spec"].get("restartPolicy", "Always")

        def told(init: bool) -> list[Json]:
            return [containers.status(one, self._world.images.of(one.image), self._world.stamp, pod["metadata"]["name"]) for one in mine if one.init == init]

        address = old.get("podIP") or f"10.0.{self._addresses // 250}.{self._addresses % 250 + 1}"
        status = {
            "phase": podstatus.phase(mine, policy),
            "conditions": podstatus.conditions(mine, old.get("conditions") or (), now),
            "hostIP": "127.0.0.1",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": old.get("startTime") or now,
            **({"initContainerStatuses": told(True)} if told(True) else {}),
            "containerStatuses": told(False),
            "qosClass": podstatus.quality(pod["spec"]),
        }
        self._log(pod, mine)
        self._world.status("pods", pod, status)

    def _log(self, pod: Json, mine: tuple[Container, ...]) -> None:
        """What its containers wrote: those that ran, and the run before."""
        logs = getattr(self._world.state, "logs", None)
        if logs is None:
            return
        meta = pod["metadata"]
        for one in mine:
            text = "".join(f"{line}\n" for line in self._world.images.of(one.image).log)
            if one.exit or one.phase == "running":
                logs[meta["namespace"], meta["name"], one.name] = text
            if one.before or (one.exit and one.restarts):
                logs[meta["namespace"], meta["name"], f"{one.name}/previous"] = text

    # --- ends ---
    def _end(self, pod: Json) -> None:
        """SIGTERM: it is gone when its containers have stopped, or with its grace."""
        uid, meta = pod["metadata"]["uid"], pod["metadata"]
        if uid in self._ending:
            return
        self._ending.add(uid)
        alive = [one for one in self.lives.pop(uid, ()) if one.phase == "running"]
        takes = max([self._world.images.of(one.image).stop for one in alive], default=0.0) * self._world.images.pace
        for one in alive:
            self._event(pod, one, "Killing")
        if takes < float(meta.get("deletionGracePeriodSeconds") or 0):
            self._world.clock.after(takes, lambda: self._gone(meta["namespace"], meta["name"], uid))

    def _gone(self, namespace: str, name: str, uid: str) -> None:
        with self._world.state.news:
            pod = self._world.get("pods", namespace, name)
            if pod is not None and pod["metadata"]["uid"] == uid and pod["spec"]["nodeName"] not in self._world.state.silent:
                self._world.state.remove("pods", namespace, name)

    def kill(self, namespace: str, name: str, ending: tuple[int, str] = (137, "OOMKilled"), container: str = "") -> None:
        """A container of the pod (the first, if none is named) is killed now."""
        with self._world.state.news:
            pod = self._world.get("pods", namespace, name)
            if pod is None:
                raise KeyError(f"no pod {namespace}/{name}")
            uid, policy = pod["metadata"]["uid"], pod["spec"].get("restartPolicy", "Always")
            for number, one in enumerate(self.lives[uid]):
                if one.phase == "running" and container in ("", one.name):
                    after, told = containers.end(one, ending, policy, self._world.clock.now())
                    for reason in told:
                        self._event(pod, after, reason)
                    self.lives[uid] = (*self.lives[uid][:number], after, *self.lives[uid][number + 1 :])
                    break
            self._tell(pod)
            self._world.later(self.look, namespace, name)

    def _images_changed(self) -> None:
        """A container that runs and would not be ready any more is not; the rest comes with its next look."""
        with self._world.state.news:
            for pod in self._world.of("pods"):
                uid = pod["metadata"]["uid"]
                if uid not in self.lives:
                    continue
                self.lives[uid] = tuple(replace(one, ready=one.ready and self._world.images.of(one.image).ready_after is not None) for one in self.lives[uid])
                self._world.later(self.look, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _event(self, pod: Json, one: Container, reason: str) -> None:
        image = self._world.images.of(one.image)
        words = {
            "Pulled": f'Successfully pulled image "{one.image}"',
            "Created": f"Created container: {one.name}",
            "Started": f"Started container {one.name}",
            "Killing": f"Stopping container {one.name}",
            "Failed": f'Failed to pull image "{one.image}": {image.pull_error}',
            "BackOff": f"Back-off restarting failed container {one.name} in pod {pod['metadata']['name']}",
        }[reason]
        if reason == "BackOff" and one.phase == "pulling-failed":
            words = f'Back-off pulling image "{one.image}"'
        self._world.event("pods", pod, reason, words, "kubelet", warning=reason in WARNINGS)


def _start_next(mine: tuple[Container, ...], now: float) -> tuple[Container, ...]:
    """Init containers one after the other; then all the others at once."""
    found = list(mine)
    for number, one in enumerate(found):
        if one.init:
            if one.phase == "queued":
                found[number] = replace(one, phase="creating", since=now)
            if not (one.is_done and one.exit and one.exit[0] == 0):
                return tuple(found)
        elif one.phase == "queued":
            found[number] = replace(one, phase="creating", since=now)
    return tuple(found)


def _is_held(pod: Json) -> bool:
    return HELD in (pod["metadata"].get("labels") or {})
