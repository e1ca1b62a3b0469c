"""Routes: people's sessions, and who signed in."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query

from ordersaga.api.access import Admin, Overseer, ServicesDep
from ordersaga.api.inbox import LARGEST_ID
from ordersaga.api.problems import Problem
from ordersaga.domain.people import PersonSession, SignIn
from ordersaga.domain.values import Value
from ordersaga.remedies import listed_at

router = APIRouter(prefix="/v1", tags=["sessions"])


class SessionRow(Value):
    """A session in force. It ends at `expires_at`, or earlier when nobody uses it. Times in UTC."""

    id: str
    name: str
    role: str
    seller: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, session: PersonSession) -> "SessionRow":
        """What may be shown of a session."""
        return cls(**session.model_dump(include=set(cls.model_fields)))


class SessionList(Value):
    """People's sessions in force, oldest first."""

    sessions: tuple[SessionRow, ...]


class SignInList(Value):
    """Who signed in and out, and who was refused, newest first. `next_before`: for older ones, None at the end."""

    sign_ins: tuple[SignIn, ...]
    next_before: int | None


@router.get("/sessions")
async def list_sessions(services: ServicesDep, key: Admin) -> SessionList:
    """People's sessions in force; for an admin of one seller, of this seller's people."""
    return SessionList(sessions=tuple(map(SessionRow.of, await services.people.sessions(key.seller))))


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(
    session_id: Annotated[str, Path(pattern=r"^ses_[0-9a-f]{16}$")], services: ServicesDep, key: Admin
) -> None:
    """End somebody's session at once. Problem 404 when none of this id is in force."""
    if not await services.people.end(session_id, key.name, key.seller):
        detail = f"no session {session_id} is in force; {listed_at('/v1/sessions', 'sessions list')}"
        raise Problem(404, "session_not_found", detail)


@router.get("/sign-ins")
async def list_sign_ins(
    services: ServicesDep,
    key: Overseer,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> SignInList:
    """Who signed in and out, who was refused and why, and whose session was ended by whom; kept for good."""
    found = await services.people.sign_ins(key.seller, before=before, limit=limit)
    return SignInList(sign_ins=tuple(found), next_before=found[-1].id if len(found) == limit else None)
