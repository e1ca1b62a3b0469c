"""What is made of a run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from typing import cast

import pytest

from ordersaga.catalog_csv import parse_catalog
from ordersaga.demo.audit import Difference
from ordersaga.demo.case import World
from ordersaga.demo.orders_file import DemoOrder
from ordersaga.domain.statuses import OrderStatus
from tests.chaos.__main__ import main
from tests.chaos.load import MIX, Shopper, read_mix, stream
from tests.chaos.progress import Recovery, recoveries
from tests.chaos.report import summary
from tests.chaos.schedule import Fault
from tests.chaos.shop import PLENTY, SCARCE, plentiful
from tests.chaos.strikes import Strike
from tests.chaos.verdict import Verdict, answers_kept, as_json, counted_on
from tests.support.emulators import ROOT

CATALOG = (ROOT / "examples" / "catalog.csv").read_text(encoding="utf-8")
KILLED = Strike(Fault(1, 3.0, "kill", "worker"), ended=100.0)


def shopper(order_id: str, answer: str | None) -> Shopper:
    """Somebody who heard an answer."""
    order = DemoOrder(order_id, "plain", OrderStatus.COMPLETED, None, {})
    return Shopper(order, cast("World", None), answer=answer, tries=1)


def verdict(
    shoppers: Sequence[Shopper] = (),
    statuses: Mapping[str, OrderStatus] | None = None,
    differences: Sequence[Difference] = (),
    recovery: Recovery | None = None,
) -> Verdict:
    """A run with one fault."""
    return Verdict(
        seed=7,
        minutes=3,
        shoppers=shoppers or [shopper("someone", "confirmed")],
        statuses=statuses or {},
        differences=differences,
        recoveries=[recovery or Recovery(KILLED, 1.0, 2.0)],
        asked=Counter(),
        chosen=Counter(),
    )


def test_an_accepted_order_must_be_found_and_an_unanswered_one_may_be() -> None:
    """Refused and unanswered orders count when our books know them."""
    people = [shopper("a", "confirmed"), shopper("b", "pending"), shopper("c", None), shopper("d", None)]
    people.append(shopper("e", "sold_out"))
    assert counted_on(people, {"d": OrderStatus.COMPLETED}) == ["a", "b", "d"]


@pytest.mark.parametrize(
    ("answer", "status", "broken"),
    [
        ("confirmed", OrderStatus.COMPLETED, False),
        ("confirmed", OrderStatus.CANCELED, False),
        ("confirmed", OrderStatus.REJECTED, True),
        ("pending", OrderStatus.REJECTED, False),
        ("declined", OrderStatus.REJECTED, False),
        ("declined", OrderStatus.COMPLETED, True),
        ("sold_out", OrderStatus.RETURNED, True),
        ("unexpected_answer", OrderStatus.COMPLETED, True),
        (None, OrderStatus.COMPLETED, False),
    ],
)
def test_what_was_told_must_come_true(answer: str | None, status: OrderStatus, broken: bool) -> None:
    """A shopper refused is sent nothing; one confirmed is not rejected; no answer is no promise."""
    assert bool([*answers_kept([shopper("a", answer)], {"a": status})]) is broken


def test_recovery_counts_only_what_began_after_the_fault() -> None:
    """Work that was under way when the fault ended shows nothing."""
    [found] = recoveries([KILLED], [(99.0, 101.0), (103.0, 103.5)], [(98.0, 100.5), (101.0, 104.0)])
    assert (found.advanced, found.confirmed, found.seconds) == (3.5, 4.0, 3.5)
    [never] = recoveries([KILLED], [(90.0, 91.0)], [])
    assert never.seconds is None


def test_a_run_is_good_only_without_anything_wrong() -> None:
    """A difference, no recovery, a fault that was not carried out, or no rest: each spoils it."""
    good = verdict()
    assert good.good
    assert not replace(good, differences=[Difference("a", "I1", "cash", 1, 2)]).good
    assert not replace(good, recoveries=[Recovery(KILLED, None, None)]).good
    assert not replace(good, missed=["kill worker"]).good
    assert not replace(good, unfinished=["not at rest"]).good


def test_a_run_without_orders_or_faults_is_no_success() -> None:
    """Nothing differs where nothing happened: it says so, and is not good."""
    nobody, calm = replace(verdict(), shoppers=[]), replace(verdict(), recoveries=[])
    assert (nobody.good, nobody.hollow) == (False, ["no order was placed"])
    assert (calm.good, calm.hollow) == (False, ["no fault was injected"])
    assert as_json(calm)["unfinished"] == ["no fault was injected"]


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "0.01"])
def test_a_length_that_leaves_no_time_for_faults_is_refused(
    minutes: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 before anything is started."""
    monkeypatch.setattr("sys.argv", ["chaos", f"--minutes={minutes}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--minutes: " in capsys.readouterr().err


def test_a_bad_run_says_how_to_repeat_it() -> None:
    """The report's last lines, and the document beside it."""
    bad = verdict([shopper("a", "confirmed")], {"a": OrderStatus.SHIPPED}, [Difference("a", "I6", "status", 1, 2)])
    lines = summary(bad)
    assert lines[0] == "orders placed: 1 (1 confirmed)"
    assert "1 differences" in lines
    assert lines[-1] == "again: make chaos SEED=7 MINUTES=3"
    assert not any(line.startswith("again") for line in summary(verdict()))
    document = as_json(bad)
    assert document["differences"] == ["a: I6 status: ours 1, theirs 2"]
    assert document["recovery"][0]["kind"] == "kill"


def test_the_stream_is_the_seeds_and_has_everything() -> None:
    """Every scenario comes, every order has an id of its own, and the seed alone decides."""
    orders = read_mix()
    assert {order.scenario for order in orders} == set(MIX)
    first, again = ([*islice(stream(orders, Random("load 1")), 600)] for _ in range(2))
    assert first == again
    assert {order.scenario for order in first} == set(MIX)
    assert len({order.order_id for order in first}) == 600
    assert all(order.body["order_id"] == order.order_id for order in first)


def test_shelves_outlast_a_long_run_but_for_one() -> None:
    """More of everything; the scarce one stays scarce, so that some are told it is sold out."""
    few, many = parse_catalog(CATALOG.encode()), parse_catalog(plentiful(CATALOG))
    before = {(each.location, each.sku): each.quantity for each in few.receipts}
    after = {(each.location, each.sku): each.quantity for each in many.receipts}
    assert after == {place: units * (1 if place[1] == SCARCE else PLENTY) for place, units in before.items()}
