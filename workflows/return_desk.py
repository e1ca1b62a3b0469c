"""What every step of a return shares: the common desk, written and shown as a return."""

from datetime import datetime

from activities.returns import Returns
from workflows import return_presentation as presentation
from workflows.activity_policies import in_task
from workflows.common_desk import CommonDesk
from workflows.return_state import ReturnState


class ReturnDesk(CommonDesk[ReturnState]):
    """The working place of one return."""

    def __init__(self, state: ReturnState) -> None:
        super().__init__(state, state.case.return_id, state.case.plan.parcel)

    @property
    def _closed(self) -> bool:
        return self.state.closed

    async def _write(self) -> None:
        update = self.state.to_record()
        await in_task(Returns.record_return, update, f"Record {update.record.status}")

    def _show(self, deadline: datetime | None) -> None:
        presentation.show(self.state, deadline)

    def _upsert(self) -> None:
        presentation.upsert(self.state)
