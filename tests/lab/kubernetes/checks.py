"""The API server's checks of what is to be written, with its words."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import re

from lab.kubernetes.kinds import BUILT_IN, CRDS, Resource
from lab.kubernetes.request import Json, Request, Target
from lab.kubernetes.schema import Cause
from lab.kubernetes.state import State
from lab.kubernetes.status import Fail

SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
WORDS_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character "
    f"(e.g. 'example.com', regex used for validation is '{SUBDOMAIN}')"
)
WORDS_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character "
    f"(e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL}')"
)
POD_FIELDS = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
PATH_NAMES = ("roles", "clusterroles", "rolebindings", "clusterrolebindings")  # any name that can stand in a path


def invalid(kind: "Resource | str", name: str, causes: list[Cause], group: str = "") -> Fail:
    """422 with its causes."""
    if isinstance(kind, Resource):
        said, group = kind.kind, kind.group
    else:
        said = kind
    each = [f"{field}: {words}" for field, _reason, words in causes]
    text = each[0] if len(each) == 1 else f"[{', '.join(each)}]"
    shown = [{"reason": reason, "message": words, "field": field} for field, reason, words in causes]
    details = {**({"name": name} if name else {}), **({"group": group} if group else {}), **({"kind": said} if said else {}), "causes": shown}
    full = f"{said}.{group}" if group else said
    return Fail(422, f'{full} "{name}" is invalid: {text}', "Invalid", details)


def check_options(request: Request, kind: str) -> None:
    dry = request.query.get("dryRun")
    if dry not in (None, "", "All"):
        words = f'Unsupported value: []string{{"{dry}"}}: supported values: "All"'
        raise invalid(kind, "", [("dryRun", "FieldValueNotSupported", words)], "meta.k8s.io")
    how = request.query.get("fieldValidation")
    if how not in (None, "", "Ignore", "Warn", "Strict"):
        words = f'Unsupported value: "{how}": supported values: "Ignore", "Strict", "Warn"'
        raise invalid(kind, "", [("fieldValidation", "FieldValueNotSupported", words)], "meta.k8s.io")


def check_name(kind: Resource, name: str) -> None:
    if not name:
        words = "Required value: name or generateName is required"
        raise invalid(kind, "", [("metadata.name", "FieldValueRequired", words)])
    if kind.group == "rbac.authorization.k8s.io" and kind.name in PATH_NAMES:
        return
    label = kind.qualified in ("namespaces", "services")
    longest = 63 if label else 253
    words = ""
    if len(name) > longest:
        words = f"must be no more than {longest} characters"
    elif not re.fullmatch(LABEL if label else SUBDOMAIN, name):
        words = WORDS_LABEL if label else WORDS_SUBDOMAIN
    if words:
        raise invalid(kind, name, [("metadata.name", "FieldValueInvalid", f'Invalid value: "{name}": {words}')])


def stale(target: Target) -> Fail:
    words = "the object has been modified; please apply your changes to the latest version and try again"
    return Fail(409, f'Operation cannot be fulfilled on {target.qualified} "{target.name}": {words}', "Conflict", target.details)


def check_versions(state: State, kind: Resource, target: Target, old: Json, item: Json) -> None:
    """A uid or a resourceVersion in what is sent is a condition."""
    meta, is_now = item.get("metadata") or {}, old["metadata"]
    if meta.get("uid") and meta["uid"] != is_now["uid"]:
        where = f"/registry/{kind.group + '/' if kind.custom else ''}{kind.name}/{target.namespace + '/' if target.namespace else ''}{target.name}"
        words = f"StorageError: invalid object, Code: 4, Key: {where}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: "
        words += f"UID in precondition: {meta['uid']}, UID in object meta: {is_now['uid']}"
        raise Fail(409, f'Operation cannot be fulfilled on {target.qualified} "{target.name}": {words}', "Conflict", target.details)
    if meta.get("resourceVersion") and meta["resourceVersion"] != is_now["resourceVersion"]:
        raise stale(target)


def check_preconditions(kind: Resource, target: Target, found: Json, wanted: Json) -> None:
    """Of a deletion."""
    rows = (
        ("uid", "UID", "The object might have been deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "The object might have been modified"),
    )
    for key, words, why in rows:
        if wanted.get(key) and wanted[key] != found["metadata"][key]:
            said = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
            text = f"the {words} in the precondition ({wanted[key]}) does not match the {words} in record ({found['metadata'][key]}). {why}"
            details = {**target.details, "kind": kind.kind}
            raise Fail(409, f'Operation cannot be fulfilled on {said} "{target.name}": {text}', "Conflict", details)


def check_finalizers(kind: Resource, old: Json, item: Json) -> None:
    """None is added in deletion. The words come twice, as recorded."""
    if not old["metadata"].get("deletionTimestamp"):
        return
    before = old["metadata"].get("finalizers") or []
    new = [one for one in item["metadata"].get("finalizers") or [] if one not in before]
    if new:
        listed = ", ".join(f'"{one}"' for one in new)
        words = f"Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"
        fail = invalid(kind, item["metadata"]["name"], [("metadata.finalizers", "FieldValueForbidden", words)])
        assert fail.details is not None
        fail.details["causes"] *= 1 if kind.custom else 2
        raise fail


def check_definition(item: Json) -> None:
    """A CustomResourceDefinition is called by its plural and its group."""
    name, spec = item["metadata"].get("name", ""), item.get("spec") or {}
    wanted = f"{(spec.get('names') or {}).get('plural', '')}.{spec.get('group', '')}"
    if name != wanted or not spec.get("versions"):
        field, words = ("metadata.name", f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group')
        if name == wanted:
            field, words = "spec.versions", "Required value"
        raise invalid(BUILT_IN[CRDS], name, [(field, "FieldValueInvalid" if name != wanted else "FieldValueRequired", words)])


def check_immutable(kind: Resource, old: Json, item: Json) -> None:
    name = item["metadata"]["name"]
    if kind.qualified in ("configmaps", "secrets") and old.get("immutable"):
        words = "Forbidden: field is immutable when `immutable` is set"
        if not item.get("immutable"):
            raise invalid(kind, name, [("immutable", "FieldValueForbidden", words)])
        for field in ("data", "binaryData"):
            if item.get(field) != old.get(field):
                raise invalid(kind, name, [(field, "FieldValueForbidden", words)])
    if kind.qualified == "pods" and pinned(item["spec"]) != pinned(old["spec"]):
        raise invalid(kind, name, [("spec", "FieldValueForbidden", f"Forbidden: pod updates may not change fields other than {POD_FIELDS}")])
    if kind.qualified == "secrets" and item.get("type") != old.get("type"):
        raise invalid(kind, name, [("type", "FieldValueInvalid", f'Invalid value: "{item.get("type")}": field is immutable')])
    if kind.name.endswith("rolebindings") and kind.group.startswith("rbac") and item.get("roleRef") != old.get("roleRef"):
        raise invalid(kind, name, [("roleRef", "FieldValueInvalid", "Invalid value: cannot change roleRef")])


def pinned(spec: Json) -> Json:
    """What of a pod nobody can change."""
    rest = {key: value for key, value in spec.items() if key not in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")}
    for kind in ("containers", "initContainers"):
        if kind in rest:
            rest[kind] = [{key: value for key, value in one.items() if key != "image"} for one in rest[kind]]
    return rest
