"""Newegg against the emulated Newegg: cancellations are requests, decided later, and may fail."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ordersaga.domain.errors import OperatorError, RateLimitedError, RetryError
from ordersaga.domain.shipping import CancelDecision, ProviderOrder
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.newegg.provider import Newegg
from tests.contracts.house_newegg import newegg, newegg_company, newegg_emulator
from tests.gateways.support import hand_off, new_order, unknown_outcome
from tests.support.emulators import EmulatorProcess

__all__ = ["newegg", "newegg_company", "newegg_emulator"]

CANCEL, RESULT = r"/orderstatus/orders/\d+$", "/cancellationresult/"


async def asked(emulator: EmulatorProcess, found: ProviderOrder) -> int:
    """How often Newegg was asked to cancel."""
    return len(await emulator.get("requests", path=f"/orderstatus/orders/{found.provider_id}"))


async def standing(gateway: Newegg, found: ProviderOrder) -> ParcelStatus:
    """Where the parcel is now."""
    order = await gateway.inquire(found.reference)
    assert order is not None
    return order.status


def told(found: ProviderOrder, result: str, at: datetime) -> dict[str, Any]:
    """An answer about a request to cancel that was made at a moment."""
    body = {"OrderNumber": found.provider_id, "Result": result, "RequestDate": f"{at:%m/%d/%Y %H:%M:%S}"}
    return {"IsSuccess": "true", "ResponseBody": body}


async def test_cancel_before_the_warehouse_begins(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """An order not begun with is voided; a repeat says so without asking again."""
    found = await newegg.submit(hand_off(new_order()))
    assert await newegg.cancel(found.reference) is CancelDecision.CANCELED
    assert await newegg.cancel(found.reference) is CancelDecision.CANCELED
    assert (await asked(newegg_emulator, found), await standing(newegg, found)) == (1, ParcelStatus.CANCELED)


async def test_a_request_is_pending_until_it_is_decided(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Asked once, however often we look; then it is canceled."""
    found = await newegg.submit(hand_off(order_id := new_order()))
    await newegg_emulator.post("scripts", match=order_id, cancel="stuck")
    for _ in range(2):
        assert await newegg.cancel(found.reference) is CancelDecision.PENDING
        assert await standing(newegg, found) is ParcelStatus.ACCEPTED
    await newegg_emulator.post("release", match=order_id)
    assert await newegg.cancel(found.reference) is CancelDecision.CANCELED
    assert await asked(newegg_emulator, found) == 1


async def test_a_request_overtaken_by_the_warehouse_is_refused(
    newegg: Newegg, newegg_emulator: EmulatorProcess
) -> None:
    """Taken while nothing was begun, decided afterwards: refused, and it stays so; the parcel goes on."""
    found = await newegg.submit(hand_off(order_id := new_order()))
    await newegg_emulator.post("scripts", match=order_id, cancel="stuck")
    assert await newegg.cancel(found.reference) is CancelDecision.PENDING
    await newegg_emulator.post("advance", match=order_id, to="Processing")
    await newegg_emulator.post("release", match=order_id)
    for _ in range(2):
        assert await newegg.cancel(found.reference) is CancelDecision.REFUSED
    assert (await asked(newegg_emulator, found), await standing(newegg, found)) == (1, ParcelStatus.ACCEPTED)


async def test_an_order_in_the_warehouse_is_refused(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Shown as unshipped all the while: only the answer tells."""
    found = await newegg.submit(hand_off(order_id := new_order()))
    await newegg_emulator.post("advance", match=order_id, to="Processing")
    assert await newegg.cancel(found.reference) is CancelDecision.REFUSED
    assert (await asked(newegg_emulator, found), await standing(newegg, found)) == (1, ParcelStatus.ACCEPTED)


@pytest.mark.parametrize(("age", "again"), [(timedelta(hours=1), 0), (timedelta(hours=5), 1)])
async def test_an_old_refusal_is_asked_anew(
    newegg: Newegg, newegg_emulator: EmulatorProcess, age: timedelta, again: int
) -> None:
    """It may have been a technical failure; a recent one is the answer."""
    found = await newegg.submit(hand_off(new_order()))
    pacific = datetime.now(UTC) - timedelta(hours=8) - age
    refused = told(found, "Failed", pacific)
    await newegg_emulator.post("faults", kind="status", status=200, body=refused, path=RESULT, times=1)
    expected = CancelDecision.CANCELED if again else CancelDecision.REFUSED
    assert await newegg.cancel(found.reference) is expected
    assert await asked(newegg_emulator, found) == again


@pytest.mark.parametrize(("stage", "packages"), [("PartiallyShipped", 2), ("Shipped", 1), ("Invoiced", 1)])
async def test_what_has_left_is_not_asked_about(
    newegg: Newegg, newegg_emulator: EmulatorProcess, stage: str, packages: int
) -> None:
    """Newegg voids unshipped orders only."""
    order_id = new_order()
    await newegg_emulator.post("scripts", match=order_id, split=packages)
    found = await newegg.submit(hand_off(order_id))
    await newegg_emulator.post("advance", match=order_id, to=stage)
    assert await newegg.cancel(found.reference) is CancelDecision.REFUSED
    assert await asked(newegg_emulator, found) == 0


@pytest.mark.parametrize(
    ("code", "voided", "expected"),
    [
        ("SO006", False, CancelDecision.REFUSED),
        ("SO006", True, CancelDecision.CANCELED),
        ("SO008", True, CancelDecision.CANCELED),
    ],
)
async def test_a_refused_request_is_looked_into(
    newegg: Newegg, newegg_emulator: EmulatorProcess, code: str, voided: bool, expected: CancelDecision
) -> None:
    """No longer unshipped when it was asked: gone, or voided by somebody else."""
    found = await newegg.submit(hand_off(new_order()))
    await newegg_emulator.post("faults", kind="refuse", code=code, method="PUT", path=CANCEL, times=1)
    if voided:
        body = shown_as_voided(found)
        await newegg_emulator.post("faults", kind="status", status=200, body=body, path="/orderinfo$", skip=1, times=1)
    assert await newegg.cancel(found.reference) is expected


def shown_as_voided(found: ProviderOrder) -> dict[str, Any]:
    """What Newegg shows of an order once it is voided."""
    order = {
        "OrderNumber": int(found.provider_id),
        "SellerOrderNumber": found.reference,
        "OrderStatus": 4,
        "OrderStatusDescription": "Voided",
    }
    return {"IsSuccess": True, "ResponseBody": {"OrderInfoList": [order]}}


async def test_an_order_not_released_yet_is_asked_later(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """SO016: nothing was done, and it takes a while."""
    found = await newegg.submit(hand_off(new_order()))
    await newegg_emulator.post("faults", kind="refuse", code="SO016", method="PUT", path=CANCEL, times=1)
    with pytest.raises(RetryError) as caught:
        await newegg.cancel(found.reference)
    assert (caught.value.code, caught.value.unknown) == ("newegg_not_released", False)
    assert caught.value.retry_after == timedelta(minutes=15)
    assert await newegg.cancel(found.reference) is CancelDecision.CANCELED


async def test_canceled_and_shipped_all_the_same(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """Newegg agrees and sends it: what it says then contradicts, and is told."""
    found = await newegg.submit(hand_off(order_id := new_order()))
    await newegg_emulator.post("scripts", match=order_id, cancel="agree_and_ship")
    assert await newegg.cancel(found.reference) is CancelDecision.CANCELED
    assert await standing(newegg, found) is ParcelStatus.CANCELED
    await newegg_emulator.post("advance", match=order_id, to="Shipped")
    assert await standing(newegg, found) is ParcelStatus.LEFT_WAREHOUSE


async def test_cancel_of_what_is_not_shown_is_unknown(newegg: Newegg) -> None:
    """Only what was handed over is canceled: not shown is no proof of absence."""
    with unknown_outcome("newegg_not_visible"):
        await newegg.cancel(f"{new_order()}-1-1")


@pytest.mark.parametrize("decided", [True, False])
async def test_a_lost_answer_to_cancel(newegg: Newegg, newegg_emulator: EmulatorProcess, decided: bool) -> None:
    """A lost answer is unknown; asked again, the order or the request tells, and no second one is made."""
    found = await newegg.submit(hand_off(order_id := new_order()))
    if not decided:
        await newegg_emulator.post("scripts", match=order_id, cancel="stuck")
    await newegg_emulator.post("faults", kind="lose_answer", method="PUT", path=CANCEL, times=1)
    with unknown_outcome("newegg_no_answer"):
        await newegg.cancel(found.reference)
    expected = CancelDecision.CANCELED if decided else CancelDecision.PENDING
    assert await newegg.cancel(found.reference) is expected
    assert await asked(newegg_emulator, found) == 1
    await newegg_emulator.post("release", match=order_id)


async def test_a_failing_look_after_a_request_is_unknown(newegg: Newegg, newegg_emulator: EmulatorProcess) -> None:
    """A request that was sent may have its effect, whoever refuses the look at it."""
    found = await newegg.submit(hand_off(order_id := new_order()))
    await newegg_emulator.post("scripts", match=order_id, cancel="stuck")
    await newegg_emulator.post("faults", kind="status", status=401, path=RESULT, match=order_id, skip=1, times=1)
    with unknown_outcome("newegg_credentials"):
        await newegg.cancel(found.reference)
    await newegg_emulator.post("release", match=order_id)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, OperatorError, "newegg_credentials"),
        (400, OperatorError, "newegg_refused"),
        (429, RateLimitedError, "newegg_rate_limited"),
    ],
)
@pytest.mark.parametrize("path", [CANCEL, RESULT])
async def test_a_request_that_was_not_taken(
    newegg: Newegg,
    newegg_emulator: EmulatorProcess,
    status: int,
    error: type[OperatorError | RateLimitedError],
    code: str,
    path: str,
) -> None:
    """Refused before anything was done: not unknown, and the order lives."""
    found = await newegg.submit(hand_off(order_id := new_order()))
    await newegg_emulator.post("faults", kind="status", status=status, path=path, match=order_id, times=1)
    with pytest.raises(error) as caught:
        await newegg.cancel(found.reference)
    assert (caught.value.code, getattr(caught.value, "unknown", False)) == (code, False)
    assert await standing(newegg, found) is ParcelStatus.ACCEPTED


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        (CANCEL, "PUT", {"IsSuccess": "true", "Result": {"OrderStatus": "Maybe"}}),
        (RESULT, "GET", {"IsSuccess": "true", "ResponseBody": {"Result": "Perhaps"}}),
        (RESULT, "GET", {"hello": "world"}),
    ],
)
async def test_an_answer_nobody_documented_decides_nothing(
    newegg: Newegg, newegg_emulator: EmulatorProcess, path: str, method: str, body: dict[str, Any]
) -> None:
    """The request may have been taken: unknown, and in words what was not understood."""
    found = await newegg.submit(hand_off(new_order()))
    await newegg_emulator.post("faults", kind="status", status=200, body=body, path=path, method=method, times=1)
    with pytest.raises(RetryError) as caught:
        await newegg.cancel(found.reference)
    assert caught.value.unknown is True
    assert caught.value.code in ("newegg_unknown_status", "newegg_unavailable")
