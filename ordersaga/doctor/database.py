"""PostgreSQL: migrated, durable, with room, and with our clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from ordersaga.bootstrap import DatabaseState, KeyCopies
from ordersaga.doctor.lines import Line, fail, names, ok, warn
from ordersaga.privacy.key_ring import KeyRing

OLDEST: Final = 150000
"""The oldest version this is tested with, as `server_version_num`."""
CROWDED: Final = 0.8
SKEW: Final = timedelta(seconds=2)
AHEAD: Final = timedelta(days=7)
WRONG: Final = timedelta(seconds=30)
"""Leases, holds and signatures of webhooks count on clocks that differ by less."""


def database_lines(state: DatabaseState, now: datetime | None = None) -> Iterator[Line]:
    """What there is to say of it. `now`: by this machine's clock."""
    yield _version(state)
    yield _schema(state)
    yield clock("clock_postgresql", state.now, now or datetime.now(UTC))
    if not state.durable:
        told = "fsync or full_page_writes is off: a crash loses or breaks what was committed"
        yield fail("durability", told, "set both to on and restart PostgreSQL")
    yield _wal_archive(state)
    yield _room(state)
    if not state.pending:
        yield _partitions(state)
    if state.recovering:
        told = f"one that began {_at(state.recovering)} has not ended: no order is accepted, no worker starts"
        yield fail("recovery", told, "stop the workers, then: ordersaga recover")


def encryption_line(ring: KeyRing | None) -> Line:
    """Whether personal data is encrypted: with master keys that open every key there is, or nothing was looked at."""
    if ring is not None:
        return ok("encryption", f"is on, under {ring.master}; these master keys open the orders' keys")
    told = "is off: names and addresses stand in the clear, in Temporal's histories too"
    return warn("encryption", told, "set ORDERSAGA_ENCRYPTION_KEYS before the first real order: docs/privacy.md")


async def key_lines(copies: KeyCopies | None, *, archived: bool) -> list[Line]:
    """Of a deployment that encrypts: whether a restore loses keys. `archived`: WAL is kept elsewhere."""
    if copies is None:
        told = "orders' keys are copied nowhere: a restore loses those of orders accepted since, and their histories"
        remedy = "set ORDERSAGA_KEY_COPIES_URL: docs/privacy.md"
        return [] if archived else [warn("key_copies", told, remedy)]
    here, there = await copies.counts()
    told = f"{here} keys, {there} copies"
    return [ok("key_copies", told) if here <= there else fail("key_copies", told, "ordersaga keys copy")]


def clock(check: str, theirs: datetime, ours: datetime) -> Line:
    """How far a clock is from this machine's."""
    apart = abs(theirs - ours)
    told = f"{apart.total_seconds():.1f} s apart from this machine"
    if apart > WRONG:
        return fail(check, told, "synchronize both clocks (NTP) before taking orders")
    return warn(check, told, "synchronize both clocks (NTP)") if apart > SKEW else ok(check, told)


def _version(state: DatabaseState) -> Line:
    told = f"PostgreSQL {state.version // 10000}"
    return ok("postgresql", told) if state.version >= OLDEST else fail("postgresql", told, "use PostgreSQL 15 or newer")


def _schema(state: DatabaseState) -> Line:
    if state.pending:
        return fail("migrations", f"not applied: {names(state.pending)}", "ordersaga migrate")
    if state.unknown:
        return warn("migrations", f"{names(state.unknown)}: of a later version", "run that version of ordersaga again")
    return ok("migrations", "all applied")


def _wal_archive(state: DatabaseState) -> Line:
    if not state.archived:
        told = "WAL is not archived: a restore loses what was accepted after the last backup"
        return warn("wal_archive", told, "set archive_mode and archive_command: docs/how-to/backup-and-restore.md")
    if state.unarchived:
        told = f"WAL could not be archived at {_at(state.unarchived)}, nor since: it fills the disk, a restore lacks it"
        return fail("wal_archive", told, "see what archive_command says in the log of PostgreSQL")
    return ok("wal_archive", "WAL is archived")


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _partitions(state: DatabaseState) -> Line:
    until = f"until {state.reaches.astimezone(UTC):%Y-%m-%d}" if state.reaches else "of no month"
    strays = f"; {state.strays} came when there was none" if state.strays else ""
    told = f"messages have partitions {until}{strays}"
    late = state.strays or state.reaches is None or state.reaches < state.now + AHEAD
    advice = "ordersaga retention; and see why no relay does it: its log, `loop=forget`"
    return warn("partitions", told, advice) if late else ok("partitions", told)


def _room(state: DatabaseState) -> Line:
    told = f"{state.connections} of {state.most} connections in use"
    if state.connections < CROWDED * state.most:
        return ok("connections", told)
    return warn("connections", told, "raise max_connections, or run fewer processes: each opens up to 20")
