"""What the books hold of one order, line by line: its money and its units."""

from pydantic import AwareDatetime

from ordersaga.domain.books import Account
from ordersaga.domain.values import Message


class MoneyLine(Message):
    """One side of a money transaction: signed minor units of the order's currency, debit positive."""

    posted_at: AwareDatetime
    transaction_id: str
    parcel: int
    memo: str
    account: Account
    amount: int


class UnitLine(Message):
    """Units of a SKU at a location that went from one account to another; `kind` says by what."""

    moved_at: AwareDatetime
    parcel: int
    kind: str
    account_from: str
    account_to: str
    location: str
    sku: str
    quantity: int


class MoneyTotal(Message):
    """What stands in an account: signed minor units of the order's currency, debit positive."""

    account: Account
    amount: int


class UnitTotal(Message):
    """Units of a SKU that stand in an account, of those that moved for the order: held, or shipped."""

    account: str
    sku: str
    quantity: int


class OrderLines(Message):
    """Every line that both ledgers have of an order, oldest first."""

    money: tuple[MoneyLine, ...] = ()
    units: tuple[UnitLine, ...] = ()

    def totals_of_money(self) -> tuple[MoneyTotal, ...]:
        """By account, in the order of `Account`; accounts nothing was written to are left out."""
        totals: dict[Account, int] = {}
        for line in self.money:
            totals[line.account] = totals.get(line.account, 0) + line.amount
        return tuple(MoneyTotal(account=account, amount=totals[account]) for account in Account if account in totals)

    def totals_of_units(self) -> tuple[UnitTotal, ...]:
        """By account and SKU; the shelf itself, whose units are everybody's, is left out."""
        totals: dict[tuple[str, str], int] = {}
        for line in self.units:
            for account, change in ((line.account_from, -line.quantity), (line.account_to, line.quantity)):
                totals[account, line.sku] = totals.get((account, line.sku), 0) + change
        return tuple(
            UnitTotal(account=account, sku=sku, quantity=quantity)
            for (account, sku), quantity in sorted(totals.items())
            if account != "available" and quantity
        )
