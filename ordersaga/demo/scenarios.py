"""Every scenario of the demo by its name; what its fields mean is told in `scenario`."""

from collections.abc import Mapping
from typing import Any, Final

from ordersaga.demo import acts, market, network, pay_ways, stall
from ordersaga.demo.case import Case
from ordersaga.demo.scenario import Scenario, Wishes

_CREATE: Final = {"method": "POST", "path": "/payment_intents$"}
_HAND_OFF: Final = {"method": "POST", "path": "/order$"}
_BUY: Final = {"method": "POST", "path": "/buy$"}
_BOTH: Final = ("stripe", "shipbob")
_REFUSED: Final = {**_BUY, "kind": "refuse", "code": "label_refused"}
_NO_LABEL: Final[Wishes] = {"easypost": (_REFUSED,), "ups": ({**_REFUSED, "path": "/ship$"},)}
"""Nobody who might sells a label, once."""


def _stripe(step: str = "", **fault: Any) -> Wishes:
    """A fault at Stripe: creating names the order in its body, every other call only in its idempotency key."""
    where = {"match": f"{{order}}/{step}/"} if step else _CREATE
    return {"stripe": ({**where, **fault},)}


def _shipbob(**script: Any) -> Wishes:
    return {"shipbob": (script,)}


SCENARIOS: Final[dict[str, Scenario]] = {
    "plain": Scenario("shipped"),
    "multi_line": Scenario("shipped"),
    "own_warehouse": Scenario("shipped"),
    "split": Scenario("split over locations"),
    "three_ds_completed": Scenario("3-D Secure", acts.complete_challenge),
    "three_ds_failed": Scenario("3-D Secure", acts.fail_challenge),
    "three_ds_abandoned": Scenario("3-D Secure", acts.abandon_challenge),
    "declined": Scenario("declined", acts.be_refused("declined")),
    "last_units": Scenario("sold out"),
    "sold_out": Scenario("sold out", acts.be_refused("sold_out"), wave=2),
    "address_refused": Scenario("address refused"),
    "out_of_stock": Scenario(
        "provider backs out", scripts=_shipbob(exception={"at": "Processing", "name": "OutOfStock"})
    ),
    "provider_cancels": Scenario("provider backs out", acts.provider_cancels, scripts=_shipbob(stop_at="Processing")),
    "lost_authorize": Scenario("lost answer", faults=_stripe(kind="lose_answer")),
    "lost_capture": Scenario("lost answer", faults=_stripe("capture", kind="lose_answer")),
    "lost_void": Scenario(
        "lost answer",
        acts.cancel_when_accepted,
        faults=_stripe("void", kind="lose_answer"),
        scripts=_shipbob(stop_at="Processing"),
    ),
    "lost_hand_off": Scenario("lost answer", faults={"shipbob": ({**_HAND_OFF, "kind": "lose_answer"},)}),
    "lost_label": Scenario("lost answer", faults={"easypost": ({**_BUY, "kind": "lose_answer"},)}),
    "capture_hiccup": Scenario("capture fails", faults=_stripe("capture", kind="status", status=500)),
    "capture_lapsed": Scenario("capture fails", acts.let_authorization_lapse, scripts=_shipbob(stop_at="Picked")),
    "capture_refused": Scenario("capture fails", answers={"capture_refused": "write_off"}),
    "label_refused": Scenario(
        "label refused",
        faults=_NO_LABEL,
        answers={"step_failed": "cancel"},
    ),
    "label_retried": Scenario(
        "label refused",
        faults=_NO_LABEL,
        answers={"step_failed": "retry"},
    ),
    "label_address": Scenario("label refused"),
    "cancel_at_once": Scenario(
        "canceled",
        acts.cancel_at_once,
        faults=_stripe(kind="latency", latency_ms=2000),
        scripts=_shipbob(stop_at="Processing"),
    ),
    "cancel_challenge": Scenario("canceled", acts.cancel_while_challenged),
    "cancel_on_hold": Scenario("canceled", acts.cancel_on_hold),
    "cancel_accepted": Scenario("canceled", acts.cancel_when_accepted, scripts=_shipbob(stop_at="Processing")),
    "cancel_labeled": Scenario("canceled", acts.cancel_when_labeled),
    "cancel_picked": Scenario("canceled too late", acts.cancel_when_picked, scripts=_shipbob(stop_at="Picked")),
    "cancel_shipped": Scenario("canceled too late", acts.cancel_when_shipped, scripts=_shipbob(stop_at="InTransit")),
    "hold_released": Scenario("hold released", acts.release_hold),
    "provider_throttles": Scenario(
        "provider in trouble", faults={"shipbob": ({**_HAND_OFF, "kind": "status", "status": 429, "times": 2},)}
    ),
    "provider_down": Scenario(
        "provider in trouble", faults={"shipbob": ({**_HAND_OFF, "kind": "status", "status": 503, "times": 2},)}
    ),
    "provider_slow": Scenario(
        "provider in trouble", faults={"shipbob": ({**_HAND_OFF, "kind": "latency", "latency_ms": 4000},)}
    ),
    "webhooks_twice": Scenario("webhooks", webhooks=dict.fromkeys(_BOTH, ({"duplicate": 2},))),
    "webhooks_reordered": Scenario("webhooks", webhooks=dict.fromkeys(_BOTH, ({"reorder": True},))),
    "webhooks_dropped": Scenario("webhooks", webhooks=dict.fromkeys(_BOTH, ({"drop": True},))),
    "capture_first": Scenario("captured at confirmation"),
    "capture_first_canceled": Scenario(
        "captured at confirmation", acts.cancel_when_accepted, scripts=_shipbob(stop_at="Processing")
    ),
    "units_on_hold": Scenario("canceled in part", acts.cancel_units_on_hold),
    "units_accepted": Scenario(
        "canceled in part", acts.cancel_units_when_accepted, scripts=_shipbob(stop_at="Processing")
    ),
    "units_labeled": Scenario("canceled in part", acts.cancel_units_when_labeled),
    "half_shipped": Scenario("canceled in part", acts.cancel_when_half_shipped, scripts=_shipbob(stop_at="Processing")),
    "provider_partly": Scenario(
        "canceled in part", acts.cancel_in_part, scripts=_shipbob(stop_at="Processing", cancel="partial")
    ),
    "address_changed": Scenario("changed", acts.change_address, scripts=_shipbob(stop_at="Processing")),
    "expedited": Scenario("changed", acts.expedite, scripts=_shipbob(stop_at="Processing")),
    "split_parcel": Scenario("changed", acts.split_parcel, scripts=_shipbob(stop_at="Processing")),
    "moved": Scenario("changed", acts.move_parcel, scripts=_shipbob(stop_at="Processing")),
    "goodwill": Scenario("goodwill refund", acts.give_goodwill, scripts=_shipbob(stop_at="InTransit")),
    "returned": Scenario("returned", scripts={"easypost": ({"stop_at": "pre_transit", "end": "return_to_sender"},)}),
    **network.SCENARIOS,
    **market.SCENARIOS,
    **stall.SCENARIOS,
    **pay_ways.SCENARIOS,
}


async def prepare(case: Case, scenario: Scenario) -> None:
    """Tell the companies what shall happen to this order, as far as the stack emulates them."""
    world = case.world
    companies = world.companies
    controls = {"faults": scenario.faults, "scripts": scenario.scripts, "webhooks": scenario.webhooks}
    for control, wishes in controls.items():
        for name in wishes.keys() & companies.keys():
            for body in wishes[name]:
                await companies[name].tell(control, **_concerning(case.order_id, control, body))


def _concerning(order_id: str, control: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The wish for one order; a fault strikes once unless it says otherwise."""
    once = {"times": 1} if control == "faults" else {}
    match = str(body.get("match", "{order}")).format(order=order_id, sale=market.sale_of(order_id))
    return {**once, **body, "match": match}
