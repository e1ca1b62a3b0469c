"""TikTok Shop's Partner API: orders, packages, cancellations, returns, tokens, and webhooks, as one shop meets them.

An order's life, in virtual time: paid, ON_HOLD for 1 h without an address, AWAITING_SHIPMENT until a tracking number is
told, AWAITING_COLLECTION, 6 h, IN_TRANSIT (first scan), 48 h, DELIVERED, 7 days, COMPLETED. Not shipped or collected
in time, the platform cancels it and refunds. The buyer cancels freely while it is on hold; later that is a request,
granted when nobody answers for 24 h, and turned down by telling a tracking number. Refunds take 15 minutes.

Credentials: app key `APP_KEY`, the webhook secret as app secret, access tokens `TTP_...`, refresh tokens `TTR_...`, and
`GCP_{shop id}` as the cipher of a shop. Requests must be signed, with a timestamp of the last 5 minutes.

Controls, all POST with JSON; `match` is contained anywhere in the order as it is kept:

    /_control/orders         {"shop", "lines": [{"seller_sku", "quantity", "price", "sku_id"}], "id", "shipping", ...}
    /_control/buyer-cancel   {"match", "reason"}         free while on hold, else a request
    /_control/advance        {"match", "to": status}     through every status up to one, at once
    /_control/scripts        {"match", "stop_at": status|null, "cancel": "refuse"|"pending"|null}
    /_control/release        {"match"}                   end a stop
    /_control/address        {"match", ...}              the buyer's address as of now
    /_control/split          {"match"}                   every line into a package of its own
    /_control/settle         {"match"}                   refunds and pending cancellations, now
    /_control/lapse          {"match"}                   the time of an open request is over, now
    /_control/overdue        {"match"}                   the time to ship or to be collected is over, now
    /_control/return         {"match"}                   what was delivered came back and is refunded
    /_control/deadlines      {"factor"}                  orders from now on get so many times as long
    /_control/capacity       {"shop", "per_day"}         beyond it, orders get one more business day; null: no limit
    /_control/expire-tokens  {}                          every access token given so far
    /_control/rotate-tokens  {"on"}                      a refresh token is good once, and answered with the next
    /_control/rate-limit     {"per_second"}              50 unless told; outlives a reset

Amounts of controls are minor units. `refuse` faults know any number as a code. `GET /_control/records` answers
`{"orders", "cancellations", "returns", "ledger"}`; the ledger says what was collected, refunded, shipped and canceled.
The codes of refused shipments are not published: those given here are this emulator's own.
"""

from emulators.common import Emulator, EmulatorConfig
from emulators.tiktok_shop.access import APP_KEY
from emulators.tiktok_shop.emulator import TikTokShop


def build(config: EmulatorConfig) -> Emulator:
    """The TikTok Shop emulator of one process."""
    return TikTokShop(config)


__all__ = ["APP_KEY", "TikTokShop", "build"]
