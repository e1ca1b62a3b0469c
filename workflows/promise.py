"""The promise to ship by a date: watched before it breaks, and what the law asks for when it does."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from ordersaga.domain.lanes import Urgency, urgency
from ordersaga.domain.orders import DelayRule, Order
from ordersaga.domain.statuses import ParcelStatus
from workflows.activity_policies import StepFailedError
from workflows.desk import REMIND_EVERY, Desk
from workflows.news import look_at
from workflows.order_state import ParcelState

AT_RISK = 0.75
"""The part of the time to ship after which a parcel without a scan is looked at, and people are warned."""
NO_SCAN = timedelta(hours=36)
"""How long after leaving the warehouse a carrier may take for its first scan before a person is asked."""
DELAY_ANSWER = "the shopper's word on the delay"


class Promise:
    """The deadlines of one parcel until its first scan. One that is sent once more is promised anew."""

    def __init__(self, desk: Desk, parcel: ParcelState) -> None:
        self.parcel = parcel
        self._desk = desk
        self._number = parcel.plan.parcel
        begins = workflow.now() if parcel.replaces else desk.state.order.placed_at
        within = desk.state.order.terms.ship_within
        self.ship_by = begins + within
        self._risk_at: datetime | None = begins + AT_RISK * within
        self._ask_at = self.ship_by
        self._asked_for_scan = self._pick_missed = False

    @property
    def _order(self) -> Order:
        return self._desk.state.order_of(self.parcel)

    @property
    def urgency(self) -> Urgency:
        """How much the parcel's calls hurry now."""
        return urgency(workflow.now(), self.ship_by, self._order.terms.ship_within)

    def next_look(self) -> datetime:
        """When to look at the parcel again, if it has not been scanned by then."""
        looks = (self._risk_at, self._scan_due(), self._ask_at)
        return min(look for look in looks if look is not None)

    def _scan_due(self) -> datetime | None:
        left = None if self._asked_for_scan else self.parcel.left_at
        return left + NO_SCAN if left else None

    async def look(self, news: Callable[[], bool], wake: datetime | None) -> StepFailedError | None:
        """A deadline passed; returns why the parcel should be canceled, if it should. `wake`: another one, not ours."""
        now, scan_due = workflow.now(), self._scan_due()
        if self._risk_at is not None and now >= self._risk_at:
            self._risk_at = None
            return await self._at_risk(news, wake)
        if scan_due is not None and now >= scan_due:
            self._asked_for_scan = True
            return await self._never_scanned(news, wake)
        return await self._missed(news, wake)

    async def _at_risk(self, news: Callable[[], bool], wake: datetime | None) -> StepFailedError | None:
        """Warn before the promise breaks; webhooks may be lost, so first ask."""
        answered = await look_at(self._desk, self.parcel)
        if news() or workflow.now() >= self.ship_by:
            return None
        self._pick_missed = answered and self.parcel.status is ParcelStatus.ACCEPTED
        self._desk.note("ship_by_at_risk", f"no scan yet; promised by {self.ship_by:%d %b %H:%M} UTC", self._number)
        await self._desk.publish()
        return None if answered else await self._silent(news, min(wake or self._ask_at, self._ask_at))

    def pick_missed(self) -> bool:
        """Whether the look that is just over found it accepted and not picked; True once."""
        missed, self._pick_missed = self._pick_missed, False
        return missed

    async def _silent(self, news: Callable[[], bool], wake: datetime) -> StepFailedError | None:
        """Ask a person, until the next deadline asks for more."""
        company = self.parcel.plan.provider
        question = f"Nobody says where parcel {self._number} is; {company} has it. Keep waiting, or cancel it?"
        choices = ("keep_waiting", "cancel")
        ended = _or_at(news, wake)
        choice = await self._desk.park("provider_silent", question, choices, self._number, ended, wake)
        return self._given_up("provider_silent") if choice == "cancel" else None

    async def _never_scanned(self, news: Callable[[], bool], wake: datetime | None) -> StepFailedError | None:
        """Look, then ask; a question that another deadline interrupts is asked again after it."""
        await look_at(self._desk, self.parcel)
        if not news():
            question = f"Parcel {self._number} left the warehouse, but no carrier has scanned it. Is it lost?"
            choices = ("keep_waiting", "treat_as_lost")
            ended = _or_at(news, wake)
            choice = await self._desk.park("no_scan", question, choices, self._number, ended, wake)
            self._asked_for_scan = choice is not None
            if choice == "treat_as_lost" and not self.parcel.scanned:  # or while the choice was written down
                self.parcel.status = ParcelStatus.LOST
        return None

    async def _missed(self, news: Callable[[], bool], wake: datetime | None) -> StepFailedError | None:
        """Ship-by passed without a scan: a person decides, unless the scan or a cancellation comes first."""
        self.notify_of_delay()
        question = f"Parcel {self._number} missed its ship-by without a carrier scan. Keep waiting, or cancel it?"
        choice = await self._desk.park(
            "ship_by_missed",
            question,
            ("keep_waiting", "cancel"),
            self._number,
            _or_at(news, wake),
            wake,
        )
        if choice == "keep_waiting":
            self._ask_at = workflow.now() + REMIND_EVERY
        return self._given_up("ship_by_missed") if choice == "cancel" else None

    def _given_up(self, code: str) -> StepFailedError:
        return StepFailedError("operator", code, "canceled by an operator's choice")

    # ---- the law on delays (16 CFR 435) ----------------------------------------------------------------------

    @property
    def notice_due(self) -> datetime | None:
        """When the shopper must be told of the delay, if the parcel has not left by then; None: never, or told."""
        applies = self._order.terms.delay_rule is DelayRule.FTC and self._order.ship_to.country == "US"
        return self.ship_by if applies and self.parcel.movable and not self.parcel.delay_told else None

    def notify_of_delay(self) -> None:
        """Tell the shopper, once, when that is due."""
        due = self.notice_due
        if due is not None and workflow.now() >= due:
            self.parcel.delay_told = True
            self._desk.errand(self._delay_clock())

    def take_over_delay(self, whole: ParcelState) -> None:
        """Of a parcel that is split off: what its shopper was told of a delay, and said to it, holds for it too."""
        part = self.parcel
        part.delay_told, part.delay_consent = whole.delay_told, whole.delay_consent
        part.consent_wanted = whole.consent_wanted
        if part.delay_told:
            self._desk.errand(self._delayed())

    async def _delay_clock(self) -> None:
        """One definite delay of at most 30 days, to which silence is consent; a second only with an express yes."""
        words = f"ships by {self._revised:%d %b}, later than promised; the shopper may cancel, silence is consent"
        await self._tell("delay_notice", words)
        await self._delayed()

    async def _delayed(self) -> None:
        """What comes after the first notice."""
        if not self.parcel.consent_wanted:
            ask_at = self._revised - self._order.terms.delay_extension / 4
            if await self._desk.until(self._settled, ask_at, DELAY_ANSWER):
                return
            self.parcel.consent_wanted, self.parcel.delay_consent = True, None
            words = (
                f"will not ship by {self._revised:%d %b}; canceled and refunded then, unless the shopper agrees to wait"
            )
            await self._tell("delay_consent_wanted", words)
        if not await self._desk.until(self._agreed, self._revised, DELAY_ANSWER):
            self.parcel.stop = StepFailedError("customer", "delay_not_accepted", "no consent to a second delay")

    @property
    def _revised(self) -> datetime:
        return self.ship_by + self._order.terms.delay_extension

    async def _tell(self, kind: str, words: str) -> None:
        self._desk.note(kind, words, self._number)
        await self._desk.publish()

    def _settled(self) -> bool:
        return not self.parcel.movable or self._desk.stop(self.parcel) is not None

    def _agreed(self) -> bool:
        return self._settled() or self.parcel.delay_consent is True


def _or_at(news: Callable[[], bool], wake: datetime | None) -> Callable[[], bool]:
    return lambda: news() or (wake is not None and workflow.now() >= wake)
