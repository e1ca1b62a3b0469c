"""A history that leaves Temporal soon and is not kept is told while there is time."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from temporalio.testing import WorkflowEnvironment

from ordersaga.archive import Archiver, Folder
from ordersaga.bootstrap import open_services
from ordersaga.doctor.archive import archive_lines
from tests.doctor.test_checkup import settings_of
from tests.lanes.waiting import until


async def ended(environment: WorkflowEnvironment) -> None:
    """A saga that nobody worked on, and that was terminated: a history like any other."""
    name = f"order-{uuid4().hex}"
    await (await environment.client.start_workflow("OrderFulfillment", id=name, task_queue="nobody")).terminate()

    async def listed() -> int:
        query = f"WorkflowId = '{name}' AND ExecutionStatus != 'Running'"
        return len([each async for each in environment.client.list_workflows(query)])

    await until(listed, lambda found: found == 1)


async def test_a_history_that_leaves_soon_and_is_not_kept_is_told(
    environment: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """A day's retention is less than the days of warning: it is told at once, until it is kept."""
    await ended(environment)
    async with open_services(settings_of(environment, database_url)) as services:
        archiver = Archiver(environment.client, services.audit_trail, Folder(tmp_path))
        (line,) = await archive_lines(archiver)
        assert (line.verdict, "leave Temporal within 3 days and are not kept" in line.told) == ("warn", True)
        assert "ordersaga archive" in line.remedy
        await archiver.run()
        (line,) = await archive_lines(archiver)
        assert line.verdict == "ok"
        assert await archive_lines(None) == []


async def test_a_folder_that_is_not_there_is_told(
    environment: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """Nothing is made, and nothing else is guessed."""
    async with open_services(settings_of(environment, database_url)) as services:
        folder = Folder(tmp_path / "none")
        (line,) = await archive_lines(Archiver(environment.client, services.audit_trail, folder))
    assert line.verdict == "warn"
    assert str(tmp_path / "none") in line.told
    assert not await asyncio.to_thread((tmp_path / "none").exists)


async def test_a_month_that_cannot_be_read_is_told(
    environment: WorkflowEnvironment, database_url: str, tmp_path: Path
) -> None:
    """It is no traceback, and nobody says that all is kept."""
    await ended(environment)
    (tmp_path / f"{datetime.now(UTC):%Y-%m}").write_text("no folder")
    async with open_services(settings_of(environment, database_url)) as services:
        (line,) = await archive_lines(Archiver(environment.client, services.audit_trail, Folder(tmp_path)))
    assert (line.verdict, "Not a directory" in line.told) == ("warn", True)
