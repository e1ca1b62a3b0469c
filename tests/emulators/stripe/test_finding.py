"""Search and lists: how lost answers are found again."""

from typing import Any

import pytest
import stripe

from tests.emulators.stripe.support import pay
from tests.support.emulators import EmulatorProcess, eventually


async def search(client: stripe.StripeClient, query: str) -> list[str]:
    """Ids found by a query."""
    return [intent.id for intent in (await client.v1.payment_intents.search_async({"query": query})).data]


async def test_search_finds_an_intent_only_later(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Right after its making an intent is not found; a moment later it is."""
    await emulator.post("search-delay", seconds=0.5)
    intent = await pay(client, metadata={"order_id": "ord_1"})
    assert await search(client, "metadata['order_id']:'ord_1'") == []
    assert (await client.v1.payment_intents.retrieve_async(intent.id)).id == intent.id

    async def found() -> bool:
        return await search(client, "metadata['order_id']:'ord_1'") == [intent.id]

    await eventually(found, seconds=3)


async def test_search_joins_clauses(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """Every clause must hold; a neighbor is not found."""
    await emulator.post("search-delay", seconds=0)
    first = await pay(client, metadata={"order_id": "ord_1", "step": "authorize"})
    second = await pay(client, metadata={"order_id": "ord_1", "step": "again"}, amount=2000)
    await pay(client, metadata={"order_id": "ord_10", "step": "authorize"})
    assert await search(client, "metadata['order_id']:'ord_1'") == [second.id, first.id]
    assert await search(client, "metadata['order_id']:'ord_1' AND metadata['step']:'authorize'") == [first.id]
    assert await search(client, 'metadata["order_id"]:"ord_1" AND amount>1000') == [second.id]
    assert await search(client, "metadata['order_id']:'ord_1' AND status:'canceled'") == []


async def test_search_pages(client: stripe.StripeClient, emulator: EmulatorProcess) -> None:
    """A long result continues on the next page."""
    await emulator.post("search-delay", seconds=0)
    made = [(await pay(client, metadata={"batch": "b"})).id for _ in range(3)]
    first = await client.v1.payment_intents.search_async({"query": "metadata['batch']:'b'", "limit": 2})
    assert first.has_more
    assert first.next_page is not None
    rest = await client.v1.payment_intents.search_async(
        {"query": "metadata['batch']:'b'", "limit": 2, "page": first.next_page}
    )
    assert [intent.id for intent in [*first.data, *rest.data]] == made[::-1]
    assert not rest.has_more


@pytest.mark.parametrize("query", ["", "metadata", "shoe_size:'9'", "status:'x' OR status:'y'"])
async def test_a_query_that_makes_no_sense_is_refused(client: stripe.StripeClient, query: str) -> None:
    """Stripe does not guess."""
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await search(client, query)
    assert (caught.value.http_status, caught.value.param) == (400, "query")


async def test_intents_are_listed_by_customer_and_page(client: stripe.StripeClient) -> None:
    """Newest first, page by page, without a gap or a repetition."""
    customer = await client.v1.customers.create_async({"name": "Ada"})
    made = [(await pay(client, customer=customer.id)).id for _ in range(3)]
    await pay(client)
    seen: list[str] = []
    params: Any = {"customer": customer.id, "limit": 2}
    page = await client.v1.payment_intents.list_async(params)
    seen += [intent.id for intent in page.data]
    assert page.has_more
    params["starting_after"] = seen[-1]
    page = await client.v1.payment_intents.list_async(params)
    seen += [intent.id for intent in page.data]
    assert (seen, page.has_more) == (made[::-1], False)


async def test_lists_are_narrowed_by_creation(client: stripe.StripeClient) -> None:
    """`created` bounds a list on both sides."""
    intent = await pay(client)
    for created, expected in (({"gte": intent.created}, [intent.id]), ({"gt": intent.created + 5}, [])):
        params: Any = {"created": created}
        listed = await client.v1.payment_intents.list_async(params)
        assert [found.id for found in listed.data] == expected


async def test_lists_expand_their_items(client: stripe.StripeClient) -> None:
    """`data.latest_charge` saves an auditor a request per intent."""
    await pay(client)
    [intent] = (await client.v1.payment_intents.list_async({"expand": ["data.latest_charge"]})).data
    assert isinstance(intent.latest_charge, stripe.Charge)


async def test_charges_are_listed_by_intent(client: stripe.StripeClient) -> None:
    """A declined attempt and a good one are two charges of one intent."""
    intent = await pay(client, confirm=False)
    declined: Any = {"payment_method": "pm_card_chargeDeclined"}
    with pytest.raises(stripe.CardError):
        await client.v1.payment_intents.confirm_async(intent.id, declined)
    await client.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    charges = (await client.v1.charges.list_async({"payment_intent": intent.id})).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]
