"""Contract of the Notifier port."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from ordersaga.domain.errors import OperatorError, OrdersagaError, RetryError
from ordersaga.domain.notifications import Email
from ordersaga.gateways.smtp import SmtpNotifier, SmtpServer
from ordersaga.ports import Notifier
from tests.fakes.notifier import FakeNotifier
from tests.support.mail import mail_server

EMAIL = Email(id="msg_1", to="ops@acme.example", subject="Order o1: A question", text="A question.\n\nGrüße\n")
REFUSED = OperatorError("smtp_refused", "the SMTP server answered 550")
BUSY = RetryError("smtp_busy", "the SMTP server answered 451")
LOST = RetryError("smtp_no_answer", "lost", unknown=True)


@dataclass
class Post:
    """A notifier, what its other side took by id, and how to make the next e-mail fail."""

    notifier: Notifier
    taken: Callable[[], set[str]]
    fail: Callable[[OrdersagaError], None]


@pytest_asyncio.fixture(params=["fake", "smtp"])
async def post(request: pytest.FixtureRequest) -> AsyncIterator[Post]:
    """A notifier of each kind."""
    if request.param == "fake":
        fake = FakeNotifier()

        def script(error: OrdersagaError) -> None:
            fake.fail_next("send", error, after_doing=error is LOST)

        yield Post(fake, lambda: set(fake.sent), script)
        return
    async with mail_server() as server:
        notifier = SmtpNotifier(SmtpServer("127.0.0.1", "shop@ordersaga.example", port=server.port, starttls=False))

        def refuse(error: OrdersagaError) -> None:
            server.lose = error is LOST
            if error is not LOST:
                server.refuse["DATA" if error is BUSY else "RCPT"] = "451 later" if error is BUSY else "550 nobody"

        def taken() -> set[str]:
            return {str(mail["Message-ID"]).strip("<").partition("@")[0] for mail in server.taken}

        yield Post(notifier, taken, refuse)


async def test_an_email_arrives(post: Post) -> None:
    """Under its own id."""
    await post.notifier.send(EMAIL)
    assert post.taken() == {"msg_1"}


async def test_a_repeat_is_recognizable(post: Post) -> None:
    """The same e-mail sent again has the same id."""
    await post.notifier.send(EMAIL)
    await post.notifier.send(EMAIL)
    assert post.taken() == {"msg_1"}


async def test_a_refusal_for_good_is_the_operators(post: Post) -> None:
    """Nothing was taken, and whom it was for is not told."""
    post.fail(REFUSED)
    with pytest.raises(OperatorError, match="smtp_refused: the SMTP server answered 550") as refused:
        await post.notifier.send(EMAIL)
    assert "acme" not in str(refused.value)
    assert post.taken() == set()


async def test_a_refusal_for_now_may_be_repeated(post: Post) -> None:
    """The next attempt arrives."""
    post.fail(BUSY)
    with pytest.raises(RetryError, match="smtp_busy") as busy:
        await post.notifier.send(EMAIL)
    assert busy.value.unknown is False
    assert post.taken() == set()

    await post.notifier.send(EMAIL)
    assert post.taken() == {"msg_1"}


async def test_a_lost_answer_is_unknown(post: Post) -> None:
    """The e-mail may be there, and here it is."""
    post.fail(LOST)
    with pytest.raises(RetryError, match="smtp_no_answer") as lost:
        await post.notifier.send(EMAIL)
    assert lost.value.unknown is True
    assert post.taken() == {"msg_1"}
