"""What happens to a shipment inside and after the warehouse: stages, troubles, pauses, and the events they cause."""

from collections.abc import Callable
from typing import Final

from emulators.common import Timers
from emulators.shipbob import shapes, stages
from emulators.shipbob.books import Books
from emulators.shipbob.inventory import Inventory
from emulators.shipbob.scripts import Scripts
from emulators.shipbob.stages import Record, Stage

NEXT_STAGE: Final = "next_stage"
TROUBLE_TOPICS: Final = {"Exception": "order.shipment.exception", "OnHold": "order.shipment.on_hold"}
CANCELLED_TOPIC: Final = "order.shipment.cancelled"
STAGE_TOPICS: Final = {
    # "Triggered when a shipment label has been printed" (ShipBob webhooks): not yet that goods have left.
    "LabeledCreated": "order.shipped",
    "Delivered": "order.shipment.delivered",
}

Notify = Callable[[str, Record], None]


class Warehouse:
    """Moves shipments along. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, scripts: Scripts, inventory: Inventory, notify: Notify) -> None:
        self._books, self._timers, self._scripts = books, timers, scripts
        self._inventory, self._notify = inventory, notify

    def receive(self, shipment: Record, order: Record) -> None:
        """A new shipment: stock is committed and its life begins."""
        shipment["committed"] = True
        enough = self._inventory.commit(shipment["products"])
        self._arrive(shipment, stages.STAGES[0])
        self._live_on(shipment, self._scripts.of(order), None if enough else "OutOfStock")

    def on_timer(self, shipment_id: int) -> None:
        """The time of the next stage has come."""
        shipment = self._books.shipment(shipment_id)
        following = shipment and stages.stage_after(shipment["stage"])
        if not shipment or not following:
            return
        self._arrive(shipment, following)
        self._live_on(shipment, self._script(shipment))

    def advance(self, shipment: Record, to: str) -> bool:
        """Go through every stage up to one at once. False when the shipment is there already, or cancelled."""
        if stages.reached(shipment, to) or not _lives(shipment):
            return False
        shipment["paused"], shipment["trouble"] = False, None
        while shipment["stage"] != to:
            self._arrive(shipment, stages.STAGES[stages.NAMES.index(shipment["stage"]) + 1])
        self._live_on(shipment, self._script(shipment))
        return True

    def obey(self, shipment: Record, script: Record) -> None:
        """Apply a script that came after the shipment, when it concerns the stage the shipment is in."""
        concerned = {script["stop_at"], (script["exception"] or {}).get("at")}
        if shipment["stage"] in concerned and _lives(shipment) and not shipment["trouble"]:
            self._live_on(shipment, script)

    def pause(self, shipment: Record) -> None:
        """Stay in the present stage until released."""
        self._timers.cancel(_key(shipment))
        shipment["paused"] = True
        self._books.save_shipment(shipment)

    def release(self, shipment: Record) -> bool:
        """Go on after a pause or a trouble. False when nothing held the shipment."""
        if not (shipment["paused"] or shipment["trouble"]) or not _lives(shipment):
            return False
        shipment["paused"], shipment["trouble"] = False, None
        self._books.write_log(shipment, 900, "Released", "Shipment released for fulfillment")
        self._schedule(shipment)
        return True

    def cancel(self, shipment: Record, by: str, *, ships_anyway: bool = False) -> None:
        """Cancel the shipment; one that ships anyway says so and lives on."""
        shipment["cancelled_at"], shipment["cancelled_by"] = self._books.now(), by
        shipment["ships_anyway"] = ships_anyway
        self._books.write_log(shipment, 500, "Cancelled", f"Shipment cancelled by {by}")
        self._uncommit(shipment)
        if not ships_anyway:
            self._timers.cancel(_key(shipment))
        self._books.save_shipment(shipment)
        self._notify(CANCELLED_TOPIC, shapes.shipment_view(shipment))

    def revive(self, shipment: Record) -> bool:
        """Live on after a cancellation, as if nobody had asked for it. False when there was none."""
        if not shipment["cancelled_at"]:
            return False
        shipment.update(cancelled_at=None, cancelled_by=None, ships_anyway=False, paused=False)
        shipment["committed"] = not shipment["goods_left"]
        if shipment["committed"]:
            self._inventory.commit(shipment["products"])
        self._books.write_log(shipment, 900, "Released", "Shipment released for fulfillment")
        self._live_on(shipment, self._script(shipment))
        return True

    def forget(self, shipment: Record) -> None:
        """Its goods are free again, and nothing happens to it any more."""
        self._timers.cancel(_key(shipment))
        self._uncommit(shipment)

    def _arrive(self, shipment: Record, stage: Stage) -> None:
        shipment["stage"] = stage.name
        shipment["stage_times"][stage.name] = self._books.now()
        text = stage.detail.description if stage.detail else "Shipment received"
        self._books.write_log(shipment, stage.detail.id if stage.detail else 1, stage.name, text)
        if stage.name == "Completed":
            self._leave(shipment)
        self._books.save_shipment(shipment)
        if stage.name in STAGE_TOPICS:
            self._notify(STAGE_TOPICS[stage.name], shapes.shipment_view(shipment))

    def _leave(self, shipment: Record) -> None:
        shipment["goods_left"] = True
        self._uncommit(shipment)
        self._inventory.take(shipment["products"])

    def _uncommit(self, shipment: Record) -> None:
        if shipment["committed"]:
            self._inventory.release(shipment["products"])
        shipment["committed"] = False

    def _live_on(self, shipment: Record, script: Record, trouble: str | None = None) -> None:
        """What follows an arrival: the scripted trouble, the scripted pause, or the next stage in time."""
        scripted = script["exception"]
        if scripted and scripted["at"] == shipment["stage"]:
            trouble = scripted["name"]
        if trouble:
            self._stop_with(shipment, trouble)
        elif script["stop_at"] == shipment["stage"]:
            self.pause(shipment)
        else:
            self._schedule(shipment)

    def _stop_with(self, shipment: Record, trouble: str) -> None:
        self._timers.cancel(_key(shipment))
        shipment["trouble"] = trouble
        known = stages.TROUBLES[trouble]
        self._books.write_log(shipment, known.detail.id, known.detail.name, known.detail.description)
        self._books.save_shipment(shipment)
        if known.status in TROUBLE_TOPICS:
            self._notify(TROUBLE_TOPICS[known.status], shapes.shipment_view(shipment))

    def _schedule(self, shipment: Record) -> None:
        self._timers.cancel(_key(shipment))
        self._books.save_shipment(shipment)
        following = stages.stage_after(shipment["stage"])
        if following:
            data = {"shipment_id": shipment["id"]}
            self._timers.after(following.after.total_seconds(), NEXT_STAGE, data, key=_key(shipment))

    def _script(self, shipment: Record) -> Record:
        order = self._books.order(shipment["order_id"])
        assert order is not None, "a shipment has an order"
        return self._scripts.of(order)


def _lives(shipment: Record) -> bool:
    return not shipment["cancelled_at"] or bool(shipment["ships_anyway"])


def _key(shipment: Record) -> str:
    return f"shipment:{shipment['id']}"
