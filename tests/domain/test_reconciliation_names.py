"""Names that outlive a run: the steps of repairs in the effect ledger, and the sources of findings."""

import pytest

from ordersaga.domain.reconciliation import (
    Repair,
    provider_source,
    read_repair_step,
    read_source,
    repair_step,
    stock_source,
)


@pytest.mark.parametrize("about", ["", "pi_1", "o1:1"])
@pytest.mark.parametrize("repair", Repair)
def test_a_repairs_step_reads_as_it_was_built(repair: Repair, about: str) -> None:
    """No repair's step is taken for another's, though one name begins with the other."""
    assert read_repair_step(repair_step(repair, about)) == (repair, about)


@pytest.mark.parametrize("step", ["capture", "refund_return:1", "reconcile_", "reconcile_nothing:pi_1", ""])
def test_other_steps_are_no_repairs(step: str) -> None:
    """They are about nothing, whatever stands behind a colon."""
    assert read_repair_step(step) == (None, "")


def test_steps_and_sources_are_spelled_as_they_are_on_record() -> None:
    """Rows and histories written before must still be understood."""
    assert repair_step(Repair.VOID, "pi_1") == "reconcile_void:pi_1"
    assert repair_step(Repair.ENTER) == "reconcile_enter"
    assert (provider_source("shipbob"), stock_source("shipbob")) == ("provider:shipbob", "stock:shipbob")
    assert (read_source("provider:shipbob"), read_source("payments")) == (("provider", "shipbob"), ("payments", ""))
