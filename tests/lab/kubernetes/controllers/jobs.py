"""Jobs: pods until so many have succeeded, or too many have failed."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import Any

from lab.kubernetes.controllers.podstatus import is_over, is_ready
from lab.kubernetes.controllers.world import JOBS, World, owner_of, without_zeros
from lab.kubernetes.state import Change

Json = dict[str, Any]
SOURCE = "job-controller"
DONE = (("SuccessCriteriaMet", "Complete"), "CompletionsReached", "Reached expected number of succeeded pods")
FAILED = (("FailureTarget", "Failed"), "BackoffLimitExceeded", "Job has reached the specified backoff limit")
FIRST_PAUSE = 10.0  # s until a failed pod is followed by the next; twice that each time, six minutes at most


class Jobs:
    def __init__(self, world: World) -> None:
        self._world = world

    def follow(self, change: Change) -> None:
        resource, namespace, name = change.key
        if resource == JOBS and change.type != "DELETED":
            self._world.later(self.look, namespace, name)
        elif resource == "pods" and owner_of(change.object).get("kind") == "Job":
            self._world.later(self.look, namespace, owner_of(change.object)["name"])

    def look(self, namespace: str, name: str) -> None:
        item = self._world.get(JOBS, namespace, name)
        if item is None or item["metadata"].get("deletionTimestamp") or _ended(item):
            return
        if set(_labels(item)) - set(item["metadata"].get("labels") or {}):
            self._mark(item)
            return
        pods = self._world.owned("pods", item)
        good = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Succeeded"]
        bad = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Failed"]
        live = [pod for pod in pods if not is_over(pod)]
        need = int(item["spec"].get("completions") or 1) - len(good)
        end = DONE if need <= 0 else FAILED if len(bad) > _limit(item) else None
        if end:
            self._end(item, end, len(good), len(bad), live)
            return
        while len(live) < min(need, int(item["spec"].get("parallelism") or 1)) and not self._pauses(item, bad):
            live.append(self._make(item))
        self._tell(item, len(good), len(bad), live)

    def _mark(self, item: Json) -> None:
        """The labels by which its pods are found, on itself too (an API server gives them when it is made)."""
        meta = item["metadata"]
        own = {**((item["spec"]["template"].get("metadata") or {}).get("labels") or {}), **(meta.get("labels") or {}), **_labels(item)}
        self._world.write(JOBS, item, metadata={**meta, "labels": own})

    def _pauses(self, item: Json, bad: list[Json]) -> bool:
        """After a failure the next pod waits."""
        last = (
            max((pod["status"].get("containerStatuses") or [{}])[0].get("state", {}).get("terminated", {}).get("finishedAt", "") for pod in bad) if bad else ""
        )
        until = self._world.stamp(self._world.clock.now() - min(360.0, FIRST_PAUSE * 2 ** max(0, len(bad) - 1)))
        if not last or last <= until:
            return False
        self._world.later(self.look, item["metadata"]["namespace"], item["metadata"]["name"], FIRST_PAUSE)
        return True

    def _make(self, item: Json) -> Json:
        meta = item["metadata"]
        name = f"{meta['name']}-{self._world.letters(5)}"
        pod = self._world.make_pod(JOBS, item, name, {"labels": _labels(item), "generateName": f"{meta['name']}-"})
        self._world.event(JOBS, item, "SuccessfulCreate", f"Created pod: {name}", SOURCE)
        return pod

    def _tell(self, item: Json, good: int, bad: int, live: list[Json], conditions: list[Json] | None = None) -> None:
        old = item.get("status") or {}
        now = self._world.stamp()
        active = [pod for pod in live if not pod["metadata"].get("deletionTimestamp")]
        status: Json = {
            **({"conditions": conditions} if conditions else {}),
            "startTime": old.get("startTime") or now,
            **({"completionTime": now} if conditions and conditions[-1]["type"] == "Complete" else {}),
            **without_zeros({"active": len(active), "succeeded": good, "failed": bad}),
            "terminating": len(live) - len(active),
            "uncountedTerminatedPods": {},
            "ready": len([pod for pod in active if is_ready(pod)]),
        }
        self._world.status(JOBS, item, status)

    def _end(self, item: Json, end: tuple[tuple[str, ...], str, str], good: int, bad: int, live: list[Json]) -> None:
        kinds, reason, message = end
        now = self._world.stamp()
        told = {"status": "True", "lastProbeTime": now, "lastTransitionTime": now, "reason": reason, "message": message}
        for pod in live:
            self._world.delete("pods", pod)
        self._tell(item, good, bad, [], [{"type": kind, **told} for kind in kinds])
        failed = kinds[-1] == "Failed"
        self._world.event(JOBS, item, reason if failed else "Completed", message if failed else "Job completed", SOURCE, warning=failed)


def _ended(item: Json) -> bool:
    return any(one["type"] in ("Complete", "Failed") for one in (item.get("status") or {}).get("conditions") or ())


def _limit(item: Json) -> int:
    given = item["spec"].get("backoffLimit")
    return 6 if given is None else int(given)


def _labels(item: Json) -> Json:
    meta = item["metadata"]
    found = {"batch.kubernetes.io/controller-uid": meta["uid"], "controller-uid": meta["uid"]}
    return found | {"batch.kubernetes.io/job-name": meta["name"], "job-name": meta["name"]}
