"""Running orders are users of this code: what they did must be what the code would do again."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from tests.replay.commands import HISTORIES, baseline, commands
from tests.replay.scenarios import SCENARIOS, played
from tests.replay.wire import WORKFLOWS
from tests.workflows.parted import parted, quick_calls
from workers.sandbox import workflow_runner

NAMES = list(SCENARIOS)
ROOT = Path(__file__).parents[2]
PLAYINGS = 3
EARLIER = Path(__file__).parent / "earlier"
TEACH = """
The saga commands something else than before in scenario {name!r}:

{difference}

Orders that are running replay their history against this code. If the change is wanted, they must not meet it:
 1. they stay pinned to the build they started on (the default for orders), or
 2. the change stands behind `workflow.patched("what-changes")` until the last of them has ended.
Then record anew and commit the difference:  python -m tests.replay.record
If the change is not wanted, the difference above names the step that moved.
"""


def recorded(name: str) -> WorkflowHistory:
    """A committed history."""
    return WorkflowHistory.from_json(f"order-{name}_1", (HISTORIES / f"{name}.json").read_text(encoding="utf-8"))


def replayer(*workflows: type, sandboxed: bool = True) -> Replayer:
    """What workers use: the same sandbox, the same converter."""
    known, runner = workflows or WORKFLOWS, workflow_runner(sandboxed=sandboxed)
    return Replayer(workflows=known, workflow_runner=runner, data_converter=pydantic_data_converter)


async def test_every_committed_history_replays() -> None:
    """Each recorded order could continue on this code."""
    runner = replayer()
    for name in NAMES:
        result = await runner.replay_workflow(recorded(name), raise_on_replay_failure=False)
        assert result.replay_failure is None, f"{name} cannot continue on this code: {result.replay_failure}"


@pytest.mark.parametrize("name", NAMES)
async def test_every_committed_history_replays_wherever_a_query_parted_it(name: str) -> None:
    """A query may part any quick call's end from what follows it: no patch is asked for there, no answer given."""
    runner, history = replayer(sandboxed=False), recorded(name)
    for marker in quick_calls(history):
        result = await runner.replay_workflow(parted(history, marker), raise_on_replay_failure=False)
        assert result.replay_failure is None, f"{name}, parted at event {marker}: {result.replay_failure}"


async def test_histories_from_before_a_patch_replay() -> None:
    """What stands behind `workflow.patched` is not met by orders that began before it, until the last of them ended."""
    known = replayer()
    assert list(EARLIER.glob("*.json"))
    for path in sorted(EARLIER.glob("*.json")):
        history = WorkflowHistory.from_json(f"order-{path.stem}_1", path.read_text(encoding="utf-8"))
        result = await known.replay_workflow(history, raise_on_replay_failure=False)
        assert result.replay_failure is None, f"{path.stem} cannot continue on this code: {result.replay_failure}"


def test_there_is_a_history_for_each_scenario_and_no_other() -> None:
    """A scenario without a history holds nobody to anything; a history without a scenario cannot be renewed."""
    assert sorted(path.stem for path in HISTORIES.glob("*.json")) == sorted(NAMES)
    assert list(baseline()) == NAMES


def test_histories_name_no_machine() -> None:
    """No path, worker identity or stack trace of whoever recorded them."""
    marks = (f"{Path.home()}/", f"{ROOT}/", "/home/", "site-packages", "@")
    for path in (*HISTORIES.glob("*.json"), *EARLIER.glob("*.json")):
        text = path.read_text(encoding="utf-8")
        assert not [mark for mark in marks if mark in text], path


@pytest.mark.parametrize("name", NAMES)
async def test_commands_are_the_committed_ones(environment: WorkflowEnvironment, name: str) -> None:
    """Played now, a scenario commands what it commanded when it was recorded, step by step.

    Two steps in one task may end in either order, so a difference is believed when every playing shows one.
    """
    before = baseline()[name]
    for time in range(1, PLAYINGS + 1):
        now = commands(await (await played(environment, name, time=time)).fetch_history())
        if now == before:
            break
    else:
        pytest.fail(TEACH.format(name=name, difference=_difference(before, now)), pytrace=False)


def _difference(before: list[str], now: list[str]) -> str:
    first = next((i for i, pair in enumerate(zip(before, now, strict=False)) if pair[0] != pair[1]), None)
    at = min(len(before), len(now)) if first is None else first
    earlier = [f"    {line}" for line in before[max(0, at - 3) : at]]
    return "\n".join([*earlier, f"  - {[*before, 'nothing'][at]}", f"  + {[*now, 'nothing'][at]}"])
