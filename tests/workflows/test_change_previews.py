"""What a hold, its release or a change would come to: said as the doors say it, and nothing is done."""

from datetime import timedelta

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.statuses import ParcelStatus
from tests.workflows.changes import (
    SAVED,
    change,
    expedited,
    goodwill,
    moved,
    paying_with,
    refusal,
    since,
    split,
    to_boston,
    with_carrier,
)
from tests.workflows.world import Handle, World
from workflows.foretelling import Foretold, PreviewRequest
from workflows.messages import DelayConsent, HoldRequest
from workflows.order_fulfillment import OrderFulfillment

FRAUD, STOCK = (HoldRequest(kind=kind, by="agent") for kind in ("fraud_review", "stock_check"))


async def foretold(handle: Handle, **asked: object) -> Foretold:
    """The answer of the query."""
    return await handle.query(OrderFulfillment.preview_change, PreviewRequest.model_validate(asked))


async def test_a_preview_refuses_in_the_words_of_the_door(world: World) -> None:
    """Handed over and not gone: too late for a hold, none in force, nothing paid; all in the door's words."""
    placed, handle = await world.accepted()
    here = to_boston().model_copy(update={"ship_to": placed.ship_to})
    for name, update, asked in (
        ("hold", "place_hold", FRAUD),
        ("release", "release_hold", FRAUD),
        ("refund", "refund", goodwill(1)),
        ("address", "change_address", here),
    ):
        told, story = await foretold(handle, **{name: asked}), world.story(placed)
        assert told.outcome == "refused", name
        assert await refusal(handle, update, asked) == f"customer: {told.effects[0]}"
        assert world.story(placed) == story
    assert (await foretold(handle)).outcome == "refused"
    await world.deliver(handle)
    await world.balanced(placed)


async def test_a_preview_of_another_address_names_each_parcel(world: World) -> None:
    """Its provider would be asked, and nobody is; after the first scan it is too late."""
    placed, handle = await world.accepted()
    mark = len(world.log)
    told = await foretold(handle, address=to_boston())
    stays = (
        "Parcel 1 stays at shipbob, which is asked to take the other address; if it does not, it is handed over anew."
    )
    assert (told.outcome, told.effects) == ("possible", (stays,))
    assert world.log[mark:] == []
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda view: view.parcels[0].captured > 0)
    assert (await foretold(handle, address=to_boston())).outcome == "refused"
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.result(handle)
    await world.balanced(placed)


async def test_a_preview_of_another_address_asks_only_for_parcels_that_do_not_go_there(world: World) -> None:
    """One of two went back to the first address alone: the other one would stay as it is, and its provider unasked."""
    world.restocked(("nj-1", "MUG", 10), ("ca-1", "TEE", 10))
    world.provider.address_until = None
    placed, handle = await world.accepted(("MUG", 1), ("TEE", 1))
    world.provider.fail_next("submit", CustomerError("address_refused", "no such postal code"))
    assert (await change(handle, "change_address", to_boston())).outcome == "done"
    back = (await world.until(handle, lambda seen: bool(seen.attention))).attention[0].parcel
    await world.resolve(handle, "ship_to_former", "address_refused")
    await world.until(handle, lambda seen: all(each.status is ParcelStatus.ACCEPTED for each in seen.parcels))
    effects = (await foretold(handle, address=to_boston())).effects
    assert effects[2 - back] == f"Parcel {3 - back} goes there already."
    assert effects[back - 1].startswith(f"Parcel {back} stays at shipbob, which is asked")
    for parcel, generation in ((back, 3), (3 - back, 2)):
        await world.arrive(handle, parcel, generation)
    await world.result(handle)
    await world.balanced(placed)


async def test_a_preview_of_goodwill_says_who_must_agree(world: World) -> None:
    """A small gift is one person's, a larger one waits for a second, more than was paid is refused; none is given."""
    placed, handle = await world.accepted(terms={"second_person_above": 500})
    await world.report(handle, ParcelStatus.IN_TRANSIT)
    await world.until(handle, lambda view: view.parcels[0].captured > 0)
    outcomes = {amount: (await foretold(handle, refund=goodwill(amount))).outcome for amount in (500, 501, 100_000)}
    assert outcomes == {500: "possible", 501: "awaiting_approval", 100_000: "refused"}
    assert world.payment(placed).refunded == 0
    await world.report(handle, ParcelStatus.DELIVERED)
    await world.result(handle)
    await world.balanced(placed)


async def test_a_preview_of_holds_names_those_in_force(world: World) -> None:
    """One more beside one in force; released, the other still keeps the order back; neither is touched."""
    placed, handle = await world.confirmed(terms={"hand_off_delay": timedelta(hours=1)})
    await handle.execute_update("place_hold", FRAUD)
    assert "Already in force: fraud_review." in (await foretold(handle, hold=STOCK)).effects
    assert (await foretold(handle, release=FRAUD)).effects == (
        "1 parcel is handed over as soon as nothing else forbids it.",
    )
    await handle.execute_update("place_hold", STOCK)
    assert (await foretold(handle, release=FRAUD)).effects == ("The order is still kept back: stock_check.",)
    for hold in (FRAUD, STOCK):
        await handle.execute_update("release_hold", hold)
    await world.pass_time(handle, timedelta(hours=1, minutes=5))
    await world.until(handle, lambda view: view.parcels[0].status is ParcelStatus.ACCEPTED)
    await world.deliver(handle)
    await world.balanced(placed)


async def test_a_preview_of_each_change_of_a_parcel_says_what_it_comes_to(world: World) -> None:
    """Service, carrier, location, units and card: with the parcel to be taken back, its money; nothing is asked."""
    placed, handle = await world.accepted(("MUG", 3), payment=SAVED)
    mark = len(world.log)
    shipped = "It is taken back from shipbob first and handed over anew; what shipbob cannot give back stays as it is."
    told = {
        "expedite": (expedited(), (f"Parcel 1 goes by the faster service, at the seller's cost. {shipped}",)),
        "move": (
            moved("nj-1"),
            (
                f"Parcel 1 ships from nj-1 (shipbob) instead of ca-1 (shipbob). {shipped}",
                "Where nj-1 has not enough units by then, it ships from ca-1 after all.",
            ),
        ),
        "split": (
            split(("MUG", 1)),
            (
                f"1 MUG of parcel 1 leave in a parcel of their own. {shipped}",
                "USD 10.00 are reserved anew for them; where the bank does not at once, the parcel stays whole.",
            ),
        ),
        "payment": (
            paying_with("pm_other"),
            (
                "USD 30.00 for parcel 1 are reserved with the other payment method.",
                "Then the former reservation is given back; where the bank does not at once, that one stands.",
            ),
        ),
    }
    for name, (asked, effects) in told.items():
        found = await foretold(handle, **{name: asked})
        assert (name, found.outcome, found.effects) == (name, "possible", effects)
    assert since(world, mark) == []
    assert (await handle.query("order_state"))["parcels"][0]["status"] == "accepted"
    await world.deliver(handle)
    await world.balanced(placed)


async def test_previews_of_changes_are_refused_in_the_words_of_their_doors(world: World) -> None:
    """No delay was told, the provider books its own carrier, all units are no part, it is there already."""
    placed, handle = await world.accepted()
    for name, update, asked in (
        ("delay", "answer_delay", DelayConsent(by="agent", consent=True)),
        ("carrier", "change_carrier", with_carrier()),
        ("split", "split_parcel", split(("MUG", 1))),
        ("move", "move_parcel", moved("ca-1")),
        ("expedite", "expedite", expedited(parcel=7)),
    ):
        told = await foretold(handle, **{name: asked})
        assert told.outcome == "refused", name
        assert await refusal(handle, update, asked) == f"customer: {told.effects[0]}"
    await world.deliver(handle)
    assert (await foretold(handle, payment=paying_with("pm_other"))).outcome == "refused"
    await world.balanced(placed)
