"""One recovery, from the closed door to the opened one. It may be killed at any moment and begun again."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.worker import Worker

from ordersaga.bootstrap import Begun, ErasedOrder, Services, copies_of, recovery_of
from ordersaga.domain.journal import JournalEntry
from ordersaga.domain.recovering import RECOVERY, Deed, Recovery, question_of
from ordersaga.recovery.histories import Call, History, latest, read_histories
from ordersaga.recovery.restarting import Restarting
from ordersaga.recovery.retelling import Retelling, owner
from workers.lifecycle import running

MARGIN: Final = timedelta(seconds=60)
"""Clocks differ, and a call writes a little later than it was begun: what is written already is written once more."""

_UNREAD: Final = (
    "its history cannot be read here: it is another build's, whose recover can, or its key was lost with PostgreSQL, "
    "or erased since; look for it at the companies ({why})"
)

Tell = Callable[[str], None]
Workers = Callable[[], Awaitable[Sequence[Worker]]]


class Recover:
    """Brings both into agreement.

    `workers`: makes those that carry sagas on while they are told what they missed; `tell`: progress, for people;
    `since`: until when PostgreSQL remembers, where the operator knows better.
    """

    def __init__(self, services: Services, workers: Workers, tell: Tell, since: datetime | None = None) -> None:
        self._services = services
        self._recovery = recovery_of(services)
        self._workers = workers
        self._tell = tell
        self._since = since

    async def foretell(self) -> Recovery:
        """What a recovery would do; nothing is done, and the doors stay open."""
        remembered = self._since or await self._recovery.remembered()
        histories = await self._histories(remembered)
        _, lost = await self._forgotten(histories, remembered, Retelling(self._services))
        restarting = Restarting(self._services, latest(histories))
        deeds = [*await self._unreadable(histories), *_written(lost, {}), *await self._unknown_stops(histories)]
        behind = [deed for deed in await restarting.look() if deed.subject not in lost]
        return Recovery(
            recovery_id="dry-run",
            dry_run=True,
            remembered=remembered,
            compared=len(histories),
            deeds=(*deeds, *behind, *await restarting.others(), *_erased(await self._services.erasures.forgotten())),
        )

    async def run(self) -> Recovery:
        """Do it, or go on with one that was begun.

        Raises OperatorError `recovering_elsewhere`, `workers_at_work`; RetryError when PostgreSQL or Temporal is away.
        """
        async with self._recovery.alone():
            begun = await self._begun()
            await self._bring_keys()
            histories = await self._histories(begun.remembered)
            deeds = [*await self._unreadable(histories), *await self._write_again(histories, begun)]
            deeds += await self._unknown_stops(histories)
            deeds += await self._start_again(histories, begun)
            deeds += await self._erase_again()
            report = Recovery(
                recovery_id=begun.recovery_id,
                dry_run=False,
                remembered=begun.remembered,
                compared=len(histories),
                deeds=tuple(deeds),
            )
            await self._note(report)
            await self._recovery.end(report)
            return report

    async def _begun(self) -> Begun:
        found = await self._recovery.begun()
        if found is None:
            remembered = self._since or await self._recovery.remembered()
            await self._recovery.begin(f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}", remembered)
            found = await self._recovery.begun()
        assert found is not None, "it was begun just now, and nobody else may end it"
        self._tell(f"doors closed; PostgreSQL remembers until {found.remembered:%Y-%m-%d %H:%M:%S} UTC")
        return found

    async def _bring_keys(self) -> None:
        """The keys of orders that were accepted since, without which nobody reads their histories."""
        if copies := copies_of(self._services):
            found = await copies.agree()
            self._tell(f"{found.brought_back} keys brought back from their copies, {found.copied} copied")

    async def _erase_again(self) -> list[Deed]:
        """At the end: until then what was erased since is read once more, to bring its order up to date."""
        forgotten = await self._services.erasures.forgotten()
        for erased in forgotten:
            await self._services.erasures.repeat(erased)
        return _erased(forgotten)

    async def _histories(self, remembered: datetime) -> list[History]:
        found = []
        async for history in read_histories(self._services.orders.temporal, remembered - MARGIN):
            found.append(history)
            if len(found) % 100 == 0:
                self._tell(f"{len(found)} sagas read")
        self._tell(f"{len(found)} sagas read")
        return found

    async def _unreadable(self, histories: Sequence[History]) -> list[Deed]:
        """Sagas that nothing can be told of: another build's, whose `recover` can, or encrypted with a lost key.

        Of an order that is known to be erased nothing need be told: it had ended.
        """
        unread = {history.subject: history.unread for history in histories if history.unread}
        deeds = [
            Deed(subject=subject, what="asked", detail=_UNREAD.format(why=why[:200])) for subject, why in unread.items()
        ]
        erased = await self._services.audit_trail.erased([deed.order_id for deed in deeds])
        return [deed for deed in deeds if deed.order_id not in erased]

    async def _forgotten(
        self, histories: Sequence[History], remembered: datetime, retelling: Retelling
    ) -> tuple[list[Call], dict[str, int]]:
        """Calls to be made once more, of all sagas, in the order of their time; and how many of each order are lost."""
        since = remembered - MARGIN
        late = [history for history in histories if history.last > since]
        found = [(history.subject, await retelling.forgotten(history, since)) for history in late]
        calls = [call for _, forgotten in found for call in forgotten.calls]
        lost = {subject: forgotten.surely for subject, forgotten in found if forgotten.surely}
        return sorted(calls, key=lambda call: call.at), lost

    async def _write_again(self, histories: Sequence[History], begun: Begun) -> list[Deed]:
        """What an attempt that was broken off has found lost, or could not tell, is said as well."""
        retelling, failed = Retelling(self._services), dict(begun.failed)
        calls, found = await self._forgotten(histories, begun.remembered, retelling)
        lost = {**found, **begun.lost}
        await self._recovery.found_lost(begun.recovery_id, lost)
        for number, call in enumerate(calls, 1):
            if why := await retelling.tell(call):
                failed.setdefault(owner(call), why)
                if not retelling.asks(call):
                    await self._recovery.found_failed(begun.recovery_id, owner(call), why)
            if number % 100 == 0 or number == len(calls):
                self._tell(f"{number} of {len(calls)} calls written again")
        return _written(lost, failed)

    async def _start_again(self, histories: Sequence[History], begun: Begun) -> list[Deed]:
        restarting = Restarting(self._services, latest(histories), begun)
        deeds, others = await restarting.look(), await restarting.others()
        behind = {known.order_id: known.since for known in restarting.behind}
        await self._recovery.found_behind(begun.recovery_id, {**behind, **begun.behind})
        await restarting.end_outlived()
        await restarting.start_others(others)
        if restarting.lost or restarting.behind:
            self._tell(f"{len(restarting.lost)} sagas to start again, {len(restarting.behind)} to be told more")
            warned = await restarting.warn()
            async with running(await self._workers()):
                deeds += await restarting.go_on()
                deeds += [deed for task in warned if (deed := await task)]
        return [*deeds, *others]

    async def _unknown_stops(self, histories: Sequence[History]) -> list[Deed]:
        deeds = []
        for history in histories:
            stop_id = history.workflow_id.removeprefix("stop-")
            if history.kind == "StopOrders" and history.running and await self._services.stops.get(stop_id) is None:
                detail = "it was placed after the backup and is not in force: place it again"
                deeds.append(Deed(subject=history.workflow_id, what="asked", detail=detail))
        return deeds

    async def _note(self, report: Recovery) -> None:
        """Write into each order's story what was done, and ask people where they must be asked."""
        now = datetime.now(UTC)
        for deed in report.deeds:
            if await self._services.journal.get(deed.order_id) is None:
                continue
            said = f"{deed.what.replace('_', ' ')} after a restore: {deed.detail}"
            entry_id = f"{RECOVERY}-{report.recovery_id}-{deed.what}{deed.subject.removeprefix(deed.order_id)}"
            await self._services.journal.note(
                deed.order_id, JournalEntry(entry_id=entry_id, at=now, kind=RECOVERY, text=said)
            )
            if deed.what == "asked":
                question = question_of(deed, report.recovery_id, now)
                await self._services.journal.open_question(question, apart=True)


def _written(lost: Mapping[str, int], failed: Mapping[str, str]) -> list[Deed]:
    told = [Deed(subject=name, what="written_again", detail=f"{count} call(s)") for name, count in lost.items()]
    return [*told, *(Deed(subject=name, what="asked", detail=why) for name, why in failed.items())]


def _erased(forgotten: Sequence[ErasedOrder]) -> list[Deed]:
    return [
        Deed(subject=erased.order_id, what="erased_again", detail=f"under {erased.reference}") for erased in forgotten
    ]
