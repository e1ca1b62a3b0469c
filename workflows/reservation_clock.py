"""Until when a parcel's money is reserved, and what must be done before that."""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

from ordersaga.domain.authorization_clock import Clock, ClockAction, decide
from workflows.desk import Desk
from workflows.order_state import ParcelState


class ReservationClock:
    """Reads the one rule (`ordersaga.domain.authorization_clock`) for one parcel.

    `card_saved`: whether the shopper's card may be asked again.
    """

    def __init__(self, desk: Desk, parcel: ParcelState, card_saved: Callable[[], bool]) -> None:
        self.parcel = parcel
        self._desk = desk
        self._card_saved = card_saved
        self._lapses_at: datetime | None = None

    def wind(self, lapses_at: datetime | None) -> None:
        """A reservation was made. One that lapses at once is left to the capture, which asks anew."""
        lasts = lapses_at is not None and decide(self._clock(lapses_at)).action is ClockAction.WAIT
        self._lapses_at = lapses_at if lasts else None

    def stop(self) -> None:
        """Something is done about it now."""
        self._lapses_at = None

    @property
    def next_look(self) -> datetime | None:
        """When something must be done, if the money is not taken before; None: it never lapses."""
        if self._lapses_at is None or self.parcel.paid:
            return None
        return decide(self._clock(self._lapses_at)).at or workflow.now()

    @property
    def due(self) -> ClockAction:
        """What is to be done now."""
        if self._lapses_at is None or self.parcel.paid:
            return ClockAction.WAIT
        return decide(self._clock(self._lapses_at)).action

    def _clock(self, lapses_at: datetime) -> Clock:
        order = self._desk.state.order
        return Clock(
            now=workflow.now(),
            capture_before=lapses_at,
            ship_by=order.ship_by,
            accepted=self.parcel.given_away,
            can_reauthorize=self._card_saved(),
            early_capture=order.terms.early_capture,
        )
