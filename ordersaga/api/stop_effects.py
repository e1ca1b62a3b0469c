"""What a person's word about a stop means, in words: shown before it is given, and after."""

from typing import Final

from ordersaga.domain.stops import StopRecord

_FINAL: Final = ("canceled", "partly_canceled", "pending", "intercepting")
_STILL: Final = "New orders that match are still refused."


def pause_effect(stop: StopRecord) -> tuple[str, ...]:
    """Of pausing it."""
    if stop.paused:
        return ("It is paused already: nothing changes.",)
    held = f"{_held(stop)} orders that it holds stay held."
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
    released = f"{_held(stop)} orders that it holds are released; another stop or hold may keep them."
    stays = f"{_count(stop, *_FINAL)} orders that were asked to be canceled stay so."
    return ("New orders that match are taken from then on, unless another stop refuses them.", released, stays)


def opened(stop: StopRecord) -> str:
    """What was undone by lifting it, and what was not."""
    canceled = _count(stop, *_FINAL)
    return f"the door is open; {_held(stop)} held orders are released; {canceled} asked to be canceled stay so"


def _held(stop: StopRecord) -> int:
    return _count(stop, "held", "in_line")


def _count(stop: StopRecord, *answers: str) -> int:
    return sum(count.orders for count in stop.counts if count.answer in answers)
