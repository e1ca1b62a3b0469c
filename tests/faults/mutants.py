"""Seeded bugs: copies of the product with one thing wrong each, and the case of the matrix that catches it.

A matrix that finds nothing is worth as much as what it would have found. `python -m tests.faults.mutants` plays every
seeded bug and prints which case caught it, by which invariant.
"""

import asyncio
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.faults.cases import parse
from tests.faults.results import Outcome
from tests.faults.runner import run_cases
from tests.faults.summary import DOCUMENT, write_section
from tests.support.copies import Change, copy_product
from tests.support.emulators import ROOT

SIDE_BY_SIDE: Final = 2
PATIENCE: Final = 25.0
"""Seconds an order may take: one that never ends gives a bug away as well."""
SLOW_HAND_OFF: Final = "shipbob POST /2026-01/order#1/slow"


@dataclass(frozen=True)
class Mutant:
    """A seeded bug. `case` catches it, by one of the `invariants`."""

    bug: str
    case: str
    invariants: tuple[str, ...]
    changes: tuple[Change, ...]


MUTANTS: Final[Mapping[str, Mutant]] = {
    "undo_skipped": Mutant(
        "the provider is not asked to stop a canceled parcel",
        f"canceled/{SLOW_HAND_OFF}",
        ("I3", "I6"),
        (Change("workflows/hand_over.py", "        self._undo.register(Phase.GOODS, self._withdraw)\n", ""),),
    ),
    "units_kept": Mutant(
        "the units of a canceled parcel are not given back",
        f"canceled/{SLOW_HAND_OFF}",
        ("I2", "I6"),
        (
            Change(
                "activities/inventory.py",
                "        return await self._stock.release(units.order_id, units.parcel)\n",
                "        return 0\n",
            ),
        ),
    ),
    "undo_order_swapped": Mutant(
        "money is given back before the provider has stopped the goods",
        "canceled/shipbob POST /2026-01/order/{id}:cancel#1/refused_before",
        ("I5",),
        (Change("workflows/saga.py", "    GOODS = 1\n", "    GOODS = 5\n"),),
    ),
    "key_dropped": Mutant(
        "an authorization is sent under a new key each time",
        "one_parcel/stripe POST /v1/payment_intents#1/lost_answer",
        ("I1", "I7"),
        (
            Change(
                "ordersaga/gateways/stripe/payments.py",
                'self._creation(request), {"idempotency_key": key}',
                'self._creation(request), {"idempotency_key": __import__("secrets").token_hex(8)}',
            ),
        ),
    ),
    "refunded_twice": Mutant(
        "a refund is asked for twice, under two keys",
        "capture_first/stripe POST /v1/refunds#1/slow",
        ("I1", "I5", "I7"),
        (
            Change(
                "ordersaga/gateways/stripe/payments.py",
                '                refund = await self._client.refunds.create_async(params, {"idempotency_key": key})\n',
                '                await self._client.refunds.create_async(params, {"idempotency_key": f"{key}/again"})\n'
                "                refund = await self._client.refunds.create_async("
                'params, {"idempotency_key": key})\n',
            ),
        ),
    ),
    "oversold_by_one": Mutant(
        "of a parcel that left, one unit stays on the shelf to be sold again",
        f"one_parcel/{SLOW_HAND_OFF}",
        ("I2",),
        (
            Change(
                "ordersaga/stores/holds.py",
                "movement.on_hand * quantity, movement.held * quantity)",
                "movement.on_hand * (quantity - 1), movement.held * quantity)",
            ),
        ),
    ),
    "closed_unbalanced": Mutant(
        "nobody takes the money, and the order is closed without a look at its books",
        f"one_parcel/{SLOW_HAND_OFF}",
        ("I1", "I5"),
        (
            Change("workflows/parcels.py", "            await self.payments.capture()\n", "            pass\n"),
            Change(
                "activities/journal.py", "        differences = balance.differences()\n", "        differences = []\n"
            ),
        ),
    ),
    "unknown_is_no": Mutant(
        "an answer that was lost is taken for a refusal",
        "one_parcel/stripe POST /v1/payment_intents#1/lost_answer",
        ("I1", "I7"),
        (
            Change(
                "activities/effects.py",
                "            await self._unresolved(row, error)\n"
                "            return await self.perform(intent, call, inquire)\n",
                "            return await self._settle(row, _refusal(error, {}))\n",
            ),
        ),
    ),
    "refusal_ignored": Mutant(
        "a provider that refuses to cancel is taken to have canceled",
        "canceled/shipbob POST /2026-01/order/{id}:cancel#1/refused_before",
        ("I2", "I3", "I5"),
        (
            Change(
                "ordersaga/gateways/shipbob/provider.py",
                "        return CancelDecision.CANCELED if gone else CancelDecision.REFUSED\n",
                "        return CancelDecision.CANCELED\n",
            ),
        ),
    ),
}
_NUMBERED: Final = re.compile(r"\b(pi_\w+|f\d{4}x(-a\d+)?)")
_HEAD: Final = """\
`make mutants` plays copies of the product with one thing wrong each.

seeded bug | case | caught by
--- | --- | ---"""
NAMED: Final = (
    "undo_skipped",
    "undo_order_swapped",
    "key_dropped",
    "refunded_twice",
    "oversold_by_one",
    "closed_unbalanced",
)


async def hunt(names: Iterable[str], logs: Path) -> dict[str, Outcome]:
    """What came of each mutant's case, on a stack of its own that runs the mutant."""
    turns = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(name: str) -> tuple[str, Outcome]:
        async with turns:
            folder = Path(tempfile.mkdtemp(prefix="ordersaga-mutant-"))
            try:
                code = copy_product(folder, MUTANTS[name].changes)
                [found] = await run_cases(
                    [parse(MUTANTS[name].case)], code=code, patience=PATIENCE, alone=0, logs=logs / name
                )
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return name, found

    return dict(await asyncio.gather(*map(one, names)))


def caught(mutant: Mutant, found: Outcome) -> list[str]:
    """The differences that give the mutant away."""
    return [line for line in found.violations if any(f": {name} " in line for name in mutant.invariants)]


def main() -> None:
    """Play all, and write the list into the documents; exit code 1 when one gets away."""
    found = asyncio.run(hunt(MUTANTS, ROOT / "build" / "faults" / "mutants"))
    rows = [(MUTANTS[name].bug, outcome.case, told(MUTANTS[name], outcome)) for name, outcome in found.items()]
    table = Table("seeded bug", "case", "caught by", show_lines=True)
    for row in rows:
        table.add_row(*row)
    Console(width=200).print(table)
    write_section("\n".join([_HEAD, *(f"{bug} | `{case}` | {by}" for bug, case, by in rows)]), DOCUMENT, "mutants")
    sys.exit(not all(caught(MUTANTS[name], outcome) for name, outcome in found.items()))


def told(mutant: Mutant, found: Outcome) -> str:
    """What gave it away, without names that are new each time."""
    lines = [_NUMBERED.sub("…", line.partition(": ")[2]) for line in caught(mutant, found)]
    return "; ".join(dict.fromkeys(lines)) or "NOT CAUGHT"


if __name__ == "__main__":
    main()
