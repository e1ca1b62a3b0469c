"""Money is an integer of minor units with its ISO 4217 currency; nothing here ever sees a float."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StringConstraints

MinorUnits = Annotated[int, Field(ge=0, le=10**12, description="integer minor units, e.g. cents")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` minor units over `weights` so that the parts add up exactly (largest remainder, ties to the first).

    With all weights zero, everything goes to the first part.
    """
    whole = sum(weights)
    if whole == 0:
        return [total if index == 0 else 0 for index in range(len(weights))]
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
