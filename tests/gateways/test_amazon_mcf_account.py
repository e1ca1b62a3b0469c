"""The account at Amazon: access tokens, what must never be told, lists that say more than fits."""

import logging
from datetime import timedelta
from typing import Any

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.gateways.amazon_mcf.client import Credentials
from ordersaga.gateways.amazon_mcf.provider import ApiVersion
from ordersaga.gateways.amazon_mcf.stock import stock_levels
from tests.contracts.house_amazon import CREDENTIALS, amazon, amazon_company, amazon_emulator
from tests.gateways.support import hand_off, new_order, nobody
from tests.support.emulators import EmulatorProcess

__all__ = ["amazon_company", "amazon_emulator"]

TOKENS = "/auth/o2/token"


async def tokens_given(emulator: EmulatorProcess) -> int:
    """How many access tokens were asked for so far."""
    return len(await emulator.get("requests", path=TOKENS))


async def test_one_token_serves_many_calls_and_is_replaced_when_it_expires(amazon_emulator: EmulatorProcess) -> None:
    """An expired token was refused before anything was done: one more try with another is no repetition."""
    before = await tokens_given(amazon_emulator)
    mcf = amazon(amazon_emulator, ApiVersion.V2020)
    await mcf.submit(hand_off(new_order()))
    await mcf.submit(hand_off(new_order()))
    assert await tokens_given(amazon_emulator) == before + 1
    await amazon_emulator.post("expire-tokens")
    parcel = hand_off(new_order())
    await mcf.submit(parcel)
    assert await tokens_given(amazon_emulator) == before + 2
    calls = await amazon_emulator.get("requests", match=parcel.reference)
    assert [(call["method"], call["status"]) for call in calls] == [("POST", 403), ("POST", 200), ("GET", 200)]
    await mcf.aclose()


async def test_a_token_refused_for_good_is_asked_for_twice_only(amazon_emulator: EmulatorProcess) -> None:
    """A new token that is refused as well is an operator's."""
    body = {
        "errors": [{"code": "Unauthorized", "message": "denied", "details": "The access token you provided is bad"}]
    }
    parcel = hand_off(order_id := new_order())
    await amazon_emulator.post("faults", kind="status", status=403, body=body, match=order_id)
    mcf = amazon(amazon_emulator, ApiVersion.V2020)
    with pytest.raises(OperatorError) as caught:
        await mcf.submit(parcel)
    assert caught.value.code == "amazon_mcf_credentials"
    assert len(await amazon_emulator.get("requests", match=parcel.reference)) == 2
    await mcf.aclose()


@pytest.mark.parametrize(("refresh_token", "fault"), [("no-refresh-token", None), ("Atzr|x", 401)])
async def test_credentials_that_are_refused_are_an_operators(
    amazon_emulator: EmulatorProcess, refresh_token: str, fault: int | None
) -> None:
    """And not quoted."""
    if fault:
        await amazon_emulator.post("faults", kind="status", status=fault, path=TOKENS, times=1)
    mcf = amazon(amazon_emulator, ApiVersion.V2026, credentials=Credentials("id", "client-secret", refresh_token))
    with pytest.raises(OperatorError) as caught:
        await mcf.inquire(f"{new_order()}-1-1")
    assert caught.value.code == "amazon_mcf_credentials"
    assert not any(each in str(caught.value) for each in ("client-secret", refresh_token))
    await mcf.aclose()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 429},
        {"kind": "reset_before"},
        {"kind": "lose_answer"},
        {"kind": "status", "status": 200, "body": {"surprise": 1}},
    ],
)
async def test_without_a_token_nothing_was_sent(amazon_emulator: EmulatorProcess, fault: dict[str, object]) -> None:
    """Login with Amazon fails: to be tried again, and never unknown, for the order was not sent."""
    mcf, parcel = amazon(amazon_emulator, ApiVersion.V2020), hand_off(new_order())
    await amazon_emulator.post("faults", path=TOKENS, times=1, **fault)
    with pytest.raises(RetryError) as caught:
        await mcf.submit(parcel)
    assert (caught.value.code, caught.value.unknown) == ("amazon_mcf_no_token", False)
    assert await mcf.inquire(parcel.reference) is None
    await mcf.aclose()


async def test_nobody_at_the_token_endpoint(amazon_emulator: EmulatorProcess) -> None:
    """The same."""
    mcf = amazon(amazon_emulator, ApiVersion.V2020, token_url=nobody() + TOKENS)
    with pytest.raises(RetryError) as caught:
        await mcf.inquire("o-1-1")
    assert (caught.value.code, caught.value.unknown) == ("amazon_mcf_no_token", False)
    await mcf.aclose()


async def test_secrets_are_in_no_log(amazon_emulator: EmulatorProcess, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the library nor ours writes tokens, secrets or the shopper's address."""
    caplog.set_level(logging.INFO)
    mcf = amazon(amazon_emulator, ApiVersion.V2020)
    await mcf.submit(hand_off(new_order()))
    told = caplog.text + repr(CREDENTIALS)
    assert not any(each in told for each in ("Atza|", "Atzr|", CREDENTIALS.client_secret, "Lovelace", "1 Main St"))
    await mcf.aclose()


async def test_a_call_that_takes_too_long_is_given_up(amazon_emulator: EmulatorProcess) -> None:
    """The time-out of a call holds, whatever the client library makes of it."""
    mcf = amazon(amazon_emulator, ApiVersion.V2026, timeout=timedelta(seconds=1))
    await mcf.stock()
    await amazon_emulator.post("faults", kind="hang", path="/summaries$", times=1)
    with pytest.raises(RetryError) as caught:
        await mcf.stock()
    assert caught.value.code == "amazon_mcf_no_answer"
    await mcf.aclose()


def test_levels_add_up_by_sku() -> None:
    """Sellable and reserved units lie there; what is inbound or damaged does not; several conditions are one shelf."""
    details = {"fulfillableQuantity": 5, "inboundShippedQuantity": 9, "reservedQuantity": {"totalReservedQuantity": 2}}
    twice: list[dict[str, Any]] = [{"sellerSku": "A", "inventoryDetails": details}] * 2
    items = [*twice, {"sellerSku": None}, {"sellerSku": "B"}]
    levels = {level.sku: (level.on_hand, level.committed) for level in stock_levels(items)}
    assert levels == {"A": (14, 4), "B": (0, 0)}
