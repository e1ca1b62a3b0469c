"""UPS against the emulated UPS: labels bought, found, given back."""

import json
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from ordersaga.breaker_ports import CallPassage
from ordersaga.domain.errors import CustomerError, OperatorError, RateLimitedError, RetryError
from ordersaga.domain.shipping import CancelDecision, LabelState, ShippingService
from ordersaga.gateways.lane_gate import OPEN
from ordersaga.gateways.ups.carrier import UPS
from ordersaga.gateways.ups.requests import reference_number
from tests.contracts.carrier_ups import CREDENTIALS, gateway, ups, ups_company, ups_emulator
from tests.gateways.support import TIMEOUT, address, label, new_order, nobody, unknown_outcome
from tests.support.emulators import EmulatorProcess

__all__ = ["ups", "ups_company", "ups_emulator"]

SHIP, VOID, TOKEN = "/v2409/ship$", "/void/cancel/", "/oauth/token$"
TRACK, RECOVERY = "/reference/details/", "/recovery$"
NO_TOKEN = {"access_token": "t", "expires_in": "soon"}


async def labels(emulator: EmulatorProcess, match: str) -> list[dict[str, Any]]:
    """What UPS itself holds."""
    found: list[dict[str, Any]] = (await emulator.get("records", match=match)).get("shipments", [])
    return found


async def asked(emulator: EmulatorProcess, path: str, match: str = "") -> int:
    """How often UPS was asked something."""
    return len(await emulator.get("requests", path=path.rstrip("$"), match=match))


async def fault(emulator: EmulatorProcess, kind: str, path: str, **more: Any) -> None:
    """One accident."""
    await emulator.post("faults", kind=kind, path=path, times=1, **more)


@asynccontextmanager
async def another(emulator: EmulatorProcess, **changes: Any) -> AsyncIterator[UPS]:
    """A gateway set up otherwise."""
    carrier = gateway(emulator, **changes)
    try:
        yield carrier
    finally:
        await carrier.aclose()


@asynccontextmanager
async def lagging(emulator: EmulatorProcess, seconds: int) -> AsyncIterator[None]:
    """Tracking learns of new labels so much later."""
    await emulator.post("tracking-delay", seconds=seconds)
    try:
        yield
    finally:
        await emulator.post("tracking-delay", seconds=0)


async def test_a_label_is_bought_at_our_own_price(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """One label under our reference, its weight rounded up to a tenth of a pound, its price the account's."""
    bought = await ups.book(label(order_id := new_order()))
    (held,) = await labels(ups_emulator, order_id)
    assert bought == LabelState(
        label_id=held["id"],
        reference=f"{order_id}-1-1",
        carrier="UPS",
        tracking_number=held["id"],
        cost=815,
        currency="USD",
        url=f"https://ups-labels.example/{held['id']}",
    )
    assert held["charge"] == "8.15"
    assert held["references"] == [f"{order_id}-1-1"]
    assert held["package"]["PackageWeight"] == {"UnitOfMeasurement": {"Code": "LBS"}, "Weight": "1.2"}
    assert await ups.inquire(bought.reference) == bought.model_copy(update={"cost": None})


async def test_services_and_carriers(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Expedited is the second day by air unless the account says otherwise; nobody else's labels are sold."""
    await ups.book(label(second := new_order(), service=ShippingService.EXPEDITED, carrier="ups"))
    async with another(ups_emulator, services={ShippingService.EXPEDITED: "01"}) as overnight:
        await overnight.book(label(first := new_order(), service=ShippingService.EXPEDITED))
    assert [each["service"] for order in (second, first) for each in await labels(ups_emulator, order)] == ["02", "01"]
    with pytest.raises(OperatorError) as caught:
        await ups.book(label(other := new_order(), carrier="fedex"))
    assert caught.value.code == "no_rates"
    assert await labels(ups_emulator, other) == []


async def test_a_repeat_buys_nothing(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """The label that stands under the reference is the answer."""
    bought = await ups.book(label(order_id := new_order()))
    assert (await ups.book(label(order_id))).label_id == bought.label_id
    assert len(await labels(ups_emulator, order_id)) == 1
    assert await asked(ups_emulator, SHIP, order_id) == 1


@pytest.mark.parametrize("lag", [0, 3600])
async def test_a_lost_answer_to_ship_is_found(ups: UPS, ups_emulator: EmulatorProcess, lag: int) -> None:
    """Unknown; then found, by label recovery where tracking knows nothing yet, and no second label is bought."""
    order_id = new_order()
    async with lagging(ups_emulator, lag):
        await fault(ups_emulator, "lose_answer", SHIP)
        with unknown_outcome("ups_no_answer"):
            await ups.book(label(order_id))
        (held,) = await labels(ups_emulator, order_id)
        found = await ups.inquire(f"{order_id}-1-1")
        assert found is not None
        assert (found.label_id, found.voided) == (held["id"], False)
        assert await ups.book(label(order_id)) == found
    assert await asked(ups_emulator, SHIP, order_id) == 1


async def test_a_request_that_never_arrived_is_made_again(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Unknown as well; nothing is found, so the label is bought."""
    order_id = new_order()
    await fault(ups_emulator, "reset_before", SHIP)
    with unknown_outcome("ups_no_answer"):
        await ups.book(label(order_id))
    assert await ups.inquire(f"{order_id}-1-1") is None
    bought = await ups.book(label(order_id))
    assert [each["id"] for each in await labels(ups_emulator, order_id)] == [bought.label_id]


async def test_a_long_reference_is_found_by_its_short_form(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Two that differ at their end only are two labels, each found by its own; our reference stays what it was."""
    order_id = new_order().ljust(64, "x")
    first, second = f"{order_id}-1-1", f"{order_id}-1-2"
    bought = [await ups.book(label(order_id, reference=reference)) for reference in (first, second)]
    assert bought[0].label_id != bought[1].label_id
    assert [each.reference for each in bought] == [first, second]
    held = await labels(ups_emulator, order_id[:18])
    assert [each["references"] for each in held] == [[reference_number(first)], [reference_number(second)]]
    assert all(len(each["references"][0]) == 35 for each in held)
    assert await ups.inquire(second) == bought[1].model_copy(update={"cost": None})
    (event,) = await ups.changes([first])
    assert event.tracking_number == bought[0].tracking_number


async def test_of_two_labels_the_oldest_stands(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Until it is given back: then the other, and once both are, one that says so."""
    bought = await ups.book(label(order_id := new_order()))
    await fault(ups_emulator, "duplicate", SHIP)
    await fault(ups_emulator, "status", TRACK, status=404)
    await fault(ups_emulator, "refuse", RECOVERY, code="300007")
    await ups.book(label(order_id))
    oldest, *others = [each["id"] for each in await labels(ups_emulator, order_id)]
    assert (oldest, len(others)) == (bought.label_id, 2)
    for expected in (oldest, *others):
        found = await ups.inquire(bought.reference)
        assert found is not None
        assert (found.label_id, found.voided) == (expected, False)
        assert await ups.void(bought.reference) is CancelDecision.CANCELED
    voided = await ups.inquire(bought.reference)
    assert voided is not None
    assert voided.voided is True


async def test_labels_of_other_accounts_are_not_ours(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """The same reference number may be anybody's."""
    async with another(ups_emulator) as other:
        other._account = type(other._account)("Z9Y8X7", other._account.services)
        await other.book(label(order_id := new_order()))
    assert await ups.inquire(f"{order_id}-1-1") is None
    assert await ups.void(f"{order_id}-1-1") is CancelDecision.NOTHING_TO_UNDO


async def test_a_return_goes_from_the_shopper_to_the_warehouse(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """The account ships it, the shopper's address is where it leaves, and the label can be printed."""
    order_id, warehouse = new_order(), address(name="Warehouse", city="Newark", region="NJ", postal_code="07102")
    asked_for = label(order_id, ship_from=address(), ship_to=warehouse, returning=True, reference=f"{order_id}-r1-1")
    bought = await ups.book(asked_for)
    (held,) = await labels(ups_emulator, order_id)
    assert (held["returning"], held["package"]["Description"]) == (True, "Returned goods")
    assert [held[side]["Address"]["City"] for side in ("ship_from", "ship_to")] == ["Chicago", "Newark"]
    assert bought.url
    (event,) = await ups.changes([bought.reference])
    assert (event.returning, event.parcel) == (1, 1)


@pytest.mark.parametrize(
    ("refused", "kept"),
    [
        ({"code": "120802", "message": "1 MAIN STREET, Chicago: unknown to Ada Lovelace"}, "120802"),
        ({"code": "111285", "message": "The postal code 60601 is invalid for IL"}, "111285"),
    ],
)
async def test_a_refused_address_is_the_shoppers_and_not_quoted(
    ups: UPS, ups_emulator: EmulatorProcess, refused: dict[str, str], kept: str
) -> None:
    """UPS's code is named; neither the error nor its traceback says where she lives, and nothing is bought."""
    await fault(ups_emulator, "status", SHIP, status=400, body={"response": {"errors": [refused]}})
    with pytest.raises(CustomerError) as caught:
        await ups.book(label(order_id := new_order()))
    assert str(caught.value) == f"label_refused: {kept}: the address is refused"
    logged = "".join(traceback.format_exception(caught.value)).lower()
    assert not [value for value in ("main st", "lovelace", "60601", "chicago", "3125550100") if value in logged]
    assert await labels(ups_emulator, order_id) == []


async def test_an_address_ups_does_not_know(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """As UPS itself refuses it."""
    with pytest.raises(CustomerError):
        await ups.book(label(order_id := new_order(), ship_to=address(postal_code="00000")))
    assert await labels(ups_emulator, order_id) == []


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "120601", "label_refused"),
        (400, "120302", "label_refused"),  # the address of our own warehouse
        (401, "250002", "ups_credentials"),
        (403, "250003", "ups_credentials"),
    ],
)
async def test_refusals_for_an_operator(
    ups: UPS, ups_emulator: EmulatorProcess, status: int, code: str, expected: str
) -> None:
    """Nothing was bought, and no secret is told; what UPS quotes of the shopper is not repeated."""
    order_id = new_order()
    body = {"response": {"errors": [{"code": code, "message": "no, Lovelace of 1 Main St"}]}}
    await ups_emulator.post("faults", kind="status", status=status, path=SHIP, body=body, times=2)
    with pytest.raises(OperatorError) as caught:
        await ups.book(label(order_id))
    assert caught.value.code == expected
    logged = "".join(traceback.format_exception(caught.value))
    assert not [value for value in ("Lovelace", "1 Main St", "ups-secret", "ups-client") if value in logged]
    assert await labels(ups_emulator, order_id) == []


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_error_is_unknown(ups: UPS, ups_emulator: EmulatorProcess, status: int) -> None:
    """A 5xx may hide a purchase."""
    await fault(ups_emulator, "spoil_answer", SHIP, status=status)
    with unknown_outcome("ups_unavailable"):
        await ups.book(label(order_id := new_order()))
    assert (await ups.book(label(order_id))).label_id == (await labels(ups_emulator, order_id))[0]["id"]
    assert len(await labels(ups_emulator, order_id)) == 1


async def test_a_system_that_is_away_is_unknown(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """UPS says so with a 400."""
    await fault(ups_emulator, "refuse", SHIP, code="120001")
    with unknown_outcome("ups_unavailable"):
        await ups.book(label(new_order()))


async def test_a_rate_limit_was_not_carried_out(ups_emulator: EmulatorProcess) -> None:
    """429 is refused before anything was done, wherever it comes; the lane's gate hears it."""
    heard: list[RateLimitedError] = []

    class Gate:
        @asynccontextmanager
        async def passing(self) -> AsyncIterator[CallPassage]:
            try:
                async with OPEN.passing() as passage:
                    yield passage
            except RateLimitedError as error:
                heard.append(error)
                raise

    async with another(ups_emulator, gate=Gate()) as carrier:
        for path in (TOKEN, SHIP):
            await fault(ups_emulator, "status", path, status=429, headers={"retry-after": "7"})
            with pytest.raises(RateLimitedError) as caught:
                await carrier.book(label(order_id := new_order()))
            assert (caught.value.code, caught.value.unknown) == ("ups_rate_limited", False)
            assert caught.value.retry_after == timedelta(seconds=7)
            assert await labels(ups_emulator, order_id) == []
    assert len(heard) == 2


async def test_a_silent_company_is_unknown_and_a_purchase_has_its_time(ups_emulator: EmulatorProcess) -> None:
    """One call ends with its own time-out; many slow ones end with the time of three."""
    async with another(ups_emulator, timeout=timedelta(seconds=0.6)) as hasty:
        await hasty.inquire(f"{new_order()}-1-1")  # has a token now
        await fault(ups_emulator, "hang", SHIP)
        with unknown_outcome("ups_no_answer"):
            await hasty.book(label(order_id := new_order()))
        assert len(await labels(ups_emulator, order_id)) == 1
    async with another(ups_emulator, timeout=timedelta(seconds=0.6)) as hasty:
        await hasty.inquire(f"{new_order()}-1-1")
        hasty._longest = 0.9
        await ups_emulator.post("faults", kind="latency", latency_ms=500, path="/api/")
        with unknown_outcome("ups_no_answer"):
            await hasty.book(label(order_id := new_order()))
        await ups_emulator.delete("faults")


async def test_an_unreachable_company_was_never_asked() -> None:
    """No connection: it cannot have happened."""
    carrier = UPS(CREDENTIALS, base_url=nobody(), timeout=TIMEOUT)
    with pytest.raises(RetryError) as caught:
        await carrier.book(label(new_order()))
    await carrier.aclose()
    assert (caught.value.code, caught.value.unknown) == ("ups_unreachable", False)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SHIP, {}),
        (SHIP, {"ShipmentResponse": {"ShipmentResults": {"ShipmentIdentificationNumber": None}}}),
        (TRACK, {"trackResponse": "none"}),
        (RECOVERY, {"LabelRecoveryResponse": []}),
    ],
)
async def test_a_malformed_answer_is_unknown(
    ups: UPS, ups_emulator: EmulatorProcess, path: str, body: dict[str, Any]
) -> None:
    """A success that cannot be read may be one."""
    await fault(ups_emulator, "status", path, status=200, body=body)
    with unknown_outcome("ups_unavailable"):
        await ups.book(label(new_order()))


async def test_one_token_serves_many_calls_and_is_renewed(ups_emulator: EmulatorProcess) -> None:
    """It is got once, and again when UPS says in the middle of a purchase that it has ended: one label is bought."""
    before = await asked(ups_emulator, TOKEN)
    async with another(ups_emulator) as carrier:
        await carrier.book(label(new_order()))
        await carrier.book(label(new_order()))
        assert await asked(ups_emulator, TOKEN) == before + 1
        await ups_emulator.post("revoke-tokens")
        await carrier.book(label(order_id := new_order()))
        assert await asked(ups_emulator, TOKEN) == before + 2
    assert len(await labels(ups_emulator, order_id)) == 1


async def test_a_token_refused_at_the_purchase_itself(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """UPS answers 401 before it does anything: the purchase is made once more with another token, and only once."""
    await ups.inquire(f"{new_order()}-1-1")
    before = await asked(ups_emulator, TOKEN)
    await fault(ups_emulator, "status", SHIP, status=401)
    bought = await ups.book(label(order_id := new_order()))
    assert [each["id"] for each in await labels(ups_emulator, order_id)] == [bought.label_id]
    assert await asked(ups_emulator, TOKEN) == before + 1


async def test_a_token_is_given_up_before_it_ends(ups_emulator: EmulatorProcess) -> None:
    """Of one that lives a second only half is used: the next call gets another without a refusal in between."""
    clock = [0.0]
    async with another(ups_emulator) as carrier:
        carrier._calls._tokens._clock = lambda: clock[0]
        before = await asked(ups_emulator, TOKEN)
        for at, got in ((0.0, 1), (14_300.0, 1), (14_350.0, 2)):
            clock[0] = at
            await carrier.inquire(f"{new_order()}-1-1")
            assert await asked(ups_emulator, TOKEN) == before + got


@pytest.mark.parametrize(
    ("fault_of", "expected", "unknown"),
    [
        ({"kind": "status", "status": 401}, "ups_credentials", None),
        ({"kind": "status", "status": 400}, "ups_credentials", None),
        ({"kind": "status", "status": 503}, "ups_unavailable", False),
        ({"kind": "lose_answer"}, "ups_no_answer", False),
        ({"kind": "status", "status": 200, "body": NO_TOKEN}, "ups_unavailable", False),
    ],
)
async def test_without_a_token_nothing_was_asked(
    ups_emulator: EmulatorProcess, fault_of: dict[str, Any], expected: str, unknown: bool | None
) -> None:
    """Whatever is wrong with it, the label was not asked for; neither id nor secret is told."""
    await ups_emulator.post("faults", path=TOKEN, times=1, **fault_of)
    async with another(ups_emulator) as carrier:
        with pytest.raises((OperatorError, RetryError)) as caught:
            await carrier.book(label(order_id := new_order()))
    assert (caught.value.code, getattr(caught.value, "unknown", None)) == (expected, unknown)
    logged = "".join(traceback.format_exception(caught.value))
    assert not [
        value for value in (CREDENTIALS.client_id, CREDENTIALS.client_secret) if value in logged + repr(CREDENTIALS)
    ]
    assert await asked(ups_emulator, "/api/", order_id) == 0


async def test_void_is_decided_at_once(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Given back, told so, and not asked for again."""
    bought = await ups.book(label(new_order()))
    assert await ups.void_news(bought.reference) is None
    assert await ups.void(bought.reference) is CancelDecision.CANCELED
    assert await ups.void(bought.reference) is CancelDecision.CANCELED
    assert await asked(ups_emulator, f"{VOID}{bought.label_id}") == 1
    told = await ups.void_news(bought.reference)
    assert told is not None
    assert (told.notice, told.parcel, told.status) == ("void_settled", 1, "planned")
    assert await ups.look(bought.reference) is None


async def test_a_lost_answer_to_void(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Unknown; a repeat learns what happened, and asks no second time."""
    bought = await ups.book(label(new_order()))
    await fault(ups_emulator, "lose_answer", VOID)
    with unknown_outcome("ups_no_answer"):
        await ups.void(bought.reference)
    found = await ups.inquire(bought.reference)
    assert found is not None
    assert found.voided is True
    assert await ups.void(bought.reference) is CancelDecision.CANCELED
    assert await asked(ups_emulator, f"{VOID}{bought.label_id}") == 1


async def test_a_voided_label_that_tracking_has_not_heard_of(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """Label recovery says that it is voided, and not which it was: that is canceled to whoever voids, else unknown."""
    bought = await ups.book(label(order_id := new_order()))
    async with lagging(ups_emulator, 3600):
        assert await ups.void(bought.reference) is CancelDecision.CANCELED
        assert await ups.void(bought.reference) is CancelDecision.CANCELED
        with unknown_outcome("label_not_visible"):
            await ups.inquire(bought.reference)
    assert (await labels(ups_emulator, order_id))[0]["label"] == "voided"


@pytest.mark.parametrize("told", ["expired", "refused"])
async def test_void_refused_by_ups(ups: UPS, ups_emulator: EmulatorProcess, told: str) -> None:
    """The label stands."""
    await ups_emulator.post("scripts", match=(order_id := new_order()), void=told)
    bought = await ups.book(label(order_id))
    assert await ups.void(bought.reference) is CancelDecision.REFUSED
    assert (await labels(ups_emulator, order_id))[0]["label"] == "bought"


@pytest.mark.parametrize(
    ("code", "decision"),
    [
        ("190117", CancelDecision.CANCELED),
        ("190102", CancelDecision.REFUSED),
        ("190104", CancelDecision.REFUSED),
    ],
)
async def test_codes_of_a_void(ups: UPS, ups_emulator: EmulatorProcess, code: str, decision: CancelDecision) -> None:
    """A label that somebody gave back meanwhile is given back."""
    bought = await ups.book(label(new_order()))
    await fault(ups_emulator, "refuse", VOID, code=code)
    assert await ups.void(bought.reference) is decision


async def test_other_refusals_of_a_void(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """What is wrong with the request is an operator's; a system that is away may have done it; an odd answer too."""
    bought = await ups.book(label(new_order()))
    await fault(ups_emulator, "refuse", VOID, code="190100")
    with pytest.raises(OperatorError):
        await ups.void(bought.reference)
    await fault(ups_emulator, "refuse", VOID, code="190001")
    with unknown_outcome("ups_unavailable"):
        await ups.void(bought.reference)
    await fault(ups_emulator, "status", VOID, status=200, body={})
    with unknown_outcome("ups_unavailable"):
        await ups.void(bought.reference)
    partly = {"VoidShipmentResponse": {"SummaryResult": {"Status": {"Code": "0", "Description": "Not Voided"}}}}
    await fault(ups_emulator, "status", VOID, status=200, body=partly)
    assert await ups.void(bought.reference) is CancelDecision.REFUSED


async def test_what_cannot_be_voided_is_not_asked_for(ups_emulator: EmulatorProcess, ups: UPS) -> None:
    """After the first scan, and after the time that was agreed on."""
    scanned, old = await ups.book(label(order_id := new_order())), await ups.book(label(new_order()))
    await ups_emulator.post("advance", match=order_id, to="in_transit")
    assert await ups.void(scanned.reference) is CancelDecision.REFUSED
    async with another(ups_emulator, void_within=timedelta(0)) as strict:
        assert await strict.void(old.reference) is CancelDecision.REFUSED
    assert [await asked(ups_emulator, f"{VOID}{each.label_id}") for each in (scanned, old)] == [0, 0]
    assert await ups.void(old.reference) is CancelDecision.CANCELED


async def test_nothing_found_is_said_in_two_ways(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """A 404, or a 200 with a warning."""
    reference = f"{new_order()}-1-1"
    assert await ups.inquire(reference) is None
    warning = {
        "inquiryNumber": reference,
        "warnings": [{"code": "TW0001", "message": "Tracking Information Not Found"}],
    }
    await fault(ups_emulator, "status", TRACK, status=200, body={"trackResponse": {"shipment": [warning]}})
    assert await ups.inquire(reference) is None


async def test_what_is_asked_bears_no_more_than_it_must(ups: UPS, ups_emulator: EmulatorProcess) -> None:
    """The shopper's e-mail is not UPS's business; a phone of too few digits is left out."""
    to = address(email="ada@example.com", phone="12-34", line2="Apt 5")
    await ups.book(label(order_id := new_order(), ship_to=to))
    (held,) = await labels(ups_emulator, order_id)
    assert "example.com" not in json.dumps(held)
    assert held["ship_to"]["Address"]["AddressLine"] == ["1 Main St", "Apt 5"]
    assert "Phone" not in held["ship_to"]
