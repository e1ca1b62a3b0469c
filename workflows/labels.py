"""A parcel's label, where its provider buys none: bought at one of our carrier accounts, beside giving it back."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow

from activities.by_hand import ByHand
from activities.carriers import BookLabel, Carriers, LabelResult, VoidLabel
from activities.choosing import ChooseCarrier, ChoosingCarriers
from ordersaga.domain.carriers import CARRIER_STOPPED, EASYPOST, CarrierChoice, on_record
from ordersaga.domain.lanes import Urgency
from ordersaga.domain.shipping import CancelDecision
from workflows.activity_policies import CARRIER_ATTEMPT, NOT_HANDED_OUT, PATIENCE, StepFailedError, in_task, on_lane
from workflows.desk import REMIND_EVERY, Desk
from workflows.messages import carrier_queue
from workflows.order_state import ParcelState
from workflows.promise import Promise
from workflows.saga import GoodsGoneError

MONEY_WAITS = timedelta(hours=20)
"""How long the undo of the money waits for a label whose carrier does not take it back."""
ELSEWHERE_AFTER = timedelta(minutes=10)
"""How long an account that answers nothing is asked, where another could sell the label."""
TERMS_OBEYED = "terms-of-one-carrier"

Ask = Callable[[Carriers, BookLabel], Awaitable[LabelResult]]


class Labels:
    """The label of one parcel. An account is chosen once for each generation, and each generation is asked at one only.

    `left_late` hears that the parcel ships although its undo went on without the carrier's answer. `interrupted`:
    no further attempt; `check_goes_on` raises why.
    """

    def __init__(
        self,
        desk: Desk,
        parcel: ParcelState,
        promise: Promise,
        left_late: Callable[[], None],
        interrupted: Callable[[], bool],
        check_goes_on: Callable[[], None],
    ) -> None:
        self.parcel = parcel
        self._desk = desk
        self._number = parcel.plan.parcel
        self._promise = promise
        self._left_late = left_late
        self._interrupted = interrupted
        self._check_goes_on = check_goes_on
        self._choice: CarrierChoice | None = None
        self._refused: dict[str, str] = {}
        self._tried = 0
        self._stopped = False
        self._label_ships = self._answered_late = False

    # ---- buy it ----------------------------------------------------------------------------------------------

    async def buy(self) -> None:
        """Buy it at the account that the rules choose; where that one sells none, at the next.

        Raises StepFailedError: the address is refused, no account is left, nobody can tell yet what one did, or the
        parcel does not go on.
        """
        while not await self._bought():
            self._check_goes_on()

    async def buy_after_all(self) -> None:
        """The same for a parcel that leaves in any case: what was refused is asked anew the next time."""
        try:
            await self.buy()
        except StepFailedError as failure:
            if failure.kind == "refused":
                self.renew()
            raise

    def renew(self) -> None:
        """A new generation, for which every account may be asked: the last one is known not to have sold any."""
        self.parcel.label_generation += 1
        self._choice = None
        self._refused.clear()

    def forget(self) -> None:
        """The parcel is back, under a new generation."""
        self._choice, self.parcel.label_account = None, None
        self._refused.clear()

    async def _bought(self) -> bool:
        """Ask the chosen account; False: it sells none, which is on record."""
        choice = await self._chosen()
        try:
            label = await self._ask(Carriers.book_label, choice, f"Buy a label for parcel {self._number}")
        except StepFailedError as failure:
            found = await self._came_to(choice, failure)
            if found is None:
                self._go_elsewhere(choice, failure)
                return False
            label = found
        if not label.bought:
            raise StepFailedError("customer", label.code or "label_refused", label.message or "")
        self._take(label, choice)
        return True

    async def _chosen(self) -> CarrierChoice:
        if self._choice is None:
            self._choice = await self._choose()
            self.parcel.label_account = on_record(self._choice.account)
        return self._choice

    async def _choose(self) -> CarrierChoice:
        parcel = self.parcel
        if len(parcel.carrier_accounts) < 2:
            return self._only_one(next(iter(parcel.carrier_accounts), EASYPOST))
        request = ChooseCarrier(
            order=self._desk.state.order_of(self.parcel),
            plan=parcel.plan,
            generation=parcel.label_generation,
            service=parcel.service,
            carrier=parcel.carrier_wanted,
            refused=dict(self._refused),
        )
        choice = await in_task(ChoosingCarriers.choose_carrier, request, f"Choose the carrier of parcel {self._number}")
        if choice.account is None:
            stopped, self._stopped = choice.stopped or self._stopped, False
            self._refused.clear()
            raise StepFailedError("operator", CARRIER_STOPPED if stopped else "no_carrier", choice.why)
        return choice

    def _only_one(self, account: str) -> CarrierChoice:
        """Where there is one account only, nobody is asked; it may be none of those that the seller allows."""
        allowed = self._desk.state.order.terms.carriers
        if allowed and account not in allowed:
            workflow.deprecate_patch(TERMS_OBEYED)
            why = f"no allowed carrier: the seller's terms name {', '.join(allowed)}; there is {account} only"
            raise StepFailedError("operator", "no_carrier", why)
        return CarrierChoice(account=account, why="", carrier=self.parcel.carrier_wanted)

    async def _ask(self, activity: Ask, choice: CarrierChoice, summary: str) -> LabelResult:
        return await on_lane(
            activity,
            self._request(choice),
            queue=carrier_queue(choice.account),
            summary=summary,
            urgency=self._promise.urgency,
            attempt=CARRIER_ATTEMPT,
            patience=ELSEWHERE_AFTER if choice.others else PATIENCE,
            give_up=self._interrupted,
        )

    def _request(self, choice: CarrierChoice) -> BookLabel:
        return BookLabel(
            order=self._desk.state.order_of(self.parcel),
            plan=self.parcel.plan,
            generation=self.parcel.label_generation,
            service=self.parcel.service,
            carrier=choice.carrier,
            account=on_record(choice.account),
        )

    async def _came_to(self, choice: CarrierChoice, failure: StepFailedError) -> LabelResult | None:
        """What the purchase came to. None: to no label, which is on record; only then may another account be asked."""
        if failure.code != NOT_HANDED_OUT:
            self._tried = self.parcel.label_generation
        untried = self._tried != self.parcel.label_generation
        if not choice.others or failure.kind not in ("refused", "unresolved"):
            full = self._in_full(failure)
            if untried and self._refused:
                self.renew()  # the last account's lane is full: by now another one's may not be
            raise full
        if failure.kind == "refused" or untried:
            return None
        return await self._proved(choice)

    async def _proved(self, choice: CarrierChoice) -> LabelResult | None:
        """The account is asked what it has, until that proves something."""
        try:
            found = await self._ask(Carriers.find_label, choice, f"Look for the label of parcel {self._number}")
        except StepFailedError as failure:
            if failure.kind != "refused":
                raise self._in_full(failure) from failure
            return None
        return found if found.bought or found.code != "not_found" else None

    def _in_full(self, failure: StepFailedError) -> StepFailedError:
        """With what the accounts said that were asked before."""
        if not self._refused:
            return failure
        before = "; ".join(f"{account}: {why}" for account, why in self._refused.items())
        return StepFailedError(failure.kind, failure.code, f"{failure.message}; asked before: {before}")

    def _go_elsewhere(self, choice: CarrierChoice, failure: StepFailedError) -> None:
        account = choice.account or EASYPOST
        self._refused[account] = f"sold none ({failure})"
        self._stopped = self._stopped or failure.code == CARRIER_STOPPED
        self._desk.note("carrier_refused", f"{account} sold no label ({failure}): another is asked", self._number)
        self.parcel.label_generation += 1
        self._choice = None

    def _take(self, label: LabelResult, choice: CarrierChoice) -> None:
        parcel = self.parcel
        parcel.carrier, parcel.tracking_number = label.carrier, label.tracking_number
        parcel.can_intercept = label.can_intercept
        where = f" at {choice.account}: {choice.why}" if choice.why else ""
        self._desk.note("label", f"{label.carrier} label bought{where}", self._number)

    # ---- give it back ----------------------------------------------------------------------------------------

    async def void(self) -> None:
        """Give the label back. A carrier that refuses may have the parcel: then a person looks.

        Card schemes want a reservation voided within a day of knowing that the sale is dead, so the shopper's money
        waits for that person only so long; should the parcel turn out to ship, it is charged for or written off.
        """
        voiding, due = self._desk.errand(self._voided()), workflow.now() + MONEY_WAITS

        def waited() -> bool:
            return voiding.done() or (self._money_waits() and workflow.now() >= due)

        while not waited():
            again = due if workflow.now() < due else workflow.now() + REMIND_EVERY
            await self._desk.until(waited, again, "the label to be voided")
        self._answered_late = not voiding.done()
        if self._label_ships and not self._answered_late:
            raise GoodsGoneError

    def _money_waits(self) -> bool:
        """The shopper's money does; a parcel taken back for a change has time: it must not leave twice."""
        return self.parcel.undoing or self._desk.stop(self.parcel) is not None

    async def _voided(self) -> None:
        insist = self._desk.insist
        try:
            await insist("void the label", self._try_void, self._number, self._voided_by_hand)
        except GoodsGoneError:
            self._label_ships = True
            if self._answered_late:
                self._left_late()

    async def _try_void(self) -> None:
        decision = await on_lane(
            Carriers.void_label,
            self._to_void(),
            queue=carrier_queue(self.parcel.label_account),
            summary="Void the label",
            urgency=Urgency.UNDO,
            attempt=CARRIER_ATTEMPT,
        )
        if decision is CancelDecision.REFUSED and not self.parcel.goods_left:
            await self._ask_about_label()
        if self.parcel.goods_left:
            raise GoodsGoneError

    def _to_void(self) -> VoidLabel:
        return VoidLabel(order_id=self._desk.state.order.order_id, parcel=self._number)

    async def _ask_about_label(self) -> None:
        question = f"The carrier refused to void the label of parcel {self._number}. Does it have the parcel?"
        choices = ("it_has_not", "it_ships")
        choice = await self._desk.park("label_not_voided", question, choices, self._number, self._goods_left)
        if choice == "it_ships":
            raise GoodsGoneError
        if choice == "it_has_not":
            await self._voided_by_hand()

    def _goods_left(self) -> bool:
        return self.parcel.goods_left

    async def _voided_by_hand(self) -> None:
        await in_task(ByHand.label_settled_by_hand, self._to_void(), "Enter that the label will not be used")
        self._desk.note("label_kept", "the label will not be used; its cost stays", self._number)
