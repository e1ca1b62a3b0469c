"""Reconciliation: what the companies say, laid beside our ledgers; each mismatch is a typed finding with one repair.

| kind | the companies and we disagree how | repair |
|---|---|---|
| `orphan_authorization` | funds are reserved for an order that has ended, or under a key we never used | `void` |
| `missed_capture` | goods left, nobody will charge for them any more, money is still reserved | `capture` |
| `paid_without_goods` | money was taken and kept for a parcel whose goods never left | `refund` |
| `cash_differs` | money moved at the payment company that our books do not have, or the other way round | `enter` |
| `double_label` | a label in force that no parcel needs: a second one, or of a canceled parcel | `void_label` |
| `live_provider_order` | a provider will ship a canceled parcel, or an older generation of one | `withdraw` |
| `provider_order_missing` | we handed a parcel over, its provider knows nothing of it | `ask` |
| `stock_drift` | a provider counts other units on its shelf than we do | `adjust` |
| `never_started` | an order was accepted, its saga was never started | `start` |
| `saga_gone` | an order has not ended, its saga has (terminated by hand, or past the retention) | `ask` |
| `message_lost` | a company is further than what we heard from it, and nobody told us | `deliver` |
| `effect_unsettled` | the order has ended, the outcome of one of its calls is still unknown | `inquire` |

An order whose saga runs belongs to its saga: of such an order only that is a finding which the saga cannot know.
Nothing younger than the grace period is a finding: it may be under way.
"""

from enum import StrEnum
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from ordersaga.domain.money import Currency, MinorUnits
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.domain.values import Message


class FindingKind(StrEnum):
    """What is wrong."""

    ORPHAN_AUTHORIZATION = "orphan_authorization"
    MISSED_CAPTURE = "missed_capture"
    PAID_WITHOUT_GOODS = "paid_without_goods"
    CASH_DIFFERS = "cash_differs"
    DOUBLE_LABEL = "double_label"
    LIVE_PROVIDER_ORDER = "live_provider_order"
    PROVIDER_ORDER_MISSING = "provider_order_missing"
    STOCK_DRIFT = "stock_drift"
    NEVER_STARTED = "never_started"
    SAGA_GONE = "saga_gone"
    MESSAGE_LOST = "message_lost"
    EFFECT_UNSETTLED = "effect_unsettled"


class Repair(StrEnum):
    """What would mend it."""

    VOID = "void"
    CAPTURE = "capture"
    REFUND = "refund"
    ENTER = "enter"
    VOID_LABEL = "void_label"
    WITHDRAW = "withdraw"
    ADJUST = "adjust"
    START = "start"
    DELIVER = "deliver"
    INQUIRE = "inquire"
    ASK = "ask"


PAYMENTS: Final = "payments"
LABELS: Final = "labels"
ORDERS: Final = "orders"
PROVIDER: Final = "provider"
STOCK: Final = "stock"
"""Who is asked, as runs and findings name it; with a name behind a colon a provider's orders, its count, and the labels
of a carrier account that is not the first."""


def provider_source(provider: str) -> str:
    """A provider's orders."""
    return f"{PROVIDER}:{provider}"


def stock_source(provider: str) -> str:
    """A provider's count of its shelves."""
    return f"{STOCK}:{provider}"


def label_source(account: str) -> str:
    """The labels of a carrier account; '': of the first."""
    return f"{LABELS}:{account}" if account else LABELS


def read_source(source: str) -> tuple[str, str]:
    """What kind of source it is, and whose: '' where there is only one."""
    kind, _, provider = source.partition(":")
    return kind, provider


_REPAIR_STEPS: Final = {f"reconcile_{repair}": repair for repair in Repair}


def repair_step(repair: Repair, about: str = "") -> str:
    """The step of a repair's effect. `about`: the thing at the company, where a finding may be about several."""
    return f"reconcile_{repair}" + (f":{about}" if about else "")


def read_repair_step(step: str) -> tuple[Repair | None, str]:
    """Which repair a step belongs to, and what it is about; None: to none."""
    name, _, about = step.partition(":")
    repair = _REPAIR_STEPS.get(name)
    return repair, about if repair else ""


FindingStatus = Literal["open", "proposed", "repairing", "repaired", "refused", "gone"]
"""`proposed`: waits for a second person; `refused`: its repair was refused, `outcome` says why; `gone`: a later run did
not find it any more."""


class Finding(Message):
    """One disagreement. The same disagreement has the same `finding_id` in every run: `{kind}:{subject}`.

    `subject`: the thing at the company (payment, label, provider order), the order, or the shelf (`location/sku`).
    `money`: minor units of `currency` that the repair would move; `ours` and `theirs` in words people read.
    `facts`: what the repair needs besides, as text (never personal data or secrets).
    `at`: when the thing at the company came about or last changed: only a run that looks back as far sees it again.
    """

    finding_id: str
    kind: FindingKind
    subject: str
    repair: Repair
    what: str
    ours: str
    theirs: str
    source: str
    order_id: str = ""
    seller: str = ""
    parcel: int = 0
    generation: int = 1
    money: MinorUnits = 0
    currency: str = ""
    facts: dict[str, str] = Field(default_factory=dict)
    at: AwareDatetime | None = None

    @property
    def payments(self) -> list[str]:
        """Ids of the payments it is about, where it is about money."""
        named = self.facts.get("payment_id")
        return [named] if named else [name for name in self.facts if name != "theirs"]


class StoredFinding(Message):
    """A finding and what became of it. `by`, `second`: who asked for its repair, and who agreed.

    `occurrence` counts how often the same disagreement came about anew, after it was repaired or had gone by itself.
    """

    finding: Finding
    status: FindingStatus
    first_seen: AwareDatetime
    last_seen: AwareDatetime
    run_id: str
    by: str | None = None
    second: str | None = None
    reason: str | None = None
    outcome: str | None = None
    occurrence: int = 1
    repaired_at: AwareDatetime | None = None


class RepairRecord(Message):
    """What became of one repair that was asked for: `by` and `second` asked, the `money` they agreed to move.

    `open`: it was given up, or came to more than was agreed to. Minor units of `currency`.
    """

    finding_id: str
    occurrence: int
    kind: FindingKind
    subject: str
    order_id: str
    seller: str
    by: str | None
    second: str | None
    reason: str | None
    status: FindingStatus
    outcome: str
    money: MinorUnits
    currency: str
    at: AwareDatetime


class RunRecord(Message):
    """One run: what it looked at, and what it found. `looked_at` counts what was compared, by source."""

    run_id: str
    since: AwareDatetime
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    requested_by: str = "schedule"
    looked_at: dict[str, int] = Field(default_factory=dict)
    found: dict[str, int] = Field(default_factory=dict)
    failed: dict[str, str] = Field(default_factory=dict)


class RefundRecord(Message):
    """A refund as the payment company lists it; `key` is our effect key, '' when it was not made by us."""

    refund_id: str
    key: str
    amount: MinorUnits
    status: Literal["pending", "succeeded", "failed", "canceled"]


class PaymentRecord(Message):
    """A payment as the payment company lists it, refunds included.

    `order_id`, `parcel` and `key` are what we wrote into its metadata; '' and 0 when it was not made by us.
    """

    payment_id: str
    order_id: str
    parcel: int
    key: str
    status: PaymentStatus
    amount: MinorUnits
    captured: MinorUnits
    currency: Currency
    created_at: AwareDatetime
    refunds: tuple[RefundRecord, ...] = ()


class LabelRecord(Message):
    """A bought label as the carrier lists it. `voided`: given back, or the carrier has taken the request to.

    `reference`: ours, '' when it was not bought by us. `scanned`: the carrier has had the parcel. `tracking`: where
    the parcel is by then, where the listing says so. `account`: where it was listed, '' the first; not the carrier's.
    """

    label_id: str
    reference: str
    carrier: str
    tracking_number: str
    voided: bool
    scanned: bool
    created_at: AwareDatetime
    tracking: ParcelStatus | None = None
    account: str = ""


class StockLevel(Message):
    """Units of a SKU as a provider counts them: on its shelves, and of these committed to orders it has."""

    sku: str
    on_hand: int
    committed: int = 0


class FindingFilter(Message):
    """Which findings: None asks for all. `statuses` empty: all but `repaired` and `gone`."""

    kind: FindingKind | None = None
    seller: str | None = None
    order_id: str | None = None
    run_id: str | None = None
    statuses: tuple[FindingStatus, ...] = ()


ClaimResult = Literal["claimed", "proposed", "not_open", "not_found"]


class Claim(Message):
    """What became of asking for a repair: `claimed` may go ahead; `proposed` waits for a second person.

    `not_open`: somebody repairs it, or it is settled; `not_found`: no such finding. `finding` as it stands now.
    """

    result: ClaimResult
    finding: StoredFinding | None = None
