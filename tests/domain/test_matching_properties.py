"""What agrees is no finding, whatever the stage; one planted disagreement is found as what it is, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordersaga.domain.books import Account
from ordersaga.domain.effects import EffectStatus
from ordersaga.domain.payments import PaymentStatus
from ordersaga.domain.reconciliation import FindingKind, RefundRecord, StockLevel
from ordersaga.domain.statuses import OrderStatus, ParcelStatus
from tests.domain.lives import AMOUNT, GRACE, NOW, STAGES, Scene, deed, label, payment, provider_order, scenes

Plant = Callable[[Scene], Scene]
Planted = tuple[FindingKind, Plant, tuple[str, ...], set[FindingKind]]
"""What is found, how it is planted, at which stages, and what is found beside it."""
MOVING: Final = ("waiting", "handed_over", "shipped")
ENDED: Final = tuple(stage for stage in STAGES if stage not in MOVING)
GONE: Final = FindingKind.SAGA_GONE


@given(scenes())
def test_what_agrees_is_no_finding(scene: Scene) -> None:
    """Whatever was asked for and undone before."""
    assert scene.kinds() == set()


def _stray(scene: Scene) -> Scene:
    return replace(scene, payments=(*scene.payments, payment(9, PaymentStatus.AUTHORIZED)))


def _refund_by_hand(scene: Scene) -> Scene:
    last = scene.payments[-1]
    made = RefundRecord(refund_id="re_x", key="", amount=1, status="succeeded")
    return replace(scene, payments=(*scene.payments[:-1], last.model_copy(update={"refunds": (*last.refunds, made)})))


def _captured_by_hand(scene: Scene) -> Scene:
    return replace(scene, payments=(*scene.payments[:-1], payment(len(scene.payments), PaymentStatus.CAPTURED)))


def _terminated(scene: Scene) -> Scene:
    return replace(scene, standing="ended")


def _terminated_before_capture(scene: Scene) -> Scene:
    owed = {(1, Account.RECEIVABLE): AMOUNT, (1, Account.SALES): -AMOUNT} if scene.ours.shipped else {}
    ours = replace(scene.ours, deeds=tuple(each for each in scene.ours.deeds if each.step != "capture"), money=owed)
    before = replace(scene, ours=ours, standing="ended")
    return replace(before, payments=(*scene.payments[:-1], payment(len(scene.payments), PaymentStatus.AUTHORIZED)))


def _second_label(scene: Scene) -> Scene:
    second = label(len(scene.orders)).model_copy(update={"label_id": "another"})
    return replace(scene, labels=(second, *scene.labels))


def _void_forgotten(scene: Scene) -> Scene:
    return replace(scene, labels=(*scene.labels[:-1], label(len(scene.orders))))


def _goes_on(scene: Scene) -> Scene:
    return replace(scene, orders=(*scene.orders[:-1], provider_order(len(scene.orders), ParcelStatus.ACCEPTED)))


def _unknown_order(scene: Scene) -> Scene:
    return replace(scene, orders=(*scene.orders, provider_order(9, ParcelStatus.ACCEPTED)))


def _forgotten(scene: Scene) -> Scene:
    return replace(scene, orders=())


def _miscounted(scene: Scene) -> Scene:
    shelf = scene.shelves[0]
    return replace(scene, levels=(StockLevel(sku="MUG", on_hand=shelf.on_hand + 1),))


def _units_lost(scene: Scene) -> Scene:
    shelf = replace(scene.shelves[0], on_hand=60)
    return replace(scene, shelves=(shelf,), levels=(StockLevel(sku="MUG", on_hand=59 - shelf.under_way),))


def _never_started(scene: Scene) -> Scene:
    ours = replace(scene.ours, deeds=(), money={}, started=False, status=OrderStatus.PENDING)
    return replace(scene, ours=ours, standing="never", payments=(), labels=(), orders=())


def _unheard(scene: Scene) -> Scene:
    return replace(scene, ours=replace(scene.ours, heard=()))


def _unanswered(scene: Scene) -> Scene:
    call = deed("notify", status=EffectStatus.UNKNOWN, settled_at=None)
    return replace(scene, ours=replace(scene.ours, deeds=(*scene.ours.deeds, call)))


PLANTS: Final[list[Planted]] = [
    (FindingKind.ORPHAN_AUTHORIZATION, _stray, STAGES, set()),
    (FindingKind.CASH_DIFFERS, _refund_by_hand, ("shipped", "completed", "partly_refunded", "returned_goods"), set()),
    (FindingKind.PAID_WITHOUT_GOODS, _captured_by_hand, ("canceled",), set()),
    (FindingKind.MISSED_CAPTURE, _terminated_before_capture, ("shipped",), {GONE}),
    (FindingKind.SAGA_GONE, _terminated, MOVING, set()),
    (FindingKind.DOUBLE_LABEL, _second_label, ("handed_over", "shipped", "canceled"), set()),
    (FindingKind.DOUBLE_LABEL, _void_forgotten, ("canceled",), set()),
    (FindingKind.LIVE_PROVIDER_ORDER, _goes_on, ("canceled",), set()),
    (FindingKind.LIVE_PROVIDER_ORDER, _unknown_order, STAGES, set()),
    (FindingKind.PROVIDER_ORDER_MISSING, _forgotten, ("handed_over",), set()),
    (FindingKind.STOCK_DRIFT, _miscounted, STAGES, set()),
    (FindingKind.STOCK_DRIFT, _units_lost, STAGES, set()),
    (FindingKind.NEVER_STARTED, _never_started, ("waiting",), set()),
    (FindingKind.MESSAGE_LOST, _unheard, ("handed_over",), set()),
    (FindingKind.EFFECT_UNSETTLED, _unanswered, ENDED, set()),
]


@pytest.mark.parametrize("planted", PLANTS, ids=lambda planted: planted[1].__name__.strip("_"))
@settings(max_examples=20)
@given(data=st.data())
def test_one_disagreement_is_found_as_what_it_is(planted: Planted, data: st.DataObject) -> None:
    """Exactly that kind; a saga that was terminated is told of beside it."""
    kind, plant, stages, beside = planted
    assert plant(data.draw(scenes(stages))).kinds() == {kind} | beside


@given(planted=st.sampled_from(PLANTS), data=st.data())
def test_what_just_came_about_is_no_finding(planted: Planted, data: st.DataObject) -> None:
    """Within the grace period it may all be under way; a shelf has no age of its own."""
    kind, plant, stages, _ = planted
    found = _just_now(plant(data.draw(scenes(stages)))).kinds()
    assert found == ({kind} & {FindingKind.STOCK_DRIFT})


def _just_now(scene: Scene) -> Scene:
    """The scene as if all of it had happened a moment ago."""
    at = NOW - GRACE / 2
    deeds = tuple(replace(each, intended_at=at, settled_at=each.settled_at and at) for each in scene.ours.deeds)
    heard = tuple(replace(each, at=at) for each in scene.ours.heard)
    return replace(
        scene,
        ours=replace(scene.ours, deeds=deeds, heard=heard, updated_at=at, accepted_at=at - timedelta(hours=1)),
        payments=tuple(each.model_copy(update={"created_at": at}) for each in scene.payments),
        labels=tuple(each.model_copy(update={"created_at": at}) for each in scene.labels),
        orders=tuple(each.model_copy(update={"changed_at": at}) for each in scene.orders),
    )
