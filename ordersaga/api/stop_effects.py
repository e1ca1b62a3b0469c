"""What a person's word about a stop means, in words: shown before it is given, and after."""

from typing import Final

from ordersaga.domain.stops import StopRecord

_FINAL: Final = ("canceled", "partly_canceled", "pending", "intercepting")
_STILL: Final = "New orders that match are still refused."


def pause_effect(stop: StopRecord) -> tuple[str, ...]:
    """Of pausing it."""
    if stop.paused:
        return ("It is paused already: nothing changes.",)
    held = f"{_orders(_held(stop), 'order that it holds stays', 'orders that it holds stay')} held."
    return ("No further order is touched; a page of orders that is under way is finished.", _STILL, held)


def resume_effect(stop: StopRecord) -> tuple[str, ...]:
    """Of going on with it."""
    if not stop.paused:
        return ("It is not paused: nothing changes.",)
    return ("Orders that match and were not treated so far are treated, the oldest first.", _STILL)


def undo_effect(stop: StopRecord) -> tuple[str, ...]:
    """Of undoing it."""
    if stop.lifted_at is not None:
        return ("It is lifted already: nothing changes.",)
    held = _orders(_held(stop), "order that it holds is", "orders that it holds are")
    released = f"{held} released; another stop or hold may keep {'it' if _held(stop) == 1 else 'them'}."
    canceled = _count(stop, *_FINAL)
    stays = f"{_orders(canceled, 'order that was', 'orders that were')} asked to be canceled {_stay(canceled)} so."
    return ("New orders that match are taken from then on, unless another stop refuses them.", released, stays)


def opened(stop: StopRecord) -> str:
    """What is undone by lifting it as it stands, and what is not."""
    if stop.lifted_at is not None:
        return "nothing was done: it was lifted before"
    canceled = _count(stop, *_FINAL)
    released = f"{_orders(_held(stop), 'held order is', 'held orders are')} released"
    return f"the door is open; {released}; {canceled} asked to be canceled {_stay(canceled)} so"


def _orders(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _stay(count: int) -> str:
    return "stays" if count == 1 else "stay"


def _held(stop: StopRecord) -> int:
    return _count(stop, "held", "in_line")


def _count(stop: StopRecord, *answers: str) -> int:
    return sum(count.orders for count in stop.counts if count.answer in answers)
