"""What is wrong with a value and what to do about it, in our words at every door."""

from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from ordersaga.domain.values import Value
from ordersaga.remedies import in_a_line


class Red(Value):
    """One of two kinds."""

    kind: Literal["red"]


class Blue(Value):
    """The other."""

    kind: Literal["blue"]


class Told(Value):
    """A value of every kind that has a remedy of its own."""

    wait: timedelta = timedelta(0)
    open: bool = False
    quantity: int = 1
    weight_grams: int = 1
    unit_price: Annotated[int, Field(strict=True)] = 1
    shipping_by_zone: tuple[int, ...] = ()
    color: Annotated[Red | Blue, Field(discriminator="kind")] = Red(kind="red")


DURATION = "is no duration; write an ISO 8601 duration such as P2D or PT36H"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"wait": "banana"}, DURATION),
        ({"wait": []}, DURATION),
        ({"open": "perhaps"}, "is neither true nor false; use true or false"),
        ({"quantity": 1.5}, "send a whole number"),
        ({"weight_grams": []}, "send a whole number"),
        ({"unit_price": 45.5}, "send a whole number of minor units: 4500 is 45.00"),
        ({"shipping_by_zone": [1, []]}, "send a whole number of minor units: 4500 is 45.00"),
        ({"color": {"kind": "foo"}}, "foo is no 'kind' that is known; use one of 'red', 'blue'"),
        ({"color": {}}, "has no 'kind'; add 'kind'"),
    ],
)
def test_each_kind_of_value_has_its_remedy(given: dict[str, Any], said: str) -> None:
    """Durations one, whole numbers another than amounts, and no word of the library that reads them."""
    with pytest.raises(ValidationError) as refused:
        Told.model_validate(given)
    (error,) = refused.value.errors(include_url=False)
    assert in_a_line(error).endswith(said)
    assert "unable to interpret" not in in_a_line(error)


@pytest.mark.parametrize("text", ["P2D", "PT48H", "2d", "2 days", "2 days, 00:00:00"])
def test_every_documented_form_of_a_duration_is_read(text: str) -> None:
    """As the settings' page and the sellers' page say."""
    assert Told.model_validate({"wait": text}).wait == timedelta(days=2)
