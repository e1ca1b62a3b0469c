"""One order's page: what is shown, and what can be done from it."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from ordersaga.client_errors import OrderNotFoundError
from ordersaga.domain.books import MoneyTransaction, authorized
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.domain.journal import AttentionItem, JournalEntry, JournalUpdate, ParcelAddress
from ordersaga.domain.orders import LineQuantity, ParcelPlan, Payment
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.fakes.samples import address
from tests.support.api import Api, StubOrders, order_body
from tests.support.console import Browser
from workflows.messages import (
    Asked,
    CancelRequest,
    ChangeCarrier,
    ChangePayment,
    DelayConsent,
    Expedite,
    MoveParcel,
    ParcelView,
    SplitParcel,
)

PART = {"HX-Request": "true"}


async def placed(api: Api, order_id: str = "web_1", units: int = 1) -> None:
    """An order of MUG."""
    lines = [{"sku": "MUG", "quantity": units, "unit_price": 1000}]
    assert (await api.post("/v1/orders", order_body(order_id=order_id, lines=lines))).status_code == 202


async def tried(api: Api, step: str, outcome: EffectStatus, code: str | None = None) -> None:
    """A call that was begun twice and came to this."""
    ledger = api.services.effects
    intent = EffectIntent(
        order_id="web_1", step=step, parcel=1, amount=1590, currency="USD", lease=timedelta(microseconds=1)
    )
    await ledger.begin(intent)
    await ledger.begin(intent)
    moved = MoneyTransaction(
        transaction_id=intent.key,
        order_id="web_1",
        parcel=1,
        currency="USD",
        memo=f"{step} of parcel 1",
        postings=authorized(1590),
    )
    told = (moved,) if outcome is EffectStatus.DONE else ()
    await ledger.settle(intent.key, EffectOutcome(status=outcome, external_id="pi_1", code=code, transactions=told))


def line(page: str, text: str) -> str:
    """The row of the saga's list that says this."""
    return next(row for row in page.split("<tr ")[1:] if text in row).split("</tr>")[0]


async def test_a_parcel_that_goes_elsewhere_is_told_with_its_place(api: Api, browser: Browser) -> None:
    """City, region and country; whose address it is stands with the order's own only."""
    await placed(api)
    went = ParcelAddress(parcel=1, ship_to=address(name="Zebulon Quix", line1="9 Quay", city="Boston", region="MA"))
    await api.services.journal.record(JournalUpdate(order_id="web_1", status=OrderStatus.FULFILLING, elsewhere=(went,)))
    await browser.sign_in("viewer")
    page = (await browser.get("/console/orders/web_1")).text
    assert "<dt>Parcel 1 to</dt><dd>Boston, MA, US</dd>" in page
    assert not [word for word in ("Zebulon", "Quay") if word in page]


async def test_the_saga_is_drawn_and_listed(api: Api, browser: Browser) -> None:
    """Retries, unknowns, refusals, undo, questions and waits: each in the drawing and in the list, in its lane."""
    await placed(api)
    await tried(api, "authorize", EffectStatus.DONE)
    await tried(api, "hand_off", EffectStatus.UNKNOWN)
    await tried(api, "book_label", EffectStatus.REFUSED, "address_invalid")
    await tried(api, "void", EffectStatus.DONE)
    earlier = datetime.now(UTC) - timedelta(hours=3, seconds=45)
    entries = (
        JournalEntry(entry_id="saga-0", at=earlier, kind="hold", text="ann placed hold fraud_review"),
        JournalEntry(entry_id="saga-1", at=earlier, kind="delivered", text="it is there", parcel=1),
    )
    await api.services.journal.record(
        JournalUpdate(order_id="web_1", status=OrderStatus.NEEDS_ATTENTION, entries=entries)
    )
    await browser.sign_in("viewer")
    page = (await browser.get("/console/orders/web_1")).text
    for mark in ("done", "unknown", "refused", "undo", "wait", "note"):
        assert f'<g class="mark {mark}">' in page, mark
    for text, lane, *said in (
        ("authorize: done", "money", "2 attempts", "USD 15.90", "pi_1"),
        ("hand off: outcome unknown", "provider", "still open"),
        ("book label: refused (address invalid)", "carrier"),
        ("void: done", "money", '<span class="tag">undo</span>'),
        ("1 MUG held at nj-1", "stock"),
        ("ann placed hold", "order"),
        ("it is there", "carrier"),
    ):
        row = line(page, text)
        assert f'<td data-label="Lane">{lane}</td>' in row, row
        assert all(words in row for words in said), row
    assert "waited 3 h" in line(page, "waited")
    assert '<g class="gap">' in page


async def test_the_books_stand_beside_it(api: Api, browser: Browser) -> None:
    """Money by account and line by line, units the same, as the API tells them."""
    await placed(api)
    await tried(api, "authorize", EffectStatus.DONE)
    books = (await api.get("/v1/orders/web_1/books", role="support")).json()
    assert books["unit_totals"] == [{"account": "held", "sku": "MUG", "quantity": 1}]
    assert [(total["account"], total["amount"]) for total in books["money_totals"]] == [
        ("authorization", 1590),
        ("authorization_contra", -1590),
    ]
    await browser.sign_in("viewer")
    page = (await browser.get("/console/orders/web_1")).text
    assert "authorize of parcel 1" in page
    assert "USD -15.90" in page
    assert "held: available to held" in page


async def test_where_else_it_can_be_looked_at(api: Api, browser: Browser) -> None:
    """Its workflow with a link to Temporal's UI; what companies call it, without one as they are not the real ones."""
    await placed(api)
    await tried(api, "authorize", EffectStatus.DONE)
    await browser.sign_in("viewer")
    page = (await browser.get("/console/orders/web_1")).text
    assert '<a href="http://127.0.0.1:8233/namespaces/default/workflows/order-web_1"' in page
    assert "<code>pi_1</code>" in page


async def test_why_and_what_its_saga_says_come_apart(api: Api, browser: Browser, orders: StubOrders) -> None:
    """Words of the saga when it answers; the page and the journal's words when it does not."""
    await placed(api)
    await browser.sign_in("viewer")
    assert "It waits for the carrier." in (await browser.get("/console/orders/web_1/now")).text
    orders.error = OrderNotFoundError("web_1")
    assert (await browser.get("/console/orders/web_1")).status_code == 200
    assert "this is from our records" in (await browser.get("/console/orders/web_1/now")).text


async def test_why_it_ships_from_there_is_folded_until_it_has_left(
    api: Api, browser: Browser, orders: StubOrders
) -> None:
    """Its saga's words stand there a sentence each; where from is a detail, and none of what has left."""
    await placed(api)
    orders.said = "It waits for the carrier. Next: the first scan."
    await browser.sign_in("support")
    (plan,) = (await api.get("/v1/orders/web_1")).json()["parcels"]
    for status, is_told in (("accepted", True), ("delivered", False)):
        parcel = ParcelView(plan=ParcelPlan.model_validate(plan), status=ParcelStatus(status))
        orders.live = {"parcels": (parcel,)}
        page = (await browser.get("/console/orders/web_1/now", headers=PART)).text
        said, _, folded = page.partition("<details")
        assert "<p>It waits for the carrier.</p><p>Next: the first scan.</p>" in said
        assert ("ships from nj-1" in said, "ships from nj-1" in folded.partition("</details>")[0]) == (False, is_told)


async def test_what_keeps_it_is_told_and_a_link_away(api: Api, browser: Browser) -> None:
    """Support reads it in words; who oversees lanes and stops is led to them."""
    await placed(api)
    lane = "/v1/lanes/provider-shipbob/breaker"
    await api.post(lane, {"state": "open", "reason": "orders get lost there", "minutes": 90})
    await browser.sign_in("support")
    page = (await browser.get("/console/orders/web_1/now", headers=PART)).text
    assert "The breaker of provider-shipbob is kept open by test operator since " in page
    assert "/console/network/" not in page
    await browser.post("/console/sign-out")
    await browser.sign_in("viewer")
    page = (await browser.get("/console/orders/web_1/now", headers=PART)).text
    assert 'Kept by <a href="/console/network/provider-shipbob">provider-shipbob</a>' in page


async def test_who_may_only_read_is_offered_nothing(api: Api, browser: Browser) -> None:
    """No form of an action; sent all the same, the API refuses it."""
    await placed(api)
    await browser.sign_in("viewer")
    page = (await browser.get("/console/orders/web_1")).text
    assert "/preview" not in page
    refused = await browser.post("/console/orders/web_1/hold", {"kind": "fraud_review"}, headers=PART)
    assert (refused.status_code, refused.headers["hx-retarget"]) == (403, "#notice")


async def test_a_cancellation_rests_on_its_preview(api: Api, browser: Browser, orders: StubOrders) -> None:
    """Units as they were typed; the preview asks nothing of the order, and what is sent then carries its digest."""
    await placed(api)
    await browser.sign_in("support")
    form = {"units:MUG": "1", "reason": "changed their mind"}
    preview = await browser.post("/console/orders/web_1/cancel/preview", form, headers=PART)
    assert preview.status_code == 200, preview.text
    assert "too late" in preview.text
    assert "Nothing is done yet." in preview.text
    assert ("cancel", "web_1") not in orders.asked
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', preview.text))
    done = await browser.post("/console/orders/web_1/cancel", fields, headers=PART)
    assert done.headers["hx-trigger"] == "order-changed"
    await browser.post("/console/orders/web_1/cancel", fields, headers=PART)
    once, request = [asked for asked in orders.requests if isinstance(asked, CancelRequest)][-2:]
    assert once.request_id == request.request_id is not None
    assert request.model_dump(include={"reason", "digest"}) == {
        "reason": "changed their mind",
        "digest": fields["digest"],
    }


@pytest.mark.parametrize("amount", ["", "a lot", "1.234", "-1", "1,00"])
async def test_what_is_no_amount_is_told_with_its_field(api: Api, browser: Browser, amount: str) -> None:
    """422 in the page's notice, with field and remedy; nothing was asked of the order."""
    await placed(api)
    await browser.sign_in("support")
    form = {"amount": amount, "currency": "USD", "parcel": "0", "reason": "late"}
    answer = await browser.post("/console/orders/web_1/refund/preview", form, headers=PART)
    assert (answer.status_code, answer.headers["hx-retarget"]) == (422, "#notice")
    assert "<code>amount</code>" in answer.text
    assert "write it like 12.34" in answer.text


async def test_a_question_is_answered_from_the_page(api: Api, browser: Browser, orders: StubOrders) -> None:
    """Support reads it, an operator sees what a choice would do, and makes it."""
    await placed(api)
    item = AttentionItem(
        item_id="web_1-q1",
        order_id="web_1",
        parcel=1,
        kind="unknown_capture",
        question="Was it captured?",
        choices=("retry", "adopt"),
        opened_at=datetime.now(UTC),
    )
    update = JournalUpdate(order_id="web_1", status=OrderStatus.NEEDS_ATTENTION, attention=(item,))
    await api.services.journal.record(update)
    await browser.sign_in("support")
    page = (await browser.get("/console/orders/web_1")).text
    assert ("Was it captured?" in page, "answer/preview" in page) == (True, False)
    await browser.post("/console/sign-out")
    await browser.sign_in("operator")
    form = {"item": "web_1-q1", "choice": "retry", "reason": "the bank says no"}
    preview = await browser.post("/console/orders/web_1/answer/preview", form, headers=PART)
    assert "Answer: retry: resolved" in preview.text
    assert ("resolve_attention", "web_1") not in orders.asked
    done = await browser.post("/console/orders/web_1/answer", form, headers=PART)
    assert done.status_code == 200, done.text
    assert ("resolve_attention", "web_1") in orders.asked


async def test_without_scripts_a_preview_is_a_page(api: Api, browser: Browser) -> None:
    """The same preview with the bar around it, and the way back to the order."""
    await placed(api)
    await browser.sign_in("support")
    page = await browser.post("/console/orders/web_1/cancel/preview", {"reason": "asked"})
    assert '<a href="/console/orders/web_1">' in page.text
    assert "Cancel now" in page.text


async def test_the_menu_offers_what_is_possible(api: Api, browser: Browser) -> None:
    """By the order's state: at the provider's, on its way, over; and erasure to an operator, not to support."""
    await placed(api, units=2)
    offered = {
        OrderStatus.PENDING: {"cancel", "hold"},
        OrderStatus.FULFILLING: {
            "cancel", "hold", "address", "expedite", "move", "carrier", "split", "arrival", "payment"
        },
        OrderStatus.SHIPPED: {"cancel", "arrival", "refund", "payment"},
        OrderStatus.COMPLETED: {"erase"},
        OrderStatus.CANCELED: {"erase"},
    }  # fmt: skip
    for role, never in (("operator", set[str]()), ("support", {"erase"})):
        await browser.sign_in(role)
        for status, names in offered.items():
            await api.services.journal.record(JournalUpdate(order_id="web_1", status=status))
            for path in ("/console/orders/web_1", "/console/orders/web_1/actions"):
                assert forms(await browser.get(path)) == names - never, (role, status)
        await browser.post("/console/sign-out")


async def test_the_menu_is_what_the_order_says_may_be_asked(api: Api, browser: Browser, orders: StubOrders) -> None:
    """Needs attention, and there: nothing that its status would let be; arrival while something is on its way."""
    await placed(api, units=2)
    await api.services.journal.record(JournalUpdate(order_id="web_1", status=OrderStatus.NEEDS_ATTENTION))
    await browser.sign_in("support")
    (plan,) = (await api.get("/v1/orders/web_1")).json()["parcels"]
    for status, arrival in (("delivered", set[str]()), ("in_transit", {"arrival"})):
        parcel = ParcelView(plan=ParcelPlan.model_validate(plan), status=ParcelStatus(status))
        orders.live = {"parcels": (parcel,), "possible": ("payment",)}
        assert forms(await browser.get("/console/orders/web_1/actions")) == {"payment"} | arrival
    orders.live = {"possible": None}
    assert "move" in forms(await browser.get("/console/orders/web_1/actions"))


async def test_the_menu_is_there_once_the_order_was_asked(api: Api, browser: Browser) -> None:
    """The page waits for what its saga says; what the records say stands there for who has no scripts."""
    await placed(api)
    await browser.sign_in("support")
    page = (await browser.get("/console/orders/web_1")).text
    by_records = page.partition('<div id="actions"')[2].partition("<noscript>")
    assert 'hx-trigger="load, order-changed from:body"' in by_records[0]
    assert "/cancel/preview" in by_records[2].partition("</noscript>")[0]
    assert page.count("/cancel/preview") == by_records[2].partition("</noscript>")[0].count("/cancel/preview")


async def test_a_delay_notice_is_answered_once_there_is_one(api: Api, browser: Browser) -> None:
    """Its story tells; before, there is nothing to answer. A parcel of one unit cannot be split."""
    await placed(api)
    await browser.sign_in("support")
    entry = JournalEntry(entry_id="saga-9", at=datetime.now(UTC), kind="delay_notice", text="ships later", parcel=1)
    for entries, is_offered in (((), False), ((entry,), True)):
        await api.services.journal.record(
            JournalUpdate(order_id="web_1", status=OrderStatus.FULFILLING, entries=entries)
        )
        offered = forms(await browser.get("/console/orders/web_1"))
        assert ("delay" in offered, "split" in offered) == (is_offered, False)


def forms(page: httpx.Response) -> set[str]:
    """The actions that have a form on the page."""
    return set(re.findall(r'action="/console/orders/web_1/([a-z]+)/preview"', page.text))


CHANGES: dict[str, tuple[dict[str, str], Asked]] = {
    "expedite": ({"parcel": "0"}, Expedite(by="ann")),
    "carrier": ({"parcel": "1", "carrier": "ups"}, ChangeCarrier(by="ann", parcel=1, carrier="ups")),
    "move": (
        {"parcel": "1", "location": "nj-1"},
        MoveParcel(by="ann", parcel=1, location="nj-1", provider="shipbob"),
    ),
    "split": (
        {"parcel": "1", "units:MUG": "1"},
        SplitParcel(by="ann", parcel=1, lines=(LineQuantity(sku="MUG", quantity=1),)),
    ),
    "delay": ({"consent": "no"}, DelayConsent(by="ann", consent=False)),
    "payment": (
        {"payment_method": "pm_other", "customer": "cus_1"},
        ChangePayment(by="ann", payment=Payment(payment_method="pm_other", customer="cus_1")),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_previewed_and_then_asked_once(
    api: Api, browser: Browser, orders: StubOrders, name: str
) -> None:
    """The preview tells its effects and asks for nothing; what it carries asks for just what was typed."""
    fields, asked = CHANGES[name]
    await placed(api)
    orders.foretold = {"effects": ("Parcel 1 does as it is told.",)}
    await browser.sign_in("support")
    preview = await browser.post(f"/console/orders/web_1/{name}/preview", {**fields, "reason": "asked"}, headers=PART)
    assert "Parcel 1 does as it is told." in preview.text, preview.text
    assert ("preview_change", "web_1") in orders.asked
    assert ("change", "web_1") not in orders.asked
    kept = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', preview.text))
    done = await browser.post(f"/console/orders/web_1/{name}", kept, headers=PART)
    assert (done.status_code, done.headers["hx-trigger"]) == (200, "order-changed"), done.text
    (request,) = [each for each in orders.requests if isinstance(each, type(asked))]
    assert request.request_id is not None
    ours = {"by", "reason", "request_id"}
    assert request.model_dump(exclude=ours) == asked.model_dump(exclude=ours)
    assert request.reason == "asked"


async def test_what_is_no_change_is_told_with_its_field(api: Api, browser: Browser, orders: StubOrders) -> None:
    """422 with field and remedy, by the console or by the API; a refusal offers no button."""
    await placed(api)
    await browser.sign_in("support")
    for name, form, field in (
        ("split", {"parcel": "1", "units:MUG": "x"}, "units:MUG"),
        ("split", {"parcel": "1"}, "lines"),
        ("move", {"parcel": "1", "location": "moon"}, "location"),
        ("delay", {}, "consent"),
        ("return", {"units:MUG": "1", "instead": "TEE"}, "instead"),
        ("return", {"units:MUG": "1"}, "reason"),
        ("erase", {"reference": "r-1"}, None),
    ):
        answer = await browser.post(f"/console/orders/web_1/{name}/preview", form, headers=PART)
        assert answer.status_code == (422 if field else 403), answer.text
        assert field is None or f"<code>{field}</code>" in answer.text
    orders.foretold = {"outcome": "refused", "effects": ("too late",)}
    form = {"parcel": "1", "carrier": "ups", "reason": "asked"}
    refused = await browser.post("/console/orders/web_1/carrier/preview", form, headers=PART)
    assert ("Nothing was done." in refused.text, "<button" in refused.text) == (True, False)
