"""A real SMTP server on loopback: keeps what it takes, refuses as told.

async with mail_server() as server:
    server.refuse["DATA"] = "451 later"
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Final, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.emulators import free_port

LOGIN: Final = ("shop", "pa55-of-the-mailbox")


@dataclass
class MailServer:
    """`refuse`: the answer to the next RCPT or DATA, instead of taking it; `lose`: take it, and hang up."""

    port: int
    refuse: dict[str, str] = field(default_factory=dict)
    lose: bool = False
    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """A recipient."""
        if "RCPT" in self.refuse:
            return self.refuse.pop("RCPT")
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - see above
        """An e-mail."""
        if "DATA" in self.refuse:
            return self.refuse.pop("DATA")
        assert isinstance(envelope.content, bytes)
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients += envelope.rcpt_tos
        self.encrypted.append(session.ssl is not None)
        if self.lose:
            cast(asyncio.Transport, server.transport).abort()
        return "250 taken"


def _login(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
    known = (data.login.decode(), data.password.decode()) == LOGIN
    return AuthResult(success=known, handled=known)


@contextlib.asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[MailServer]:
    """A server until the block ends; with `tls` it demands STARTTLS and a login."""
    mail, loop = MailServer(free_port()), asyncio.get_running_loop()

    def connected() -> SMTP:
        return SMTP(
            mail,
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=tls is not None,
            authenticator=_login,
            loop=loop,
            hostname="mail.test",
        )

    server = await loop.create_server(connected, "127.0.0.1", mail.port)
    try:
        yield mail
    finally:
        server.close()
