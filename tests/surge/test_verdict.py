"""The verdict shows every wrong thing, however small; a proof that cannot fail is none."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ordersaga.catalog_csv import parse_catalog
from ordersaga.domain.ledgers import Shelf
from ordersaga.domain.statuses import OrderStatus
from tests.surge.__main__ import main
from tests.surge.plan import CALM, VIRAL, Offer, Options, calm_streams, catalog, kills, sku_of
from tests.surge.records import Answer, Record, Try
from tests.surge.report import TOGETHER, as_json, calm_rows, latencies, summary, warnings
from tests.surge.run import Measured, Outcome
from tests.surge.verdict import Facts, OrderRow, wrongs

BEGAN = 1_000.0
OPTIONS = Options(data=Path("/nowhere"), rate=10, orders=4, units=2, quiet=10)


def record(name: str, answer: Answer, stream: str = VIRAL, due: float = 10.0, tries: tuple[Try, ...] = ()) -> Record:
    """Somebody who asked once, or as often as `tries` says."""
    statuses: Mapping[Answer, int] = {"accepted": 202, "refused": 409, "other": 422, "unanswered": 0}
    return Record(stream, name, 0, due, answer, tries or (Try(due, due + 0.1, statuses[answer]),))


def row(name: str, status: OrderStatus = OrderStatus.COMPLETED, accepted_at: float = BEGAN + 10.05) -> OrderRow:
    """An order in our database."""
    return OrderRow(name, VIRAL, status, accepted_at)


def good() -> Facts:
    """Two units, four shoppers, and one of another seller's."""
    records = [record("a", "accepted"), record("b", "accepted"), record("c", "refused"), record("d", "refused")]
    records.append(record("e", "accepted", "calm_1_now"))
    return Facts(
        offers=[Offer("VIRAL", 2, VIRAL, 4)],
        records=records,
        repeats=[record("a", "accepted"), record("c", "refused")],
        began={VIRAL: BEGAN, "calm_1_now": BEGAN},
        orders={**{name: row(name) for name in "abe"}, "c": row("c", OrderStatus.REJECTED)},
        workflows={"a": 1, "b": 1, "e": 1},
        shelves=[Shelf("reno-1", "VIRAL", 0, 0)],
        sold={"VIRAL": 2, "CALM-1-MUG": 1},
        promised={"VIRAL": 2, "CALM-1-MUG": 1},
        looked_at={"payments": 3, "provider:shipbob": 3},
        kills_planned=["api-2"],
        killed=["api-2"],
        restarts={"api": 0, "api-2": 1},
    )


def outcome(facts: Facts) -> Outcome:
    """A run with these facts."""
    return Outcome(OPTIONS, facts, Measured(rate=10, quiet_until=10))


def test_a_run_in_which_everything_is_exact_is_good() -> None:
    """Refused orders may be stored as rejected, or not at all."""
    assert wrongs(good()) == []


def told(index: int, answer: Answer) -> Callable[[Facts], Facts]:
    """One of the shoppers was told something else."""

    def change(facts: Facts) -> Facts:
        records = list(facts.records)
        records[index] = replace(records[index], answer=answer)
        return replace(facts, records=records)

    return change


def known(name: str, found: OrderRow | None) -> Callable[[Facts], Facts]:
    """Our database has something else."""

    def change(facts: Facts) -> Facts:
        orders = {each: order for each, order in facts.orders.items() if each != name}
        return replace(facts, orders={**orders, name: found} if found else orders)

    return change


def at_once(status: int) -> Callable[[Facts], Facts]:
    """A try that committed the order was answered with an error, and the next one well."""
    tries = (Try(10.0, 10.1, status), Try(11.0, 11.1, 202))
    return lambda facts: replace(facts, records=[record("a", "accepted", tries=tries), *facts.records[1:]])


WRONGS: Mapping[str, tuple[Callable[[Facts], Facts], str]] = {
    "one more was accepted": (told(2, "accepted"), "VIRAL: 3 accepted, not 2"),
    "one fewer was accepted": (told(0, "refused"), "VIRAL: 1 accepted, not 2"),
    "one has no answer": (told(3, "unanswered"), "VIRAL: 1 unanswered, not 0"),
    "one was told something else": (told(3, "other"), "d was answered"),
    "nobody asked": (lambda facts: replace(facts, records=[]), "nobody asked"),
    "another seller's shopper was refused": (told(4, "refused"), "calm_1_now: 1 of 1 were not accepted"),
    "an accepted order is unknown": (known("a", None), "a was accepted and is unknown"),
    "an accepted order was rejected": (known("a", row("a", OrderStatus.REJECTED)), "a was accepted and is rejected"),
    "an accepted order did not end": (known("b", row("b", OrderStatus.SHIPPED)), "b was accepted and is shipped"),
    "a refused order was taken": (known("d", row("d")), "d was told refused and is completed"),
    "an order came from nowhere": (known("z", row("z")), "z was never placed"),
    "503 after acceptance": (at_once(503), "a was taken and answered 503 at once"),
    "500 after acceptance": (at_once(500), "a was taken and answered 500 at once"),
    "the same key hears something else": (
        lambda facts: replace(facts, repeats=[record("a", "refused")]),
        "a was accepted, and refused when asked again",
    ),
    "nobody asked again": (lambda facts: replace(facts, repeats=[]), "nobody who was accepted asked again"),
    "nobody refused asked again": (
        lambda facts: replace(facts, repeats=facts.repeats[:1]),
        "nobody who was refused asked again",
    ),
    "no shelf is known": (lambda facts: replace(facts, shelves=[]), "VIRAL: no shelf of it is known"),
    "a shelf promises more than it has": (
        lambda facts: replace(facts, shelves=[Shelf("reno-1", "VIRAL", 1, 2)]),
        "reno-1/VIRAL: 2 held of 1",
    ),
    "units stay held": (
        lambda facts: replace(facts, shelves=[Shelf("reno-1", "VIRAL", 1, 1)]),
        "reno-1/VIRAL: 1 still held",
    ),
    "our books sold one more": (
        lambda facts: replace(facts, sold={"VIRAL": 3}),
        "VIRAL: 2 accepted, 3 sold as our books say",
    ),
    "the provider has one fewer": (
        lambda facts: replace(facts, promised={"VIRAL": 1}),
        "VIRAL: 2 accepted, 1 sold as the provider says",
    ),
    "an order has two sagas": (
        lambda facts: replace(facts, workflows={**facts.workflows, "a": 2}),
        "a has 2 workflows",
    ),
    "an order has no saga": (lambda facts: replace(facts, workflows={"b": 1, "e": 1}), "a has 0 workflows"),
    "a refused order has a saga": (
        lambda facts: replace(facts, workflows={**facts.workflows, "c": 1}),
        "c has a workflow and was not accepted",
    ),
    "the audit differs": (lambda facts: replace(facts, differences=["a: I1"]), "audit: a: I1"),
    "reconciliation found something": (lambda facts: replace(facts, findings=["a: x"]), "reconciliation: a: x"),
    "reconciliation looked at less than there is": (
        lambda facts: replace(facts, looked_at={"payments": 3, "provider:shipbob": 2}),
        "reconciliation looked at 2 provider:shipbob of 3",
    ),
    "a kill did not happen": (lambda facts: replace(facts, killed=[], restarts={}), "api-2 was not killed"),
    "a killed part did not come back": (
        lambda facts: replace(facts, restarts={"api-2": 0}),
        "api-2 was killed 1 times and restarted 0 times",
    ),
    "a part died by itself": (lambda facts: replace(facts, restarts={"api-2": 1, "api": 2}), "api died by itself"),
    "orders did not end": (lambda facts: replace(facts, unfinished=["3 orders did not end"]), "3 orders did not end"),
}


@pytest.mark.parametrize("name", WRONGS)
def test_whatever_is_wrong_is_seen(name: str) -> None:
    """Each alone makes the run a failure and is told in words."""
    change, said = WRONGS[name]
    found = wrongs(change(good()))
    assert any(line.startswith(said) for line in found), found
    assert not as_json(outcome(change(good())))["good"]


def test_503_before_acceptance_is_no_fault() -> None:
    """Overload is said before anything is promised; the repeat is taken."""
    tries = (Try(9.0, 9.1, 503), Try(10.0, 10.1, 202))
    assert wrongs(replace(good(), records=[record("a", "accepted", tries=tries), *good().records[1:]])) == []


def test_many_faults_of_one_kind_are_told_briefly() -> None:
    """Ten, and how many more."""
    facts = replace(good(), differences=[f"d{number}" for number in range(25)])
    assert len(wrongs(facts)) == 11
    assert wrongs(facts)[-1] == "and 15 more like that"


def test_times_count_from_when_a_request_was_due() -> None:
    """Retries belong to the answer's time; the first answer is told apart."""
    tries = (Try(10.5, 10.6, 503), Try(12.0, 12.1, 202))
    facts = replace(good(), records=[record("a", "accepted", tries=tries), *good().records[1:]])
    found = latencies(outcome(facts))
    assert found["final answer"].most == pytest.approx(2100)
    assert found["first answer"].most == pytest.approx(600)
    assert any("within 2100 ms" in line for line in warnings(outcome(facts)))
    assert as_json(outcome(facts))["overloaded"]["answers_503"] == 1


def test_other_sellers_are_compared_with_their_own_quiet() -> None:
    """p99 of the surge over p99 before it; above 1.5 it is warned of."""
    quiet = [record(f"q{n}", "accepted", "calm_1_now", 5.0, (Try(5.0, 5.1, 202),)) for n in range(10)]
    surge = [record(f"s{n}", "accepted", "calm_1_now", 15.0, (Try(15.0, 15.2, 202),)) for n in range(10)]
    rows = calm_rows(outcome(replace(good(), records=[*quiet, *surge])))
    assert [(each.who, each.kind) for each in rows] == [("calm-1", "now"), (TOGETHER, "now")]
    assert rows[-1].ratio == pytest.approx(2.0)
    assert any("2.00 times" in line for line in warnings(outcome(replace(good(), records=[*quiet, *surge]))))


def test_a_bad_run_says_how_to_repeat_it() -> None:
    """The last line of the report."""
    bad = as_json(outcome(replace(good(), findings=["a: x"])))
    assert summary(bad)[-1] == "again: make surge RATE=10 ORDERS=4 UNITS=2 APIS=2 WORKERS=2 SEED=1"
    assert summary(as_json(outcome(good())))[-1] == "every count is exact"


@pytest.mark.parametrize("seed", range(1, 20))
def test_kills_strike_while_units_are_promised_and_sagas_run(seed: int) -> None:
    """An API process within the first units, a worker, and in a long surge the other API process too."""
    long = Options(data=Path("/nowhere"), rate=500, kill=True, seed=seed)
    found = kills(long, 500)
    assert [each.part for each in found] == ["api-2", "worker-2", "api"]
    assert 0 < found[0].at - long.quiet < long.units / 500
    assert all(long.quiet < each.at < long.quiet + long.orders / 500 for each in found)
    short = replace(long, orders=400, units=20, apis=1, workers=1)
    assert {each.part for each in kills(short, 60)} == {"api", "worker"}
    assert kills(replace(long, kill=False), 500) == []


def test_the_catalog_has_as_many_units_as_are_offered() -> None:
    """No more, or the counts would prove nothing; the other sellers have plenty."""
    found = parse_catalog(catalog(replace(OPTIONS, units=21)))
    units: dict[str, int] = {}
    for receipt in found.receipts:
        units[receipt.sku] = units.get(receipt.sku, 0) + receipt.quantity
    assert units["VIRAL"] == 21
    assert {each.seller for each in found.sellers} == {VIRAL, *CALM}
    assert all(units[sku_of(seller)] > 1000 for seller in CALM)


def test_other_sellers_trade_from_first_to_last() -> None:
    """Half of their shoppers wait for the outcome."""
    streams = calm_streams(replace(OPTIONS, others=2), ["k1", "k2", "k3", "k4"], seconds=60)
    assert len(streams) == 8
    assert sum(stream.count for stream in streams) == 8 * 60
    assert {stream.wait for stream in streams} == {0, 5}
    assert calm_streams(replace(OPTIONS, others=0), [], seconds=60) == []


@pytest.mark.parametrize("wrong", ["--rate=0", "--rate=nan", "--orders=0", "--units=-1", "--others=inf"])
def test_options_without_sense_are_refused(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 before anything is started."""
    monkeypatch.setattr("sys.argv", ["surge", wrong])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert wrong.partition("=")[0] in capsys.readouterr().err
