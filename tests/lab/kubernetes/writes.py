"""Writing: create, update, patch, apply and delete of any kind, with the checks of the API server in its order."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
import random
import uuid
from collections.abc import Callable
from typing import Any

import yaml

from lab.copies import copied
from lab.kubernetes import defaults, lifecycle, managed, patches, schema, workloads
from lab.kubernetes.checks import check_definition, check_finalizers, check_immutable, check_name, check_options, check_versions, invalid, stale
from lab.kubernetes.kinds import CRDS, Resource
from lab.kubernetes.managed import Manager, Tree
from lab.kubernetes.request import Json, Request, Target
from lab.kubernetes.state import State
from lab.kubernetes.status import Fail, Response, not_found

LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # of generated names
KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion", "managedFields", "namespace", "name")
ACCEPTED = "application/json, application/yaml, application/vnd.kubernetes.protobuf"


class Writer:
    """One request that writes. `warnings` are told in the answer's header."""

    def __init__(self, state: State, request: Request, target: Target, kind: Resource) -> None:
        self.state, self.request, self.target, self.kind = state, request, target, kind
        self.warnings: list[str] = []
        self.tree = Tree(kind.schema(target.version), kind.custom)

    # --- what is sent ---
    def shown(self, item: Json) -> Json:
        return {"kind": self.kind.kind, "apiVersion": self.target.api_version, **item}

    def _decoded(self) -> Json:
        given = self.request.content_type
        if given not in ("", "application/json", "application/yaml", "application/x-www-form-urlencoded"):
            words = f"the body of the request was in an unknown format - accepted media types include: {ACCEPTED}"
            raise Fail(415, words, "UnsupportedMediaType")
        try:
            item = (yaml.safe_load if given == "application/yaml" else json.loads)(self.request.body)
        except (ValueError, yaml.YAMLError) as error:
            start = self.request.body.decode(errors="replace")
            quoted = f"{start[:30]} ..." if len(start) > 30 else start or "<empty>"
            words = f"couldn't get version/kind; json parse error: unexpected end of JSON input ({quoted})"
            raise Fail(400, f"the object provided is unrecognized (must be of type {self.kind.kind}): {words}", "BadRequest") from error
        if not isinstance(item, dict):
            raise Fail(400, f"the object provided is unrecognized (must be of type {self.kind.kind})", "BadRequest")
        self._of_kind(item)
        return item

    def _of_kind(self, item: Json) -> None:
        said, version = item.get("kind") or self.kind.kind, item.get("apiVersion") or self.target.api_version
        if self.kind.custom and version != self.target.api_version:
            words = f"the API version in the data ({version}) does not match the expected API version ({self.target.api_version})"
            raise Fail(400, words, "BadRequest")
        if said != self.kind.kind or version != self.target.api_version:
            internal = self.target.group.partition(".")[0] or "core"
            short = version.partition("/")[2] or version
            theirs = f"converting ({short}.{said}) to ({internal}.{self.kind.kind}): unknown conversion"
            raise Fail(400, f'{said} in version "{short}" cannot be handled as a {self.kind.kind}: {theirs}', "BadRequest")

    def _strict(self, item: Json) -> None:
        """Unknown fields go: with a warning, with an error, or silently, as the query says."""
        named = self.kind.schema(self.target.version)
        gone = defaults.unknown(self.kind, item) if not self.kind.custom else schema.prune(item, named) if named else []
        how = self.request.query.get("fieldValidation") or "Warn"
        if gone and how == "Strict":
            fields = ", ".join(f'unknown field "{one}"' for one in gone)
            raise self._unreadable(f"strict decoding error: {fields}")
        if how == "Warn":
            self.warnings += [f'unknown field "{one}"' for one in gone]

    def _unreadable(self, words: str) -> Fail:
        return Fail(400, f'{self.kind.kind} in version "{self.target.version}" cannot be handled as a {self.kind.kind}: {words}', "BadRequest")

    def _completed(self, item: Json, old: Json | None = None) -> Json:
        """Defaults, and the schema's checks."""
        named = self.kind.schema(self.target.version)
        if self.kind.custom and named:
            schema.complete(item, named)
            found = schema.errors(item, named)
            if found:
                raise invalid(self.kind, item["metadata"].get("name", ""), found)
            return item
        if wrong := defaults.mistyped(self.kind, item):
            raise self._unreadable(wrong)
        if old is None or defaults.is_filled(self.kind, old):
            defaults.fill(self.kind, item)
        found = workloads.wrong(self.kind, old, item)
        if found and (old is None or not workloads.wrong(self.kind, None, old)):  # what a test put there may be less than a server takes
            raise invalid(self.kind, item["metadata"].get("name", ""), found)
        return item

    # --- create ---
    def create(self) -> Response:
        check_options(self.request, "CreateOptions")
        item = self._decoded()
        self._strict(item)
        meta = item.setdefault("metadata", {})
        if not isinstance(meta, dict):
            raise self._unreadable("json: cannot unmarshal into Go struct field ObjectMeta")
        if meta.get("namespace", self.target.namespace) != self.target.namespace:
            raise Fail(400, "the namespace of the provided object does not match the namespace sent on the request", "BadRequest")
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + "".join(random.choices(LETTERS, k=5))
        if meta.get("resourceVersion"):
            raise Fail(500, "resourceVersion should not be set on objects to be created")
        return Response(201, self.shown(self._born(item, Manager(self.request.manager, "Update", self.target.api_version))))

    def _born(self, item: Json, who: Manager | None) -> Json:
        meta = item["metadata"]
        name = meta.get("name", "")
        if wrong := defaults.mistyped(self.kind, item):
            raise self._unreadable(wrong)
        self._into_namespace(name)
        for key in ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"):
            meta.pop(key, None)
        meta["uid"] = str(uuid.uuid4())
        if self.kind.qualified == CRDS:
            check_definition(item)
        defaults.born(self.kind, item)
        self._completed(item)
        check_name(self.kind, name)
        old = self.state.get(self.kind.qualified, self.target.namespace, name)
        if old is not None:
            going = "object is being deleted: " if old["metadata"].get("deletionTimestamp") else ""
            details = {**self.target.details, "name": name}
            raise Fail(409, f'{going}{self.target.qualified} "{name}" already exists', "AlreadyExists", details)
        if who is not None:
            meta.pop("managedFields", None)
            meta["managedFields"] = managed.updated(self.tree, None, item, who, self.state.stamp())
        return self._stored(name, item)

    def _into_namespace(self, name: str) -> None:
        space = self.target.namespace
        if not space:
            return
        found = self.state.get("namespaces", "", space)
        if found is None:
            raise not_found("namespaces", space)
        if found["metadata"].get("deletionTimestamp"):
            cause = {"reason": "NamespaceTerminating", "message": f"namespace {space} is being terminated", "field": "metadata.namespace"}
            words = f'{self.target.qualified} "{name}" is forbidden: unable to create new content in namespace {space} because it is being terminated'
            raise Fail(403, words, "Forbidden", {**self.target.details, "name": name, "causes": [cause]})

    def _stored(self, name: str, item: Json) -> Json:
        item = {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}
        if not self.request.dry:
            return self.state.put(self.kind.qualified, self.target.namespace, name, item)
        made = copied(item)
        old = self.state.get(self.kind.qualified, self.target.namespace, name)
        meta = made["metadata"]
        meta["name"] = name
        if self.target.namespace:
            meta["namespace"] = self.target.namespace
        if old is None:
            meta["creationTimestamp"] = self.state.stamp()
            meta.pop("resourceVersion", None)
        if self.kind.generation:
            meta["generation"] = lifecycle.generation(self.kind, old, made)
        return made

    # --- update and patch ---
    def _found(self) -> Json:
        found = self.state.get(self.kind.qualified, self.target.namespace, self.target.name)
        if found is None:
            raise not_found(self.target.qualified, self.target.name, self.target)
        return found

    def update(self) -> Response:
        check_options(self.request, "UpdateOptions")
        item = self._decoded()
        self._strict(item)
        meta = item.setdefault("metadata", {})
        if meta.get("name", self.target.name) != self.target.name:
            words = f"the name of the object ({meta['name']}) does not match the name on the URL ({self.target.name})"
            raise Fail(400, words, "BadRequest")
        if meta.get("namespace", self.target.namespace) != self.target.namespace:
            raise Fail(400, "the namespace of the provided object does not match the namespace sent on the request", "BadRequest")
        old = self._found()
        if self.kind.custom and not meta.get("resourceVersion"):
            cause = ("metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0x0: must be specified for an update")
            fail = invalid(self.kind, self.target.name, [cause])
            fail.message = fail.message.replace(f"{self.kind.kind}.{self.kind.group}", self.kind.qualified, 1)
            raise Fail(422, fail.message, "Invalid", {**(fail.details or {}), "kind": self.kind.name})
        return Response(200, self.shown(self._changed(old, item)))

    def _changed(self, old: Json, item: Json) -> Json:
        """Stores the changed object, unless nothing is changed."""
        item = copied(item)
        check_versions(self.state, self.kind, self.target, old, item)
        given = item["metadata"].get("managedFields")
        self._keep(old, item)
        self._completed(item, old)
        check_finalizers(self.kind, old, item)
        check_immutable(self.kind, old, item)
        if given == []:
            item["metadata"]["managedFields"] = []
        plain = {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}
        if plain == old:
            return old
        who = Manager(self.request.manager, "Update", self.target.api_version, self.target.sub)
        item["metadata"]["managedFields"] = managed.updated(self.tree, old, item, who, self.state.stamp())
        return self._stored(self.target.name, item)

    def _keep(self, old: Json, item: Json) -> None:
        """What a caller cannot change on this path: the system's own fields, status on the main path, all else on /status."""
        meta = item.setdefault("metadata", {})
        for key in KEPT:
            meta.pop(key, None)
            if key in old["metadata"]:
                meta[key] = copied(old["metadata"][key])
        if self.target.sub == "status":
            for key in [key for key in item if key != "status"]:
                del item[key]
            item.update(copied({key: value for key, value in old.items() if key != "status"}))
        elif self.kind.has_status(self.target.version):
            item.pop("status", None)
            if "status" in old:
                item["status"] = copied(old["status"])
        if not self.kind.custom:  # defaulted lists and maps that are empty are not written
            for key in ("labels", "annotations", "finalizers", "ownerReferences"):
                if key in meta and not meta[key]:
                    del meta[key]
        for key in [key for key in item if item[key] is None]:
            del item[key]

    def patch(self) -> Response:
        given = self.request.content_type
        if given == patches.APPLY:
            return self.apply()
        known: dict[str, Callable[[Json, Any], Json]] = {patches.MERGE: patches.merge, patches.JSON_PATCH: patches.json_patch}
        if not self.kind.custom:
            known[patches.STRATEGIC] = patches.strategic
        if given not in known:
            if given == patches.STRATEGIC:
                types = f"{patches.JSON_PATCH}, {patches.MERGE}, {patches.APPLY}"
                words = f"the body of the request was in an unknown format - accepted media types include: {types}"
                raise Fail(415, words, "UnsupportedMediaType")
            raise Fail(415, "415: Unsupported Media Type", "UnsupportedMediaType", {})
        check_options(self.request, "PatchOptions")
        try:
            change = json.loads(self.request.body)
        except ValueError as error:
            raise Fail(400, f"error decoding patch: {error}", "BadRequest") from error
        old = self._found()
        item = known[given](copied(old), change)
        meta = item.get("metadata") or {}
        if meta.get("name") != self.target.name:
            words = f"the name of the object ({meta.get('name')}) does not match the name on the URL ({self.target.name})"
            raise Fail(400, words, "BadRequest")
        self._of_kind(item)
        self._strict(item)
        return Response(200, self.shown(self._changed(old, item)))

    # --- server-side apply ---
    def apply(self) -> Response:
        check_options(self.request, "PatchOptions")
        if not self.request.query.get("fieldManager"):
            cause = ("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")
            raise invalid("PatchOptions", "", [cause], "meta.k8s.io")
        try:
            wanted = yaml.safe_load(self.request.body)
        except yaml.YAMLError as error:
            raise Fail(400, f"error decoding YAML: {error}", "BadRequest") from error
        said = (wanted or {}).get("kind") or "", (wanted or {}).get("apiVersion") or ""
        if said != (self.kind.kind, self.target.api_version):
            group, _slash, version = said[1].rpartition("/")
            raise Fail(400, f"invalid object type: {group}/{version}, Kind={said[0]}", "BadRequest")
        meta = wanted.setdefault("metadata", {})
        if meta.get("managedFields") is not None:
            raise Fail(400, "metadata.managedFields must be nil", "BadRequest")
        self._typed(wanted)
        return self._apply(wanted, self.state.get(self.kind.qualified, self.target.namespace, self.target.name))

    def _typed(self, wanted: Json) -> None:
        """Fields that the schema does not know are an error here, not a warning."""
        named = self.kind.schema(self.target.version)
        known = copied(wanted)
        gone = defaults.unknown(self.kind, known) if not self.kind.custom else schema.prune(known, named) if named else []
        if gone:
            which = f"{self.target.namespace}/{self.target.name}" if self.kind.custom else f"/{self.target.name}"
            of = f"{self.target.group}/{self.target.version}, Kind={self.kind.kind}"
            raise Fail(500, f"failed to create typed patch object ({which}; {of}): .{gone[0]}: field not declared in schema")

    def _apply(self, wanted: Json, old: Json | None) -> Response:
        if self.target.sub == "status":
            wanted = {key: value for key, value in wanted.items() if key in ("kind", "apiVersion", "metadata", "status")}
            if old is None:
                raise not_found(self.target.qualified, self.target.name, self.target)
        elif self.kind.has_status(self.target.version):
            wanted.pop("status", None)
        who = Manager(self.request.query["fieldManager"], "Apply", self.target.api_version, self.target.sub)
        given = wanted["metadata"].get("resourceVersion")
        made = managed.applied(self.tree, old, wanted, who, self.request.flag("force"), self.state.stamp())
        if old is None:
            if given:
                raise not_found(self.target.qualified, self.target.name, self.target)
            made["metadata"]["name"] = self.target.name
            return Response(201, self.shown(self._born(made, None)))
        if given and given != old["metadata"]["resourceVersion"]:
            raise stale(self.target)
        if wanted["metadata"].get("name", self.target.name) != self.target.name:
            words = f"the name of the object ({wanted['metadata']['name']}) does not match the name on the URL ({self.target.name})"
            raise Fail(400, words, "BadRequest")
        fields = made["metadata"]["managedFields"]
        self._keep(old, made)
        made["metadata"]["managedFields"] = fields
        self._completed(made, old)
        check_finalizers(self.kind, old, made)
        check_immutable(self.kind, old, made)
        plain = {key: value for key, value in made.items() if key not in ("kind", "apiVersion")}
        return Response(200, self.shown(old if plain == old else self._stored(self.target.name, made)))
