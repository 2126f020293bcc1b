"""Support bundles: asked for, ready after a while, fetched as an archive. Nothing of this was recorded."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING

from lab.kots.model import Answer, Bundle, Json

if TYPE_CHECKING:
    from lab.kots.world import KotsWorld


def listed(world: "KotsWorld", body: Json, query: Json, slug: str) -> Answer:
    app = world.apps.get(slug)
    if app is None:
        return Answer(500)
    return Answer(200, {"supportBundles": [shown(one) for one in world.bundles.values() if one.app == app.id]})


def collect(world: "KotsWorld", body: Json, query: Json, id: str, cluster: str) -> Answer:
    app = next((one for one in world.apps.values() if one.id == id), None)
    if app is None:
        return Answer(500)
    bundle = Bundle(world.id("bundle"), id, world.state.stamp())
    bundle.files = {"version.yaml": "apiVersion: troubleshoot.sh/v1beta2\nkind: SupportBundle\n", **world.bundle_files}
    bundle.files["cluster-info/cluster_version.json"] = json.dumps({"string": "v1.33.13"})
    bundle.files[f"{app.slug}/app-info.json"] = json.dumps({"slug": app.slug, "version": app.newest.label})
    world.bundles[bundle.id] = bundle
    ends = world.bundle_status
    if ends != "running":  # such a one never ends
        world.state.clock.after(world.bundle_seconds, lambda: _ended(bundle, ends))
    return Answer(202, {"id": bundle.id, "slug": bundle.id, "appId": id})


def _ended(bundle: Bundle, status: str) -> None:
    bundle.status = status
    bundle.size = len(packed(bundle)) if status == "uploaded" else 0


def one(world: "KotsWorld", body: Json, query: Json, bundle: str) -> Answer:
    found = world.bundles.get(bundle)
    return Answer(404) if found is None else Answer(200, shown(found))


def shown(bundle: Bundle) -> Json:
    ready = bundle.status == "uploaded"
    done = {"collectorCount": 3, "collectorsCompleted": 3 if ready else 1, "message": ""}
    told = {"id": bundle.id, "slug": bundle.id, "appId": bundle.app, "name": "", "size": bundle.size, "status": bundle.status, "treeIndex": ""}
    return {**told, "createdAt": bundle.created, "uploadedAt": bundle.created if ready else None, "isArchived": False, "progress": done}


def download(world: "KotsWorld", body: Json, query: Json, bundle: str) -> Answer:
    found = world.bundles.get(bundle)
    if found is None or found.status != "uploaded":
        return Answer(500)
    name = {"Content-Disposition": f"attachment; filename=supportbundle-{found.created}.tar.gz"}
    return Answer(200, packed(found), "application/gzip", name)


def packed(bundle: Bundle) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, text in bundle.files.items():
            entry = tarfile.TarInfo(f"support-bundle/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), mtime=0)
