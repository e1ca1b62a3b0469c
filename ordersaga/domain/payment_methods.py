"""What each way to pay can do, as Stripe documents it (https://docs.stripe.com/payments/payment-methods/payment-method-support)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ordersaga.domain.values import Value


class MethodType(StrEnum):
    """Types of payment methods. A wallet (Apple Pay, Google Pay) hands over a card: `card`."""

    CARD = "card"
    PAYPAL = "paypal"
    AFFIRM = "affirm"
    KLARNA = "klarna"
    IDEAL = "ideal"
    BANCONTACT = "bancontact"
    US_BANK_ACCOUNT = "us_bank_account"
    SEPA_DEBIT = "sepa_debit"


class Capabilities(Value):
    """What may be asked of a type.

    `reserves`: funds are held first and taken later; otherwise they are taken at once. `slow`: the bank confirms days
    later. `again`: it can be charged again without the shopper. `redirects`: it is paid on a page of its own.
    `currencies`: it is paid in these; empty: in any.
    """

    reserves: bool = False
    slow: bool = False
    again: bool = False
    redirects: bool = False
    currencies: frozenset[str] = frozenset()

    @property
    def several_parcels(self) -> bool:
        """Whether an order in several parcels may be paid so: each has a payment of its own, reserved at once."""
        return self.reserves and self.again and not self.slow


_EUR: Final = frozenset({"EUR"})
# PayPal can be charged again only where Stripe has enabled recurring payments for the account: not counted on.
CAPABILITIES: Final[Mapping[MethodType, Capabilities]] = {
    MethodType.CARD: Capabilities(reserves=True, again=True),
    MethodType.PAYPAL: Capabilities(
        reserves=True, redirects=True
    ),  # again only for accounts with recurring payments enabled
    MethodType.AFFIRM: Capabilities(reserves=True, redirects=True, currencies=frozenset({"USD", "CAD"})),
    MethodType.KLARNA: Capabilities(reserves=True, redirects=True),
    MethodType.IDEAL: Capabilities(redirects=True, currencies=_EUR),
    MethodType.BANCONTACT: Capabilities(redirects=True, currencies=_EUR),
    MethodType.US_BANK_ACCOUNT: Capabilities(slow=True, again=True, currencies=frozenset({"USD"})),
    MethodType.SEPA_DEBIT: Capabilities(slow=True, again=True, currencies=_EUR),
}
