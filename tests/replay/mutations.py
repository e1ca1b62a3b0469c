"""Seeded faults: changes of workflow code that a running order would not survive, and the history that notices each.

python -m tests.replay.mutations    # which histories notice which fault, over all committed ones
"""

import asyncio
import importlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.replay.commands import HISTORIES
from tests.support.copies import Change, copy_package
from workers.sandbox import workflow_runner


@dataclass(frozen=True)
class Mutation:
    """One piece of one file of `workflows`, changed. `noticed_by`: a history that replays no longer; "" for none."""

    name: str
    file: str
    old: str
    new: str
    noticed_by: str = ""

    @property
    def change(self) -> Change:
        """The same, as a change of the product."""
        return Change(f"workflows/{self.file}", self.old, self.new)


PUBLISH_FIRST: Final = Mutation(
    "step reordered: the status is written before the hand-off begins, not after",
    "order_fulfillment.py",
    """        self._journeys.depart()
        await asyncio.sleep(0)  # every hand-off has begun now, so the status written below is true
        await self._desk.publish()
""",
    """        await self._desk.publish()
        self._journeys.depart()
        await asyncio.sleep(0)  # every hand-off has begun now, so the status written below is true
""",
    "one_parcel",
)

MUTATIONS: Final = (
    PUBLISH_FIRST,
    Mutation(
        "step added: units are set aside at any provider",
        "setting_aside.py",
        "self._provider in state.set_aside_at and ",
        "",
        "held",
    ),
    Mutation(
        "undo reordered: money before goods", "saga.py", "    GOODS = 1\n", "    GOODS = 5\n", "canceled_before_pick"
    ),
    Mutation(
        "steps reordered: capture before authorization",
        "confirmation.py",
        "            await self._authorize_payment()\n            await self._capture_if_promised()\n",
        "            await self._capture_if_promised()\n            await self._authorize_payment()\n",
        "captured_at_confirmation",
    ),
    Mutation(
        "steps reordered in a return: refund before stock",
        "order_return.py",
        """            await self.restock_or_write_off()
            await self.place_the_exchange()
            await self.refund_what_was_accepted()
""",
        """            await self.place_the_exchange()
            await self.refund_what_was_accepted()
            await self.restock_or_write_off()
""",
        "returned",
    ),
    Mutation(
        "step dropped: the capture",
        "parcels.py",
        "            await self.payments.capture()\n",
        "            pass\n",
        "one_parcel",
    ),
    Mutation(
        "another activity: stock is released where it leaves",
        "parcels.py",
        '"enter the shipment", Inventory.ship_stock, self.units(), ',
        '"enter the shipment", Inventory.release_stock, self.units(), ',
        "one_parcel",
    ),
    Mutation(
        "step added: the status is written at confirmation too",
        "order_fulfillment.py",
        "        self._cancellations.take_up()\n",
        "        self._cancellations.take_up()\n        await self._desk.publish()\n",
        "one_parcel",
    ),
    Mutation(
        "step dropped: the next carrier account is asked without proof that the first sold nothing",
        "labels.py",
        "        return await self._proved(choice)\n",
        "        return None\n",
        "label_looked_for",
    ),
    Mutation(
        "step dropped: where a label is bought is not chosen anew after a refusal",
        "labels.py",
        "        self.parcel.label_generation += 1\n        self._choice = None\n\n    def _take(",
        "        self.parcel.label_generation += 1\n\n    def _take(",
        "label_elsewhere",
    ),
    Mutation(
        "step added: the carrier is told of a label twice",
        "hand_over.py",
        "        if self._needs_label:\n            await self._book_carrier()\n",
        "        await self._book_carrier()\n",
        "one_parcel",
    ),
    Mutation(
        "activities renamed on the lanes",
        "activity_policies.py",
        "workflow.start_activity_method(\n        activity,\n",
        'workflow.start_activity(\n        f"{activity.__name__}_anew",\n',
        "one_parcel",
    ),
    Mutation(
        "activities renamed in the workflow task",
        "activity_policies.py",
        "execute_local_activity_method(\n            activity,\n            arg,\n            start_to",
        'execute_local_activity(\n            f"{activity.__name__}_anew",\n            arg,\n            start_to',
        "one_parcel",
    ),
    Mutation(
        "another place: our database is asked on its lane",
        "activity_policies.py",
        '    """Call our own database, however long it takes; raises StepFailedError on a final refusal."""\n',
        "    hurry = Urgency.URGENT\n"
        "    return await on_lane(activity, arg, queue=BOOKS_QUEUE, summary=summary, urgency=hurry, patience=None)\n",
        "one_parcel",
    ),
    Mutation(
        "another timer: one for each wait",
        "alarm.py",
        "        if self._rings_at is None or deadline < self._rings_at:\n",
        "        if True:\n",
        "one_parcel",
    ),
    Mutation(
        "no timer: a wait without its deadline",
        "alarm.py",
        "            self._cover(deadline, what)\n            await",
        "            await",
        "one_parcel",
    ),
    Mutation(
        "another condition: holds no longer keep an order back",
        "order_fulfillment.py",
        "not (self._state.holds or self._in_grace())",
        "not self._in_grace()",
        "held",
    ),
    Mutation(
        "another condition: a reservation is not renewed in time",
        "parcels.py",
        "        return renew_at is not None and workflow.now() >= renew_at\n",
        "        return False\n",
        "renewed",
    ),
    Mutation(
        "another condition: the challenge is looked at once, not three times",
        "confirmation.py",
        "for part in (1, 2, 3)]",
        "for part in (3,)]",
        "challenge_abandoned",
    ),
    Mutation(
        "search attributes before the record, not after",
        "common_desk.py",
        """        async with self.recording:
            if self.state.unrecorded and not self._closed:
                await self._record()
        self._upsert()
""",
        """        self._upsert()
        async with self.recording:
            if self.state.unrecorded and not self._closed:
                await self._record()
""",
        "one_parcel",
    ),
    Mutation(
        "step dropped: units that are missing are taken out, and looked for nowhere",
        "removals.py",
        "if not await desk.siblings.goes_elsewhere(parcel.plan.parcel, change):",
        "if change.undecided:",
        "short_and_given_back",
    ),
    Mutation(
        "search attributes dropped at the end of a return",
        "order_return.py",
        "        presentation.upsert(self._state)\n",
        "",
        "returned",
    ),
)
"""Each of these must be noticed."""

SURVIVED: Final = (
    Mutation(
        "a step added behind workflow.patched",
        "order_fulfillment.py",
        "        await self._confirmation.run()\n",
        '        if workflow.patched("screen"):\n            await self._desk.publish()\n'
        "        await self._confirmation.run()\n",
    ),
    Mutation(
        "a longer time-out",
        "activity_policies.py",
        "LANE_ATTEMPT = timedelta(seconds=12)",
        "LANE_ATTEMPT = timedelta(seconds=9)",
    ),
    Mutation("a shorter wait", "order_fulfillment.py", "REVIEW = timedelta(days=1)", "REVIEW = timedelta(hours=1)"),
    Mutation("another summary", "confirmation.py", '"Hold stock"', '"Hold the stock"'),
)
"""Running orders survive these, so replay must let them pass: what it holds to is which commands come, in which order.

Durations, arguments and texts are not held to; the fields of arguments are, by `wire.py`.
"""


def copied(folder: Path, package: str, mutation: Mutation | None = None) -> list[type]:
    """The workflows of a copy of `workflows`, under another name, with one fault or none. `folder` is importable."""
    copy_package("workflows", folder / package)
    for path in (folder / package).glob("*.py"):
        text = path.read_text(encoding="utf-8")
        text = mutation.change.applied(text) if mutation and path.name == mutation.file else text
        path.write_text(text.replace("from workflows", f"from {package}"), encoding="utf-8")
    importlib.invalidate_caches()
    orders, returns = (importlib.import_module(f"{package}.{name}") for name in ("order_fulfillment", "order_return"))
    return [orders.OrderFulfillment, returns.OrderReturn]


async def unable(workflows: list[type], *names: str) -> list[str]:
    """Which of these histories the workflows cannot continue."""
    replayer = Replayer(workflows=workflows, workflow_runner=workflow_runner(), data_converter=pydantic_data_converter)
    failed = []
    for name in names:
        text = (HISTORIES / f"{name}.json").read_text(encoding="utf-8")
        history = WorkflowHistory.from_json(f"order-{name}_1", text)
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        failed += [name] if result.replay_failure is not None else []
    return failed


async def _all() -> None:
    names = sorted(path.stem for path in HISTORIES.glob("*.json"))
    with tempfile.TemporaryDirectory() as scratch:
        sys.path.insert(0, scratch)
        for number, mutation in enumerate((*MUTATIONS, *SURVIVED)):
            found = await unable(copied(Path(scratch), f"fault_{number}", mutation), *names)
            print(f"{mutation.name}: {len(found)} of {len(names)}: {', '.join(found)}")


if __name__ == "__main__":
    asyncio.run(_all())
