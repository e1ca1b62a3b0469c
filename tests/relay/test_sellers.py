"""An account is heard about what is its own only, however well its messages are signed."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from standardwebhooks import Webhook

from ordersaga.bootstrap import Services
from ordersaga.domain.effects import EffectIntent
from ordersaga.domain.messages_in import Incoming
from ordersaga.domain.shipping import ParcelEvent
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.private_delivery.webhooks import verify_and_read
from ordersaga.ports import Provider
from tests.fakes.samples import order
from tests.fakes.shipping import FakeProvider
from tests.support.api import StubOrders, serving
from tests.support.background import busy
from tests.support.emulators import eventually
from workers.relay import ask_accounts
from workers.relay_deliverer import Deliverer

SECRET = "whsec_c2VsbGVycy1vd24tY291cmllci0wMDE="
COURIER = "bolt-courier"


async def test_an_account_that_is_opened_later_is_asked_too(services: Services, provider: FakeProvider) -> None:
    """What its webhooks miss is found, without a restart of the relay."""
    providers: dict[str, Provider] = {"shipbob": provider}
    settings = services.settings.model_copy(update={"poll_interval": timedelta(seconds=0.05)})
    stop, late = asyncio.Event(), FakeProvider(books_carrier=True)
    async with busy(ask_accounts(replace(services, providers=providers, settings=settings), stop)):
        await eventually(lambda: provider.called("changes_since"))
        providers["newegg-socks"] = late
        await eventually(lambda: late.called("changes_since"))
        stop.set()


@pytest.mark.parametrize(("owner", "heard"), [("acme", True), ("bolt", False)])
async def test_an_account_is_not_heard_about_anothers_order(
    services: Services, orders: StubOrders, owner: str, heard: bool
) -> None:
    """What its own order would be told changes nothing of another seller's, and is kept as ignored."""
    await services.stock.confirm_hold(order("o1"))
    event = ParcelEvent(
        source="courier",
        source_id="e1",
        parcel=1,
        generation=1,
        status=ParcelStatus.DELIVERED,
        occurred_at=datetime.now(UTC),
    )
    told = Incoming(source="courier", source_id="e1", order_id="o1", events=(event,))
    await services.inbox.store("courier", "e1", "o1", told.model_dump(mode="json"))
    await Deliverer(replace(services, account_owners={"courier": owner})).step()
    assert (orders.asked, len(orders.events)) == (([("parcel_event", "o1")], 1) if heard else ([], 0))


@pytest.mark.parametrize(
    ("owners", "label_at", "heard"),
    [
        ({}, COURIER, True),
        ({COURIER: "acme"}, COURIER, True),
        ({COURIER: "bolt"}, COURIER, False),
        ({}, "other-courier", False),
        ({}, None, False),
    ],
)
async def test_a_courier_is_heard_about_parcels_it_was_asked_to_carry(
    services: Services, orders: StubOrders, owners: Mapping[str, str], label_at: str | None, heard: bool
) -> None:
    """Through the real door, under its own signature: nobody can say of a rival's parcel that it arrived, or is lost.

    That its label's purchase has no answer yet is no reason not to listen.
    """
    await services.stock.confirm_hold(order("o1"))
    if label_at is not None:
        await services.effects.begin(EffectIntent(order_id="o1", step="book_label", parcel=1, account=label_at))
    read = partial(verify_and_read, name=COURIER)
    opened = replace(
        services,
        webhooks={COURIER: lambda headers, body: read(headers, body, SECRET)},
        carriers={**services.carriers, COURIER: services.carriers["easypost"]},
        account_owners=owners,
    )
    body = json.dumps({"type": "shipment.lost", "data": _lost("o1-1-1")})
    async with serving(opened) as api:
        answer = await api.http.post(f"/v1/webhooks/{COURIER}", content=body, headers=_signed(body))
    assert answer.status_code == 204
    await Deliverer(opened).step()
    assert orders.asked == ([("parcel_event", "o1")] if heard else [])
    assert await services.inbox.count_by_status() == {"delivered" if heard else "ignored": 1}


def _lost(reference: str) -> dict[str, object]:
    now = datetime.now(UTC).isoformat()
    said = {"id": "e1", "shipment_id": "s1", "sequence": 3, "type": "lost", "occurred_at": now}
    return {**said, "reference": reference, "tracking_number": "T1"}


def _signed(body: str) -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(SECRET).sign("msg_1", now, body)
    return {"Webhook-Id": "msg_1", "Webhook-Timestamp": str(int(now.timestamp())), "Webhook-Signature": signature}
