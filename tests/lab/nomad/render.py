"""Objects as JSON text, made once per change and kept, so that lists of thousands cost little."""
# Copyright (c) 2026, the serverops.circleci authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import json
from typing import TYPE_CHECKING, Any

from lab.nomad.model import Allocation, Evaluation, Job, Node

if TYPE_CHECKING:
    from lab.nomad.cluster import Cluster


def dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def joined(parts: list[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"


class Renderer:
    """Fills the version's shapes."""

    def __init__(self, cluster: "Cluster") -> None:
        self.cluster = cluster
        self.profile = cluster.profile
        self.shapes = cluster.profile.shapes

    # --- nodes ---
    def node(self, node: Node) -> bytes:
        if "full" not in node.text:
            node.text["full"] = dumps(self.node_value(node))
        return node.text["full"]

    def node_stub(self, node: Node) -> bytes:
        if "stub" not in node.text:
            node.text["stub"] = dumps(self.node_stub_value(node))
        return node.text["stub"]

    def node_stub_value(self, node: Node, system: bool = False, resources: bool = False) -> dict[str, Any]:
        """One of the list; on request with the operating system and the resources."""
        shape = self.shapes["node_stub"]
        whole = self.node_value(node)
        stub = {key: whole.get(key, shape[key]) for key in shape}
        if "Version" in shape:
            stub["Version"] = node.version
        if system:
            stub["Attributes"] = {"os.name": whole["Attributes"].get("os.name", "")}
        if resources:
            stub.update(NodeResources=whole["NodeResources"], ReservedResources=whole["ReservedResources"])
        return stub

    def node_value(self, node: Node) -> dict[str, Any]:
        value = dict(self.shapes["node"])
        attributes = {k: v for k, v in value["Attributes"].items() if "platform.aws" not in k}
        attributes["nomad.version"] = node.version
        if node.instance_id:
            attributes["platform.aws.instance-type"] = "m5.large"
            attributes["platform.aws.placement.availability-zone"] = "us-east-1a"
            attributes["unique.platform.aws.instance-id"] = node.instance_id
            attributes["unique.platform.aws.local-hostname"] = f"ip-192-0-2-{node.number % 250}.ec2.internal"
        value.update(
            Attributes=attributes,
            CreateIndex=node.create,
            ModifyIndex=node.modify,
            Datacenter=node.datacenter,
            Drain=node.drain,
            ID=node.id,
            NodePool=node.pool,
            Name=node.name,
            NodeClass=node.node_class,
            Status=node.status,
            StatusUpdatedAt=int(node.status_at),
        )
        value = {key: item for key, item in value.items() if key in self.shapes["node"]}
        if node.address:
            value["HTTPAddr"] = node.address
        if value.get("Links") and node.instance_id:
            value["Links"] = {"aws.ec2": f"us-east-1a.{node.instance_id}"}
        if self.profile.eligibility:
            value["SchedulingEligibility"] = "eligible" if node.eligible else "ineligible"
            value["DrainStrategy"] = self.strategy(node)
        if self.profile.drain_meta:
            value["LastDrain"] = node.last_drain
        if self.profile.node_events:
            value["Events"] = node.events
        return value

    def strategy(self, node: Node) -> dict[str, Any] | None:
        strategy = node.strategy
        if strategy is None:
            return None
        if not self.profile.strategy_started:
            force = "0001-01-01T00:00:00Z" if strategy.force is None else self.cluster.stamp(strategy.force)
            return {"Deadline": strategy.deadline, "ForceDeadline": force, "IgnoreSystemJobs": strategy.ignore_system}
        return {
            "Deadline": strategy.deadline,
            "ForceDeadline": None if strategy.force is None else self.cluster.stamp(strategy.force),
            "IgnoreSystemJobs": strategy.ignore_system,
            "StartedAt": self.cluster.stamp(strategy.started),
        }

    # --- allocations ---
    def _tasks(self, allocation: Allocation) -> dict[str, Any] | None:
        run = allocation.task
        if run is None:
            return None
        state = {**self.shapes["task_state"], "State": run.state, "Failed": run.failed, "StartedAt": run.started, "FinishedAt": run.finished}
        if self.profile.old_drain:  # below 0.6 a missing time is Go's zero time
            state["StartedAt"] = run.started or "0001-01-01T00:00:00Z"
            state["FinishedAt"] = run.finished or "0001-01-01T00:00:00Z"
        return {allocation.job.task["Name"]: {**state, "Events": run.events}}

    def _common(self, allocation: Allocation, shape: dict[str, Any]) -> dict[str, Any]:
        group = allocation.job.group["Name"]
        values: dict[str, Any] = {
            "AllocModifyIndex": allocation.alloc_modify,
            "ClientDescription": allocation.client_text if self.profile.desired_transition else "",
            "ClientStatus": allocation.client,
            "CreateIndex": allocation.create,
            "CreateTime": allocation.create_time,
            "ModifyTime": allocation.modify_time,
            "DesiredDescription": allocation.desired_text,
            "DesiredStatus": allocation.desired,
            "EvalID": allocation.evaluation,
            "ID": allocation.id,
            "JobID": allocation.job.id,
            "ModifyIndex": allocation.modify,
            "Name": f"{allocation.job.id}.{group}[{allocation.index}]",
            "Namespace": allocation.job.namespace,
            "NodeID": allocation.node_id,
            "NodeName": allocation.node_name,
            "TaskGroup": group,
            "JobType": allocation.job.type,
            "JobVersion": allocation.job_version,
            "PreviousAllocation": allocation.previous,
        }
        return {**shape, **{key: value for key, value in values.items() if key in shape}}

    def allocation(self, allocation: Allocation) -> bytes:
        """The whole one. From 1.x on empty fields are left out."""
        if "full" in allocation.text:
            return allocation.text["full"]
        shape = {key: value for key, value in self.shapes["allocation"].items() if key != "DeploymentID"}
        value = self._common(allocation, {**shape, "DesiredDescription": ""})
        tasks = self._tasks(allocation)
        if self.profile.desired_transition:
            for key in ("ClientDescription", "DesiredDescription", "PreviousAllocation"):
                if not value[key]:
                    del value[key]
            if allocation.task is None:
                value.pop("NetworkStatus", None)
            if allocation.next:
                value["NextAllocation"] = allocation.next
            if allocation.deployment:
                value["DeploymentID"] = allocation.deployment
            if allocation.health:
                value["DeploymentStatus"] = allocation.health
            if allocation.migrate or allocation.reschedule or self.profile.sends_transition:
                value["DesiredTransition"] = self._transition(allocation)
            if tasks is not None:
                value["TaskStates"] = tasks
            if allocation.states:
                value["AllocStates"] = allocation.states
        else:
            value["TaskStates"] = tasks
        text = dumps(value)
        allocation.text["full"] = b'{"Job":' + allocation.job_text + b"," + text[1:]
        return allocation.text["full"]

    def _transition(self, allocation: Allocation) -> dict[str, Any]:
        wish = {"ForceReschedule": None, "Migrate": allocation.migrate or None, "Reschedule": allocation.reschedule or None}
        if self.profile.disable_placement:
            wish["MigrateDisablePlacement"] = (allocation.migrate and allocation.job.type == "batch") or None
        return {**wish, "NoShutdownDelay": None} if self.profile.no_shutdown_delay else wish

    def allocation_stub(self, allocation: Allocation) -> bytes:
        if "stub" in allocation.text:
            return allocation.text["stub"]
        value = self._common(allocation, self.shapes["allocation_stub"])
        if self.profile.desired_transition:
            value["DesiredTransition"] = self._transition(allocation)
            value["DeploymentStatus"] = allocation.health
        value["TaskStates"] = self._tasks(allocation)
        allocation.text["stub"] = dumps(value)
        return allocation.text["stub"]

    # --- jobs ---
    def job(self, job: Job) -> bytes:
        if "full" not in job.text:
            value = dict(job.spec)
            changing = {"CreateIndex": job.create, "ModifyIndex": job.modify, "JobModifyIndex": job.job_modify, "Status": job.status, "Stop": job.stop}
            changing |= {"SubmitTime": job.submit, "Version": job.version, "Namespace": job.namespace}
            value.update({k: v for k, v in changing.items() if k in self.shapes["job"]})
            job.text["full"] = dumps(value)
        return job.text["full"]

    def summary_value(self, job: Job) -> dict[str, Any]:
        names = ("Complete", "Failed", "Lost", "Queued", "Running", "Starting", *(("Unknown",) if self.profile.unknown_state else ()))
        counts = dict.fromkeys(names, 0)
        for allocation in job.allocations:
            counts[{"pending": "Starting"}.get(allocation.client, allocation.client.capitalize())] += 1
        counts["Queued"] = job.queued
        value = {
            "Children": None
            if job.children_lost
            else {name.capitalize(): [j.status for j in job.children].count(name) for name in ("dead", "pending", "running")},
            "CreateIndex": job.summary_create,
            "JobID": job.id,
            "ModifyIndex": max(job.summary_modify, job.summary_create),
            "Summary": {job.group["Name"]: counts},
        }
        if not self.profile.old_drain:
            value["Namespace"] = job.namespace
        return value

    def summary(self, job: Job) -> bytes:
        if "summary" not in job.text:
            job.text["summary"] = dumps(self.summary_value(job))
        return job.text["summary"]

    def job_stub(self, job: Job) -> bytes:
        if "stub" not in job.text:
            spec = job.spec
            values = {key: spec[key] for key in ("Datacenters", "ID", "Name", "ParentID", "Priority", "Type", "NodePool") if key in spec}
            values |= {"CreateIndex": job.create, "JobModifyIndex": job.job_modify, "ModifyIndex": job.modify, "Namespace": job.namespace}
            values |= {"Status": job.status, "Stop": job.stop, "SubmitTime": job.submit, "JobSummary": self.summary_value(job)}
            values["ParameterizedJob"] = job.parameterized
            shape = self.shapes["job_stub"]
            job.text["stub"] = dumps({**shape, **{k: v for k, v in values.items() if k in shape}})
        return job.text["stub"]

    # --- evaluations ---
    def evaluation(self, evaluation: Evaluation) -> bytes:
        failed = "evaluation_failed" if evaluation.failed else "evaluation"
        shape = self.shapes["evaluation_blocked" if evaluation.status in ("blocked", "canceled") else failed]
        values: dict[str, Any] = {
            "BlockedEval": evaluation.blocked,
            "CreateIndex": evaluation.create,
            "CreateTime": evaluation.time,
            "ModifyTime": evaluation.time,
            "ID": evaluation.id,
            "JobID": evaluation.job_id,
            "JobModifyIndex": evaluation.job_modify,
            "ModifyIndex": evaluation.modify,
            "Namespace": self.cluster.namespace_of(evaluation.job_id),
            "NodeID": evaluation.node_id,
            "PreviousEval": evaluation.previous,
            "Priority": evaluation.priority,
            "SnapshotIndex": evaluation.create,
            "Status": evaluation.status,
            "StatusDescription": evaluation.text,
            "TriggeredBy": evaluation.trigger,
            "Type": evaluation.type,
        }
        if evaluation.queued is not None and shape.get("QueuedAllocations"):
            values["QueuedAllocations"] = {"group": evaluation.queued}
        if evaluation.metrics is not None and shape.get("FailedTGAllocs"):
            shape = {
                **shape,
                "FailedTGAllocs": {
                    name: {**whole, **{k: v for k, v in evaluation.metrics.items() if k in whole}} for name, whole in shape["FailedTGAllocs"].items()
                },
            }
            if not evaluation.metrics["ConstraintFiltered"] and shape.pop("EscapedComputedClass", None) and evaluation.metrics["DimensionExhausted"]:
                shape["ClassEligibility"] = {"v1:1": True}
        if not evaluation.job_modify:
            shape = {key: value for key, value in shape.items() if key != "JobModifyIndex"}
        if evaluation.deployment and evaluation.trigger != "queued-allocs":
            shape = {**shape, "DeploymentID": evaluation.deployment}
        if evaluation.status == "pending":
            shape = {key: value for key, value in shape.items() if key not in ("QueuedAllocations", "SnapshotIndex", "PlanAnnotations")}
        if "PlanAnnotations" in shape:
            counts = {**shape["PlanAnnotations"]["DesiredTGUpdates"]["group"], **evaluation.counts}
            shape = {**shape, "PlanAnnotations": {**shape["PlanAnnotations"], "DesiredTGUpdates": {"group": counts}}}
        return dumps({**shape, **{k: v for k, v in values.items() if k in shape}})
