"""Whether anybody minds an order: what reconciliation asks of running sagas."""

from collections.abc import Mapping
from typing import Literal

from temporalio.client import WorkflowExecutionStatus

from ordersaga.bootstrap import Services
from ordersaga.client_errors import OrderClosedError, OrderNotFoundError, translated
from ordersaga.domain.identifiers import workflow_id
from ordersaga.domain.orders import Order
from ordersaga.domain.statuses import ParcelStatus


class RunningSagas:
    """The Sagas port, through the client of running orders."""

    def __init__(self, services: Services) -> None:
        self._orders = services.orders
        self._starting = services.starting

    async def standing(self, order_id: str) -> Literal["running", "ended", "never"]:
        """Whether its saga runs, has ended, or is not known."""
        try:
            async with translated(order_id):
                found = await self._orders.temporal.get_workflow_handle(workflow_id(order_id)).describe()
        except OrderNotFoundError:
            return "never"
        return "running" if found.status is WorkflowExecutionStatus.RUNNING else "ended"

    async def parcels(self, order_id: str) -> Mapping[int, ParcelStatus]:
        """Where the running saga believes the parcels are."""
        if await self.standing(order_id) != "running":
            return {}
        try:
            view = await self._orders.state(order_id)
        except (OrderNotFoundError, OrderClosedError):
            return {}
        return {parcel.plan.parcel: parcel.status for parcel in view.parcels}

    async def start(self, order: Order) -> bool:
        """Start its saga, and mark it started."""
        started = await self._orders.start(order)
        await self._starting.mark_started(order.order_id)
        return started
