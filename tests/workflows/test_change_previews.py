"""What a hold, its release or a change would come to: said as the doors say it, and nothing is done."""

from datetime import timedelta

from ordersaga.domain.statuses import ParcelStatus
from tests.workflows.changes import goodwill, refusal, to_boston
from tests.workflows.world import Handle, World
from workflows.foretelling import Foretold, PreviewRequest
from workflows.messages import HoldRequest
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
