"""Workflow tasks that are held, and lost, where a test says: the product's runner with gates around each workflow."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowRunner

from tests.workflows.world import Handle, World
from workers.sandbox import workflow_runner
from workers.wrapping import WrappedInstance, WrappingRunner

LONGEST = 1.5
"""Seconds; the SDK takes a workflow that runs for two for a deadlock."""
A_WHILE = 0.4
"""Seconds, in which a message that was sent is at the server, and a quick call has ended."""
QUICKLY = 0.1
"""How long a quick call takes that is not over before the query that came with its task is begun."""


def as_over_a_network(fake: object, method: str) -> None:
    """The calls of this method take their time from now on."""
    real = getattr(fake, method)

    async def call(*args: Any, **named: Any) -> Any:
        await asyncio.sleep(QUICKLY)
        return await real(*args, **named)

    setattr(fake, method, call)


class Gate:
    """Where a workflow waits until it may pass."""

    def __init__(self) -> None:
        self._reached, self._opened = threading.Event(), threading.Event()

    def wait(self) -> None:
        """Be seen, and wait."""
        self._reached.set()
        self._opened.wait(LONGEST)

    async def reached(self) -> None:
        """Wait until somebody waits here."""
        assert await asyncio.to_thread(self._reached.wait, 10), "nobody came"

    def open(self) -> None:
        """Let pass."""
        self._opened.set()


class Gates:
    """What the next activations of their kind come to. `task`: one that brings news; `query`: one that asks only."""

    def __init__(self) -> None:
        self.task: Gate | None = None
        self.query: Gate | None = None
        self.loses = False

    def runner(self, **asked: Any) -> WorkflowRunner:
        """The product's, with these gates."""
        return WrappingRunner(workflow_runner(**asked), lambda inner: _Gated(inner, self))

    def meet(self, kinds: set[str]) -> None:
        """Wait at a gate, if one stands here."""
        if kinds == {"query_workflow"}:
            gate, self.query = self.query, None
        elif "remove_from_cache" in kinds:
            gate = None
        else:
            gate, self.task = self.task, None
        if gate is not None:
            gate.wait()

    @asynccontextmanager
    async def parted(
        self, world: World, handle: Handle, before: Callable[[], Awaitable[object]]
    ) -> AsyncIterator[None]:
        """A query parts the end of the quick call, to which `before` leads, from what follows it.

        What happens in the block is heard together with what follows.
        """
        task, query = self.task, self.query = Gate(), Gate()
        await world.payment_moved(handle)  # a task that only gives the next one time to gather what it brings
        await task.reached()
        asked = asyncio.create_task(handle.query("order_state"))
        await asyncio.sleep(A_WHILE)
        await before()
        await asyncio.sleep(A_WHILE)
        task.open()
        await query.reached()
        await asyncio.sleep(A_WHILE)
        yield
        query.open()
        await asked


class _Gated(WrappedInstance):
    def __init__(self, inner: WorkflowInstance, gates: Gates) -> None:
        super().__init__(inner)
        self._gates = gates

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        kinds = {str(job.WhichOneof("variant")) for job in act.jobs}
        self._gates.meet(kinds)
        done = super().activate(act)
        if self._gates.loses and "resolve_activity" in kinds and not act.is_replaying:
            self._gates.loses = False
            done = WorkflowActivationCompletion()
            done.failed.failure.message = "lost"
        return done
