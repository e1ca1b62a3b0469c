"""PostgreSQL is behind: every call that a saga made since is made once more, in the order of all sagas' time.

Each writes what it wrote then: holds, effects with their money, journal, questions. Written twice it is harmless. What
is told is what the saga was answered; where a company or our own stock says otherwise now, a person is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.inventory import HoldResult, ShipUnits
from activities.journal import CloseResult
from ordersaga.bootstrap import SELLER_WAREHOUSE, Services, recovery_of
from ordersaga.channel_money import ChannelMoney
from ordersaga.channel_ports import Channel
from ordersaga.channel_purse import ChannelPurse
from ordersaga.domain.errors import OrdersagaError
from ordersaga.domain.identifiers import ParcelReference, owner_of_workflow
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.orders import Order
from ordersaga.domain.returns import ReturnUpdate
from ordersaga.ports import Carrier, PaymentGateway, Provider
from ordersaga.recovery.histories import Call, History
from ordersaga.recovery.memory import Asked, AskedProvider, ForgetfulLedger, remembering
from workers.activities import ActivitySet, Ports, build

Act = Callable[..., Awaitable[Any]]

LOOKS: Final = frozenset(
    {
        *("look_at_parcel", "look_at_label", "look", "look_elsewhere", "choose_carrier", "stopped_carriers"),
        *("quote_refund", "look_at_exchange", "look_at_refund", "seller_instructions", "place_exchange"),
    }
)
"""Calls that write nothing. An order placed in exchange has a saga of its own, which tells of it."""
AGAIN: Final = frozenset({"effect_in_flight", "not_visible_yet", "database_busy", "database_lost"})
"""Waiting helps."""
ATTEMPTS: Final = 40
PAUSE: Final = timedelta(milliseconds=500)


class Forgotten(NamedTuple):
    """Calls to be made once more, of which so many are surely not in PostgreSQL."""

    calls: tuple[Call, ...]
    surely: int


class Retelling:
    """Makes calls once more, doing nothing outside."""

    def __init__(self, services: Services) -> None:
        self._services, self._recovery = services, recovery_of(services)
        known = _activities(services)
        self._acts = _by_name(known)
        self._outside = set(_by_name(ActivitySet([], [], known.payments, known.providers, known.carriers)))
        self._outside |= {_name(act) for act in known.channels}

    def minds(self, call: Call) -> bool:
        """Whether it wrote anything that can be written again."""
        if call.activity in LOOKS or call.activity not in self._acts or call.outcome == "refused":
            return False
        return call.outcome == "done" or self.asks(call)

    def asks(self, call: Call) -> bool:
        """Whether it asks a company: such a call is made by every attempt, however often one is broken off."""
        return call.activity in self._outside

    async def forgotten(self, history: History, since: datetime) -> Forgotten:
        """What PostgreSQL may not have of a saga's calls since then.

        It has a prefix of what was ever committed. So whatever came before an entry that it has, it has: telling that
        again would put an order back to what it was. Only calls of companies may have been under way all the while;
        they are told again, which is harmless to one that is done.
        """
        known = await self._recovery.entries(owner_of_workflow(history.workflow_id) or "")
        last = _last_known(history.calls, known)
        late = [
            (place > last, call) for place, call in enumerate(history.calls) if call.at > since and self.minds(call)
        ]
        told = [call for beyond, call in late if beyond or self.asks(call)]
        return Forgotten(tuple(told), sum(beyond for beyond, _ in late))

    async def tell(self, call: Call) -> str | None:
        """Make a call once more; why it does not come to what it came to then, None when it does."""
        with remembering(call):
            try:
                answer = await self._patiently(call)
            except (ApplicationError, OrdersagaError) as error:
                return None if call.outcome == "open" else f"{call.activity}: {error}"
        if isinstance(answer, CloseResult) and answer.differences and not call.result.differences:
            return f"its books do not balance any more: {'; '.join(answer.differences)}"
        if answer is False and call.result is True:
            return f"{call.activity}: too few units are left"
        return None

    async def _patiently(self, call: Call) -> Any:
        for _ in range(ATTEMPTS):
            try:
                return await self._make(call)
            except (ApplicationError, OrdersagaError) as error:
                if _code(error) not in AGAIN:
                    raise
            await asyncio.sleep(PAUSE.total_seconds())
        return await self._make(call)

    async def _make(self, call: Call) -> Any:
        first = call.arguments[0]
        if isinstance(first, Order) and isinstance(call.result, HoldResult):
            return await self._recovery.stand(first, call.result.parcels, call.at)
        if isinstance(first, ReturnUpdate):
            await self._recovery.stand_return(first.record.case)
        answer = await self._acts[call.activity](*call.arguments)
        if isinstance(first, ShipUnits) and first.plan.provider == SELLER_WAREHOUSE:
            await self._collected(first)
        return answer

    async def _collected(self, shipped: ShipUnits) -> None:
        """Its pick ticket is ours, and was forgotten too: nobody may pack the parcel a second time."""
        handed = await self._services.effects.find(shipped.order_id, "hand_off", shipped.plan.parcel)
        if handed is not None:
            reference = ParcelReference(shipped.order_id, shipped.plan.parcel, handed.generation)
            await self._services.seller_warehouse.mark_collected(str(reference))


def _last_known(calls: Sequence[Call], known: frozenset[str]) -> int:
    """The place of the last call whose entries all stand; -1: of none."""
    places = [-1]
    for place, call in enumerate(calls):
        update = call.arguments[0] if call.arguments else None
        if isinstance(update, JournalUpdate | ReturnUpdate) and update.entries:
            places += [place] if known.issuperset(entry.entry_id for entry in update.entries) else []
    return places[-1]


def owner(call: Call) -> str:
    """The order a call was made for."""
    return owner_of_workflow(call.workflow_id) or call.workflow_id


def _code(error: ApplicationError | OrdersagaError) -> str:
    if isinstance(error, OrdersagaError):
        return error.code
    return str(error.details[0]) if error.details else ""


def _activities(services: Services) -> ActivitySet:
    payments = cast("PaymentGateway", Asked(services.payments))
    channels = {name: cast("Channel", Asked(channel)) for name, channel in services.channels.items()}
    purses: Mapping[str, ChannelMoney] = {
        name: ChannelPurse(name, channel, services.journal, services.effects) for name, channel in channels.items()
    }
    return build(
        Ports(
            stock=services.stock,
            ledger=ForgetfulLedger(services.effects),
            journal=services.journal,
            payments=payments,
            providers={name: _asked(name, provider) for name, provider in services.providers.items()},
            carriers={name: cast("Carrier", Asked(carrier)) for name, carrier in services.carriers.items()},
            accounts=services.carrier_accounts,
            returns=services.returns,
            exchanges=services.exchanges,
            visible_after=services.settings.visible_after,
            channel_money=purses,
            channels=channels,
            channel_accounts=services.channel_accounts,
        )
    )


def _asked(name: str, provider: Provider) -> Provider:
    """A seller's own warehouse is our database: its pick tickets are written again like everything else."""
    return provider if name == SELLER_WAREHOUSE else AskedProvider(provider)


def _by_name(known: ActivitySet) -> dict[str, Act]:
    lists: Sequence[Sequence[Act]] = (
        *(known.orders, known.books, known.payments),
        *(known.providers, known.carriers, known.channels),
    )
    return {_name(act): act for acts in lists for act in acts}


def _name(act: Act) -> str:
    found = activity._Definition.must_from_callable(act)
    assert found.name is not None, "ours have names"
    return found.name
