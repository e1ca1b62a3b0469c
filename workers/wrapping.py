"""A runner of workflows that puts something of ours around each of them, and passes on all the rest."""

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner


class WrappedInstance(WorkflowInstance):
    """A running workflow; a subclass says what happens around its activations."""

    def __init__(self, inner: WorkflowInstance) -> None:
        self._inner = inner

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """As the workflow."""
        return self._inner.activate(act)

    def get_serialization_context(self, command_info: Any) -> Any:
        """As the workflow's."""
        return self._inner.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        """As the workflow's."""
        return self._inner.get_external_store_context(command_info)

    def get_info(self) -> workflow.Info:
        """As the workflow's."""
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        """As the workflow's."""
        return self._inner.get_thread_id()


class WrappingRunner(WorkflowRunner):
    """As the runner inside, with `wrap` around each workflow."""

    def __init__(self, inner: WorkflowRunner, wrap: Callable[[WorkflowInstance], WrappedInstance]) -> None:
        self._inner, self._wrap = inner, wrap

    def prepare_workflow(self, defn: Any) -> None:
        """As the runner inside."""
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """As the runner inside, wrapped."""
        return self._wrap(self._inner.create_instance(det))

    def set_worker_level_failure_exception_types(self, types: Any) -> None:
        """As the runner inside."""
        self._inner.set_worker_level_failure_exception_types(types)
