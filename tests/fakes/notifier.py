"""The Notifier port in memory."""

from ordersaga.domain.notifications import Email
from tests.fakes.script import Scripted


class FakeNotifier(Scripted):
    """Keeps what was sent, by id: the same e-mail sent again is recognized."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, Email] = {}

    async def send(self, message: Email) -> None:
        """Keep it."""
        with self._call("send", message.id):
            self.sent[message.id] = message
