"""Goodwill for an order that has ended: part of the price goes back, the goods are kept."""

from ordersaga.domain.return_rules import wanted
from ordersaga.domain.returns import ReturnStatus
from workflows.common_desk import Stake
from workflows.return_desk import ReturnDesk
from workflows.return_refund import ReturnRefund


class ReturnGoodwill:
    """The gift of one return in which nothing comes back. Until the money moves it can be withdrawn."""

    def __init__(self, desk: ReturnDesk) -> None:
        self._desk = desk
        self._state = desk.state
        self._case = desk.state.case

    async def run(self) -> None:
        """Give the amount back, whole or not at all; more than one person may give takes a second one."""
        self._state.awaiting = "the refund"
        approved = not self._takes_two or await self._approved()
        if self._state.canceled is not None:
            asked = self._state.canceled
            self._ends(ReturnStatus.CANCELED, f"withdrawn by {asked.by}: {asked.reason}")
        elif not approved:
            self._ends(ReturnStatus.REFUSED, "a second person declined it")
        else:
            await self._give()

    async def _give(self) -> None:
        self._ends(ReturnStatus.REFUNDED)  # from here on it cannot be withdrawn
        await self._desk.publish()
        if not await ReturnRefund(self._desk).run(()):
            self._ends(ReturnStatus.REFUSED, "less than that is left of what was paid")

    @property
    def _amount(self) -> int:
        return self._case.request.amount or 0

    @property
    def _takes_two(self) -> bool:
        return self._amount > self._case.order.terms.second_person_above

    async def _approved(self) -> bool:
        """Whoever asked has proposed it; nobody need answer once it is withdrawn."""
        request = self._case.request
        question = f"{request.by} wants to give {wanted(self._case)}: {request.note or request.reason}. Approve?"
        stake = Stake(self._amount, ("approve",), proposed="approve", proposed_by=request.by)
        choices, withdrawn = ("approve", "decline"), self._withdrawn
        choice = await self._desk.park("refund_approval", question, choices, settled=withdrawn, stake=stake)
        return choice == "approve"

    def _withdrawn(self) -> bool:
        return self._state.canceled is not None

    def _ends(self, status: ReturnStatus, reason: str | None = None) -> None:
        self._state.ends_as, self._state.reason = status, reason
