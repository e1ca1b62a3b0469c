"""Contract of the LabelHistory port, on the fake and on each carrier that lists its labels."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

import pytest

from ordersaga.domain.errors import RetryError
from ordersaga.domain.reconciliation import LabelRecord
from ordersaga.domain.shipping import CancelDecision, LabelState
from ordersaga.domain.statuses import ParcelStatus
from ordersaga.gateways.easypost.carrier import EasyPost
from ordersaga.gateways.private_delivery.carrier import PrivateDelivery
from ordersaga.ports import Carrier, LabelHistory
from tests.contracts.carrier_courier import (
    CourierByHand,
    courier_company,
    courier_emulator,
    lose_second_page,
    paged_courier,
)
from tests.fakes.shipping import FakeCarrier
from tests.gateways.conftest import easypost_company, easypost_emulator
from tests.gateways.support import TIMEOUT, label, new_order
from tests.support.by_hand import EasyPostByHand
from tests.support.emulators import EmulatorProcess

__all__ = ["courier_company", "courier_emulator", "easypost_company", "easypost_emulator", "paged_courier"]

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


class Company(Carrier, LabelHistory, Protocol):
    """Who sells labels, and remembers."""


@dataclass(frozen=True)
class Account:
    """A carrier, and the hands that act past us: buy under a reference, answering the label's id; scan; lose."""

    company: Company
    buy_elsewhere: Callable[[str], Awaitable[str]]
    scan: Callable[[str], Awaitable[object]]
    lose_answer: Callable[[], Awaitable[object]]

    async def listed(self, *label_ids: str, since: datetime | None = None) -> list[LabelRecord]:
        """What is listed of these labels; others share the account."""
        found = self.company.labels_since(since or datetime.now(UTC) - HOUR)
        return [each async for each in found if each.label_id in label_ids]

    async def bought(self) -> LabelState:
        """A label for a new order."""
        return await self.company.book(label(new_order()))


def fake_account() -> Account:
    """In memory."""
    fake = FakeCarrier()

    async def buy_elsewhere(reference: str) -> str:
        return fake.buy_elsewhere(reference).label_id

    async def scan(reference: str) -> None:
        fake.track(reference, ParcelStatus.IN_TRANSIT)

    async def lose_answer() -> None:
        fake.fail_next("labels_since", RetryError("no_answer", "lost", unknown=True), after_doing=True)

    return Account(fake, buy_elsewhere, scan, lose_answer)


def easypost_account(gateway: EasyPost, emulator: EmulatorProcess) -> Account:
    """The real adapter over HTTP."""

    async def scan(reference: str) -> None:
        await emulator.post("advance", match=reference, to="in_transit")

    async def lose_answer() -> None:
        await emulator.post("faults", kind="lose_answer", method="GET", path="/v2/shipments$", skip=1, times=1)

    return Account(gateway, EasyPostByHand(emulator.url).buy, scan, lose_answer)


def courier_account(gateway: PrivateDelivery, emulator: EmulatorProcess) -> Account:
    """A private courier over HTTP."""

    async def scan(reference: str) -> None:
        await emulator.post("advance", match=reference, to="in_transit")

    return Account(gateway, CourierByHand(emulator.url).buy, scan, partial(lose_second_page, emulator))


@pytest.fixture
async def paged_easypost(easypost_emulator: EmulatorProcess) -> AsyncIterator[EasyPost]:
    """The gateway, with two labels to a page."""
    gateway = EasyPost("EZTK-history", base_url=easypost_emulator.url, timeout=TIMEOUT, page_size=2)
    yield gateway
    await gateway.aclose()


@pytest.fixture(params=["fake", "easypost", "courier"])
def account(request: pytest.FixtureRequest) -> Account:
    """An account of each kind."""
    if request.param == "fake":
        return fake_account()
    if request.param == "courier":
        return courier_account(request.getfixturevalue("paged_courier"), request.getfixturevalue("courier_emulator"))
    return easypost_account(request.getfixturevalue("paged_easypost"), request.getfixturevalue("easypost_emulator"))


async def test_a_label_of_ours_bears_our_reference(account: Account) -> None:
    """Listed as it was bought: whose it is, by whom it goes, neither given back nor scanned."""
    bought = await account.bought()
    (found,) = await account.listed(bought.label_id)
    assert (found.reference, found.carrier) == (bought.reference, bought.carrier)
    assert found.tracking_number == bought.tracking_number
    assert (found.voided, found.scanned, found.tracking) == (False, False, ParcelStatus.LABELED)


async def test_labels_of_other_systems_have_no_reference(account: Account) -> None:
    """One without a reference, or with one that is not made as ours are, is nobody's of us."""
    ids = [await account.buy_elsewhere(reference) for reference in ("", "PO 4711/7")]
    assert [each.reference for each in await account.listed(*ids)] == ["", ""]


async def test_every_label_is_listed_once(account: Account) -> None:
    """However many pages they fill."""
    bought = [(await account.bought()).label_id for _ in range(5)]
    assert sorted(each.label_id for each in await account.listed(*bought)) == sorted(bought)


async def test_the_moment_itself_belongs_to_what_follows(account: Account) -> None:
    """A label bought then is listed, one bought before is not."""
    label_id = (await account.bought()).label_id
    (found,) = await account.listed(label_id)
    assert await account.listed(label_id, since=found.created_at) == [found]
    assert await account.listed(label_id, since=found.created_at + SECOND) == []


async def test_two_labels_under_one_reference(account: Account) -> None:
    """Both are listed; the one that is named by its id is given back, the other stays in force."""
    first = await account.bought()
    second = await account.buy_elsewhere(first.reference)
    both = (first.label_id, second)
    assert [each.reference for each in await account.listed(*both)] == [first.reference] * 2
    decision = await account.company.void_label(first.label_id)
    assert decision in {CancelDecision.CANCELED, CancelDecision.PENDING}
    assert {each.label_id: each.voided for each in await account.listed(*both)} == {first.label_id: True, second: False}
    await account.company.void_label(second)
    assert [each.voided for each in await account.listed(*both)] == [True, True]


async def test_a_label_given_back_stays_listed(account: Account) -> None:
    """It says so, whichever way it was given back, and giving it back again is harmless."""
    bought = await account.bought()
    decision = await account.company.void(bought.reference)
    assert [each.voided for each in await account.listed(bought.label_id)] == [True]
    assert await account.company.void_label(bought.label_id) is decision
    assert [each.voided for each in await account.listed(bought.label_id)] == [True]


async def test_a_scanned_label_is_not_given_back(account: Account) -> None:
    """The carrier has the parcel: refused, and the label stays in force."""
    bought = await account.bought()
    await account.scan(bought.reference)
    assert await account.company.void_label(bought.label_id) is CancelDecision.REFUSED
    (found,) = await account.listed(bought.label_id)
    assert (found.voided, found.scanned, found.tracking) == (False, True, ParcelStatus.IN_TRANSIT)


async def test_a_label_nobody_bought(account: Account) -> None:
    """There is nothing to give back."""
    assert await account.company.void_label("shp_0") is CancelDecision.NOTHING_TO_UNDO


async def test_an_answer_lost_midway(account: Account) -> None:
    """The listing ends with an error for nobody to act on, never as if it were complete; again it is whole."""
    bought = [(await account.bought()).label_id for _ in range(3)]
    await account.lose_answer()
    with pytest.raises(RetryError):
        await account.listed(*bought)
    assert len(await account.listed(*bought)) == 3
