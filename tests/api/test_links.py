"""Where else an order can be looked at: Temporal's UI, and the companies' own pages."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from ordersaga.bootstrap import open_services
from ordersaga.company_pages import CompanyPages
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectStatus
from ordersaga.settings import SettingsError, read_settings
from tests.fakes.samples import catalog
from tests.support.api import CREDENTIALS, Api, StubOrders, order_body, serving, settings_for

PAGES = {"shipbob": "https://bob.example/orders/{id}", "easypost": "https://easy.example/?label={id}&all=1"}
LABEL: dict[str, Any] = {"account": "easypost", "carrier": "UPS", "tracking_number": "1Z 9"}


@pytest_asyncio.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    """An API whose settings name pages of two companies, with an order whose parcel ships from ShipBob."""
    settings = settings_for(database_url, company_pages=PAGES, temporal_ui_url="https://ui.example/")
    async with open_services(settings, orders=StubOrders()) as services:
        await services.catalog.load(catalog(("nj-1", "MUG", 10)))
        with capture_logs():
            async with serving(services) as served:
                assert (await served.post("/v1/orders", order_body(order_id="web_1"))).status_code == 202
                yield served


async def done(api: Api, step: str, name: str, generation: int = 1, **answer: Any) -> None:
    """A company made this."""
    intent = EffectIntent(order_id="web_1", step=step, parcel=1, generation=generation, lease=timedelta(microseconds=1))
    await api.services.effects.begin(intent)
    outcome = EffectOutcome(status=EffectStatus.DONE, external_id=name, answer=answer)
    await api.services.effects.settle(intent.key, outcome)


async def told(api: Api) -> list[tuple[str, str, str | None]]:
    """What is linked, what it is called, and where it leads."""
    links = (await api.get("/v1/orders/web_1/links", role="viewer")).json()["links"]
    return [(link["what"], link["name"], link["url"]) for link in links]


async def test_companies_pages_are_linked_where_the_settings_name_them(api: Api) -> None:
    """The workflow in Temporal's UI, the provider's order, the label; a payment at an emulated Stripe has no page."""
    await done(api, "authorize", "pi_1")
    await done(api, "hand_off", "700/1")
    await done(api, "book_label", "shp_1", **LABEL)
    assert await told(api) == [
        ("workflow", "order-web_1", "https://ui.example/namespaces/default/workflows/order-web_1"),
        ("payment", "pi_1", None),
        ("provider's order", "700/1", "https://bob.example/orders/700%2F1"),
        ("label", "shp_1", "https://easy.example/?label=shp_1&all=1"),
        ("tracking number", "1Z 9", None),
    ]


async def test_a_hand_off_before_the_latest_leads_nowhere(api: Api) -> None:
    """It may have been at another provider, which would not know it."""
    await done(api, "hand_off", "700")
    await done(api, "hand_off", "701", generation=2)
    links = [(name, url) for what, name, url in await told(api) if what == "provider's order"]
    assert links == [("700", None), ("701", "https://bob.example/orders/701")]


def test_real_companies_have_pages_that_are_known() -> None:
    """Stripe's of its own payments, carriers' of tracking numbers; the settings go before them."""
    production = {"base_url": "https://orders.example"}
    pages = CompanyPages(read_settings(_env_file=None, **CREDENTIALS, **production))
    assert pages.payment("pi_1") == "https://dashboard.stripe.com/payments/pi_1"
    assert pages.payment("channel-7") is None
    assert pages.tracking("UPS", "1Z 9") == "https://www.ups.com/track?tracknum=1Z%209"
    assert pages.tracking("courier", "C1") is None
    assert pages.page("shipbob", "700") is None
    mine = '{"stripe": "https://pay.example/{id}"}'
    ours = read_settings(_env_file=None, **CREDENTIALS, **production, company_pages=mine)
    assert CompanyPages(ours).payment("pi_1") == "https://pay.example/pi_1"


@pytest.mark.parametrize(
    "page", ["https://bob.example/", "javascript:alert({id})", "https://b.example/{id}/{id}", "bob/{id}"]
)
def test_a_page_that_leads_nowhere_is_refused(page: str) -> None:
    """By the setting's name and the account's, before a process starts."""
    with pytest.raises(SettingsError, match="ORDERSAGA_COMPANY_PAGES: of shipbob must be an http or https URL with"):
        read_settings(_env_file=None, **CREDENTIALS, company_pages={"shipbob": page})
