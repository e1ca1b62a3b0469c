"""The sandbox's simulations: ship or deliver a shipment now or after a delay, one action after the other.

Request and status models are those of POST /simulate/shipment and GET /simulate/status/{id}.
"""

import uuid
from datetime import UTC, datetime
from typing import Final

from emulators.common import Clock, Timers
from emulators.shipbob.books import Books
from emulators.shipbob.stages import Record
from emulators.shipbob.warehouse import Warehouse

KIND: Final = "_simulation"
TIMER: Final = "simulation"
STAGE_OF_ACTION: Final = {"ShipOrder": "Completed", "DeliverOrder": "Delivered"}
SECONDS_PER_MINUTE: Final = 60


class Simulations:
    """Runs simulations. Every method expects to run inside a store transaction."""

    def __init__(self, books: Books, timers: Timers, clock: Clock, warehouse: Warehouse) -> None:
        self._books, self._timers, self._clock, self._warehouse = books, timers, clock, warehouse

    def submit(self, body: Record) -> str:
        """Accept a simulation. Raises ValueError for an unknown shipment or action."""
        if self._shipment(str(body.get("shipment_id"))) is None:
            raise ValueError("shipment_id: no such shipment")
        steps = _steps(body.get("simulation"))
        identity = str(uuid.uuid4())
        simulation = {"id": identity, "shipment_id": str(body["shipment_id"]), "steps": steps}
        self._begin(simulation, 0)
        return identity

    def status(self, simulation_id: str) -> Record | None:
        """The status model, or None for an unknown id."""
        simulation = self._books.store.get(KIND, simulation_id)
        if simulation is None:
            return None
        chain: Record | None = None
        for step in reversed(simulation["steps"]):
            shown = {field: step[field] for field in ("action", "status", "message", "schedule_time")}
            chain = {**shown, "next": chain} if chain else shown
        entity = {"entity_id": simulation["shipment_id"], "entity_type": "Shipment"}
        return {"simulation_id": simulation_id, **entity, "simulation": chain}

    def on_timer(self, simulation_id: str, index: int) -> None:
        """The delay of one action is over."""
        simulation = self._books.store.get(KIND, simulation_id)
        if simulation is not None:
            self._run(simulation, index)

    def _begin(self, simulation: Record, index: int) -> None:
        step = simulation["steps"][index]
        seconds = step["delay"] * SECONDS_PER_MINUTE
        due = self._clock.now() + self._clock.real_delay(seconds)
        step["schedule_time"] = datetime.fromtimestamp(due, UTC).isoformat()
        self._save(simulation)
        if seconds:
            self._timers.after(seconds, TIMER, {"simulation_id": simulation["id"], "index": index})
        else:
            self._run(simulation, index)

    def _run(self, simulation: Record, index: int) -> None:
        step = simulation["steps"][index]
        shipment = self._shipment(simulation["shipment_id"])
        moved = shipment is not None and self._warehouse.advance(shipment, STAGE_OF_ACTION[step["action"]])
        step["status"] = "Completed" if moved else "Failed"
        step["message"] = None if moved else "The shipment is not in a state that allows the action"
        self._save(simulation)
        if moved and index + 1 < len(simulation["steps"]):
            self._begin(simulation, index + 1)

    def _shipment(self, shipment_id: str) -> Record | None:
        return self._books.shipment(int(shipment_id)) if shipment_id.isdigit() else None

    def _save(self, simulation: Record) -> None:
        self._books.store.put(KIND, simulation["id"], simulation)


def _steps(simulation: Record | None) -> list[Record]:
    steps: list[Record] = []
    while simulation:
        if simulation.get("action") not in STAGE_OF_ACTION:
            raise ValueError("simulation.action: must be ShipOrder or DeliverOrder")
        steps.append(
            {
                "action": simulation["action"],
                "delay": int(simulation.get("delay") or 0),
                "status": "Scheduled",
                "message": None,
                "schedule_time": None,
            }
        )
        simulation = simulation.get("next")
    if not steps:
        raise ValueError("simulation: at least one action is required")
    return steps
