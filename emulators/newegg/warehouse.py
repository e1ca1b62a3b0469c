"""What happens to an order inside and after the warehouse: stages, packages, pauses, lines that are not there."""

from typing import Any, Final

from emulators.common import Timers
from emulators.newegg import stages
from emulators.newegg.books import Books
from emulators.newegg.inventory import Inventory
from emulators.newegg.scripts import Scripts
from emulators.newegg.stages import Record, Stage

NEXT_STAGE: Final = "next_stage"


class Warehouse:
    """Moves orders along. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts, inventory: Inventory) -> None:
        self._books, self._timers, self._scripts, self._inventory = books, timers, scripts, inventory

    def receive(self, order: Record) -> None:
        """A new order: its units are promised and its life begins."""
        self._inventory.promise(order["lines"])
        self._arrive(order, stages.STAGES[0])
        self._live_on(order)

    def on_timer(self, number: int) -> None:
        """The time of the next stage has come."""
        order = self._books.order(number)
        following = order and stages.stage_after(order)
        if not order or not following:
            return
        self._arrive(order, following)
        self._live_on(order)

    def advance(self, order: Record, to: str) -> bool:
        """Go through every stage up to one at once. False when the order is there already, or voided."""
        if stages.reached(order, to) or not stages.lives(order):
            return False
        order["paused"] = False
        while stages.lives(order) and not stages.reached(order, to) and (following := stages.stage_after(order)):
            self._arrive(order, following)
        self._live_on(order)
        return True

    def obey(self, order: Record, script: Record) -> None:
        """Apply a script that came after the order, when it concerns the stage the order is in."""
        if order["stage"] == script["stop_at"] and stages.lives(order):
            self._live_on(order)

    def release(self, order: Record) -> bool:
        """Go on after a pause. False when nothing held the order."""
        if not order["paused"] or not stages.lives(order):
            return False
        order["paused"] = False
        self._schedule(order)
        return True

    def cancel(self, order: Record, by: str, *, ships_anyway: bool = False) -> None:
        """Void the order; one that ships anyway says so and lives on."""
        order["cancelled_at"], order["cancelled_by"], order["ships_anyway"] = self._books.now(), by, ships_anyway
        for package in order["shipments"]:
            package["cancelled_at"] = order["cancelled_at"]
        self._take_promise_back(order)
        if not ships_anyway:
            self._timers.cancel(_key(order))
        self._books.save_order(order)

    def revive(self, order: Record) -> bool:
        """Live on after a cancellation, as if nobody had asked for it. False when there was none."""
        if not order["cancelled_at"]:
            return False
        order.update(cancelled_at=None, cancelled_by=None, ships_anyway=False, paused=False, cancellation=None)
        for package in order["shipments"]:
            package["cancelled_at"] = None
        order["promised"] = True
        self._inventory.promise(_waiting(order))
        self._live_on(order)
        return True

    def forget(self, order: Record) -> None:
        """Its goods are free again, and nothing happens to it any more."""
        self._timers.cancel(_key(order))
        self._take_promise_back(order)
        self._books.forget_order(order)

    def _arrive(self, order: Record, stage: Stage) -> None:
        order["stage"], order["stage_times"][stage.name] = stage.name, self._books.now()
        if stage.name == "Processing":
            self._look_for_goods(order)
        elif stage.name == "PartiallyShipped":
            self._leave(order, order["shipments"][:1])
        elif stage.name == "Shipped":
            self._leave(order, order["shipments"])
        for package in order["shipments"]:
            package["stage"] = stage.name
        self._books.save_order(order)

    def _look_for_goods(self, order: Record) -> None:
        """A line that is not on its shelf is canceled; an order of which nothing is there is voided."""
        missing = self._scripts.of(order["body"])["short"]
        gone = [line for line in order["lines"] if line["sku"] == missing and not line["canceled"]]
        if order["promised"]:
            self._inventory.promise(gone, -1)
        for line in gone:
            line["canceled"] = True
        for package in order["shipments"]:
            package["products"] = [product for product in package["products"] if product["sku"] != missing]
        if gone and all(line["canceled"] for line in order["lines"]):
            self.cancel(order, "newegg")

    def _leave(self, order: Record, packages: list[Record]) -> None:
        for package in [each for each in packages if not each["goods_left"]]:
            if order["promised"]:
                self._inventory.promise(package["products"], -1)
            self._inventory.take(package["products"])
            package["goods_left"], package["left_at"] = True, self._books.epoch()

    def _take_promise_back(self, order: Record) -> None:
        if order["promised"]:
            self._inventory.promise(_waiting(order), -1)
        order["promised"] = False

    def _live_on(self, order: Record) -> None:
        """What follows an arrival: the scripted pause, or the next stage in time."""
        if not stages.lives(order):
            return
        if self._scripts.of(order["body"])["stop_at"] == order["stage"]:
            self._timers.cancel(_key(order))
            order["paused"] = True
            self._books.save_order(order)
        else:
            self._schedule(order)

    def _schedule(self, order: Record) -> None:
        self._timers.cancel(_key(order))
        self._books.save_order(order)
        following = stages.stage_after(order)
        if following:
            data: dict[str, Any] = {"number": order["id"]}
            self._timers.after(following.after.total_seconds(), NEXT_STAGE, data, key=_key(order))


def _waiting(order: Record) -> list[Record]:
    """What has not left yet."""
    return [product for package in order["shipments"] if not package["goods_left"] for product in package["products"]]


def _key(order: Record) -> str:
    return f"order:{order['id']}"
