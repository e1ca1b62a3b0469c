"""Where people look at what outside companies made for an order: companies' own pages, by account, and carriers'."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from ordersaga.settings import Settings
from ordersaga.signing_in import is_loopback

STRIPE: Final = "stripe"
_KNOWN: Final = {STRIPE: "https://dashboard.stripe.com/payments/{id}"}
_TRACKING: Final = {
    "fedex": "https://www.fedex.com/fedextrack/?trknbr={id}",
    "ups": "https://www.ups.com/track?tracknum={id}",
    "usps": "https://tools.usps.com/go/TrackConfirmAction?tLabels={id}",
}
_STRIPES: Final = re.compile(r"pi_[A-Za-z0-9]+")


class CompanyPages:
    """Pages by the settings. What an emulated company made has none but those that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._pages: Mapping[str, str] = {**_real(settings.stripe_base_url, _KNOWN), **settings.company_pages}
        self._tracking = _real(settings.easypost_base_url, _TRACKING)

    def page(self, account: str, name: str) -> str | None:
        """Where people look at what an account calls so."""
        return _filled(self._pages.get(account), name)

    def payment(self, name: str) -> str | None:
        """The same of a payment; one that a channel took has no page of Stripe's."""
        return self.page(STRIPE, name) if _STRIPES.fullmatch(name) else None

    def tracking(self, carrier: str, number: str) -> str | None:
        """Where a carrier says where a parcel is."""
        return _filled(self._tracking.get(carrier.lower()), number)


def _real(base_url: str, pages: Mapping[str, str]) -> Mapping[str, str]:
    return {} if is_loopback(urlsplit(base_url).hostname) else pages


def _filled(page: str | None, name: str) -> str | None:
    return page.replace("{id}", quote(name, safe="")) if page else None
