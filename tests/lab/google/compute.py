"""Compute Engine by its API, as far as builders of images use it: images with policies, machines, disks, operations that take their time, rights by name.

What is not modelled: networks, machine types and disk types are taken to be there; nothing runs on a machine, whose metadata stays as it was given; quotas.
"""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import datetime
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from lab.google import policies
from lab.google.answers import Answer, Asked, Json, Said, ok
from lab.google.model import Policy, World

ROOT = "https://www.googleapis.com/compute/v1"
NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL = re.compile(r"[-_a-z0-9]{0,63}")
ZONES = ("europe-west1-b", "europe-west1-c", "us-east1-b")
STALE = "Required 'etag' does not match."
PUBLIC = "ubuntu-os-cloud"  # whose images everybody may use


@dataclass
class Operation:
    """What was ordered; `work` is done, and `failure` found out, when it is over."""

    name: str
    kind: str
    target: str
    ends: float
    work: Callable[[], None]
    zone: str = ""
    failure: tuple[str, str] = ("", "")
    done: bool = False


@dataclass
class Shelf:
    """What a project has. Names of machines and disks are with their zone: ZONE/NAME."""

    images: dict[str, Json] = field(default_factory=dict)
    instances: dict[str, Json] = field(default_factory=dict)
    disks: dict[str, Json] = field(default_factory=dict)
    templates: dict[str, Json] = field(default_factory=dict)


class Compute:
    """compute.googleapis.com. `seconds` is how long each kind of order takes, `fails` which of them fail; `page` is how much a list tells at once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.shelves: dict[str, Shelf] = {}
        self.operations: dict[str, Operation] = {}
        self.seconds = {"images": 20.0, "instances": 4.0, "disks": 3.0, "labels": 1.0, "delete": 5.0}
        self.fails: dict[str, str] = {}
        self.page = 500
        project, zone = r"/compute/v1/projects/([^/]+)", r"/compute/v1/projects/([^/]+)/zones/([^/]+)"
        image, machine = project + r"/global/images/([^/]+)", zone + r"/instances/([^/]+)"
        self.routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", project + r"/global/images", self.images),
            ("POST", project + r"/global/images", self.make_image),
            ("GET", image, self.image),
            ("DELETE", image, self.delete_image),
            ("POST", image + r"/setLabels", self.label_image),
            ("GET", image + r"/getIamPolicy", self.policy),
            ("POST", image + r"/setIamPolicy", self.set_policy),
            ("GET", project + r"/global/operations/([^/]+)", self.operation),
            ("GET", zone, self.zone),
            ("GET", zone + r"/machineTypes/([^/]+)", self.machine_type),
            ("GET", zone + r"/operations/([^/]+)", self.zone_operation),
            ("GET", zone + r"/instances", self.instances),
            ("POST", zone + r"/instances", self.make_instance),
            ("GET", machine, self.instance),
            ("DELETE", machine, self.delete_instance),
            ("GET", machine + r"/serialPort", self.serial),
            ("GET", zone + r"/disks", self.disks),
            ("GET", zone + r"/disks/([^/]+)", self.disk),
            ("DELETE", zone + r"/disks/([^/]+)", self.delete_disk),
            ("GET", project + r"/aggregated/(disks|instanceTemplates)", self.aggregated),
        ]

    def shelf(self, project: str) -> Shelf:
        return self.shelves.setdefault(project, Shelf())

    # -- time --------------------------------------------------------------------------------------------------

    def pass_time(self) -> None:
        """What was ordered and is over by now happens."""
        for one in sorted(self.operations.values(), key=lambda one: one.ends):
            if not one.done and self._world.now() >= one.ends:
                one.done = True
                one.failure = (self.fails.pop(one.kind), "The lab was told to fail.") if one.kind in self.fails else one.failure
                one.work()

    def _order(self, kind: str, target: str, work: Callable[[], None], zone: str = "", ends: float = 0.0) -> Answer:
        name = f"operation-{self._world.next()}"
        made = Operation(name, kind, target, ends or self._world.now() + self.seconds[kind], work, zone)
        self.operations[name] = made
        return ok(self._shown(made))

    def _shown(self, one: Operation) -> Json:
        body: Json = {"kind": "compute#operation", "name": one.name, "targetLink": one.target, "status": "DONE" if one.done else "RUNNING"}
        body |= {"zone": f"{ROOT}/projects/x/zones/{one.zone}"} if one.zone else {}
        code, words = one.failure
        return {**body, "error": {"errors": [{"code": code, "message": words}]}, "httpErrorStatusCode": 400} if one.done and code else body

    def operation(self, asked: Asked, project: str, name: str) -> Answer:
        self._must(asked, "globalOperations.get", project)
        return self._operation(name, "")

    def zone_operation(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        self._must(asked, "zoneOperations.get", project)
        return self._operation(name, zone)

    def _operation(self, name: str, zone: str) -> Answer:
        found = self.operations.get(name)
        if found is None or found.zone != zone:
            raise _missing(f"operations/{name}")
        return ok(self._shown(found))

    # -- images ------------------------------------------------------------------------------------------------

    def images(self, asked: Asked, project: str) -> Answer:
        self._must(asked, "images.list", project)
        return self._listed(asked, self.shelf(project).images.values(), "compute#imageList")

    def image(self, asked: Asked, project: str, name: str) -> Answer:
        self._must_image(asked, "get", project, name)
        return ok(self._image(project, name))

    def put_image(self, project: str, name: str, labels: dict[str, str] | None = None, status: str = "READY", **more: Any) -> Json:
        """An image, as Google writes it down."""
        self._world.policies[f"images/{project}/{name}"] = Policy(etag=self._world.etag())
        body: Json = {"kind": "compute#image", "id": str(self._world.next()), "name": name, "status": status, "labels": labels or {}, **more}
        body |= {"creationTimestamp": self.stamp(), "selfLink": f"{ROOT}/projects/{project}/global/images/{name}", "diskSizeGb": "10"}
        self.shelf(project).images[name] = {**body, "labelFingerprint": self._world.etag(), "archiveSizeBytes": "0"}
        return self.shelf(project).images[name]

    def make_image(self, asked: Asked, project: str) -> Answer:
        self._must(asked, "images.create", project)
        given = asked.json
        name, labels = _named(given), _labels(given.get("labels", {}))
        if name in self.shelf(project).images:
            raise _taken(f"projects/{project}/global/images/{name}")
        place, _slash, disk = given.get("sourceDisk", "").partition("/zones/")[2].partition("/disks/")
        self._must(asked, "disks.useReadOnly", project)
        source = self._found(project, "disks", place, disk)
        if source.get("users"):
            raise Said(400, f"The disk resource 'projects/{project}/zones/{place}/disks/{disk}' is already being used by an instance")
        body = self.put_image(project, name, labels, "PENDING", sourceDisk=given["sourceDisk"])
        source["making"] = name

        def work() -> None:
            source.pop("making", None)
            body["status"] = "FAILED" if made.failure[0] else "READY"

        answer = self._order("images", body["selfLink"], work)
        made = list(self.operations.values())[-1]
        return answer

    def delete_image(self, asked: Asked, project: str, name: str) -> Answer:
        self._must_image(asked, "delete", project, name)
        body = self._image(project, name)
        if body["status"] == "PENDING":
            raise _busy(f"projects/{project}/global/images/{name}")
        body["status"] = "DELETING"
        return self._order("delete", body["selfLink"], lambda: self._gone(self.shelf(project).images, name))

    def label_image(self, asked: Asked, project: str, name: str) -> Answer:
        self._must_image(asked, "setLabels", project, name)
        body, given = self._image(project, name), asked.json
        if given.get("labelFingerprint") != body["labelFingerprint"]:
            raise Said(412, "Labels fingerprint either invalid or resource labels have changed")
        labels = _labels(given.get("labels", {}))
        return self._order("labels", body["selfLink"], lambda: body.update(labels=labels, labelFingerprint=self._world.etag()))

    def policy(self, asked: Asked, project: str, name: str) -> Answer:
        self._must_image(asked, "getIamPolicy", project, name)
        self._image(project, name)
        return ok(policies.shown(self._world.policies[f"images/{project}/{name}"], int(asked.query.get("optionsRequestedPolicyVersion", "1"))))

    def set_policy(self, asked: Asked, project: str, name: str) -> Answer:
        self._must_image(asked, "setIamPolicy", project, name)
        self._image(project, name)
        policy = self._world.policies[f"images/{project}/{name}"]
        policies.put(self._world, policy, asked.json.get("policy", {}), Said(412, STALE))
        return ok(policies.shown(policy, 3))

    def _image(self, project: str, name: str) -> Json:
        found = self.shelf(project).images.get(name)
        if found is None:
            raise _missing(f"projects/{project}/global/images/{name}")
        return found

    # -- machines and disks ------------------------------------------------------------------------------------

    def zone(self, asked: Asked, project: str, zone: str) -> Answer:
        self._must(asked, "zones.get", project)
        if zone not in ZONES:
            raise _missing(f"projects/{project}/zones/{zone}")
        return ok({"kind": "compute#zone", "name": zone, "status": "UP", "region": f"{ROOT}/projects/{project}/regions/{zone[:-2]}"})

    def machine_type(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        self._must(asked, "machineTypes.get", project)
        return ok({"kind": "compute#machineType", "name": name, "selfLink": f"{ROOT}/projects/{project}/zones/{zone}/machineTypes/{name}"})

    def instances(self, asked: Asked, project: str, zone: str) -> Answer:
        self._must(asked, "instances.list", project)
        return self._listed(asked, _below(self.shelf(project).instances, zone), "compute#instanceList")

    def instance(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        self._must(asked, "instances.get", project)
        return ok(self._found(project, "instances", zone, name))

    def serial(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        self._must(asked, "instances.getSerialPortOutput", project)
        self._found(project, "instances", zone, name)
        return ok({"kind": "compute#serialPortOutput", "contents": "", "start": "0", "next": "0"})

    def make_instance(self, asked: Asked, project: str, zone: str) -> Answer:
        """The machine and its disk, which has the machine's name and none of its labels."""
        given = asked.json
        for one in ("instances.create", "disks.create", "subnetworks.use", "instances.setMetadata", *_asks(given)):
            self._must(asked, one, project)
        name, labels, shelf = _named(given), _labels(given.get("labels", {})), self.shelf(project)
        if f"{zone}/{name}" in shelf.instances or f"{zone}/{name}" in shelf.disks:
            raise _taken(f"projects/{project}/zones/{zone}/instances/{name}")
        [wanted] = given["disks"]
        source = wanted["initializeParams"]["sourceImage"]
        self._must_image(asked, "useReadOnly", *_parts(source))
        made = self.put_disk(project, zone, name, source)
        machine = self.put_instance(project, zone, name, labels, made, "PROVISIONING", bool(wanted.get("autoDelete")))
        machine["metadata"] = {**given.get("metadata", {}), "fingerprint": self._world.etag(), "kind": "compute#metadata"}
        return self._order("instances", machine["selfLink"], lambda: machine.update(status="RUNNING"), zone)

    def put_disk(self, project: str, zone: str, name: str, source: str = "", **more: Any) -> Json:
        link = f"{ROOT}/projects/{project}/zones/{zone}/disks/{name}"
        body = {"kind": "compute#disk", "name": name, "status": "READY", "selfLink": link, "creationTimestamp": self.stamp(), **more}
        self.shelf(project).disks[f"{zone}/{name}"] = {**body, **({"sourceImage": source} if source else {})}
        return self.shelf(project).disks[f"{zone}/{name}"]

    def put_instance(self, project: str, zone: str, name: str, labels: dict[str, str], disk: Json, status: str = "RUNNING", goes: bool = False) -> Json:
        link = f"{ROOT}/projects/{project}/zones/{zone}/instances/{name}"
        disk["users"] = [link]
        body: Json = {"kind": "compute#instance", "name": name, "status": status, "labels": labels, "selfLink": link, "creationTimestamp": self.stamp()}
        body["disks"] = [{"kind": "compute#attachedDisk", "boot": True, "autoDelete": goes, "source": disk["selfLink"]}]
        body["networkInterfaces"] = [{"networkIP": "10.0.0.2", "accessConfigs": [{"natIP": "203.0.113.2"}]}]
        self.shelf(project).instances[f"{zone}/{name}"] = body
        return body

    def delete_instance(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        self._must(asked, "instances.delete", project)
        body = self._found(project, "instances", zone, name)
        body["status"] = "STOPPING"

        def work() -> None:
            self._gone(self.shelf(project).instances, f"{zone}/{name}")
            for one in list(_below(self.shelf(project).disks, zone)):
                if body["selfLink"] in one.get("users", ()):
                    one.pop("users")
                    if body["disks"][0]["autoDelete"]:
                        self._gone(self.shelf(project).disks, f"{zone}/{one['name']}")

        return self._order("delete", body["selfLink"], work, zone)

    def disks(self, asked: Asked, project: str, zone: str) -> Answer:
        self._must(asked, "disks.list", project)
        return self._listed(asked, _below(self.shelf(project).disks, zone), "compute#diskList")

    def disk(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        self._must(asked, "disks.get", project)
        return ok(self._found(project, "disks", zone, name))

    def delete_disk(self, asked: Asked, project: str, zone: str, name: str) -> Answer:
        self._must(asked, "disks.delete", project)
        body = self._found(project, "disks", zone, name)
        if body.get("users"):
            words = f"The disk resource 'projects/{project}/zones/{zone}/disks/{name}' is already being used by '{body['users'][0]}'"
            raise Said(400, words)
        if body.get("making"):
            raise _busy(f"projects/{project}/zones/{zone}/disks/{name}")
        body["status"] = "DELETING"
        return self._order("disks", body["selfLink"], lambda: self._gone(self.shelf(project).disks, f"{zone}/{name}"), zone)

    def aggregated(self, asked: Asked, project: str, kind: str) -> Answer:
        """By zone or region, with a warning where there is none."""
        self._must(asked, f"{kind}.list", project)
        shelf = self.shelf(project)
        empty = {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "There are no results for scope on this page."}}
        if kind == "instanceTemplates":
            found = {"global": {kind: list(shelf.templates.values())} if shelf.templates else empty, "regions/europe-west1": empty}
        else:
            found = {f"zones/{zone}": {kind: list(_below(shelf.disks, zone))} if list(_below(shelf.disks, zone)) else empty for zone in ZONES}
        return ok({"kind": f"compute#{kind}AggregatedList", "items": found})

    # -- rules -------------------------------------------------------------------------------------------------

    def stamp(self) -> str:
        """In the time of California, as Google has it."""
        zone = datetime.timezone(datetime.timedelta(hours=-8))
        return datetime.datetime.fromtimestamp(self._world.now(), zone).isoformat(timespec="milliseconds")

    def _found(self, project: str, kind: str, zone: str, name: str) -> Json:
        found: Json | None = getattr(self.shelf(project), kind).get(f"{zone}/{name}")
        if found is None:
            raise _missing(f"projects/{project}/zones/{zone}/{kind}/{name}")
        return found

    def _gone(self, things: dict[str, Json], name: str) -> None:
        things.pop(name, None)

    def _listed(self, asked: Asked, bodies: Iterable[Json], kind: str) -> Answer:
        _meets({"name": ""}, asked.query.get("filter", ""))  # what is no filter is refused where there is nothing, too
        found = [one for one in bodies if _meets(one, asked.query.get("filter", ""))]
        begin = int(asked.query.get("pageToken", "0"))
        more = {"nextPageToken": str(begin + self.page)} if len(found) > begin + self.page else {}
        items = found[begin : begin + self.page]
        return ok({"kind": kind, **({"items": items} if items else {}), **more})

    def _must(self, asked: Asked, act: str, project: str) -> None:
        if project not in self._world.projects or not self._world.may(asked.member or "", f"compute.{act}", f"projects/{project}"):
            raise Said(403, f"Required 'compute.{act}' permission for 'projects/{project}'")

    def _must_image(self, asked: Asked, act: str, project: str, name: str) -> None:
        """By the project's policy or the image's own."""
        if project == PUBLIC and act in ("get", "useReadOnly"):
            return
        if project not in self._world.projects or not self._world.may(asked.member or "", f"compute.images.{act}", f"images/{project}/{name}"):
            raise Said(403, f"Required 'compute.images.{act}' permission for 'projects/{project}/global/images/{name}'")


def _asks(given: Json) -> list[str]:
    """What a machine takes besides, by what it is given."""
    nets = [one for face in given.get("networkInterfaces", ()) for one in face.get("accessConfigs") or () if one]
    tags, accounts = (given.get("tags") or {}).get("items"), [one for one in given.get("serviceAccounts", ()) if one and one.get("email")]
    found = [("instances.setLabels", given.get("labels")), ("instances.setTags", tags), ("subnetworks.useExternalIp", nets)]
    return [act for act, wanted in (*found, ("instances.setServiceAccount", accounts)) if wanted]


def _named(given: Json) -> str:
    name = str(given.get("name", ""))
    if not NAME.fullmatch(name):
        raise Said(400, f"Invalid value for field 'resource.name': '{name}'. Must be a match of regex '(?:[a-z](?:[-a-z0-9]{{0,61}}[a-z0-9])?)'")
    return name


def _labels(given: dict[str, str]) -> dict[str, str]:
    for key, value in given.items():
        if not LABEL.fullmatch(value) or not LABEL.fullmatch(key) or not key[:1].isalpha():
            raise Said(400, f"Invalid value for field 'resource.labels': '{value}'. Label value '{value}' violates format constraints.")
    return dict(given)


def _parts(link: str) -> tuple[str, str]:
    project, _images, name = link.partition("projects/")[2].partition("/global/images/")
    return project, name


def _below(things: dict[str, Json], zone: str) -> list[Json]:
    return [one for name, one in things.items() if name.startswith(f"{zone}/")]


def _meets(body: Json, wanted: str) -> bool:
    """The two forms of filters that are asked with: a name by a pattern, a label by its value."""
    if not wanted:
        return True
    name = re.fullmatch(r"name eq (\S+)", wanted)
    if name:
        return re.fullmatch(name[1], body["name"]) is not None
    label = re.fullmatch(r"labels\.(\S+) = (\S+)", wanted)
    if label is None:
        raise Said(400, f"Invalid value for field 'filter': '{wanted}'. Invalid list filter expression.")
    return bool((body.get("labels") or {}).get(label[1]) == label[2])


def _missing(what: str) -> Said:
    return Said(404, f"The resource '{what}' was not found")


def _taken(what: str) -> Said:
    return Said(409, f"The resource '{what}' already exists")


def _busy(what: str) -> Said:
    return Said(400, f"The resource '{what}' is not ready")
