"""The alarm itself works: a copy of the workflows with a step moved does not replay, one without a fault does."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.replay.mutations import MUTATIONS, SURVIVED, Mutation, copied, unable

WITNESSES = sorted({mutation.noticed_by for mutation in MUTATIONS})


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that copies of `workflows` can be imported from."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    importlib.invalidate_caches()


async def test_unchanged_copy_replays(copies: Path) -> None:
    """The control: what makes faulty copies fail is the fault, not the copy."""
    assert await unable(copied(copies, "same_saga"), *WITNESSES) == []


@pytest.mark.parametrize("fault", MUTATIONS, ids=lambda fault: fault.name)
async def test_a_fault_is_noticed(copies: Path, fault: Mutation) -> None:
    """The history the table names cannot be continued by code with the fault."""
    package = f"fault_{MUTATIONS.index(fault)}"
    assert await unable(copied(copies, package, fault), fault.noticed_by) == [fault.noticed_by]


@pytest.mark.parametrize("change", SURVIVED, ids=lambda change: change.name)
async def test_a_change_that_orders_survive_is_let_pass(copies: Path, change: Mutation) -> None:
    """Otherwise nobody would believe the alarm."""
    package = f"change_{SURVIVED.index(change)}"
    assert await unable(copied(copies, package, change), "one_parcel", "held", "renewed") == []


def test_the_table_covers_every_kind_of_fault() -> None:
    """Steps, undo, activities, timers, conditions, search attributes; in orders and in returns."""
    names = " ".join(fault.name for fault in MUTATIONS)
    kinds = ("reordered", "dropped", "added", "renamed", "timer", "condition", "search attributes", "return")
    assert [kind for kind in kinds if kind not in names] == []
    assert len({fault.name for fault in MUTATIONS}) == len(MUTATIONS) >= 15
