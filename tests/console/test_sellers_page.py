"""The pages of sellers: read, changed after a dry run, and their catalogs loaded."""

import html
import re
from typing import Any

import httpx

from tests.support.api import Api
from tests.support.console import Browser

FILE = 'seller = "beta"\nname = "Beta <b>"\n'
HTMX = {"HX-Request": "true"}


async def test_a_file_is_applied_only_after_its_dry_run(api: Api, browser: Browser) -> None:
    """The preview changes nothing; applied, the seller's page tells the profile and who changed what."""
    await browser.sign_in("operator")
    await browser.get("/console/sellers")
    preview = await _apply(browser, files={"file": ("beta.toml", FILE.encode())})
    assert (preview.status_code, "This would change beta" in preview.text) == (200, True)
    assert (await api.get("/v1/sellers")).json()["sellers"] == []
    applied = await _apply(browser, data={"profile": FILE, "version": "0", "confirmed": "yes"})
    assert "is at version 1" in applied.text
    page = (await browser.get("/console/sellers/beta")).text
    assert "Beta &lt;b&gt;" in page
    assert "by demo operator" in page
    assert "/console/sellers/beta" in (await browser.get("/console/sellers")).text


async def test_what_was_seen_is_what_is_applied(api: Api, browser: Browser) -> None:
    """A change by somebody else in between is no longer what the preview showed: nothing is done."""
    await api.send("PUT", "/v1/sellers/beta", json={"name": "Beta"})
    await browser.sign_in("operator")
    stale = {"profile": FILE, "version": "0", "confirmed": "yes"}
    refused = await _apply(browser, data=stale)
    assert (refused.status_code, "is at version 1 by now" in refused.text) == (412, True)
    again = await _apply(browser, data={"profile": 'seller = "beta"\nname = "Beta"\n'})
    assert "is so already, at version 1" in html.unescape(again.text)


async def test_a_file_that_cannot_be_is_told_with_its_fields(api: Api, browser: Browser) -> None:
    """What is no TOML, whose file it is not said, and values that are wrong."""
    await browser.sign_in("operator")
    await browser.get("/console/sellers")
    broken = await _apply(browser, data={"profile": "seller ="})
    assert (broken.status_code, "not TOML" in broken.text) == (422, True)
    nameless = await _apply(browser, data={"profile": 'name = "Beta"'})
    assert "begin it with seller" in nameless.text
    wrong = await _apply(browser, data={"profile": FILE + 'terms = {ship_within = 3}\nsells = "much"\n'})
    assert wrong.status_code == 422
    assert "<code>terms.ship_within</code>" in wrong.text
    assert wrong.headers["hx-retarget"] == "#notice"


async def test_a_catalog_is_loaded_once_that_very_file_was_seen(api: Api, browser: Browser) -> None:
    """What is wrong is named by line and column; what it would bring is shown first, and another file is shown anew."""
    await api.send("PUT", "/v1/sellers/beta", json={"name": "Beta"})
    await browser.sign_in("operator")
    await browser.get("/console/sellers/beta")
    head = "kind,seller,sku,title,weight_grams\n"
    bad = await _load(browser, head + "product,beta,LENS,Lens,heavy\n")
    assert (bad.status_code, "line 2, column weight_grams" in bad.text) == (422, True)
    lens = f"{head}product,beta,LENS,Lens,120\n"
    shown = await _load(browser, lens)
    assert "1 products, 0 new receipts, 0 units. Nothing is loaded yet." in shown.text, shown.text
    digest = _digest(shown.text)
    other = await _load(browser, f"{lens}product,beta,HOOD,Hood,9\n", digest)
    assert "2 products" in other.text
    assert _digest(other.text) != digest
    assert await api.services.catalog.products("beta") == []
    good = await _load(browser, lens, digest)
    assert "Loaded for beta: 1 products" in good.text, good.text
    assert "digest" not in good.text
    assert [product.sku for product in await api.services.catalog.products("beta")] == ["LENS"]


async def test_who_only_reads_changes_no_seller(api: Api, browser: Browser) -> None:
    """A viewer sees no form; one that is sent all the same is refused, and so is one without the session's token."""
    await api.send("PUT", "/v1/sellers/beta", json={"name": "Beta"})
    await browser.sign_in("viewer")
    assert "hx-post" not in (await browser.get("/console/sellers/beta")).text
    assert (await _apply(browser, data={"profile": FILE})).status_code == 403
    upload = {"file": ("beta.toml", FILE.encode())}
    assert (await browser.http.post("/console/sellers/apply", files=upload)).status_code == 403
    assert (await browser.get("/console/sellers/nobody")).status_code == 404


async def _apply(browser: Browser, **more: Any) -> httpx.Response:
    """As the page sends it: the token in a header."""
    headers = {"X-CSRF-Token": browser.csrf, **HTMX}
    return await browser.http.post("/console/sellers/apply", headers=headers, **more)


async def _load(browser: Browser, text: str, digest: str = "") -> httpx.Response:
    headers = {"X-CSRF-Token": browser.csrf, **HTMX}
    files, data = {"file": ("catalog.csv", text.encode())}, {"digest": digest} if digest else {}
    return await browser.http.post("/console/sellers/beta/catalog", headers=headers, files=files, data=data)


def _digest(page: str) -> str:
    """Of the file that a preview is of."""
    [digest] = re.findall(r'name="digest" value="([0-9a-f]{64})"', page)
    return str(digest)
