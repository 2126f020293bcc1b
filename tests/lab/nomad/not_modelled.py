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
    "logs and files of allocations": "forwarded to a client's disk",
    "metrics": "open to anybody, as recorded, but nearly empty: no caller of ours reads them",
    "dispatch, parameterized and periodic jobs": "builds are registered as plain batch jobs",
    "writing namespaces and quotas": "jobs may carry any namespace; they are listed, not written",
    "operator calls, writing the scheduler configuration": "from later profiles on",
    "restarts of service and system tasks that end by themselves": "no caller of ours waits for one",
    "CSI, sysbatch, disconnected clients": "not in these versions' recordings",
    "the command line tool": "its calls are the ones replayed",
}
