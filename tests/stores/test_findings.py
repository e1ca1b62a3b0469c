"""Findings on PostgreSQL: seen again, gone, claimed by one person or two, repaired, and come about anew."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ordersaga.domain.reconciliation import Finding, FindingFilter, FindingKind, FindingStatus, Repair, RunRecord
from ordersaga.stores.catalog import PostgresCatalog
from ordersaga.stores.findings import PostgresFindings
from ordersaga.stores.pools import Pool
from ordersaga.stores.stock import PostgresStock
from tests.fakes.samples import EAST, catalog, order

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


def found(subject: str = "pi_1", **changes: Any) -> Finding:
    """An orphan authorization of order o1, unless told otherwise."""
    known = {
        "finding_id": f"orphan_authorization:{subject}",
        "kind": FindingKind.ORPHAN_AUTHORIZATION,
        "subject": subject,
        "repair": Repair.VOID,
        "what": "reserved",
        "ours": "nothing",
        "theirs": "authorized",
        "source": "payments",
        "order_id": "o1",
        "seller": "acme",
        "at": NOW,
    }
    return Finding(**{**known, **changes})


def run(run_id: str, at: datetime = NOW, **changes: Any) -> RunRecord:
    """A run over the last day."""
    return RunRecord(**{"run_id": run_id, "since": at - timedelta(days=1), "started_at": at, **changes})


async def finish(findings: PostgresFindings, record: RunRecord, *seen: Finding, order_id: str | None = None) -> None:
    """A run that looked at payments and found these."""
    await findings.begin_run(record)
    await findings.save(record.run_id, seen, record.started_at)
    done = {"ended_at": record.started_at + timedelta(seconds=9), "looked_at": {"payments": 3} | record.looked_at}
    await findings.end_run(record.model_copy(update=done), order_id)


async def status(findings: PostgresFindings, subject: str = "pi_1") -> str:
    """Where a finding stands."""
    stored = await findings.get(f"orphan_authorization:{subject}")
    assert stored is not None
    return stored.status


async def test_a_finding_seen_again_is_one_finding(pool: Pool) -> None:
    """Two runs, one row: first and last seen tell when."""
    findings = PostgresFindings(pool)
    await finish(findings, run("r1"), found())
    await finish(findings, run("r2", LATER), found())
    (stored,) = await findings.findings(FindingFilter())
    assert (stored.first_seen, stored.last_seen, stored.run_id, stored.occurrence) == (NOW, LATER, "r2", 1)
    assert stored.finding == found()
    assert await findings.counts() == {"orphan_authorization": 1}
    assert [record.run_id for record in await findings.runs()] == ["r2", "r1"]
    known = await findings.run("r1")
    assert known is not None
    assert known.looked_at == {"payments": 3}


async def test_a_run_over_one_order_is_its_sellers(pool: Pool) -> None:
    """Whoever writes first that it began; one over everything is no seller's."""
    findings = PostgresFindings(pool)
    for written in (("acme", None), (None, "acme")):
        for seller in written:
            await findings.begin_run(run(f"r{written[0]}"), seller)
        assert await findings.run(f"r{written[0]}", "acme")
        assert await findings.run(f"r{written[0]}", "bolt") is None
    await findings.begin_run(run("all"))
    assert await findings.run("all", "acme") is None
    assert await findings.run("all")


async def test_what_a_run_does_not_find_again_is_gone(pool: Pool) -> None:
    """Only of the sources it finished, the orders it was about, and the time it looked back to."""
    findings = PostgresFindings(pool)
    old, other = found("pi_old", at=NOW - timedelta(days=9)), found("pi_o2", order_id="o2")
    await finish(findings, run("r1"), found(), old, other, found("shelf", source="stock:shipbob", at=None))
    await finish(findings, run("r2", LATER), order_id="o1")
    assert [await status(findings, name) for name in ("pi_1", "pi_old", "pi_o2", "shelf")] == [
        "gone",
        "open",
        "open",
        "open",
    ]
    failed = run("r3", LATER + timedelta(minutes=1), failed={"payments": "timeout"})
    await finish(findings, failed)
    assert await status(findings, "pi_o2") == "open"


async def test_a_finding_that_was_settled_comes_about_anew(pool: Pool) -> None:
    """Its next occurrence is open, with no trace of the first one's repair."""
    findings = PostgresFindings(pool)
    await finish(findings, run("r1"), found())
    assert (await findings.claim(found().finding_id, by="ann", reason="stray")).result == "claimed"
    assert (await findings.claim(found().finding_id, by="bob", reason="too")).result == "not_open"
    await findings.settle(found().finding_id, "repaired", "voided", NOW)
    stored = await findings.get(found().finding_id)
    assert stored is not None
    assert (stored.status, stored.by, stored.reason, stored.outcome) == ("repaired", "ann", "stray", "voided")
    assert stored.repaired_at == NOW
    await finish(findings, run("r2", LATER), found())
    again = await findings.get(found().finding_id)
    assert again is not None
    assert (again.status, again.occurrence, again.first_seen, again.by) == ("open", 2, LATER, None)


async def test_every_repair_is_kept_forever(pool: Pool) -> None:
    """Two occurrences are two lines; an answer told twice is one, and one given up is kept as well."""
    findings = PostgresFindings(pool)
    stray = found(order_id="", money=7, currency="USD")
    asked: tuple[tuple[str, datetime, tuple[FindingStatus, ...]], ...] = (
        ("ann", NOW, ("repaired", "repaired")),
        ("bob", LATER, ("open", "repaired")),
    )
    for by, when, told in asked:
        await finish(findings, run(f"of-{by}", when), stray)
        for became in told:
            for person in (by, "boss"):
                await findings.claim(stray.finding_id, by=person, reason="seen there")
            await findings.settle(stray.finding_id, became, f"{became} for {by}", when)
    lines = await findings.repairs(stray.finding_id)
    assert [(line.by, line.second, line.occurrence, line.status, line.at) for line in lines] == [
        ("ann", "boss", 1, "repaired", NOW),
        ("bob", "boss", 2, "open", LATER),
        ("bob", "boss", 2, "repaired", LATER),
    ]
    first = lines[0]
    assert (first.kind, first.subject, first.order_id) == (FindingKind.ORPHAN_AUTHORIZATION, "pi_1", "")
    assert (first.reason, first.outcome, first.money) == ("seen there", "repaired for ann", 7)
    assert await findings.repairs("orphan_authorization:none") == []


async def test_a_run_that_finds_nothing_any_more_repaired_nothing(pool: Pool) -> None:
    """A finding that went by itself leaves no line among the repairs."""
    findings = PostgresFindings(pool)
    await finish(findings, run("r1"), found())
    await finish(findings, run("r2", LATER))
    assert await status(findings) == "gone"
    assert await findings.repairs(found().finding_id) == []


async def test_a_refused_repair_leaves_it_to_be_asked_for_again(pool: Pool) -> None:
    """It is open once a run sees it again, as the same occurrence."""
    findings = PostgresFindings(pool)
    await finish(findings, run("r1"), found())
    await findings.claim(found().finding_id, by="ann", reason="stray")
    await findings.settle(found().finding_id, "refused", "captured: taken already", NOW)
    await finish(findings, run("r2", LATER), found())
    again = await findings.get(found().finding_id)
    assert again is not None
    assert (again.status, again.occurrence) == ("open", 1)


async def test_a_repair_given_up_does_not_open_what_it_settled(pool: Pool) -> None:
    """Only its answer was lost."""
    findings = PostgresFindings(pool)
    await finish(findings, run("r1"), found())
    await findings.claim(found().finding_id, by="ann", reason="stray")
    await findings.settle(found().finding_id, "repaired", "voided", NOW)
    await findings.settle(found().finding_id, "open", "no answer", LATER)
    assert await status(findings) == "repaired"


async def test_much_money_takes_a_second_person(pool: Pool) -> None:
    """Above the order's limit the first person proposes, the same key again changes nothing, another one agrees."""
    await PostgresCatalog(pool).load(catalog((EAST, "MUG", 5)))
    await PostgresStock(pool).confirm_hold(order("o1"))
    findings = PostgresFindings(pool)
    dear = found(money=50_001, currency="USD")
    await finish(findings, run("r1"), dear, found("pi_2", money=50_000, currency="USD"))
    assert (await findings.foretell(dear.finding_id, by="desk:ann")).result == "proposed"
    assert (await findings.claim(dear.finding_id, by="desk:ann", reason="stray")).result == "proposed"
    assert (await findings.claim(dear.finding_id, by="desk:bob", reason="yes")).result == "proposed"
    await finish(findings, run("r2", LATER), dear, found("pi_2", money=50_000, currency="USD"))
    assert await status(findings) == "proposed"
    agreed = await findings.claim(dear.finding_id, by="boss", reason="yes")
    assert agreed.result == "claimed"
    assert agreed.finding is not None
    assert (agreed.finding.by, agreed.finding.second) == ("desk:bob", "boss")
    assert (await findings.claim("orphan_authorization:pi_2", by="ann", reason="stray")).result == "claimed"
    assert (await findings.claim("orphan_authorization:none", by="ann", reason="stray")).result == "not_found"


async def test_another_amount_is_another_proposal(pool: Pool) -> None:
    """Who agreed to one amount did not agree to another: the finding is open again."""
    findings = PostgresFindings(pool)
    await finish(findings, run("r1"), found(money=7, currency="USD"))
    await findings.claim(found().finding_id, by="ann", reason="stray")
    await finish(findings, run("r2", LATER), found(money=8, currency="USD"))
    stored = await findings.get(found().finding_id)
    assert stored is not None
    assert (stored.status, stored.by) == ("open", None)


async def test_findings_are_listed_by_what_is_named(pool: Pool) -> None:
    """Kind, seller, order, run and status each narrow the list."""
    findings = PostgresFindings(pool)
    await finish(findings, run("r1"), found(), found("pi_2", order_id="o2", seller="bolt"))
    for wanted, names in (
        (FindingFilter(seller="bolt"), ["pi_2"]),
        (FindingFilter(order_id="o1"), ["pi_1"]),
        (FindingFilter(run_id="r9"), []),
        (FindingFilter(kind=FindingKind.STOCK_DRIFT), []),
        (FindingFilter(statuses=("gone",)), []),
    ):
        assert [stored.finding.subject for stored in await findings.findings(wanted)] == names
