"""People and their sessions. A session's token is shown once and kept only as its SHA-256.

A session ends when it is ended, when nobody used it for `idle`, or `longest` after it began, whichever comes first.
"""

import hashlib
import secrets
from typing import Final

from ordersaga.domain.errors import CustomerError
from ordersaga.domain.people import Identity, PersonSession, SessionLimits, SignIn
from ordersaga.stores.pools import Connection, Pool, connection, transaction

TOKEN_PREFIX: Final = "oss_"  # noqa: S105 - what tokens begin with
_COLUMNS = "id, issuer, subject, name, role, seller, created_at, expires_at, last_seen_at"
_IN_FORCE = "ended_at IS NULL AND expires_at > now() AND last_seen_at > now() - $1::interval"
_MEET = "INSERT INTO people (issuer, subject, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_NAME = "SELECT name FROM people WHERE issuer = $1 AND subject = $2"
_KNOWN_SELLER = "SELECT true FROM sellers WHERE seller = $1"
_FORGET = "DELETE FROM people_sessions WHERE expires_at < now() OR ended_at IS NOT NULL"
_BEGIN = """
INSERT INTO people_sessions (id, hash, issuer, subject, name, role, seller, id_token, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9::interval)
"""
_FIND = f"SELECT {_COLUMNS}, id_token FROM people_sessions WHERE {_IN_FORCE} AND hash = $2"  # noqa: S608 - columns
_SEEN = """
UPDATE people_sessions SET last_seen_at = now()
WHERE hash = $1 AND ended_at IS NULL AND last_seen_at < now() - interval '30 seconds'
"""
_END = f"""
UPDATE people_sessions SET ended_at = now(), id_token = NULL
WHERE id = $1 AND ended_at IS NULL AND ($2::text IS NULL OR seller = $2) RETURNING {_COLUMNS}
"""  # noqa: S608 - columns
_LIST = f"""
SELECT {_COLUMNS} FROM people_sessions
WHERE {_IN_FORCE} AND ($2::text IS NULL OR seller = $2) ORDER BY created_at, id
"""  # noqa: S608 - columns
_TELL = """
INSERT INTO sign_ins (what, reason, session, issuer, subject, name, role, seller, by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_TOLD = """
SELECT id, at, what, reason, session, issuer, subject, name, role, seller, by FROM sign_ins
WHERE ($1::text IS NULL OR seller = $1) AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""


class People:
    """Begins, checks and ends sessions, and remembers each sign-in for good."""

    def __init__(self, pool: Pool, limits: SessionLimits) -> None:
        self._pool, self._limits = pool, limits

    async def sign_in(self, identity: Identity, id_token: str | None = None) -> str:
        """Begin a session and return its token `oss_<random>`, which cannot be read back later.

        The name is the one the person had first, whatever `identity` says now. Raises CustomerError `name_taken` when
        the name is another person's, `unknown_seller`; both are remembered.
        """
        async with transaction(self._pool) as work:
            name = await self._name(work, identity)
            if name is not None and await self._sells(work, identity.seller):
                return await self._begin(work, identity.model_copy(update={"name": name}), id_token)
        reason = "name_taken" if name is None else "unknown_seller"
        await self.refused(identity.issuer, identity.subject, identity.name, reason)
        raise CustomerError(reason, "this person may not sign in")

    async def refused(self, issuer: str, subject: str, name: str | None, reason: str) -> None:
        """Remember that somebody whom the issuer knows was not let in."""
        async with connection(self._pool) as work:
            await work.execute(_TELL, "refused", reason, None, issuer, subject, name, None, None, None)

    async def verify(self, token: str, *, attended: bool = True) -> PersonSession | None:
        """The session in force; None for any other. `attended`: somebody uses it, which puts off its idle end."""
        hashed = _hash(token)
        async with connection(self._pool) as work:
            row = await work.fetchrow(_FIND, self._limits.idle, hashed)
            if row is not None and attended:
                await work.execute(_SEEN, hashed)
        return None if row is None else PersonSession(**dict(row))

    async def sign_out(self, session: PersonSession) -> None:
        """End one's own session; harmless when it has ended."""
        await self._end(session.id, None, None)

    async def end(self, session_id: str, by: str, seller: str | None = None) -> bool:
        """End somebody's session; False when none of this id is in force, or none of `seller`'s people."""
        return await self._end(session_id, by, seller)

    async def sessions(self, seller: str | None = None) -> list[PersonSession]:
        """Those in force, oldest first; with `seller`, of its people only."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_LIST, self._limits.idle, seller)
        return [PersonSession(**dict(row)) for row in rows]

    async def sign_ins(self, seller: str | None = None, *, before: int | None = None, limit: int = 100) -> list[SignIn]:
        """What happened, newest first; with `seller`, of its people only."""
        async with connection(self._pool) as reader:
            rows = await reader.fetch(_TOLD, seller, before, limit)
        return [SignIn(**dict(row)) for row in rows]

    async def _name(self, work: Connection, identity: Identity) -> str | None:
        """The name of the person; None when it is another person's."""
        await work.execute(_MEET, identity.issuer, identity.subject, identity.name)
        name: str | None = await work.fetchval(_NAME, identity.issuer, identity.subject)
        return name

    async def _sells(self, work: Connection, seller: str | None) -> bool:
        return seller is None or bool(await work.fetchval(_KNOWN_SELLER, seller))

    async def _begin(self, work: Connection, identity: Identity, id_token: str | None) -> str:
        token, session = f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}", f"ses_{secrets.token_hex(8)}"
        who = _told(identity)
        await work.execute(_FORGET)
        await work.execute(_BEGIN, session, _hash(token), *who, id_token, self._limits.longest)
        await work.execute(_TELL, "signed_in", None, session, *who, None)
        return token

    async def _end(self, session_id: str, by: str | None, seller: str | None) -> bool:
        async with transaction(self._pool) as work:
            row = await work.fetchrow(_END, session_id, seller)
            if row is None:
                return False
            who = (row["issuer"], row["subject"], row["name"], row["role"], row["seller"])
            await work.execute(_TELL, "ended" if by else "signed_out", None, session_id, *who, by)
            return True


def _told(identity: Identity) -> tuple[str, str, str, str, str | None]:
    return identity.issuer, identity.subject, identity.name, identity.role, identity.seller


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
