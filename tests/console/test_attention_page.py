"""Attention: causes, questions in words, what each answer would do, and many answered a few at a time."""

import re
from pathlib import Path
from typing import Any

import pytest

from ordersaga.client_errors import SagaUnreachableError
from ordersaga.console.choice_words import choice_words
from ordersaga.console.pages.attention import AT_ONCE
from ordersaga.domain.journal import JournalUpdate
from ordersaga.domain.statuses import OrderStatus
from tests.api.test_attention import ask, listed, resolved
from tests.console.people import HTMX, somebody, words_of
from tests.support.api import Api, StubOrders
from tests.support.console import Browser

PAGE = "/console/attention"
MONEY: dict[str, Any] = {"guarded": ("adopt",), "currency": "USD"}


def hidden(page: str) -> dict[str, Any]:
    """The hidden fields of a page's form for the answer, as a browser would send them."""
    fields: dict[str, Any] = {}
    form = page.partition(f'action="{PAGE}/answer"')[2].partition("</form>")[0]
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form):
        fields.setdefault(name, []).append(value)
    return fields


async def test_questions_stand_by_cause_with_age_and_money(api: Api, browser: Browser) -> None:
    """Each cause once, the one that waits longest first; the filter narrows it, and it keeps itself live."""
    await ask(api, "a1", hours=50, money=123_456, currency="USD")
    await ask(api, "a2", hours=3, money=1_000, currency="USD")
    await ask(api, "a3", hours=60, kind="lost_parcel", money=500, currency="EUR")
    await browser.sign_in("viewer")
    told = words_of((await browser.get(PAGE, headers=HTMX)).text)
    assert told.index("lost parcel 1 1 2 d 12 h") < told.index("unknown capture 2 1 2 d 2 h")
    assert "USD 1,244.56" in told
    assert "EUR 5.00" in told
    assert "unknown capture" not in words_of((await browser.get(f"{PAGE}?older_than_hours=55", headers=HTMX)).text)
    refused = await browser.get(f"{PAGE}?older_than_hours=never")
    assert (refused.status_code, "older_than_hours" in refused.text) == (422, True)


async def test_who_may_not_answer_is_offered_no_answer(api: Api, browser: Browser, orders: StubOrders) -> None:
    """Support and viewers read the question and its choices; a form they send all the same is refused by the API."""
    await ask(api, "a1")
    for role in ("viewer", "support"):
        await browser.sign_in(role)
        page = await browser.get(f"{PAGE}/unknown_capture")
        assert "Was it captured?" in page.text
        assert "try again; safe to repeat" in words_of(page.text)
        assert "/console/attention/plan" not in re.findall(r"<button[^>]*>", page.text)
        assert 'name="only"' not in page.text
        said = {"id": "a1-a1", "kind": "unknown_capture", "choice": "adopt", "reason": "x"}
        assert (await browser.post(f"{PAGE}/answer", said)).status_code == 403
    assert resolved(orders) == []


async def test_every_answer_says_what_it_would_do_before_one_is_given(
    api: Api, browser: Browser, orders: StubOrders
) -> None:
    """Orders, money and second persons by choice; nothing is done by looking."""
    await ask(api, "a1", hours=9, money=60_000, **MONEY)
    await ask(api, "a2", hours=8, money=10_000, **MONEY)
    await ask(api, "a3", hours=7, choices=("refund",), money=700, currency="USD")
    await browser.sign_in("operator")
    await browser.get(f"{PAGE}/unknown_capture")
    page = await browser.post(f"{PAGE}/plan", {"kind": "unknown_capture", "all": "1"})
    told = words_of(page.text)
    assert page.status_code == 200, told
    assert "Answer 3 questions" in told
    assert "2 questions of 2 orders answered, 1 not asked this way and left alone." in told
    assert "1 question of 1 order answered, 1 proposed to a second person, 1 not asked this way" in told
    assert "Money at risk in them: USD 700.00" in told
    assert resolved(orders) == []
    only = await browser.post(f"{PAGE}/plan", {"kind": "unknown_capture", "only": "a2-a1", "id": ["a1-a1"]})
    assert "Answer 1 question" in words_of(only.text)
    nothing = await browser.post(f"{PAGE}/plan", {"kind": "unknown_capture"})
    assert (nothing.status_code, "tick at least one question" in nothing.text) == (422, True)


async def test_many_are_answered_a_few_at_a_time_and_each_failure_is_told(
    api: Api, browser: Browser, orders: StubOrders
) -> None:
    """The page brings the form for the rest until nothing is left; an order that fails stays open."""
    await ask(api, "a1", hours=200)
    first = await ask(api, "a2", hours=100)
    more = tuple(first.model_copy(update={"item_id": f"a2-b{n:02d}"}) for n in range(AT_ONCE))
    await api.services.journal.record(JournalUpdate(order_id="a2", status=OrderStatus.NEEDS_ATTENTION, attention=more))
    orders.refuse = {"a1": SagaUnreachableError("no answer in time")}
    await browser.sign_in("operator")
    planned = await browser.post(f"{PAGE}/plan", {"kind": "unknown_capture", "all": "1"})
    said = {**hidden(planned.text), "choice": "adopt", "reason": "seen at Stripe"}
    begun = await browser.post(f"{PAGE}/answer", said, headers=HTMX)
    assert f"{AT_ONCE} of {AT_ONCE + 2} done" in words_of(begun.text)
    assert "no answer in time (saga_unreachable)" in words_of(begun.text)
    assert 'hx-trigger="load' in begun.text
    ended = words_of((await browser.post(f"{PAGE}/answer", hidden(begun.text), headers=HTMX)).text)
    assert f"All {AT_ONCE + 2} were gone through" in ended
    assert f"{AT_ONCE + 1} resolved" in ended
    assert "1 failed" in ended
    assert {by for _, _, by in resolved(orders)} == {"demo operator"}
    assert sorted(item for item, _, _ in resolved(orders)) == ["a1-a1", "a2-a1", *(item.item_id for item in more)]


async def test_what_somebody_answered_meanwhile_is_not_answered_again(
    api: Api, browser: Browser, orders: StubOrders
) -> None:
    """A form that is sent twice, or late, says so."""
    await ask(api, "a1")
    await browser.sign_in("operator")
    said = {"id": ["a1-a1", "gone-a1"], "kind": "unknown_capture", "choice": "adopt", "reason": "x"}
    told = words_of((await browser.post(f"{PAGE}/answer", said)).text)
    assert "1 resolved" in told
    assert "1 answered before" in told
    assert len(resolved(orders)) == 1


async def test_much_money_takes_two_people(api: Api, orders: StubOrders) -> None:
    """Who proposed it is told that it waits; another person's same answer counts."""
    proposal: dict[str, Any] = {"proposed": "adopt", "proposed_by": "Ann"}
    await ask(api, "a1", money=70_000, **MONEY, **proposal)
    said = {"id": "a1-a1", "kind": "unknown_capture", "choice": "adopt", "reason": "seen"}
    async with somebody(api.url, api.services, "Ann") as ann:
        assert "adopt, says Ann: a second person must agree" in words_of(
            (await ann.get(f"{PAGE}/unknown_capture")).text
        )
        assert "1 proposed" in words_of((await ann.post(f"{PAGE}/answer", said)).text)
    assert resolved(orders) == []
    async with somebody(api.url, api.services, "Bob") as bob:
        await bob.get(PAGE)
        assert "1 resolved" in words_of((await bob.post(f"{PAGE}/answer", said)).text)
    assert resolved(orders) == [("a1-a1", "adopt", "Bob")]


@pytest.mark.parametrize(
    ("said", "field"), [({"choice": ""}, "choice"), ({"reason": " "}, "reason"), ({"id": "a\x00"}, "filter")]
)
async def test_an_answer_that_lacks_something_is_refused_by_name(
    api: Api, browser: Browser, orders: StubOrders, said: dict[str, str], field: str
) -> None:
    """As a notice on the page that asked; no question is touched."""
    await ask(api, "a1")
    await browser.sign_in("operator")
    whole = {"id": "a1-a1", "kind": "unknown_capture", "choice": "adopt", "reason": "x", **said}
    refused = await browser.post(f"{PAGE}/answer", whole, headers=HTMX)
    assert (refused.status_code, refused.headers["HX-Retarget"]) == (422, "#notice")
    assert f"<code>{field}</code>" in refused.text
    assert resolved(orders) == []


async def test_a_person_of_one_seller_sees_and_answers_its_questions_only(api: Api, orders: StubOrders) -> None:
    """Others' are neither counted nor listed, and an id that was guessed is none of theirs."""
    await ask(api, "a1")
    async with somebody(api.url, api.services, "Bolt", seller="bolt") as bolt:
        assert "No question is open" in (await bolt.get(PAGE)).text
        said = {"id": "a1-a1", "kind": "unknown_capture", "choice": "adopt", "reason": "x"}
        assert "1 answered before" in words_of((await bolt.post(f"{PAGE}/answer", said)).text)
    assert resolved(orders) == []
    assert await listed(api, "") == ["a1"]


def test_every_choice_that_the_operators_page_explains_has_words() -> None:
    """A person reads on the page what the choice does, not its code."""
    page = Path("docs/operators.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.partition("## Attention")[2].partition("\n## ")[0].splitlines()]
    told = [row[3] for row in rows if len(row) == 5 and row[1].startswith(" `")]
    named = {choice for words in told for choice in re.findall(r"(?:^|\. |or |[:;] ) ?`([a-z_]+)`", words.strip())}
    assert {"retry", "it_ships", "reship", "keep_waiting", "decline"} <= named
    assert {choice for choice in named if choice_words(choice, "") == choice.replace("_", " ")} == set()
