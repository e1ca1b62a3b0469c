"""E-mail over a real SMTP server: encrypted by default, logged in, written as mail programs expect."""

from dataclasses import replace
from pathlib import Path

import pytest

from ordersaga.domain.errors import OperatorError, RetryError
from ordersaga.domain.notifications import Email
from ordersaga.gateways.smtp import SmtpNotifier, SmtpServer
from tests.support.certificates import certificate_for
from tests.support.emulators import free_port
from tests.support.mail import LOGIN, mail_server

EMAIL = Email(id="msg_1", to="ops@acme.example", subject="Order o1: A question", text="A question.\n\nGrüße\n")


def server_at(port: int) -> SmtpServer:
    """A server without login and encryption."""
    return SmtpServer("127.0.0.1", "shop@ordersaga.example", port=port, starttls=False, timeout=5)


async def test_an_email_is_written_as_mail_programs_expect() -> None:
    """Plain text, a Message-ID of its notification, and no invitation to answer automatically."""
    async with mail_server() as server:
        await SmtpNotifier(server_at(server.port)).send(EMAIL)

        (mail,) = server.taken
    assert server.recipients == ["ops@acme.example"]
    assert (mail["From"], mail["To"]) == ("shop@ordersaga.example", "ops@acme.example")
    assert mail["Subject"] == "Order o1: A question"
    assert mail["Message-ID"] == "<msg_1@ordersaga.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == EMAIL.text


async def test_starttls_and_login(tmp_path: Path) -> None:
    """By default nothing is said before the connection is encrypted and the server has proved its name."""
    tls, trusted = certificate_for(tmp_path, "127.0.0.1")
    async with mail_server(tls) as server:
        user, password = LOGIN
        encrypted = replace(server_at(server.port), starttls=True, ca_file=trusted, username=user, password=password)
        assert password not in repr(encrypted)

        await SmtpNotifier(encrypted).send(EMAIL)
        assert server.encrypted == [True]

        with pytest.raises(OperatorError, match="smtp_credentials") as refused:
            await SmtpNotifier(replace(encrypted, password="wr0ng")).send(EMAIL)
        assert "wr0ng" not in str(refused.value)
        with pytest.raises(OperatorError, match=r"smtp_certificate: .*ORDERSAGA_SMTP_CA_FILE"):
            await SmtpNotifier(replace(encrypted, ca_file=None)).send(EMAIL)
        assert len(server.taken) == 1


async def test_a_server_without_starttls_gets_nothing() -> None:
    """Neither the login nor the e-mail travels in the clear unless the settings say so."""
    async with mail_server() as server:
        with pytest.raises(OperatorError, match="smtp_without_tls"):
            await SmtpNotifier(replace(server_at(server.port), starttls=True)).send(EMAIL)
        assert server.taken == []


async def test_no_server_is_tried_again_later() -> None:
    """Nothing was sent."""
    with pytest.raises(RetryError, match="smtp_unreachable") as failed:
        await SmtpNotifier(server_at(free_port())).send(EMAIL)
    assert failed.value.unknown is False
