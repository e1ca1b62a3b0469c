"""The way back at the real carrier's adapter: one label, found again, followed, given back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from activities.effects import Effects
from activities.return_labels import ReturnLabels
from ordersaga.bootstrap import Services
from ordersaga.domain.books import MoneyTransaction, captured
from ordersaga.domain.journal import JournalEntry, JournalUpdate, ParcelAddress
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.orders import LineQuantity
from ordersaga.domain.returns import Opened, ReturnAsk, ReturnCase, ReturnReason, ReturnRequest, ReturnUpdate
from ordersaga.domain.shipping import CancelDecision, ParcelEvent
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from ordersaga.gateways.easypost.carrier import EasyPost
from tests.fakes.samples import address, order, sale
from tests.gateways.conftest import easypost, easypost_company, easypost_emulator
from tests.gateways.test_easypost_choices import shipment_of
from tests.support.emulators import EmulatorProcess, eventually
from workers.relay_deliverer import Deliverer
from workers.relay_returns import ReturnPoller
from workers.relay_voids import VoidPoller

__all__ = ["easypost", "easypost_company", "easypost_emulator"]


async def accepted(services: Services, order_id: str, *elsewhere: ParcelAddress) -> ReturnCase:
    """A return of the one MUG of an order that was delivered and paid; its parcel may have gone elsewhere than it."""
    (plan,) = await services.stock.confirm_hold(order(order_id)) or ()
    await services.stock.ship(order_id, plan, sale(order_id, plan))
    paid = {"transaction_id": f"{order_id}/paid", "order_id": order_id, "parcel": 1, "currency": "USD", "memo": "paid"}
    await services.effects.post(MoneyTransaction(**paid, postings=captured(1000, 0)))
    arrived = JournalEntry(entry_id="saga-1", at=datetime.now(UTC), kind="delivered", text="", parcel=1)
    await services.journal.record(
        JournalUpdate(
            order_id=order_id,
            status=OrderStatus.COMPLETED,
            outcome="confirmed",
            entries=(arrived,),
            elsewhere=elsewhere or None,
        )
    )
    request = ReturnRequest(lines=(LineQuantity(sku="MUG", quantity=1),), reason=ReturnReason.UNWANTED)
    answer = await services.returns.open(order_id, ReturnAsk(request), datetime.now(UTC))
    assert isinstance(answer, Opened)
    return answer.record.case


def labels_of(services: Services, carrier: EasyPost) -> ReturnLabels:
    """The activities at the carrier."""
    effects = Effects(services.effects, timedelta(0))
    return ReturnLabels({"easypost": carrier}, services.stock, effects, services.effects)


async def test_a_label_for_the_way_back_is_bought_once_and_given_back(services: Services, easypost: EasyPost) -> None:
    """Asked for twice, bought once, under a reference no parcel has; unused, its price comes back."""
    case, labels = await accepted(services, "retlabel"), labels_of(services, easypost)
    first = await labels.book_return_label(case)
    assert first.bought
    assert first.url
    assert await labels.book_return_label(case) == first
    found = await easypost.inquire("retlabel-r1-1")
    assert found is not None
    assert found.tracking_number == first.tracking_number
    assert await easypost.inquire("retlabel-1-1") is None
    assert await labels.void_return_label(case) in (CancelDecision.CANCELED, CancelDecision.PENDING)
    assert (await services.effects.balance("retlabel")).unsettled_effects == ()


async def test_the_way_back_begins_where_the_parcel_went(
    services: Services, easypost: EasyPost, easypost_emulator: EmulatorProcess
) -> None:
    """Not where the order goes: the carrier's own record says so."""
    went = ParcelAddress(parcel=1, ship_to=address(city="Boston", region="MA", postal_code="02101"))
    case = await accepted(services, "retboston", went)
    assert case.order.ship_to.city == "New York"
    assert (await labels_of(services, easypost).book_return_label(case)).bought
    shipment = await shipment_of(easypost_emulator, case.reference)
    assert (shipment["is_return"], shipment["from_address"]["city"]) == (True, "Boston")


async def test_the_way_back_is_followed_without_any_webhook(
    services: Services, easypost: EasyPost, easypost_emulator: EmulatorProcess
) -> None:
    """Its tracker's news name the return, told once; a webhook that names only the shipment leads there too."""
    case = await accepted(services, "retnews")
    bought = await labels_of(services, easypost).book_return_label(case)
    record = await services.returns.get("retnews", 1)
    assert record is not None
    tracked = record.model_copy(update={"carrier": bought.carrier, "tracking_number": bought.tracking_number})
    await services.returns.record(ReturnUpdate(record=tracked))
    await easypost_emulator.post("advance", match="retnews-r1-1", to="in_transit")
    poller = ReturnPoller(replace(services, carriers={"easypost": easypost}))
    for _ in range(2):
        await poller.step()
    (message,) = await services.inbox.claim(10)
    (event,) = Incoming.model_validate(message.body).events
    assert isinstance(event, ParcelEvent)
    assert (message.order_id, event.returning, event.parcel, event.status) == ("retnews", 1, 1, ParcelStatus.IN_TRANSIT)
    shipment = await shipment_of(easypost_emulator, "retnews-r1-1")
    resolved = await easypost.resolve(Incoming(source="easypost", source_id="e1", lookup=shipment["id"]))
    assert resolved.order_id == "retnews"
    assert [told.returning for told in resolved.events if isinstance(told, ParcelEvent)] == [1]


async def test_a_rejected_refund_of_an_unused_label_becomes_a_question(
    services: Services, easypost: EasyPost, easypost_emulator: EmulatorProcess
) -> None:
    """EasyPost tells nobody: the relay asks it, writes it down, and asks a person once about the return."""
    await easypost_emulator.post("scripts", match="retvoid", refund="rejected")
    case, labels = await accepted(services, "retvoid"), labels_of(services, easypost)
    await labels.book_return_label(case)
    assert await labels.void_return_label(case) is CancelDecision.PENDING
    relay = replace(services, carriers={"easypost": easypost})
    await easypost_emulator.post("time-scale", scale=100_000)

    async def told() -> bool:
        await VoidPoller(relay).step()
        await Deliverer(relay).step()
        return bool(await services.journal.open_attention())

    await eventually(told)
    await easypost_emulator.post("time-scale", scale=1)
    (item,) = await services.journal.open_attention()
    assert (item.item_id, item.kind, item.parcel) == ("retvoid-r1-late-void_rejected", "void_rejected", 1)
    assert item.question.startswith("Return retvoid-r1: easypost says the refund of label ")
    assert await services.effects.open_voids() == []
    story = await services.journal.timeline("retvoid")
    assert [line.kind for line in story if line.source == "journal"].count("void_rejected") == 1
