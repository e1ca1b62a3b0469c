"""In a workflow task, what local activities came to is taken in before whatever else the task brings.

A query is answered in the midst of a workflow task. When a local activity ends just then, its marker is written with
that task, while the workflow hears of it only in the next one, together with the signals, updates, timers and
cancellations that came meanwhile: the SDK runs those first. A replay finds the marker where it stands, and runs what
follows it before them. So the run is made to do as its replay will.
"""

from temporalio.bridge.proto.workflow_activation import WorkflowActivation, WorkflowActivationJob
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion

from workers.wrapping import WrappedInstance


class QuickCallsFirst(WrappedInstance):
    """A running workflow that takes in the ends of its local activities first."""

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Two activations in place of one that brings the ends of local activities and anything else."""
        first = [job for job in act.jobs if _goes_first(job)]
        rest = [job for job in act.jobs if not _goes_first(job)]
        if not rest or not any(job.resolve_activity.is_local for job in first):
            return super().activate(act)
        done = super().activate(_only(act, first))
        if done.HasField("failed"):
            return done
        then = super().activate(_only(act, rest))
        if then.HasField("successful"):
            _put_before(then, done)
        return then


def _goes_first(job: WorkflowActivationJob) -> bool:
    """Patches are known before anything runs."""
    return job.HasField("notify_has_patch") or job.resolve_activity.is_local


def _only(act: WorkflowActivation, jobs: list[WorkflowActivationJob]) -> WorkflowActivation:
    part = WorkflowActivation()
    part.CopyFrom(act)
    del part.jobs[:]
    part.jobs.extend(jobs)
    return part


def _put_before(then: WorkflowActivationCompletion, done: WorkflowActivationCompletion) -> None:
    """Both parts as one answer, in their order."""
    commands = [*done.successful.commands, *then.successful.commands]
    flags = {*done.successful.used_internal_flags, *then.successful.used_internal_flags}
    del then.successful.commands[:], then.successful.used_internal_flags[:]
    then.successful.commands.extend(commands)
    then.successful.used_internal_flags.extend(sorted(flags))
