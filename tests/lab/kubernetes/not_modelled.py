"""What the simulated Kubernetes does not do, counted: patterns of recorded requests with the reason, and whole subjects."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Searched in "<method> <path> <query as JSON> <accept> <user>" of a recorded line.
# Nothing that a client of ours uses may stand here: get, list, watch, create, update, patch, apply, delete, status, definitions, reviews, logs.
REQUESTS: dict[str, str] = {
    r"/p-ready/log\?container=app&previous=true": "an error of the program that played the kubelet there, not of a kubelet",
}

SUBJECTS: dict[str, str] = {
    "metrics; of OpenAPI all but what kubectl looks for before it applies": "the callers know their kinds",
    "protobuf": "answered with 415: kubectl sends it for a few commands (create deployment, auth can-i), modules send JSON",
    "unknown fields below the first level of built-in kinds": "no schemas of them here; custom resources are checked by their definitions",
    "most checks of built-in kinds' values": "callers write what a server has taken",
    "reviews of others' rights and tokens; writing by events.k8s.io": "answered with 404 and 405",
    "webhooks, quotas, limits, priorities": "nobody has any",
    "no right but one's own may be given in a Role": "tests make roles as the administrator",
    "how budgets count": "a test says which namespace has one that blocks",
    "commands in pods": "the checks before them are there",
    "lists as watches, streams of lists": "the recorded server had them off",
    "storage versions, conversion between versions": "each version shows the object as it was written",
    "the 2 s that the first object of a new definition waits": "every test would wait with it; how long writes take is not compared",
    "a list of the future that comes true within its 3 s": "it is a 504 all the same",
    "SPDY, v5 of the channel protocol": "port-forward of the Python client speaks v4",
    "managed fields of what controllers write": "only requests have a manager",
}
