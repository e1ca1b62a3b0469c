"""May an order close? Its books looked at parcel by parcel, so that no parcel makes up for another (I1 to I5)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ordersaga.domain.books import Account, Balance
from ordersaga.domain.effects import EffectStatus

_RESERVE = ("authorize", "authenticate")
_TAKEN = (Account.CASH, Account.PLATFORM)


@dataclass(frozen=True)
class Entry:
    """A posting with its transaction: signed minor units, debit positive."""

    transaction_id: str
    parcel: int
    account: Account
    amount: int


@dataclass(frozen=True)
class Standing:
    """An effect and what it came to."""

    key: str
    step: str
    parcel: int
    generation: int
    status: EffectStatus


@dataclass(frozen=True)
class OrderBooks:
    """What the ledgers hold of one order. `shipped`: the parcels whose units left; `free`: those that cost nothing."""

    entries: Sequence[Entry]
    effects: Sequence[Standing]
    shipped: frozenset[int]
    units_held: int
    free: frozenset[int] = frozenset()

    @cached_property
    def parcels(self) -> list["ParcelBooks"]:
        """Every parcel anything is known of."""
        known = {entry.parcel for entry in self.entries} | {effect.parcel for effect in self.effects} | self.shipped
        return [self._parcel(number) for number in sorted(known)]

    def _parcel(self, number: int) -> "ParcelBooks":
        return ParcelBooks(
            number,
            [entry for entry in self.entries if entry.parcel == number],
            [effect for effect in self.effects if effect.parcel == number and effect.status is EffectStatus.DONE],
            number in self.shipped,
            number in self.free,
        )

    def balance(self) -> Balance:
        """Sums of the whole order, and what is wrong with any of its parcels."""
        sums = Counter[Account]()
        for entry in self.entries:
            sums[entry.account] += entry.amount
        open_calls = [row.key for row in self.effects if row.status in (EffectStatus.INTENDED, EffectStatus.UNKNOWN)]
        return Balance(
            authorized=sums[Account.AUTHORIZATION],
            captured_net=sum(sums[account] for account in _TAKEN),
            goods_kept=-sums[Account.SALES],
            receivable=sums[Account.RECEIVABLE],
            written_off=sums[Account.WRITE_OFF],
            units_held=self.units_held,
            allowed=sums[Account.ALLOWANCE],
            unsettled_effects=tuple(sorted(open_calls)),
            problems=tuple(problem for parcel in self.parcels for problem in parcel.problems()),
        )


@dataclass(frozen=True)
class ParcelBooks:
    """What the ledgers hold of one parcel; `effects` are those done. `free`: planned at 0, so nothing is owed."""

    number: int
    entries: Sequence[Entry]
    effects: Sequence[Standing]
    shipped: bool
    free: bool = False

    def problems(self) -> Iterator[str]:
        """Why the order may not close because of this parcel, each naming it."""
        name = f"parcel {self.number}" if self.number else "the order as a whole"
        for problem in (*self._money(), *self._reservations(), *self._undone()):
            yield f"{name}: {problem}"

    def _money(self) -> Iterator[str]:
        """I1 and I5; a receivable is not mentioned again where the reason for it is known."""
        if reserved := self._sum(Account.AUTHORIZATION):
            yield f"authorization of {reserved} minor units still open"
        cash, owed = sum(map(self._sum, _TAKEN)), self._sum(Account.RECEIVABLE)
        if self.shipped and self._unpaid():
            yield "shipped, but neither captured nor written off"
        elif cash > 0 and not self.shipped:
            yield f"{cash} minor units captured, but neither shipped nor refunded"
        elif owed:
            yield f"receivable is {owed} minor units, not 0"

    def _unpaid(self) -> bool:
        """Nothing was ever taken or given up for goods the shopper keeps; goods that came to nothing are not owed."""
        paid = any(entry.account in (*_TAKEN, Account.WRITE_OFF) for entry in self.entries)
        sold = any(entry.account is Account.SALES for entry in self.entries)
        return not paid and (self._sum(Account.SALES) != 0 or not (sold or self.free))

    def _reservations(self) -> Iterator[str]:
        """I1: no generation takes more than it reserved."""
        reserved, taken = Counter[int](), Counter[int]()
        for effect in self.effects:
            if effect.step in _RESERVE:
                reserved[effect.generation] += self._gained(effect, Account.AUTHORIZATION)
            elif effect.step == "capture":
                taken[effect.generation] += self._gained(effect, Account.CASH)
        for generation, amount in sorted(taken.items()):
            if amount > reserved[generation]:
                yield f"{amount} minor units captured, {reserved[generation]} authorized (generation {generation})"

    def _undone(self) -> Iterator[str]:
        """I3 and I4: what was asked for is used or was given back; a shipped parcel uses one of each."""
        orders = self._live("hand_off", "withdraw")
        labels = self._live("book_label", "void_label")
        if self._live("set_aside", "let_go") - self._generations("hand_off"):
            yield "units are set aside at a provider, and were neither handed over nor let go"
        if not self.shipped and orders:
            yield "handed to its provider, but neither shipped nor withdrawn"
        if not self.shipped and labels:
            yield "a label was bought, but the parcel neither shipped nor was the label voided"
        if len(orders) > 1:
            yield f"{len(orders)} live provider orders, at most 1 can be right"
        if len(labels) > 1:
            yield f"{len(labels)} live labels, at most 1 can be right"

    def _live(self, do: str, undo: str) -> set[int]:
        """Generations done and not undone."""
        return self._generations(do) - self._generations(undo)

    def _generations(self, step: str) -> set[int]:
        return {effect.generation for effect in self.effects if effect.step == step}

    def _gained(self, effect: Standing, account: Account) -> int:
        """What an effect added to an account."""
        own = [row for row in self._of(account) if row.transaction_id.startswith(f"{effect.key}/")]
        return sum(entry.amount for entry in own if entry.amount > 0)

    def _sum(self, account: Account) -> int:
        return sum(entry.amount for entry in self._of(account))

    def _of(self, account: Account) -> Iterable[Entry]:
        return (entry for entry in self.entries if entry.account is account)
