"""The product's worker, whose workflow tasks fail, or which dies, at the awaits named in a folder of traps.

This process only loads the product and forks; its child works. When the child is killed, the next one is there at
once: hundreds of cases kill it, and loading takes longer than what they are about.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowRunner

import workers.orders
from tests.faults.awaits import Ear
from tests.faults.traps import ENVIRONMENT, Traps
from workers.__main__ import main
from workers.sandbox import workflow_runner
from workers.wrapping import WrappedInstance, WrappingRunner

_PR_SET_PDEATHSIG = 1


class AskedToFailError(Exception):
    """A workflow task that was asked to fail."""


class Trapped(WrappedInstance):
    """A running workflow and the traps on its way."""

    def __init__(self, inner: WorkflowInstance, traps: Traps) -> None:
        super().__init__(inner)
        self._traps, self._ear = traps, Ear()

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Fail, die or go on: what happened before this worker knew the workflow is past."""
        heard = self._ear.hear(act)
        if heard and not act.is_replaying:
            self._spring(heard)
        completion = super().activate(act)
        self._ear.learn(completion)
        return completion

    def _spring(self, heard: list[str]) -> None:
        deed = self._traps.spring(self.get_info().workflow_id, heard)
        if deed == "fail":
            raise AskedToFailError(f"asked to fail at {', '.join(heard)}")
        if deed == "die":
            os.kill(os.getpid(), signal.SIGKILL)


def run() -> None:
    """Run the product's worker with traps."""
    traps = Traps(Path(os.environ[ENVIRONMENT]))

    def trapped(**asked: Any) -> WorkflowRunner:
        """The product's own runner, sandbox included, with traps around each workflow."""
        return WrappingRunner(workflow_runner(**asked), lambda inner: Trapped(inner, traps))

    setattr(workers.orders, "workflow_runner", trapped)  # noqa: B010
    sys.exit(Nursery().work())


class Nursery:
    """Keeps one child working until it is asked to stop."""

    def __init__(self) -> None:
        self._child = 0
        self._stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    def work(self) -> int:
        """Fork again whenever the child was killed; any other end of it is ours too."""
        while True:
            self._child = os.fork()
            if self._child == 0:
                _be_the_worker()
            _, status = os.waitpid(self._child, 0)
            if self._stopping or not os.WIFSIGNALED(status):
                return 0 if self._stopping else os.waitstatus_to_exitcode(status)

    def _stop(self, *_: object) -> None:
        self._stopping = True
        if self._child:
            os.kill(self._child, signal.SIGTERM)


def _be_the_worker() -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    try:
        main()
    finally:
        os._exit(1 if sys.exc_info()[0] else 0)


if __name__ == "__main__":
    run()
