"""Where a seller's URL may lead us: nowhere inside, whatever its name stands for from one moment to the next."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
import pytest_asyncio

from ordersaga.domain.errors import CustomerError, OperatorError
from ordersaga.domain.notification_targets import kind_of
from ordersaga.gateways.webhooks_out import WebhookSender
from tests.support.receiver import Receiver, receiving

SECRET = "whsec_bmV3LW5ldy1uZXctbmV3"
METADATA = "169.254.169.254"


class Names:
    """A name service that answers each question with the next of its answers, the last one from then on."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    async with receiving() as opened:
        yield opened


def sender(names: Names) -> WebhookSender:
    """A sender that asks these names, and may reach a local receiver."""
    return WebhookSender(allow_loopback=True, timeout=timedelta(seconds=5), resolve=names)


async def test_a_name_that_changes_what_it_stands_for(receiver: Receiver) -> None:
    """The address that was judged is the one that is connected to: nobody asks again in between."""
    names = Names(["127.0.0.1"], [METADATA])
    url = receiver.url.replace("127.0.0.1", "localhost")
    answer = await sender(names).post(url, (SECRET,), "msg_1", {})
    assert answer.taken
    assert names.asked == [("localhost", receiver.port)]
    with pytest.raises(OperatorError, match="receiver_forbidden"):
        await sender(names).post(url, (SECRET,), "msg_2", {})
    assert receiver.ids == ["msg_1"]


async def test_every_delivery_judges_anew() -> None:
    """What the name stood for when the endpoint was added, or at the attempt before, says nothing."""
    names = Names([METADATA], ["10.0.0.1"], ["8.8.8.8", "::ffff:169.254.169.254"], ["fd00::1"])
    for number in range(4):
        with pytest.raises(OperatorError, match="receiver_forbidden"):
            await sender(names).post("https://hooks.acme.example/", (SECRET,), f"msg_{number}", {})
    assert len(names.asked) == 4


@pytest.mark.parametrize(
    "location", [f"http://{METADATA}/latest/meta-data/", "http://127.0.0.1:1/", "file:///etc/passwd"]
)
async def test_a_redirect_inside_is_told_not_followed(receiver: Receiver, location: str) -> None:
    """The receiver's answer is an answer; where it points to is asked of nobody."""
    names = Names(["127.0.0.1"])
    receiver.answers, receiver.location = [302], location
    answer = await sender(names).post(receiver.url.replace("127.0.0.1", "localhost"), (SECRET,), "msg_1", {})
    assert (answer.status, answer.taken) == (302, False)
    assert len(names.asked) == 1


@pytest.mark.parametrize("port", [1, 22, 25, 53, 80, 389, 445, 636, 1023])
def test_ports_of_other_services_are_refused(port: int) -> None:
    """A notification is no way to speak to a mail server or a shell."""
    with pytest.raises(CustomerError, match="url_refused") as refused:
        kind_of(f"https://hooks.acme.example:{port}/", allow_loopback=True, allow_email=True)
    assert "443" in refused.value.message


@pytest.mark.parametrize("port", ["", ":443", ":1024", ":8443", ":65535"])
def test_ports_that_are_taken(port: str) -> None:
    """The usual one, and those that anybody may listen on."""
    assert kind_of(f"https://hooks.acme.example{port}/", allow_loopback=False, allow_email=False) == "http"


@pytest.mark.parametrize(
    "host",
    ["[::]", "[::7f00:1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[fec0::1]", "[64:ff9b::7f00:1]", "0.0.0.0"],
)
def test_addresses_that_wrap_others_are_refused(host: str) -> None:
    """Whatever IPv6 has been given to carry IPv4 in, and what stands for no host at all."""
    with pytest.raises(CustomerError, match="url_refused"):
        kind_of(f"https://{host}/", allow_loopback=False, allow_email=False)
