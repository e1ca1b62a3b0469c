"""Scenarios at the further companies: Newegg, Amazon, UPS direct and a private courier."""

from typing import Any, Final

from ordersaga.demo.acts import Act, put_on_hold
from ordersaga.demo.case import Case
from ordersaga.demo.scenario import Scenario, Wishes

NEWEGG: Final = "newegg"
AMAZON: Final = "amazon_mcf"
UPS: Final = "ups"
FEDEX, EASYPOST = "fedex", "easypost"
COURIER: Final = "courier"
OWN: Final = "seller_warehouse"


async def newegg_ships(case: Case) -> None:
    """Newegg never hears of a delivery: support does, and says so."""
    await case.place("confirmed")
    await case.arrived_from(NEWEGG)


async def newegg_refuses_to_cancel(case: Case) -> None:
    """A request to cancel is taken, and fails later: the parcel ships."""
    await case.place("confirmed")
    await case.at_provider(NEWEGG, "Unshipped")
    await case.cancel("too_late")
    await case.go_on_at(NEWEGG)
    await case.arrived_from(NEWEGG)


def cancel_at(provider: str, stage: str) -> Act:
    """Cancel while a provider can still stop it."""

    async def act(case: Case) -> None:
        await case.place("confirmed")
        await case.at_provider(provider, stage)
        await case.cancel("canceled")

    return act


async def amazon_is_too_far(case: Case) -> None:
    """Cancel when Amazon has begun to pick: the parcel ships."""
    await case.place("confirmed")
    await case.at_provider(AMAZON, "Processing")
    await case.cancel("too_late")
    await case.go_on_at(AMAZON)


async def amazon_is_short(case: Case) -> None:
    """Amazon has begun to pick and does not have a line: it leaves the seller's own room, the rest from Amazon."""
    await newegg_ships(case)

    async def elsewhere() -> bool:
        return any(plan.provider == OWN for plan in await case.plans())

    await case.eventually(elsewhere, "what Amazon does not have from another place")


def labeled_at(account: str) -> Act:
    """The rules choose this account for the label, and no other."""

    async def act(case: Case) -> None:
        await case.place("confirmed")
        await case.labeled(account)

    return act


def voided_at(account: str) -> Act:
    """Cancel when the seller has a label of this account, and the carrier has not come yet."""

    async def act(case: Case) -> None:
        case.world.waits_at_home.add(case.order_id)
        await labeled_at(account)(case)
        await case.cancel("canceled")

    return act


def carrier_chosen(carrier: str, account: str) -> Act:
    """Support wants another carrier than the rules would choose; who sells its labels."""

    async def act(case: Case) -> None:
        await put_on_hold(case)
        await case.change("carrier", parcel=1, carrier=carrier)
        await case.release_hold()
        await case.labeled(account)

    return act


async def fedex_chosen(case: Case) -> None:
    """EasyPost sells labels of FedEx too, which are not the cheapest."""
    await carrier_chosen(FEDEX, EASYPOST)(case)
    bought = (await case.world.easypost.records(case.order_id, "shipments"))["shipments"]
    carriers = {shipment["selected_rate"]["carrier"].lower() for shipment in bought if shipment["postage_label"]}
    case.expect("who carries it", carriers, {FEDEX})


def _script(company: str, **script: Any) -> Wishes:
    return {company: (script,)}


SCENARIOS: Final[dict[str, Scenario]] = {
    "newegg_ships": Scenario("Newegg", newegg_ships),
    "newegg_split": Scenario("Newegg", newegg_ships, scripts=_script(NEWEGG, split=2), quick=False),
    "newegg_refuses": Scenario(
        "Newegg", scripts=_script(NEWEGG, refuse=["ShipToAddressLine1 - The address cannot be verified."]), quick=False
    ),
    "newegg_lacks": Scenario(
        "Newegg",
        scripts=_script(NEWEGG, refuse=["SellerPartNumber - Insufficient inventory in Newegg warehouses."]),
        answers={"step_failed": "cancel"},
        quick=False,
    ),
    "newegg_lost_feed": Scenario(
        "Newegg",
        newegg_ships,
        faults=_script(NEWEGG, method="POST", path="/datafeedmgmt/feeds/submitfeed", kind="lose_answer"),
        quick=False,
    ),
    "newegg_canceled": Scenario(
        "Newegg", cancel_at(NEWEGG, "Unshipped"), scripts=_script(NEWEGG, stop_at="Unshipped"), quick=False
    ),
    "newegg_cancel_refused": Scenario(
        "Newegg", newegg_refuses_to_cancel, scripts=_script(NEWEGG, stop_at="Unshipped", cancel="refuse")
    ),
    "amazon_ships": Scenario("Amazon MCF"),
    "amazon_canceled": Scenario(
        "Amazon MCF", cancel_at(AMAZON, "Planning"), scripts=_script(AMAZON, stop_at="Planning")
    ),
    "amazon_too_late": Scenario(
        "Amazon MCF", amazon_is_too_far, scripts=_script(AMAZON, stop_at="Processing"), quick=False
    ),
    "amazon_lacks": Scenario("Amazon MCF", scripts=_script(AMAZON, unfulfillable="Planning"), quick=False),
    "amazon_short": Scenario("short pick", amazon_is_short, scripts=_script(AMAZON, unfulfillable="Processing")),
    "amazon_lost_order": Scenario(
        "Amazon MCF", faults=_script(AMAZON, method="POST", path="ulfillmentOrders$", kind="lose_answer"), quick=False
    ),
    "two_networks": Scenario("split over companies", newegg_ships, quick=False),
    "ups_ships": Scenario("UPS direct", labeled_at(UPS)),
    "ups_voided": Scenario("UPS direct", voided_at(UPS)),
    "ups_returns": Scenario(
        "UPS direct", labeled_at(UPS), scripts=_script(UPS, stop_at="label", end="returned"), quick=False
    ),
    "ups_lost_label": Scenario(
        "UPS direct",
        labeled_at(UPS),
        faults=_script(UPS, method="POST", path="/ship$", kind="lose_answer"),
        quick=False,
    ),
    "label_elsewhere": Scenario(
        "label refused",
        labeled_at(UPS),
        faults=_script("easypost", method="POST", path="/buy$", kind="refuse", code="label_refused"),
        quick=False,
    ),
    "ups_wanted": Scenario("UPS direct", carrier_chosen(UPS, UPS), quick=False),
    "fedex_wanted": Scenario("FedEx by EasyPost", fedex_chosen),
    "courier_cheapest": Scenario("courier", labeled_at(COURIER)),
    "courier_too_far": Scenario("courier", labeled_at("easypost"), quick=False),
    "courier_voided": Scenario("courier", voided_at(COURIER)),
    "courier_loses": Scenario("courier", labeled_at(COURIER), scripts=_script(COURIER, stop_at="created", end="lost")),
    "courier_lost_label": Scenario(
        "courier",
        labeled_at(COURIER),
        faults=_script(COURIER, method="POST", path="/shipments$", kind="lose_answer"),
        quick=False,
    ),
}
