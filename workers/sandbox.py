"""The one runner of workflow code, shared by workers, tests and replay: sandboxed, with the pass-through list here."""

import compileall
import functools
from pathlib import Path

from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workers.quick_first import QuickCallsFirst
from workers.wrapping import WrappingRunner

PASS_THROUGH = (
    *("activities", "ordersaga", "pydantic", "pydantic_core", "annotated_types"),
    *("workflows.messages", "workflows.order_state", "workflows.return_state"),
)
"""Modules loaded once instead of once per workflow: values and activity signatures, none of which keeps state.

Building the models anew for every workflow was a fifth of a worker's time for an order.
"""


def workflow_runner(*, sandboxed: bool = True) -> WorkflowRunner:
    """The sandboxed runner; a workflow that reaches for time, chance or I/O fails in it."""
    if not sandboxed:
        return WrappingRunner(UnsandboxedWorkflowRunner(), QuickCallsFirst)
    _compile()
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASS_THROUGH)
    return WrappingRunner(SandboxedWorkflowRunner(restrictions=restrictions), QuickCallsFirst)


@functools.cache
def _compile() -> None:
    """Keep the bytecode of workflow code on disk, even where `PYTHONDONTWRITEBYTECODE` is set, as in many containers.

    The sandbox imports it for every workflow: compiled each time, that is half of a worker's time. Where the folder
    cannot be written, nothing is lost but that time.
    """
    compileall.compile_dir(Path(__file__).parent.parent / "workflows", quiet=2)
