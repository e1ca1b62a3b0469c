"""Who did what, who signed in, and whether a record is as it was written."""

from datetime import UTC, datetime

from ordersaga.domain.journal import JournalEntry
from tests.support.api import Api, order_body
from tests.support.console import Browser

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_deeds_are_listed_and_found(api: Api, browser: Browser) -> None:
    """Each with who, when and to what; a filter leaves the others out and keeps what was asked for in its fields."""
    await _hold(api, "ada placed hold fraud: <odd>")
    await browser.sign_in("viewer")
    page = (await browser.get("/console/audit")).text
    assert "ada placed hold fraud: &lt;odd&gt;" in page
    assert 'href="/console/orders/ord_1"' in page
    asked = {"by": "ada", "kind": "hold", "since": "2026-03-01T11:59", "until": "2026-03-01T12:01:00"}
    found = (await browser.get("/console/audit", params=asked)).text
    assert '<td data-label="Who">ada</td>' in found
    assert '<option value="hold" selected>' in found
    other = (await browser.get("/console/audit", params={"by": "grace"})).text
    assert "Nobody did anything of this kind." in other


async def test_older_deeds_are_a_page_further(api: Api, browser: Browser) -> None:
    """The link keeps the filter."""
    await api.post("/v1/orders", order_body(order_id="ord_1"))
    for number in range(51):
        entry = JournalEntry(entry_id=f"e{number}", at=NOON, kind="hold", text=f"ada placed hold no{number}: why")
        await api.services.journal.note("ord_1", entry)
    await browser.sign_in("operator")
    first = (await browser.get("/console/audit", params={"by": "ada"})).text
    place = first.split('href="/console/audit?')[1].split('"')[0].replace("&amp;", "&")
    older = (await browser.get(f"/console/audit?{place}")).text
    assert (first.count("placed hold"), older.count("placed hold")) == (50, 1)


async def test_a_filter_that_cannot_be_names_its_field(api: Api, browser: Browser) -> None:
    """As the API refuses it."""
    await browser.sign_in("operator")
    page = await browser.get("/console/audit", params={"since": "yesterday"})
    assert (page.status_code, "<code>since</code>" in page.text) == (422, True)


async def test_a_record_is_verified_on_a_page(api: Api, browser: Browser) -> None:
    """Intact, changed, and of an order that there is not."""
    await _hold(api, "ada placed hold fraud: odd")
    await browser.sign_in("viewer")
    assert "<h1>Verify" in (await browser.get("/console/audit/verify")).text
    place = "/console/audit/verify?order_id=ord_1"
    assert "The record is as it was written" in (await browser.get(place)).text
    async with api.services.pool.acquire() as work, work.transaction():
        await work.execute("SET LOCAL session_replication_role = replica")
        await work.execute("UPDATE journal SET text = 'nothing' WHERE kind = 'hold'")
    changed = (await browser.get(place)).text
    assert "The record was changed" in changed
    assert "is not what was chained" in changed or "are not what was chained" in changed
    assert (await browser.get("/console/audit/verify?order_id=ord_2")).status_code == 404


async def test_sign_ins_are_listed(api: Api, browser: Browser) -> None:
    """With who it was, and the role."""
    await browser.sign_in("admin")
    page = (await browser.get("/console/audit/sign-ins")).text
    assert "demo admin" in page
    assert "signed in" in page


async def _hold(api: Api, text: str) -> None:
    await api.post("/v1/orders", order_body(order_id="ord_1"))
    await api.services.journal.note("ord_1", JournalEntry(entry_id="h1", at=NOON, kind="hold", text=text))
