"""What happens to an order between its arrival and its delivery: stages, holds, decisions that take their time."""

from typing import Final

from emulators.amazon_mcf import stages
from emulators.amazon_mcf.books import Books
from emulators.amazon_mcf.inventory import Inventory
from emulators.amazon_mcf.scripts import Scripts
from emulators.amazon_mcf.stages import Record
from emulators.common import Timers

NEXT_STAGE: Final = "next_stage"
HOLD_ENDS: Final = "hold_ends"
DECIDE: Final = "decide"
SELLER: Final = "seller"
AMAZON: Final = "amazon"


class Life:
    """Moves orders along. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts, inventory: Inventory) -> None:
        self._books, self._timers, self._scripts, self._inventory = books, timers, scripts, inventory

    def receive(self, order: Record, *, at_once: bool) -> None:
        """A new order: validated at once, or in a while."""
        self._arrive(order, "New")
        if at_once:
            self._validate(order)
        else:
            self._schedule(order)

    def on_timer(self, kind: str, order_id: str) -> None:
        """A moment in an order's life has come."""
        order = self._books.order(order_id)
        if order is None:
            return
        if kind == DECIDE:
            self.decide(order)
        elif kind == HOLD_ENDS:
            self.cancel(order, AMAZON)
        elif order["stage"] == "New":
            self._validate(order)
        else:
            self._go_on(order)

    def ship(self, order: Record) -> None:
        """The hold ends: it ships now."""
        order["action"] = "Ship"
        self._timers.cancel(f"hold:{order['id']}")
        self._live_on(order)

    def ask_to_cancel(self, order: Record) -> None:
        """A cancellation that is decided later; one that was asked for already is not asked for twice."""
        if not order["cancel_asked"]:
            order["cancel_asked"] = True
            self._books.save(order)
            seconds = stages.DECIDES_AFTER.total_seconds()
            self._timers.after(seconds, DECIDE, {"order_id": order["id"]}, key=f"decide:{order['id']}")

    def decide(self, order: Record) -> bool:
        """Validate what is new, and answer a cancellation. False when nothing was open."""
        is_open = order["stage"] == "New" or order["cancel_asked"]
        if order["stage"] == "New" and order["outcome"] is None:
            self._validate(order)
        if order["cancel_asked"]:
            self._decide_cancellation(order)
        return bool(is_open)

    def _decide_cancellation(self, order: Record) -> None:
        plan = self._scripts.of(order)["cancel"]
        if plan == "ignore":
            return
        order["cancel_asked"] = False
        self._timers.cancel(f"decide:{order['id']}")
        if plan == "refuse" or not stages.may_cancel(order):
            self._books.save(order)
        else:
            self.cancel(order, SELLER, ships_anyway=plan == "agree_and_ship")

    def cancel(self, order: Record, by: str, *, ships_anyway: bool = False) -> None:
        """Cancel it; one that ships anyway lives on under its canceled face."""
        order["ships_anyway"] = ships_anyway
        self._end(order, "Cancelled", by)
        for line in order["lines"]:
            line["cancelled"] = 0 if ships_anyway else line["quantity"]
        self._books.save(order)
        if ships_anyway:
            self._schedule(order)

    def fail(self, order: Record) -> bool:
        """Amazon finds that none of it can be fulfilled. False when it has left or ended."""
        if order["outcome"] or stages.reached(order, "Shipped"):
            return False
        for line in order["lines"]:
            line["unfulfillable"] = line["quantity"]
        self._end(order, "Unfulfillable", AMAZON)
        return True

    def advance(self, order: Record, to: str) -> bool:
        """Go through every stage up to one at once. False when it is there already, or has ended."""
        if stages.reached(order, to) or not _lives(order):
            return False
        order["paused"] = False
        while order["stage"] != to and _lives(order):
            self._step(order)
        if _lives(order):
            self._live_on(order)
        return True

    def release(self, order: Record) -> bool:
        """Go on after a stop, and be seen. False when nothing held the order back."""
        if not (order["paused"] or order["unseen"]) or not _lives(order):
            return False
        order["paused"] = order["unseen"] = False
        self._schedule(order)
        return True

    def obey(self, order: Record, script: Record) -> None:
        """Apply a script that came after the order."""
        if script["stop_at"] == order["stage"] and _lives(order):
            self._live_on(order)

    def forget(self, order: Record) -> None:
        """Its units are free again, and nothing happens to it any more."""
        self._forget_moments(order)
        self._release_units(order)

    def _validate(self, order: Record) -> None:
        """ "Records indicating that the seller does not have enough sellable inventory" make it Invalid."""
        if self._scripts.of(order)["invalid"] or not self._inventory.has(order["lines"]):
            self._end(order, "Invalid", AMAZON)
            return
        self._inventory.commit(order["lines"])
        order["committed"] = True
        self._arrive(order, "Received")
        if order["action"] == "Hold":
            seconds = stages.HOLD_LASTS.total_seconds()
            self._timers.after(seconds, HOLD_ENDS, {"order_id": order["id"]}, key=f"hold:{order['id']}")
        self._live_on(order)

    def _go_on(self, order: Record) -> None:
        self._step(order)
        if _lives(order):
            self._live_on(order)

    def _step(self, order: Record) -> None:
        """One stage further, or to the end that its script has for it there."""
        if order["stage"] == "New":
            self._validate(order)
            return
        following = stages.stage_after(order["stage"])
        assert following is not None, "a delivered order has no timer"
        short = self._scripts.of(order)["unfulfillable"] == following.name
        if short and (following.name == "Planning" or len(order["lines"]) == 1):
            self.fail(order)
        else:
            self._arrive(order, following.name)

    def _arrive(self, order: Record, stage: str) -> None:
        order["stage"] = stage
        order["stage_times"][stage] = self._books.now()
        if stage in stages.STATUS_CHANGES:
            order["status_at"] = order["stage_times"][stage]
        if stage == "Processing" and self._scripts.of(order)["unfulfillable"] == "Processing":
            first = order["lines"][0]
            first["unfulfillable"] = first["quantity"]
            order["shipments"] = [each for each in order["shipments"] if _without(each, first["item_id"])]
        if stage == "Shipped":
            self._leave(order)
        self._books.save(order)

    def _leave(self, order: Record) -> None:
        self._release_units(order)
        for shipment in order["shipments"]:
            shipment["goods_left"] = True
            self._inventory.take(shipment["products"])

    def _live_on(self, order: Record) -> None:
        """What follows an arrival: the scripted stop, the hold, or the next stage in time."""
        if self._scripts.of(order)["stop_at"] == order["stage"]:
            self._timers.cancel(f"life:{order['id']}")
            order["paused"] = True
            self._books.save(order)
        else:
            self._schedule(order)

    def _schedule(self, order: Record) -> None:
        self._timers.cancel(f"life:{order['id']}")
        self._books.save(order)
        following = stages.stage_after(order["stage"])
        held = order["action"] == "Hold" and order["stage"] == "Received"
        if following and not held:
            seconds = following.after.total_seconds()
            self._timers.after(seconds, NEXT_STAGE, {"order_id": order["id"]}, key=f"life:{order['id']}")

    def _end(self, order: Record, outcome: str, by: str) -> None:
        self._forget_moments(order)
        self._release_units(order)
        order["outcome"], order["status_at"] = outcome, self._books.now()
        for shipment in order["shipments"]:
            shipment["cancelled_at"], shipment["cancelled_by"] = order["status_at"], by
        self._books.save(order)

    def _forget_moments(self, order: Record) -> None:
        for kind in ("life", "hold", "decide"):
            self._timers.cancel(f"{kind}:{order['id']}")

    def _release_units(self, order: Record) -> None:
        if order["committed"]:
            self._inventory.release(order["lines"])
        order["committed"] = False


def _lives(order: Record) -> bool:
    return order["outcome"] is None or bool(order["ships_anyway"])


def _without(shipment: Record, item_id: str) -> bool:
    """Take an item out of a shipment; False when nothing is left in it."""
    shipment["products"] = [each for each in shipment["products"] if each["item_id"] != item_id]
    return bool(shipment["products"])
