"""Stripe as the `stripe` SDK 16.1 meets it: payment intents, checkout sessions, payment methods, charges,
refunds, customers and events.

`forms` reads bodies, `params` checks them, `intents`, `sessions`, `methods`, `refunds` are the rules, `account`
keeps the objects and announces events, `idempotency` remembers answers, `api` maps requests to rules, `control` and
`shopper` are for tests.

Vendor controls below `/_control/` beside the common ones (JSON bodies):
- POST payment_intents/{id}/authenticate {"result": "succeed"|"fail"}; GET payment_intents/{id}/challenge is the page
  for a human; POST authenticate {"match": text in the intent, "result": ...} ends every matching challenge
- GET checkout/sessions/{id}/page is a pay link's page for a human; POST checkout/sessions/{id}/pay
  {"payment_method": ...} pays on it, POST checkout/pay {"match": text in the session, "payment_method": ...} on every
  matching one; POST checkout/sessions/{id}/lapse ends its time now; who abandons it does nothing
- POST payment_intents/{id}/settle {"result": "succeed"|"fail"} is the word of a bank whose debit is processing (it
  comes by itself after 4 virtual days)
- POST payment_intents/{id}/expire lets the authorization lapse now
- POST refunds/mode {"mode": "succeed"|"pending"|"fail", "settle_after": virtual seconds|null} for refunds to come
- POST refunds/{id}/settle {"result": "succeed"|"fail"}
- POST search-delay {"seconds": real seconds until a new intent can be found by search}
- POST extended-authorization {"available": bool}: whether banks hold for 30 days where asked; false at first
- POST idempotency/forget {"key": text|null}: what Stripe does by itself after 24 hours
"""

from emulators.common import EmulatorConfig
from emulators.stripe.emulator import StripeEmulator


def build(config: EmulatorConfig) -> StripeEmulator:
    """The emulator `python -m emulators stripe` runs."""
    return StripeEmulator(config)
