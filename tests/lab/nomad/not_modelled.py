"""What the simulator does not do, counted: patterns of recorded requests, and of whole subjects, with the reason."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Searched in "<agent> <method> <path>" of a recorded line. Nothing about nodes, drains or allocations of the server may stand here.
REQUESTS: dict[str, str] = {
    r"^c\d GET /v1/agent/self": "a client's own description: callers speak to the server only",
    r"^c\d GET /v1/metrics": "a client's own figures",
    r" /v1/metrics \{.format": "the same figures in Prometheus' form",
}

# Subjects of the same servers that have no recording here, because nothing of them is simulated.
SUBJECTS: dict[str, str] = {
    "following a log": "a log is given as it is at the moment of asking",
    "metrics but those of jobs, clients and blocked evaluations": "the other figures stand still",
    "volumes of CSI plugins": "a plugin is a task that is stopped late, no more",
    "replacing of allocations while they are unknown": "the recorded jobs ask for none",
    "periodic jobs": "builds are registered, or dispatched",
    "writing namespaces and quotas": "jobs may carry any namespace; they are listed, not written",
    "bootstrapping access control, tokens of other regions, one-time tokens": "a lab begins with the tokens that it is given",
    "TLS between servers and clients": "of it only what happens to clients whose certificate is no longer known",
    "restarts of service and system tasks that end by themselves": "no caller of ours waits for one",
    "the command line tool": "its calls are the ones replayed",
}
