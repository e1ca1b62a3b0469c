"""Histories are kept for longer than Temporal keeps them, as they are encrypted there, and erased with their key."""

import asyncio
import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import (
    Client,
    FetchWorkflowHistoryEventsInput,
    Interceptor,
    OutboundInterceptor,
    WorkflowHistory,
    WorkflowHistoryEventAsyncIterator,
)
from temporalio.service import RPCError, RPCStatusCode

from ordersaga.archive import Archiver, Folder, archiver_of, histories_of
from ordersaga.archive.archiving import KINDS, history_of
from ordersaga.bootstrap import Services
from ordersaga.commands.archive import told_plainly
from ordersaga.commands.errors import CommandError
from ordersaga.domain.errors import RetryError
from ordersaga.embedded.environment import as_environment
from ordersaga.recovery.histories import WORKFLOWS, calls_in, read_histories
from ordersaga.settings import Settings
from tests.api.conftest import Shop
from tests.lanes.waiting import until
from tests.privacy.planted import BUYER, SHIP_TO, Search
from tests.support.api import order_body
from tests.support.emulators import ROOT
from workers.relay_archive import Archive

pytestmark = pytest.mark.timeout(180)
WAIT = {"Prefer": "wait=20"}


def archiving(shop: Shop, folder: Path) -> Archiver:
    """Who writes the shop's histories into a folder."""
    services: Services = shop.api.services
    found = archiver_of(replace(services, settings=services.settings.model_copy(update={"archive": folder})))
    assert found is not None
    return found


async def ended(shop: Shop, order_id: str) -> None:
    """An order of the planted person's that was canceled, and that Temporal lists as closed."""
    body = order_body(order_id=order_id, ship_to=SHIP_TO, buyer=BUYER)
    assert (await shop.api.post("/v1/orders", body, headers=WAIT)).status_code == 201
    canceled = await shop.api.post(f"/v1/orders/{order_id}/cancel", {"reason": "test"}, role="support", headers=WAIT)
    assert canceled.status_code == 200
    query = f"WorkflowId = 'order-{order_id}' AND ExecutionStatus != 'Running'"
    temporal = shop.orders.temporal

    async def listed() -> int:
        return len([each async for each in temporal.list_workflows(query)])

    await until(listed, lambda found: found == 1)


async def deleted(temporal: Client, order_id: str) -> None:
    """What retention does to it, at once."""
    execution = WorkflowExecution(workflow_id=f"order-{order_id}")
    asked = DeleteWorkflowExecutionRequest(namespace=temporal.namespace, workflow_execution=execution)
    run = (await temporal.get_workflow_handle(f"order-{order_id}").describe()).run_id
    await temporal.workflow_service.delete_workflow_execution(asked)
    await until(lambda: history_of(temporal, f"order-{order_id}", run), lambda found: found is None)


async def test_a_history_that_temporal_threw_away_is_read_from_the_archive_until_its_key_is_erased(
    shop: Shop, tmp_path: Path
) -> None:
    """Written once; nobody is named in any file; replayable until the erasure, and by nobody after it."""
    await ended(shop, "archived")
    archiver = archiving(shop, tmp_path)
    first = await archiver.run()
    assert first.written >= 1
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    again = await archiver.run()
    assert (again.written, again.kept_before) == (0, first.written)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == files
    await deleted(shop.orders.temporal, "archived")
    (told,) = await histories_of(shop.orders.temporal, Folder(tmp_path), "archived")
    assert (told.source, told.workflow_id) == ("archive", "order-archived")
    search = Search()
    search.look("archive", "history", json.dumps(told.history))
    (trail,) = tmp_path.rglob("*archived*.trail.jsonl.gz")
    verified = await run_in(tmp_path, f"audit verify --file {trail} --json")
    assert json.loads(verified)["breaks"] == []
    assert json.loads(verified)["entries"] > 3
    calls, unread = await read(shop, told.history)
    assert unread is None
    assert {"hold_stock", "authorize"} <= calls
    asked = {"reference": "gdpr-1", "order_id": "archived"}
    answer = await shop.api.post("/v1/erasures", asked, role="operator")
    assert answer.json()["orders"][0]["verdict"] == "erased"
    ring = shop.api.services.key_ring
    assert ring is not None
    ring.forget()
    calls, unread = await read(shop, told.history)
    assert calls == set()
    assert unread
    assert search.found == []
    assert Folder(tmp_path).verify().damage == ()


async def read(shop: Shop, history: object) -> tuple[set[str], str | None]:
    """The calls that a history tells of, by whoever has the keys."""
    parsed = WorkflowHistory.from_json("order-archived", json.dumps(history))
    calls, unread = await calls_in(parsed, shop.api.services.converter)
    return {call.activity for call in calls}, unread


async def test_a_relay_goes_on_where_another_was_broken_off(shop: Shop, tmp_path: Path) -> None:
    """What was written and not listed is written again; of what ended since, only that is looked at."""
    await ended(shop, "broken")
    step = Archive(archiving(shop, tmp_path), overlap=timedelta(0))
    with capture_logs() as lines:
        await step.step()
    assert [line["kept_before"] for line in lines if line["event"] == "archived"] == [0]
    (sums,) = tmp_path.rglob("SHA256SUMS")
    sums.write_text("")
    assert not await Archive(archiving(shop, tmp_path)).step()
    assert "order-broken" in sums.read_text()
    await ended(shop, "later")
    with capture_logs() as lines:
        await step.step()
    assert [(line["written"], line["kept_before"]) for line in lines if line["event"] == "archived"] == [(1, 0)]
    assert "order-later" in sums.read_text()
    assert (Folder(tmp_path).verify().damage, Folder(tmp_path).verify().unlisted) == ((), ())


async def test_what_was_dropped_or_erased_is_not_kept_again(shop: Shop, tmp_path: Path) -> None:
    """Temporal has both still, and a relay that starts looks at all of it: neither returns, and nobody misses them."""
    await ended(shop, "dropped")
    await ended(shop, "unkept")
    archiver = archiving(shop, tmp_path)
    asked = {"reference": "gdpr-2", "order_id": "unkept"}
    answer = await shop.api.post("/v1/erasures", asked, role="operator")
    assert answer.json()["orders"][0]["verdict"] == "erased"
    done = await archiver.run()
    assert (done.left_out, done.failed) == (1, ())
    assert list(tmp_path.rglob("*unkept*")) == []
    assert Folder(tmp_path).drop("dropped") == 2
    again = await archiving(shop, tmp_path).run()
    assert (again.written, again.left_out) == (0, 2)
    assert list(tmp_path.rglob("*dropped*")) == []
    assert await archiver.missing(datetime.now(UTC)) == 0


async def test_one_history_that_cannot_be_kept_hinders_no_other(shop: Shop, tmp_path: Path) -> None:
    """The oldest of all, whose name is none for a file: it is named, and what ended after it is kept.

    It is looked at again by itself, without all that is kept, until Temporal has thrown it away.
    """
    temporal = shop.orders.temporal
    name = f"stop-{'x' * 300}"
    started = await temporal.start_workflow("StopOrders", id=name, task_queue="nobody")
    await started.terminate()
    query = f"WorkflowId = '{name}' AND ExecutionStatus != 'Running'"

    async def listed() -> int:
        return len([each async for each in temporal.list_workflows(query)])

    await until(listed, lambda found: found == 1)
    await ended(shop, "behind")
    try:
        step = Archive(archiving(shop, tmp_path), overlap=timedelta(0))
        with capture_logs() as lines:
            await step.step()
        (line,) = [line for line in lines if line["event"] == "not_archived"]
        assert (line["failed"], line["runs"][0].startswith(f"{name}: File name too long")) == (1, True)
        assert list(tmp_path.rglob("*behind*.history.json.gz")) != []
        with capture_logs() as lines:
            await step.step()
        assert [line["failed"] for line in lines if line["event"] == "not_archived"] == [1], "it is looked at again"
        assert [line["kept_before"] for line in lines if line["event"] == "archived"] == [0], "and nothing else is"
    finally:
        execution = WorkflowExecution(workflow_id=name)
        asked = DeleteWorkflowExecutionRequest(namespace=temporal.namespace, workflow_execution=execution)
        await temporal.workflow_service.delete_workflow_execution(asked)
        await until(listed, lambda found: found == 0)
        run = started.first_execution_run_id or ""
        await until(lambda: history_of(temporal, name, run), lambda found: found is None)
    with capture_logs() as lines:
        await step.step()
        await step.step()
    assert [line["gone"] for line in lines if line["event"] == "archived"] == [1, 0]
    assert [line for line in lines if line["event"] == "not_archived"] == []


async def test_one_process_writes_at_a_time(shop: Shop, tmp_path: Path) -> None:
    """The other one does nothing, and says so."""
    archiver = archiving(shop, tmp_path)
    async with archiver.trail.archiving() as alone:
        assert alone
        assert (await archiving(shop, tmp_path).run()).elsewhere
    assert not (await archiver.run()).elsewhere


async def test_the_commands_keep_verify_and_show(shop: Shop, settings: Settings, tmp_path: Path) -> None:
    """As an operator types them: from Temporal, and once that has none, from the archive."""
    await ended(shop, "typed")
    given = as_environment(settings.model_copy(update={"archive": tmp_path}))
    kept = json.loads(await run_in(tmp_path, "archive --json", given))
    assert kept["written"] >= 1
    shown = await run_in(tmp_path, "order history typed", given)
    assert "order-typed, from Temporal" in shown
    await deleted(shop.orders.temporal, "typed")
    shown = await run_in(tmp_path, "order history typed", given)
    assert "order-typed, from the archive" in shown
    assert "workflow execution update accepted" in shown
    assert "cancel" in shown
    assert "0 damaged or missing" in await run_in(tmp_path, f"archive verify {tmp_path}")
    next(tmp_path.rglob("*typed*.history.json.gz")).unlink()
    assert "missing" in await run_in(tmp_path, f"archive verify {tmp_path}", code=1)
    told = await run_in(tmp_path, "order history typed", given, code=1)
    assert "nor has the archive" in told


async def test_an_archive_that_is_not_mounted_is_told_by_whoever_looks(
    shop: Shop, settings: Settings, tmp_path: Path
) -> None:
    """What Temporal has is shown all the same; of what it has not, nobody says that there is none."""
    await ended(shop, "unmounted")
    given = as_environment(settings.model_copy(update={"archive": tmp_path / "none"}))
    shown = await run_in(tmp_path, "order history unmounted", given)
    assert "order-unmounted, from Temporal" in shown
    told = await run_in(tmp_path, "order history nobodys", given, code=1)
    assert "archive_missing" in told
    assert "nor has the archive" not in told


class Breaks(Interceptor):
    """Temporal stops answering once histories are read."""

    def __init__(self, status: RPCStatusCode) -> None:
        self.status = status

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        """In front of the server."""
        status = self.status

        class _Breaks(OutboundInterceptor):
            def fetch_workflow_history_events(
                self, _: FetchWorkflowHistoryEventsInput
            ) -> WorkflowHistoryEventAsyncIterator:
                raise RPCError("broke off", status, b"")

        return _Breaks(next)


async def test_a_temporal_that_fails_while_histories_are_read_is_told(shop: Shop, tmp_path: Path) -> None:
    """Away, the folder answers for it, and without one that is said; any other failure is no traceback either."""
    await ended(shop, "halfway")
    await archiving(shop, tmp_path).run()
    address, name = shop.orders.temporal.service_client.config.target_host, shop.orders.temporal.namespace
    away = await Client.connect(address, namespace=name, interceptors=[Breaks(RPCStatusCode.UNAVAILABLE)])
    (told,) = await histories_of(away, Folder(tmp_path), "halfway")
    assert (told.source, told.workflow_id) == ("archive", "order-halfway")
    with pytest.raises(RetryError, match="temporal_away"):
        await histories_of(away, None, "halfway")
    broken = await Client.connect(address, namespace=name, interceptors=[Breaks(RPCStatusCode.DATA_LOSS)])
    with pytest.raises(CommandError, match="broke off") as ended_with, told_plainly():
        await histories_of(broken, None, "halfway")
    assert ended_with.value.exit_code == 3


async def test_what_temporal_lists_and_has_not_keeps_nobody_from_recovering(shop: Shop) -> None:
    """Its lists may lie in a store of their own, restored to another time: the history counts as gone."""
    began = datetime.now(UTC)
    await ended(shop, "listed")
    address, name = shop.orders.temporal.service_client.config.target_host, shop.orders.temporal.namespace
    converter = shop.api.services.converter
    read = [each.subject async for each in read_histories(shop.orders.temporal, began)]
    assert "listed" in read
    lost = Breaks(RPCStatusCode.NOT_FOUND)
    without = await Client.connect(address, namespace=name, data_converter=converter, interceptors=[lost])
    assert [each async for each in read_histories(without, began)] == []
    away = await Client.connect(address, namespace=name, interceptors=[Breaks(RPCStatusCode.UNAVAILABLE)])
    with pytest.raises(RPCError, match="broke off"):
        _ = [each async for each in read_histories(away, began)]


async def run_in(folder: Path, words: str, given: dict[str, str] | None = None, code: int = 0) -> str:
    """What a command says, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ordersaga", *words.split()),
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "COLUMNS": "200",
            **(given or {}),
        },
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == code, err.decode()
    return out.decode() + (err.decode() if code else "")


def test_every_workflow_of_ours_is_kept() -> None:
    """A new one that nobody names here would be thrown away with Temporal's retention."""
    assert {each.__name__ for each in WORKFLOWS} == set(KINDS)


async def test_without_a_folder_the_setting_is_named(settings: Settings, tmp_path: Path) -> None:
    """One that is not set, and one that is not there: each with what would help."""
    told = await run_in(tmp_path, "archive", as_environment(settings), code=2)
    assert "ORDERSAGA_ARCHIVE names no folder" in told
    given = as_environment(settings.model_copy(update={"archive": tmp_path / "none"}))
    told = await run_in(tmp_path, "archive", given, code=1)
    assert "archive_missing" in told
    assert "mount or make it" in told
