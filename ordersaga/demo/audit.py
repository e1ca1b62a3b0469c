"""The audit: our ledgers beside what the outside companies say. Pure: no clock, no network, no database.

Each check knows one invariant of the design (I1 to I7) and yields a `Difference` for every place where we and the
world do not agree. A check that finds nothing has looked at every order, parcel, payment, label and shelf.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ordersaga.demo.outside import Label, Outside, Payment, ProviderParcel, Sale
from ordersaga.domain.books import Account
from ordersaga.domain.ledgers import Ledgers
from ordersaga.domain.orders import ParcelPlan
from ordersaga.domain.reconciliation import read_repair_step
from ordersaga.domain.statuses import FINAL_STATUSES, OrderStatus

SELLER_WAREHOUSE: Final = "seller_warehouse"

Place = tuple[str, int]
"""An order and one of its parcels."""
Stock = Mapping[tuple[str, str], int]
"""Units by location and SKU."""


@dataclass(frozen=True)
class Difference:
    """One disagreement. `subject` is an order, or a shelf as `location/sku`."""

    subject: str
    invariant: str
    what: str
    ours: object
    theirs: object

    def __str__(self) -> str:
        return f"{self.subject}: {self.invariant} {self.what}: ours {self.ours}, theirs {self.theirs}"


@dataclass(frozen=True)
class Evidence:
    """All that is compared: the orders placed, the stock received before, our ledgers, the companies' records."""

    placed: Sequence[str]
    received: Stock
    ours: Ledgers
    theirs: Outside

    @cached_property
    def plans(self) -> dict[Place, ParcelPlan]:
        """Every parcel ever planned."""
        return {(order.order_id, plan.parcel): plan for order in self.ours.orders for plan in order.parcels}

    @cached_property
    def accounts(self) -> Counter[tuple[str, int, Account]]:
        """Our money by order, parcel and account; an account never used is 0."""
        return Counter({(row.order_id, row.parcel, row.account): row.amount for row in self.ours.money})

    @cached_property
    def payments(self) -> dict[Place, list[Payment]]:
        """Stripe's payments of each parcel."""
        found: defaultdict[Place, list[Payment]] = defaultdict(list)
        for payment in self.theirs.payments:
            found[payment.order_id, payment.parcel].append(payment)
        return found

    @cached_property
    def provider_parcels(self) -> dict[Place, list[ProviderParcel]]:
        """The providers' orders of each parcel."""
        found: defaultdict[Place, list[ProviderParcel]] = defaultdict(list)
        for parcel in self.theirs.provider_parcels:
            found[parcel.reference.order_id, parcel.reference.parcel].append(parcel)
        return found

    @cached_property
    def labels(self) -> dict[Place, list[Label]]:
        """The labels of each parcel that were not given back."""
        found: defaultdict[Place, list[Label]] = defaultdict(list)
        for label in self.theirs.labels:
            if not label.voided:
                found[label.reference.order_id, label.reference.parcel].append(label)
        return found

    @cached_property
    def sales(self) -> dict[str, Sale]:
        """What a marketplace sold, by our order."""
        return {sale.order_id: sale for sale in self.theirs.sales}

    @cached_property
    def final(self) -> frozenset[str]:
        """Orders that have ended."""
        return frozenset(order.order_id for order in self.ours.orders if order.status in FINAL_STATUSES)

    def left(self, place: Place) -> bool:
        """Whether the companies say that the parcel's goods left."""
        if self.ships_itself(place):
            return any(label.scanned for label in self.labels.get(place, []))
        return any(parcel.left for parcel in self.provider_parcels.get(place, []))

    def ships_itself(self, place: Place) -> bool:
        """Whether the seller packs the parcel and we buy its label."""
        plan = self.plans.get(place)
        return plan is not None and plan.provider == SELLER_WAREHOUSE

    def kept(self, place: Place) -> bool:
        """Whether the shopper has the goods: they left and did not come back."""
        kept = [label.kept for label in self.labels.get(place, [])]
        kept += [parcel.kept for parcel in self.provider_parcels.get(place, []) if parcel.left]
        return self.left(place) and all(kept)


Check = Callable[[Evidence], Iterator[Difference]]


def audit(evidence: Evidence) -> list[Difference]:
    """Every difference, by subject."""
    found = [difference for check in CHECKS for difference in check(evidence)]
    return sorted(found, key=lambda difference: (difference.subject, difference.invariant, difference.what))


def every_order_final(evidence: Evidence) -> Iterator[Difference]:
    """I6: what was placed is known and final, nobody is still being asked, and nothing appeared from nowhere.

    A place in line is a promise that is kept or ended by its own time: it is no difference.
    """
    known = {order.order_id: order for order in evidence.ours.orders}
    for order_id in evidence.placed:
        order = known.get(order_id)
        if order is None:
            yield Difference(order_id, "I6", "order", "unknown", "placed")
        elif order.status not in FINAL_STATUSES | {OrderStatus.WAITLISTED}:
            yield Difference(order_id, "I6", "status", order.status.value, "a final status")
    for order_id in known.keys() - set(evidence.placed):
        yield Difference(order_id, "I6", "order", "known", "never placed")
    for question in evidence.ours.questions:
        yield Difference(question.order_id, "I6", f"question {question.item_id}", f"open ({question.kind})", "answered")


def cash_agrees(evidence: Evidence) -> Iterator[Difference]:
    """I1: what Stripe captured less what it gave back is our cash, parcel by parcel."""
    for place in sorted(evidence.plans.keys() | evidence.payments.keys()):
        ours = evidence.accounts[(*place, Account.CASH)]
        theirs = sum(payment.net for payment in evidence.payments.get(place, []))
        if ours != theirs:
            yield Difference(place[0], "I1", f"cash of parcel {place[1]}", ours, theirs)


def nothing_reserved(evidence: Evidence) -> Iterator[Difference]:
    """I1: a final order has no open authorization, neither at Stripe nor in our books, and no page to pay it on."""
    for page in evidence.theirs.pages:
        if page.is_open and page.order_id in evidence.final:
            yield Difference(page.order_id, "I1", f"page {page.session_id}", "closed", "open")
    for payment in evidence.theirs.payments:
        if payment.is_open and payment.order_id in evidence.final:
            what = f"authorization of parcel {payment.parcel}"
            yield Difference(payment.order_id, "I1", what, "ended", f"{payment.payment_id} {payment.status}")
    for (order_id, parcel, account), amount in evidence.accounts.items():
        if account is Account.AUTHORIZATION and amount and order_id in evidence.final:
            yield Difference(order_id, "I1", f"authorization of parcel {parcel}", amount, 0)


def books_closed(evidence: Evidence) -> Iterator[Difference]:
    """I1: a final order owes nothing and is owed nothing."""
    for (order_id, parcel, account), amount in evidence.accounts.items():
        if account is Account.RECEIVABLE and amount and order_id in evidence.final:
            yield Difference(order_id, "I1", f"receivable of parcel {parcel}", amount, 0)


def stock_agrees(evidence: Evidence) -> Iterator[Difference]:
    """I2: on hand is what was received less what the companies say left, and what came back fit to be sold again.

    A shelf set right by a provider's count stands as counted. Nothing is held once orders are final.
    """
    gone = units_that_left(evidence)
    for back in evidence.ours.restocked:
        gone[back.location, back.sku] -= back.quantity
    for count in evidence.ours.counted:
        gone[count.location, count.sku] -= count.quantity
    shelves = {(shelf.location, shelf.sku): shelf for shelf in evidence.ours.shelves}
    for place in sorted(shelves.keys() | evidence.received.keys() | gone.keys()):
        shelf, expected = shelves.get(place), evidence.received.get(place, 0) - gone[place]
        on_hand, held = (shelf.on_hand, shelf.held) if shelf else (0, 0)
        subject = "/".join(place)
        if on_hand != expected:
            yield Difference(subject, "I2", "units on hand", on_hand, expected)
        if held:
            yield Difference(subject, "I2", "units held", held, 0)


def units_that_left(evidence: Evidence) -> Counter[tuple[str, str]]:
    """Units the companies say left, by location and SKU; a label tells no units, so the parcel's lines count."""
    units: Counter[tuple[str, str]] = Counter()
    for place, plan in evidence.plans.items():
        if evidence.ships_itself(place) and evidence.left(place):
            units.update({(plan.location, line.sku): line.quantity for line in plan.lines})
        for parcel in evidence.provider_parcels.get(place, []):
            units.update({(plan.location, sku): quantity for sku, quantity in parcel.units.items()})
    return units


def shipped_agrees(evidence: Evidence) -> Iterator[Difference]:
    """I2: the parcels our books say shipped are the parcels that left."""
    shipped = {(row.order_id, row.parcel) for row in evidence.ours.shipped}
    for place in sorted(evidence.plans):
        ours, theirs = place in shipped, evidence.left(place)
        if ours != theirs:
            yield Difference(place[0], "I2", f"parcel {place[1]} shipped", ours, theirs)


def provider_orders_agree(evidence: Evidence) -> Iterator[Difference]:
    """I3: one live order, at its provider, for a shipped parcel; none for a canceled one; none we do not know."""
    shipped = {(row.order_id, row.parcel) for row in evidence.ours.shipped}
    for place in sorted(evidence.plans.keys() | evidence.provider_parcels.keys()):
        if place[0] not in evidence.final and place in evidence.plans:
            continue
        expected = 1 if place in shipped and not evidence.ships_itself(place) else 0
        live = [parcel.provider for parcel in evidence.provider_parcels.get(place, []) if parcel.live]
        if len(live) != expected:
            yield Difference(place[0], "I3", f"live provider orders of parcel {place[1]}", expected, len(live))
        elif expected and live != [evidence.plans[place].provider]:
            ours = evidence.plans[place].provider
            yield Difference(place[0], "I3", f"provider of parcel {place[1]}", ours, live[0])


def labels_agree(evidence: Evidence) -> Iterator[Difference]:
    """I4: one unvoided label for a parcel we shipped ourselves, none for any other."""
    shipped = {(row.order_id, row.parcel) for row in evidence.ours.shipped}
    for place in sorted(evidence.plans.keys() | evidence.labels.keys()):
        if place[0] not in evidence.final and place in evidence.plans:
            continue
        expected = 1 if place in shipped and evidence.ships_itself(place) else 0
        found = len(evidence.labels.get(place, []))
        if found != expected:
            yield Difference(place[0], "I4", f"labels of parcel {place[1]}", expected, found)


def goods_are_paid(evidence: Evidence) -> Iterator[Difference]:
    """I5: what the shopper keeps is paid, less what was written off or given as goodwill; what they do not is not."""
    for place, plan in sorted(evidence.plans.items()):
        if place[0] not in evidence.final or place[0] in evidence.sales:
            continue
        forgiven = sum(evidence.accounts[(*place, account)] for account in (Account.WRITE_OFF, Account.ALLOWANCE))
        due = plan.amount - forgiven if evidence.kept(place) else 0
        paid = sum(payment.net for payment in evidence.payments.get(place, []))
        if paid != due:
            yield Difference(place[0], "I5", f"payment for parcel {place[1]}", due, paid)


def sales_agree(evidence: Evidence) -> Iterator[Difference]:
    """I1, I3, I5, I6: a marketplace's sale is ours, its money is in our books, what left is told, the rest canceled."""
    known = {order.order_id for order in evidence.ours.orders}
    for order_id in sorted(evidence.sales.keys() | _with_a_platform(evidence)):
        sale = evidence.sales.get(order_id)
        if sale is None:
            yield Difference(order_id, "I6", "sale", "known", "never sold there")
        elif order_id not in known and sale.net:
            yield Difference(order_id, "I6", "order", "unknown", f"sold there for {sale.net}")
        elif order_id in evidence.final:
            yield from _sale_agrees(evidence, sale)


def _with_a_platform(evidence: Evidence) -> set[str]:
    return {
        order_id
        for (order_id, _, account), amount in evidence.accounts.items()
        if account is Account.PLATFORM and amount
    }


def _sale_agrees(evidence: Evidence, sale: Sale) -> Iterator[Difference]:
    order_id, accounts = sale.order_id, evidence.accounts.items()
    money = sum(amount for (owner, _, at), amount in accounts if (owner, at) == (order_id, Account.PLATFORM))
    if money != sale.net:
        yield Difference(order_id, "I1", "money with the platform", money, sale.net)
    kept = {place: plan for place, plan in evidence.plans.items() if place[0] == order_id and evidence.kept(place)}
    forgiven = sum(evidence.accounts[(*place, at)] for place in kept for at in (Account.WRITE_OFF, Account.ALLOWANCE))
    due = sum(plan.amount for plan in kept.values()) - forgiven
    if due != sale.net:
        yield Difference(order_id, "I5", "payment for what is kept", due, sale.net)
    left = Counter[str]()
    for row in evidence.ours.shipped:
        left.update({row.sku: row.quantity} if row.order_id == order_id else {})
    if left != Counter(sale.told):
        yield Difference(order_id, "I3", "units told to have left", dict(left), dict(sale.told))
    if sale.canceled == bool(left):
        yield Difference(
            order_id, "I3", "sale", "open" if left else "canceled", "canceled" if sale.canceled else "open"
        )


def effects_settled(evidence: Evidence) -> Iterator[Difference]:
    """I7: a final order has no effect whose outcome is unknown."""
    for effect in evidence.ours.effects:
        if effect.status not in ("done", "refused") and effect.order_id in evidence.final:
            yield Difference(effect.order_id, "I7", f"effect {effect.key}", effect.status, "done or refused")


def payments_once(evidence: Evidence) -> Iterator[Difference]:
    """I7: one payment for a key, one capture for a parcel, one refund for a key, and none that we know nothing of."""
    known = {effect.key for effect in evidence.ours.effects if effect.step == "authorize"}
    settled = {read_repair_step(effect.step)[1] for effect in evidence.ours.effects}
    keys = Counter(payment.key for payment in evidence.theirs.payments)
    for payment in evidence.theirs.payments:
        if payment.key not in known and payment.payment_id not in settled:
            yield Difference(
                payment.order_id, "I7", f"payment {payment.payment_id}", "unknown", payment.key or "no key"
            )
    owners = {payment.key: payment.order_id for payment in evidence.theirs.payments}
    for key, count in keys.items():
        if count > 1:
            yield Difference(owners[key], "I7", f"payments under {key}", 1, count)
    yield from _captured_once(evidence)
    yield from _refunded_once(evidence)


def _captured_once(evidence: Evidence) -> Iterator[Difference]:
    for (order_id, parcel), payments in sorted(evidence.payments.items()):
        taken = sum(1 for payment in payments if payment.captured)
        reserved = sum(1 for payment in payments if payment.status in ("requires_capture", "succeeded"))
        if taken > 1:
            yield Difference(order_id, "I7", f"captures of parcel {parcel}", 1, taken)
        elif reserved > 1:
            yield Difference(order_id, "I7", f"authorizations in force of parcel {parcel}", 1, reserved)


def _refunded_once(evidence: Evidence) -> Iterator[Difference]:
    for payment in evidence.theirs.payments:
        for key, count in Counter(key for key, _ in payment.refunds).items():
            if count > 1:
                yield Difference(payment.order_id, "I7", f"refunds under {key}", 1, count)


def done_is_done(evidence: Evidence) -> Iterator[Difference]:
    """I7: what our ledger says was authorized exists at Stripe, and what it says was handed over at the provider."""
    payments = {payment.payment_id for payment in evidence.theirs.payments}
    payments |= {page.session_id for page in evidence.theirs.pages}
    for effect in evidence.ours.effects:
        if effect.step == "authorize" and effect.status == "done" and effect.external_id not in payments:
            yield Difference(effect.order_id, "I7", f"effect {effect.key}", effect.external_id, "no such payment")
    for effect in evidence.ours.effects:
        place = (effect.order_id, effect.parcel)
        if effect.step == "hand_off" and effect.status == "done" and _is_lost(evidence, place):
            yield Difference(
                effect.order_id, "I3", f"effect {effect.key}", effect.external_id, "no such provider order"
            )


def _is_lost(evidence: Evidence, place: Place) -> bool:
    """Whether a parcel handed to a 3PL is unknown there."""
    plan = evidence.plans.get(place)
    return plan is not None and plan.provider != SELLER_WAREHOUSE and place not in evidence.provider_parcels


def references_once(evidence: Evidence) -> Iterator[Difference]:
    """I7: a provider has one order under a reference."""
    counts = Counter((parcel.provider, parcel.reference) for parcel in evidence.theirs.provider_parcels)
    for (_, reference), count in counts.items():
        if count > 1:
            yield Difference(reference.order_id, "I7", f"provider orders under {reference}", 1, count)


CHECKS: Final[tuple[Check, ...]] = (
    every_order_final,
    cash_agrees,
    nothing_reserved,
    books_closed,
    stock_agrees,
    shipped_agrees,
    provider_orders_agree,
    labels_agree,
    goods_are_paid,
    sales_agree,
    effects_settled,
    payments_once,
    done_is_done,
    references_once,
)
