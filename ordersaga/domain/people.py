"""People who sign in: who they are, their sessions, and what is remembered of signing in."""

from datetime import datetime, timedelta
from typing import Final, Literal

from ordersaga.domain.values import Value

PersonRole = Literal["viewer", "support", "operator", "admin"]
PERSON_ROLES: Final[tuple[PersonRole, ...]] = ("viewer", "support", "operator", "admin")
"""From the least to the most."""

DEMO_ISSUER: Final = "demo"


class Identity(Value):
    """Who signs in, as their issuer tells it. `seller`: sees and does what is this seller's only; None: everybody's."""

    issuer: str
    subject: str
    name: str
    role: PersonRole
    seller: str | None = None


class SessionLimits(Value):
    """How long a session lives: `idle` without being used, `longest` in all."""

    idle: timedelta
    longest: timedelta


class PersonSession(Value):
    """One session in force. Times in UTC. `id_token`: what the issuer wants to see again when the person signs out."""

    id: str
    issuer: str
    subject: str
    name: str
    role: str
    seller: str | None
    created_at: datetime
    expires_at: datetime
    last_seen_at: datetime
    id_token: str | None = None


class SignIn(Value):
    """What happened: somebody signed in or out, was refused (`reason`), or had a session ended by somebody (`by`)."""

    id: int
    at: datetime
    what: Literal["signed_in", "refused", "signed_out", "ended"]
    reason: str | None
    session: str | None
    issuer: str
    subject: str
    name: str | None
    role: str | None
    seller: str | None
    by: str | None
