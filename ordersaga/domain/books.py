"""Double entry: accounts, and the entries each thing that happens to money or goods makes.

Money accounts of an order (signed minor units, debit positive, every transaction sums to zero):

| account | meaning |
|---|---|
| `authorization` / `authorization_contra` | funds reserved for us; zero once closed |
| `cash` | captured minus refunded, as the payment processor holds it |
| `platform` | collected minus refunded by a channel's platform, which holds it |
| `receivable` | value of goods the shopper keeps minus what was paid for them; zero when the books balance |
| `sales` | value of goods that left |
| `write_off` | a loss an operator accepted, with a reason |
| `allowance` | price given up as goodwill for goods the shopper keeps |
"""

from enum import StrEnum

from ordersaga.domain.money import Currency
from ordersaga.domain.values import Value


class Account(StrEnum):
    """Money accounts."""

    AUTHORIZATION = "authorization"
    AUTHORIZATION_CONTRA = "authorization_contra"
    CASH = "cash"
    PLATFORM = "platform"
    RECEIVABLE = "receivable"
    SALES = "sales"
    WRITE_OFF = "write_off"
    ALLOWANCE = "allowance"


class Posting(Value):
    """One side of a transaction: signed minor units, debit positive."""

    account: Account
    amount: int


class MoneyTransaction(Value):
    """Postings that sum to zero, written once per `transaction_id` (an effect key, or a derived one)."""

    transaction_id: str
    order_id: str
    parcel: int
    currency: Currency
    memo: str
    postings: tuple[Posting, ...]


class Balance(Value):
    """An order's money and units, as the ledgers hold them now. `problems`: what is wrong with single parcels."""

    authorized: int
    captured_net: int
    goods_kept: int
    receivable: int
    written_off: int
    units_held: int
    allowed: int = 0
    unsettled_effects: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def differences(self) -> list[str]:
        """Why the order may not close (I1 to I5, I7); empty when the books balance.

        A sum that is off is off in some parcel: where parcels are named, the sums would only repeat it.
        """
        found = list(self.problems)
        if self.authorized and not self.problems:
            found.append(f"authorization of {self.authorized} minor units still open")
        if self.receivable and not self.problems:
            found.append(f"receivable is {self.receivable} minor units, not 0")
        if self.units_held:
            found.append(f"{self.units_held} units still held")
        return found + [f"effect {key} has no known outcome" for key in self.unsettled_effects]


def _pair(debit: Account, credit: Account, amount: int) -> tuple[Posting, ...]:
    return (Posting(account=debit, amount=amount), Posting(account=credit, amount=-amount)) if amount else ()


def authorized(amount: int) -> tuple[Posting, ...]:
    """The bank reserved `amount`."""
    return _pair(Account.AUTHORIZATION, Account.AUTHORIZATION_CONTRA, amount)


def authorization_ended(amount: int) -> tuple[Posting, ...]:
    """A reservation of `amount` ended: voided, lapsed, or replaced by its capture."""
    return _pair(Account.AUTHORIZATION_CONTRA, Account.AUTHORIZATION, amount)


def captured(amount: int, authorized_amount: int) -> tuple[Posting, ...]:
    """`amount` was taken; the rest of the reservation is released by the processor (partial capture)."""
    return _pair(Account.CASH, Account.RECEIVABLE, amount) + authorization_ended(authorized_amount)


def refunded(amount: int) -> tuple[Posting, ...]:
    """`amount` went back to the shopper."""
    return _pair(Account.RECEIVABLE, Account.CASH, amount)


def platform_collected(amount: int) -> tuple[Posting, ...]:
    """The channel's platform took `amount` from the shopper before the order came to us."""
    return _pair(Account.PLATFORM, Account.RECEIVABLE, amount)


def platform_refunded(amount: int) -> tuple[Posting, ...]:
    """The channel's platform gave `amount` back to the shopper."""
    return _pair(Account.RECEIVABLE, Account.PLATFORM, amount)


def goods_shipped(value: int) -> tuple[Posting, ...]:
    """Goods worth `value` left with the carrier: the shopper owes for them."""
    return _pair(Account.RECEIVABLE, Account.SALES, value)


def goods_unshipped(value: int) -> tuple[Posting, ...]:
    """Goods worth `value` came back or were lost: the shopper owes nothing for them."""
    return _pair(Account.SALES, Account.RECEIVABLE, value)


def write_off_reversed(amount: int) -> tuple[Posting, ...]:
    """What nobody owes any more is no loss either."""
    return _pair(Account.RECEIVABLE, Account.WRITE_OFF, amount)


def written_off(amount: int) -> tuple[Posting, ...]:
    """An operator accepted that `amount` will not be paid."""
    return _pair(Account.WRITE_OFF, Account.RECEIVABLE, amount)


def allowance(amount: int) -> tuple[Posting, ...]:
    """`amount` of the price is given up as goodwill: the shopper owes that much less for goods kept."""
    return _pair(Account.ALLOWANCE, Account.RECEIVABLE, amount)


def allowance_reversed(amount: int) -> tuple[Posting, ...]:
    """The goodwill never reached the shopper, or its goods are not kept: the price is owed again."""
    return _pair(Account.RECEIVABLE, Account.ALLOWANCE, amount)


def reversed_postings(postings: tuple[Posting, ...]) -> tuple[Posting, ...]:
    """The entry that takes another one back, account by account."""
    return tuple(posting.model_copy(update={"amount": -posting.amount}) for posting in postings)
