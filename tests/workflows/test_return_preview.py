"""What may be asked of a running return beforehand: one thing at a time."""

import pytest
from pydantic import ValidationError

from ordersaga.domain.returns import InspectedLine, Inspection
from workflows.return_foretelling import ReturnPreview
from workflows.return_state import CancelReturn

RECEIVE = Inspection(by="clerk", lines=(InspectedLine(sku="MUG", sellable=1),))
CANCEL = CancelReturn(by="agent")


@pytest.mark.parametrize("asked", [{}, {"receive": RECEIVE, "cancel": CANCEL}])
def test_neither_nothing_nor_two_things_are_foretold(asked: dict[str, object]) -> None:
    """Nothing was taken for a cancellation, and both for the inspection alone."""
    with pytest.raises(ValidationError, match="give either receive, an inspection, or cancel"):
        ReturnPreview.model_validate(asked)


@pytest.mark.parametrize("asked", [{"receive": RECEIVE}, {"cancel": CANCEL}])
def test_one_of_them_is(asked: dict[str, object]) -> None:
    """As it is sent."""
    assert (
        ReturnPreview.model_validate_json(ReturnPreview.model_validate(asked).model_dump_json())
        .model_dump(exclude_none=True)
        .keys()
        == asked.keys()
    )
