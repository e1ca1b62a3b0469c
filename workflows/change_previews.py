"""What the doors for changes would answer, and what a change would come to, before it is asked for."""

from collections.abc import Callable, Iterable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows import foretelling, offers
from workflows.change_messages import ChangeMessages, refused
from workflows.foretelling import Foretold, ForetoldOutcome, PreviewRequest

Door = Callable[[Any], None]
Telling = Callable[[Any], Iterable[str]]


class ChangePreviews(ChangeMessages):
    """The same doors, asked beforehand: what they refuse, the preview refuses in their words."""

    @workflow.query(description="What a hold, its release or a change would come to now; nothing is done")
    def preview_change(self, asked: PreviewRequest) -> Foretold:
        """As the doors would answer; what a provider, a carrier or a bank says to it, nobody knows beforehand."""
        try:
            effects = tuple(self._effects(asked))
        except ApplicationError as refusal:
            return self._foretold("refused", refusal.message)
        most = self._state.order.terms.second_person_above
        guarded = asked.refund is not None and asked.refund.amount > most
        if not guarded:
            return self._foretold("possible", *effects)
        second = f"More than {self._desk.money(most)} takes a second person: until then nothing goes back."
        return self._foretold("awaiting_approval", *effects, second)

    def _effects(self, asked: PreviewRequest) -> Iterable[str]:
        for name, (door, telling) in {**self._of_parcels(), **self._of_orders()}.items():
            wanted = getattr(asked, name)
            if wanted is not None:
                door(wanted)
                return telling(wanted)
        raise refused("nothing is asked for; name a change, a hold or its release")

    def _of_parcels(self) -> dict[str, tuple[Door, Telling]]:
        """By what is asked of one parcel: who refuses it, and what it would come to."""
        parcel, money = self._parcel, self._desk.money
        return {
            "split": (self._may_split, lambda asked: foretelling.parted(asked, parcel(asked.parcel), money)),
            "move": (self._may_move, lambda asked: foretelling.moved(asked, parcel(asked.parcel))),
            "carrier": (self._may_change_carrier, lambda asked: foretelling.carried(asked, parcel(asked.parcel))),
            "refund": (self._may_refund, lambda asked: foretelling.given(asked, self._refundable(asked)[0], money)),
        }

    def _of_orders(self) -> dict[str, tuple[Door, Telling]]:
        """The same of what is asked of several, or of the order."""
        state, movable = self._state, self._movable
        return {
            "address": (
                self._may_change_address,
                lambda asked: foretelling.readdressed(state, movable(0), self._going_elsewhere(asked)),
            ),
            "expedite": (self._may_expedite, lambda asked: foretelling.expedited(state, asked, movable(asked.parcel))),
            "payment": (
                self._may_change_payment,
                lambda _: foretelling.paid_otherwise(offers.unpaid(self._state), self._desk.money),
            ),
            "delay": (self._may_answer_delay, lambda asked: foretelling.delayed(asked, offers.delayed(self._state))),
            "hold": (self._may_hold, lambda asked: foretelling.held(state, asked)),
            "release": (self._is_held, lambda asked: foretelling.released(state, asked)),
        }

    def _foretold(self, outcome: ForetoldOutcome, *effects: str) -> Foretold:
        return Foretold(order_id=self._state.order.order_id, outcome=outcome, effects=effects)
