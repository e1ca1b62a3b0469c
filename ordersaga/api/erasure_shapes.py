"""Bodies and answers of the routes that erase personal data."""

from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from ordersaga.domain.erasure import Remains, Ruling, Verdict
from ordersaga.domain.identifiers import OrderId
from ordersaga.domain.orders import Buyer
from ordersaga.domain.values import Message

Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/#-]{1,100}$")]


class ErasureBody(Message):
    """Whose personal data is to be erased: that of one order, or of all orders of a buyer."""

    order_id: OrderId | None = None
    buyer: Buyer | None = Field(default=None, description="the channel's id of who bought")
    reference: Reference = Field(description="the number of the request for erasure; kept for good, so never a name")
    dry_run: bool = Field(default=False, strict=True, description="only say what would be erased")
    by: str | None = Field(default=None, max_length=200, description="the person you act for")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.order_id is None) == (self.buyer is None):
            raise ValueError("order_id: send either order_id or buyer")
        return self


class ErasedOrder(BaseModel):
    """What became of one order's personal data, and why."""

    order_id: str
    verdict: Verdict
    why: str
    erased_at: AwareDatetime | None = None
    remains: tuple[Remains, ...] = Field(
        default=(), description="what is readable all the same, and until when; without a time: until it is deleted"
    )

    @classmethod
    def of(cls, order_id: str, ruling: Ruling) -> Self:
        """As it was ruled."""
        return cls(
            order_id=order_id,
            verdict=ruling.verdict,
            why=ruling.why,
            erased_at=ruling.erased_at,
            remains=ruling.remains,
        )


class ErasureAnswer(BaseModel):
    """Every order that was meant; none when the buyer has none (any more). `dry_run`: nothing was erased."""

    dry_run: bool
    orders: list[ErasedOrder]
