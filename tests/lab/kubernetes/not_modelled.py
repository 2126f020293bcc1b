"""What the simulated Kubernetes does not do, counted: patterns of recorded requests with the reason, and whole subjects."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Searched in "<method> <path> <query as JSON> <accept> <user>" of a recorded line.
# Nothing about reading or watching pods, or about port-forward, may stand here.
REQUESTS: dict[str, str] = {
    r"^(POST|PUT|PATCH) \S+ .* admin$": "writing objects, but for eviction: nobody writes yet",
    r"/serviceaccounts": "accounts and their tokens: users are given to the lab",
    r"^POST /apis/(authorization|authentication)": "reviews of one's own rights",
    r"^GET /apis/events": "the newer group of events",
    r"/events ": "events: nothing here makes any",
    r"/(log|exec)\b.* admin$": "logs and commands of a pod; refusals for lack of rights are modelled",
    r'"(limit|continue)":': "pages of a list",
    r"as=(PartialObjectMetadata|Table)|application/(xml|yaml)": "other forms of an answer than whole objects in JSON",
}

SUBJECTS: dict[str, str] = {
    "discovery, OpenAPI, health, metrics": "the callers name their paths",
    "API groups but the core one": "answered as not served, after the rights",
    "controllers, scheduling, garbage collection": "tests say what becomes of a pod",
    "finalizers, how budgets count, priorities": "nobody waits for one yet",
    "bookmarks, lists as watches": "no watch lives long enough yet",
    "other columns of RBAC (roles as objects, groups of users)": "users are given with their rules",
    "the 3 s that a list of the future waits before its 504": "answered at once",
    "SPDY, v5 of the channel protocol": "port-forward of the Python client speaks v4",
}
