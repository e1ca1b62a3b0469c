"""The stock of an order's parcels, planned anew: what each ships, and from where."""

from activities.inventory import Inventory, Replan
from ordersaga.domain.orders import ParcelPlan
from workflows.activity_policies import in_task
from workflows.desk import Desk
from workflows.order_state import ParcelState


async def replanned(desk: Desk, summary: str, *plans: ParcelPlan) -> bool:
    """All of these, or none when there are not enough units."""
    return await in_task(Inventory.replan, Replan(order_id=desk.state.order.order_id, parcels=plans), summary)


async def planned_at(desk: Desk, parcel: ParcelState, location: str, provider: str, summary: str) -> bool:
    """A parcel that is here ships from there; what its former provider could do says nothing of this one."""
    plan = parcel.plan.model_copy(update={"location": location, "provider": provider})
    if not await replanned(desk, summary, plan):
        return False
    parcel.plan, parcel.books_carrier, parcel.point_of_no_return = plan, None, None
    return True
