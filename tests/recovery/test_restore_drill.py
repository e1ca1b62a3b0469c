"""A restore drill on the whole stack: one of the two databases goes back in time, orders are in every stage.

Afterwards nothing differs: our books, the companies' own records, and what reconciliation finds.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import Client

from ordersaga.domain.statuses import OrderStatus
from tests.recovery.backups import Backups
from tests.recovery.drill import LIVES, Drill
from tests.support.stack import open_shop_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LATE = {name for name in LIVES if name.startswith("late")}
"""Accepted after the backup."""
GIVEN_BACK = {f"{name}: I5 payment for parcel 1: ours 1990, theirs 0" for name in ("returned", "given_back")}


async def play(drill: Drill, what: str) -> None:
    """Orders before and after a backup; then it is put back, and everybody goes on."""
    drill.begin()
    await drill.act("before")
    made = await (drill.backups.of_postgres() if what == "postgres" else drill.backups.of_temporal())
    await drill.act("meanwhile")
    async with drill.backups.restoring("postgres" if what == "postgres" else "temporal"):
        if what == "postgres":
            drill.backups.put_back_postgres(made)
        else:
            drill.backups.put_back_temporal(None if what == "temporal lost" else made)
    await drill.recover()
    await drill.settle()


@pytest_asyncio.fixture(scope="module", params=["postgres", "temporal", "temporal lost"])
async def drill(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Drill]:
    """One drill for each way."""
    folder = tmp_path_factory.mktemp("drill")
    async with open_shop_at(folder / "state") as shop:
        played = Drill(shop, Backups(shop.stack, folder))
        await play(played, request.param)
        yield played


def test_nobody_need_be_asked(drill: Drill) -> None:
    """The dry run told that there is something to do; the recovery, killed once midway, did all of it by itself.

    What the killed one has written again is told by the one that goes on.
    """
    assert drill.broken_off
    assert drill.codes[:2] == [1, 0], drill.report
    assert drill.deeds("asked") == set()
    assert drill.foretold["deeds"]
    written = {deed["subject"] for deed in drill.foretold["deeds"] if deed["what"] == "written_again"}
    assert written <= drill.deeds("written_again")
    assert drill.questions == []


def test_no_accepted_order_vanishes(drill: Drill) -> None:
    """Each ends as it should, those that were accepted after the backup too, and nobody was surprised."""
    wanted = {name: life.ends for name, life in LIVES.items()}
    assert drill.ends == wanted
    assert {name: case.surprises for name, case in drill.cases.items() if case.surprises} == {}
    assert drill.refunded == 1990
    assert {drill.ends[name] for name in LATE} == {OrderStatus.COMPLETED, OrderStatus.CANCELED, OrderStatus.REJECTED}


def test_nothing_differs_from_the_companies_records(drill: Drill) -> None:
    """0 differences: no payment captured twice, no label or hand-off twice, no unit promised twice.

    The audit takes what was delivered for kept. All of two orders came back and was given back, once each.
    """
    assert len(drill.differences) == len(GIVEN_BACK)
    assert set(drill.differences) == GIVEN_BACK


def test_reconciliation_finds_nothing_and_the_audit_chain_verifies(drill: Drill) -> None:
    """What was written again is chained like everything else."""
    assert drill.findings == []
    assert drill.codes[-1] == 0, drill.chain


def test_the_doctor_finds_the_restored_installation_sound(drill: Drill) -> None:
    """Every connection, schema, queue and company; what the embedded stack is not, it is warned of."""
    verdicts = {line["check"]: line["verdict"] for line in drill.checkup["lines"]}
    assert [check for check, verdict in verdicts.items() if verdict == "fail"] == [], drill.checkup
    usual = {
        "wal_archive",
        "namespace",
        "disk",
        "encryption",
    }  # the drill's stack archives nothing, and keeps names in the clear
    assert {check for check, verdict in verdicts.items() if verdict == "warn"} <= usual
    assert {"migrations", "search_attributes", "workers", "payments", "provider shipbob"} <= set(verdicts)


async def test_no_workflow_lives_on_that_has_ended_on_record(drill: Drill) -> None:
    """A return that was refunded since would wait for its goods for weeks."""
    temporal = await Client.connect(drill.shop.stack.settings.temporal_address)
    running = [each.id async for each in temporal.list_workflows("ExecutionStatus = 'Running'")]
    assert [name for name in running if name.startswith(("order-", "return-"))] == []
