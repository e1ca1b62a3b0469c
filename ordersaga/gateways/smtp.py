"""E-mail through an SMTP server (RFC 5321), with STARTTLS (RFC 3207) unless that is switched off."""

from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from ssl import SSLError
from typing import Final

import aiosmtplib

from ordersaga.domain.errors import OperatorError, OrdersagaError, RetryError
from ordersaga.domain.notifications import Email
from ordersaga.gateways.http_errors import causes

_TEMPORARY: Final = range(400, 500)
_CONNECTING: Final = (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPConnectTimeoutError)
_REFUSALS: Final = (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPResponseException)


@dataclass(frozen=True)
class SmtpServer:
    """Where e-mail is handed in. Without `username` there is no login; `ca_file` replaces the system's trust.

    `timeout`: seconds for each step.
    """

    host: str
    sender: str
    port: int = 587
    starttls: bool = True
    username: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 10.0
    ca_file: str | None = None


class SmtpNotifier:
    """The Notifier port over SMTP; a connection for each e-mail."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    async def send(self, message: Email) -> None:
        """Hand an e-mail in.

        Raises:
            RetryError: no final answer, or one the server calls temporary; `unknown` when it may have been taken.
            OperatorError: `smtp_credentials`, `smtp_without_tls`, `smtp_certificate`, or `smtp_refused` with its code.
        """
        server = self._server
        try:
            await aiosmtplib.send(
                _written(message, server.sender),
                hostname=server.host,
                port=server.port,
                timeout=server.timeout,
                start_tls=server.starttls,
                username=server.username or None,
                password=server.password or None,
                cert_bundle=server.ca_file,
            )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise _translated(error) from error


def _written(message: Email, sender: str) -> EmailMessage:
    """The e-mail as it travels. Auto-Submitted keeps vacation notes from answering it (RFC 3834)."""
    written = EmailMessage()
    written["From"] = sender
    written["To"] = message.to
    written["Subject"] = message.subject
    written["Date"] = format_datetime(localtime())
    written["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2].rstrip('>')}>"
    written["Auto-Submitted"] = "auto-generated"
    written.set_content(message.text)
    return written


def _translated(error: Exception) -> OrdersagaError:
    """Who must act. The server's own words may quote the address and are left out; its code is not."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return _about(error.code, OperatorError("smtp_credentials", "the SMTP server refuses our login"))
    # the library's base class itself says that the server does not offer STARTTLS
    if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
        return OperatorError(
            "smtp_without_tls", "the SMTP server lacks STARTTLS or the login we need; see the settings"
        )
    if isinstance(error, _REFUSALS):
        code = _code(error)
        return _about(code, OperatorError("smtp_refused", f"the SMTP server answered {code}"))
    if any(isinstance(cause, SSLError) for cause in causes(error)):
        return OperatorError(
            "smtp_certificate", "the SMTP server's certificate is not trusted; see ORDERSAGA_SMTP_CA_FILE"
        )
    if isinstance(error, _CONNECTING):
        return RetryError("smtp_unreachable", "no connection to the SMTP server could be made")
    return RetryError("smtp_no_answer", "the SMTP server did not answer to the end", unknown=True)


def _code(error: Exception) -> int:
    """The code of a refusal; of several recipients', the first one's."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return error.recipients[0].code
    assert isinstance(error, aiosmtplib.SMTPResponseException)
    return error.code


def _about(code: int, final: OperatorError) -> OrdersagaError:
    """4xx means that the same may work later."""
    return RetryError("smtp_busy", f"the SMTP server answered {code}") if code in _TEMPORARY else final
