"""What the API server and its namespace controller do about objects by themselves: generations, deletions, definitions that take hold."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from typing import TYPE_CHECKING, Any

from lab.copies import copied
from lab.kubernetes.kinds import CRDS, Resource

if TYPE_CHECKING:
    from lab.kubernetes.state import Change, State

Json = dict[str, Any]
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
PENDING = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
SETTLE = 0.02  # s until a new definition has its conditions, and until a deleted one is gone (recorded: 0.04)
SWEEP = 5.0  # s until the namespace controller has looked at a namespace in deletion (recorded: 5)


def generation(kind: Resource, before: Json | None, made: Json) -> int:
    """Rises with what is wanted: not with metadata, nor with a status that has a path of its own; with the wish to delete it, but for definitions."""
    if before is None:
        return 1
    given = int(before["metadata"].get("generation") or 1)
    apart = {"metadata", "kind", "apiVersion"} | ({"status"} if kind.has_status(kind.version) else set())

    def wanted(item: Json) -> Json:
        return {key: value for key, value in item.items() if key not in apart}

    asked_to_go = bool(made["metadata"].get("deletionTimestamp")) and not before["metadata"].get("deletionTimestamp")
    return given + (wanted(before) != wanted(made) or (asked_to_go and kind.qualified != CRDS))


def let_go(item: Json) -> bool:
    """In deletion, and nothing holds it any more."""
    meta = item["metadata"]
    if not meta.get("deletionTimestamp") or meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"):
        return False
    return not (item.get("spec") or {}).get("finalizers") if "deletionGracePeriodSeconds" not in meta else True


def delete(state: "State", resource: str, namespace: str, name: str, grace: float | None = None) -> Json | None:
    """Somebody asks for it to go. The object as it then stands, or None when it is gone already."""
    with state.news:
        found = state.objects[resource, namespace, name]
        if resource == "pods":
            state.end_pod(namespace, name, grace)
            return state.get(resource, namespace, name)
        meta = found["metadata"]
        if meta.get("deletionTimestamp"):
            return found
        held = copied(found)
        if resource == CRDS:
            held["metadata"].setdefault("finalizers", []).append(CLEANUP)
            told = {"type": "Terminating", "status": "True", "lastTransitionTime": state.stamp(), "reason": "InstanceDeletionPending", "message": PENDING}
            held["status"] = {**(held.get("status") or {}), "conditions": [*((held.get("status") or {}).get("conditions") or []), told]}
        if resource == "namespaces":
            held["metadata"]["deletionTimestamp"] = state.stamp()
            held["status"] = {**(held.get("status") or {}), "phase": "Terminating"}
            state.put(resource, namespace, name, held)
            return state.get(resource, namespace, name)
        if not held["metadata"].get("finalizers"):
            state.remove(resource, namespace, name)
            return None
        held["metadata"]["deletionTimestamp"] = state.stamp()
        if resource != CRDS:
            held["metadata"]["deletionGracePeriodSeconds"] = 0
        state.put(resource, namespace, name, held)
        return state.get(resource, namespace, name)


def follow(state: "State", change: "Change") -> None:
    """After every change."""
    resource, namespace, name = change.key
    going = change.type != "DELETED" and bool(change.object["metadata"].get("deletionTimestamp"))
    if resource == CRDS and change.type == "ADDED" and not (change.object.get("status") or {}).get("conditions"):
        state.clock.after(SETTLE, lambda: _establish(state, name))
    elif resource == CRDS and going and change.before is not None and not change.before["metadata"].get("deletionTimestamp"):
        state.clock.after(SETTLE, lambda: _clean_up(state, name))
    elif resource == "namespaces" and going and change.before is not None and not change.before["metadata"].get("deletionTimestamp"):
        state.clock.after(SWEEP, lambda: _sweep(state, name))
    elif resource == "namespaces" and change.type == "DELETED":
        state.ended.add(name)
    elif namespace and change.type == "DELETED":
        above = state.get("namespaces", "", namespace)
        if above is not None and (above.get("status") or {}).get("conditions"):
            state.clock.after(SETTLE, lambda: _sweep(state, namespace))


# --- definitions ---
def _establish(state: "State", name: str) -> None:
    found = state.get(CRDS, "", name)
    if found is None or (found.get("status") or {}).get("conditions"):
        return
    made = copied(found)
    told = (("NamesAccepted", "NoConflicts", "no conflicts found"), ("Established", "InitialNamesAccepted", "the initial names have been accepted"))
    conditions: list[Json] = []
    for kind, reason, message in told:  # one after the other, each a change of its own
        conditions.append({"type": kind, "status": "True", "lastTransitionTime": state.stamp(), "reason": reason, "message": message})
        made["status"] = {**(made.get("status") or {}), "conditions": list(conditions), "acceptedNames": found["spec"]["names"]}
        made = copied(state.put(CRDS, "", name, made))


def _clean_up(state: "State", name: str) -> None:
    """The definition waits for its objects, and they for their finalizers."""
    found = state.get(CRDS, "", name)
    if found is None:
        return
    for key in [key for key in state.objects if key[0] == name]:
        delete(state, *key)
    if any(key[0] == name for key in state.objects):
        state.clock.after(1.0, lambda: _clean_up(state, name))
        return
    made = copied(found)
    made["metadata"]["finalizers"] = [one for one in made["metadata"].get("finalizers") or [] if one != CLEANUP]
    state.put(CRDS, "", name, made)


# --- namespaces ---
def _sweep(state: "State", name: str) -> None:
    """What is in the namespace is asked to go; what then remains is said in the conditions, and without any the namespace goes."""
    found = state.get("namespaces", "", name)
    if found is None or not found["metadata"].get("deletionTimestamp"):
        return
    for key in [key for key in state.objects if key[1] == name]:
        delete(state, *key)
    left = [(key, item) for key, item in sorted(state.objects.items(), key=lambda entry: entry[0]) if key[1] == name]
    made = copied(found)
    if left or found["metadata"].get("finalizers"):
        made["status"] = {**made["status"], "conditions": _conditions(state, left)}
        state.put("namespaces", "", name, made)
        return
    state.remove("namespaces", "", name)


def _conditions(state: "State", left: list[Any]) -> list[Json]:
    kinds: dict[str, int] = {}
    held: dict[str, int] = {}
    for key, item in left:
        group = key[0].partition(".")
        kinds[f"{group[0]}.{group[2]}"] = kinds.get(f"{group[0]}.{group[2]}", 0) + 1
        for finalizer in item["metadata"].get("finalizers") or []:
            held[finalizer] = held.get(finalizer, 0) + 1
    content = ", ".join(f"{kind} has {number} resource instances" for kind, number in sorted(kinds.items()))
    waiting = ", ".join(f"{name} in {number} resource instances" for name, number in sorted(held.items()))
    rows = [
        ("NamespaceDeletionDiscoveryFailure", False, "ResourcesDiscovered", "All resources successfully discovered"),
        ("NamespaceDeletionGroupVersionParsingFailure", False, "ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ("NamespaceDeletionContentFailure", False, "ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    ]
    words = f"Some resources are remaining: {content}" if content else "All content successfully removed"
    rows.append(("NamespaceContentRemaining", bool(content), "SomeResourcesRemain" if content else "ContentRemoved", words))
    words = f"Some content in the namespace has finalizers remaining: {waiting}" if waiting else "All content-preserving finalizers finished"
    rows.append(("NamespaceFinalizersRemaining", bool(waiting), "SomeFinalizersRemain" if waiting else "ContentHasNoFinalizers", words))
    at = state.stamp()
    return [{"type": kind, "status": str(holds), "lastTransitionTime": at, "reason": reason, "message": text} for kind, holds, reason, text in rows]
