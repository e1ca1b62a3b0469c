"""The three-valued call: intended, called, settled; whatever is found is inquired about before it is repeated."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from activities.effects import STORED_FAILURE, Again, Effects, always, by_operator, never
from ordersaga.domain.effects import EffectIntent, EffectOutcome, EffectRow, EffectStatus
from ordersaga.domain.errors import CustomerError, OperatorError, OrdersagaError, RefusedError, RetryError
from tests.activities.conftest import Bench

INTENT = EffectIntent(order_id="o1", step="buy", parcel=1)
DONE = EffectOutcome(status=EffectStatus.DONE, external_id="x1")
Scripted = OrdersagaError | EffectOutcome


class Outside:
    """Another company: answers calls from a script, and finds what the test says it has."""

    def __init__(self, *answers: Scripted, found: Sequence[Scripted | None] = ()) -> None:
        self.answers, self.found = list(answers), list(found)
        self.keys: list[str] = []
        self.inquiries: list[str] = []

    async def call(self, key: str) -> EffectOutcome:
        self.keys.append(key)
        answer = self.answers.pop(0)
        if isinstance(answer, OrdersagaError):
            raise answer
        return answer

    async def inquire(self, row: EffectRow) -> EffectOutcome | None:
        self.inquiries.append(row.key)
        found = self.found.pop(0) if self.found else None
        if isinstance(found, OrdersagaError):
            raise found
        return found


async def test_fresh_effect_is_called_without_inquiring(bench: Bench) -> None:
    """Nothing was intended before, so nothing can have happened."""
    outside = Outside(DONE)
    row = await bench.effects.perform(INTENT, outside.call, outside.inquire)
    assert (row.status, row.external_id, row.key) == (EffectStatus.DONE, "x1", "o1/buy/1/1")
    assert (outside.keys, outside.inquiries) == (["o1/buy/1/1"], [])


async def test_done_effect_is_returned_without_a_call(bench: Bench) -> None:
    """Outlives every key memory of the other side: the ledger knows."""
    outside = Outside(DONE)
    first = await bench.effects.perform(INTENT, outside.call, outside.inquire)
    again = await bench.effects.perform(INTENT, outside.call, outside.inquire)
    assert again.external_id == first.external_id
    assert (len(outside.keys), outside.inquiries) == (1, [])


async def test_unknown_effect_is_inquired_about_and_adopted(bench: Bench) -> None:
    """The answer was lost; the next attempt finds what happened and calls nothing."""
    outside = Outside(RetryError("timeout", "lost", unknown=True), found=[DONE])
    with pytest.raises(RetryError):
        await bench.effects.perform(INTENT, outside.call, outside.inquire)
    assert bench.row("buy").status is EffectStatus.UNKNOWN
    row = await bench.effects.perform(INTENT, outside.call, outside.inquire)
    assert (row.status, bench.row("buy").external_id) == (EffectStatus.DONE, "x1")
    assert (len(outside.keys), len(outside.inquiries)) == (1, 1)


async def test_unknown_effect_that_did_not_happen_is_called_under_the_same_key(bench: Bench) -> None:
    """The inquiry finds nothing: called again, with the key the other side would recognize."""
    outside = Outside(RetryError("timeout", "lost", unknown=True), DONE, found=[None])
    with pytest.raises(RetryError):
        await bench.effects.perform(INTENT, outside.call, outside.inquire)
    await bench.effects.perform(INTENT, outside.call, outside.inquire)
    assert outside.keys == ["o1/buy/1/1", "o1/buy/1/1"]


async def test_customers_refusal_is_an_answer_and_final(bench: Bench) -> None:
    """Refused: recorded with its code, returned, and never asked again."""
    outside = Outside(CustomerError("address_refused", "no"))
    row = await bench.effects.perform(INTENT, outside.call, outside.inquire)
    again = await bench.effects.perform(INTENT, outside.call, outside.inquire)
    assert (row.status, row.code, again.code) == (EffectStatus.REFUSED, "address_refused", "address_refused")
    assert len(outside.keys) == 1


async def test_operators_error_is_recorded_and_raised_each_time(bench: Bench) -> None:
    """A refusal of ours must never look like the customer's: a second look raises it again, without a call."""
    outside = Outside(OperatorError("bad_credentials", "revoked"))
    for _ in range(2):
        with pytest.raises(OperatorError, match="bad_credentials"):
            await bench.effects.perform(INTENT, outside.call, outside.inquire)
    assert (bench.row("buy").status, len(outside.keys)) == (EffectStatus.REFUSED, 1)


@pytest.mark.parametrize(
    ("refusal", "again", "calls"),
    [
        (OperatorError("bad_credentials", "revoked"), by_operator, 2),
        (CustomerError("no", "no"), by_operator, 1),
        (CustomerError("no", "no"), always, 2),
        (CustomerError("no", "no"), never, 1),
    ],
)
async def test_undo_says_which_refusals_are_asked_anew(
    bench: Bench, refusal: OrdersagaError, again: Again, calls: int
) -> None:
    """An undo must come to an end: after a repair it is asked again, under the next key."""
    outside = Outside(refusal, DONE)
    if isinstance(refusal, OperatorError):
        with pytest.raises(OperatorError):
            await bench.effects.perform(INTENT, outside.call, outside.inquire, again)
    else:
        await bench.effects.perform(INTENT, outside.call, outside.inquire, again)
    await bench.effects.perform(INTENT, outside.call, outside.inquire, again)
    assert outside.keys == ["o1/buy/1/1", "o1/buy/1/1.1"][:calls]


@pytest.mark.parametrize(
    "refusal", [CustomerError("address_refused", "no"), RefusedError("feed_failed", "it was never made")]
)
async def test_a_refusal_found_on_record_is_final(bench: Bench, refusal: OrdersagaError) -> None:
    """Taken at first and refused later: the inquiry says so, nothing is sent again, and the ledger has it."""
    outside = Outside(RetryError("undecided", "later", unknown=True), found=[refusal])
    with pytest.raises(RetryError):
        await bench.effects.perform(INTENT, outside.call, outside.inquire)
    for _ in range(2):
        if isinstance(refusal, RefusedError):
            with pytest.raises(RefusedError, match="feed_failed"):
                await bench.effects.perform(INTENT, outside.call, outside.inquire)
        else:
            row = await bench.effects.perform(INTENT, outside.call, outside.inquire)
            assert (row.status, row.code) == (EffectStatus.REFUSED, "address_refused")
    assert (bench.row("buy").status, len(outside.keys), len(outside.inquiries)) == (EffectStatus.REFUSED, 1, 1)


async def test_an_operators_error_while_inquiring_proves_nothing(bench: Bench) -> None:
    """Credentials may be wrong for looking, too: what was sent stays unknown."""
    outside = Outside(RetryError("timeout", "lost", unknown=True), found=[OperatorError("bad_credentials", "revoked")])
    with pytest.raises(RetryError):
        await bench.effects.perform(INTENT, outside.call, outside.inquire)
    with pytest.raises(OperatorError, match="bad_credentials"):
        await bench.effects.perform(INTENT, outside.call, outside.inquire)
    assert bench.row("buy").status is EffectStatus.UNKNOWN


async def test_who_inquired_in_vain_is_not_waited_for(bench: Bench) -> None:
    """The inquiry failed and ended: the next attempt inquires at once, and still knows that something was sent."""
    lost = RetryError("timeout", "lost", unknown=True)
    outside = Outside(lost, found=[RetryError("busy", "later"), OperatorError("revoked", "repair it"), DONE])
    for code in ("timeout", "busy", "revoked"):
        with pytest.raises(OrdersagaError, match=code):
            await bench.effects.perform(INTENT, outside.call, outside.inquire)
        assert bench.row("buy").status is EffectStatus.UNKNOWN
    row = await bench.effects.perform(INTENT, outside.call, outside.inquire)
    assert (row.status, len(outside.keys), len(outside.inquiries)) == (EffectStatus.DONE, 1, 3)


async def test_attempt_in_flight_is_waited_for(bench: Bench) -> None:
    """Another attempt may be calling right now: neither called nor inquired, but told when to come back."""
    await bench.ledger.begin(INTENT)
    outside = Outside(DONE)
    with pytest.raises(RetryError) as caught:
        await bench.effects.perform(INTENT, outside.call, outside.inquire)
    assert caught.value.code == "effect_in_flight"
    assert caught.value.retry_after is not None
    assert timedelta(0) < caught.value.retry_after <= INTENT.lease
    assert (outside.keys, outside.inquiries) == ([], [])


def stored() -> RetryError:
    """The other side answers with a failure it stored under our key."""
    return RetryError(STORED_FAILURE, "same 500 as before", unknown=True)


async def test_stored_failure_keeps_its_key_while_anything_may_still_appear(bench: Bench) -> None:
    """Within the time a thing done may stay invisible, no new key: told to come back when it has passed."""
    outside = Outside(stored(), stored())
    for _ in range(2):
        with pytest.raises(RetryError) as caught:
            await bench.effects.perform(INTENT, outside.call, outside.inquire)
        assert caught.value.retry_after is not None
        assert timedelta(seconds=55) < caught.value.retry_after <= timedelta(minutes=1)
    assert outside.keys == ["o1/buy/1/1"] * 2
    assert bench.row("buy").status is EffectStatus.UNKNOWN


async def test_stored_failure_is_given_up_for_a_new_key_once_nothing_can_appear(bench: Bench) -> None:
    """After that time, and one more inquiry, the next key is called; later attempts find it."""
    effects = Effects(bench.ledger, timedelta(0))
    outside = Outside(stored(), stored(), DONE)
    with pytest.raises(RetryError) as caught:
        await effects.perform(INTENT, outside.call, outside.inquire)
    assert caught.value.retry_after == timedelta(0)
    row = await effects.perform(INTENT, outside.call, outside.inquire)
    again = await effects.perform(INTENT, outside.call, outside.inquire)
    assert (row.key, again.key) == ("o1/buy/1/1.1", "o1/buy/1/1.1")
    assert outside.keys == ["o1/buy/1/1", "o1/buy/1/1", "o1/buy/1/1.1"]
    latest = await bench.ledger.find("o1", "buy", 1)
    assert (latest and latest.status, len(outside.inquiries)) == (EffectStatus.DONE, 1)
