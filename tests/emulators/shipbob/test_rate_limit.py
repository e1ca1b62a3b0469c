"""ShipBob's rate limit and what it tells a caller."""

from pathlib import Path

from tests.emulators.shipbob.support import ShipBobClient, new_reference, order_body
from tests.support.emulators import receiving, running


async def test_beyond_the_limit_is_a_429_that_says_when_to_come_back(tmp_path: Path) -> None:
    """Every answer counts down x-remaining-calls; beyond is 429 with x-retry-after, and nothing was created."""
    async with running("shipbob", tmp_path) as process:
        with receiving() as receiver:
            client = ShipBobClient(process, receiver)
            await process.post("rate-limit", per_minute=2)
            answers = [await client.call("GET", "/order") for _ in range(2)]
            assert [answer.headers["x-remaining-calls"] for answer in answers] == ["1", "0"]
            refused = await client.call("POST", "/order", json=order_body("limited"))
            assert (refused.status_code, refused.headers["x-remaining-calls"]) == (429, "0")
            assert 55 <= int(refused.headers["x-retry-after"]) <= 60
            assert (await process.get("records")) == {}
            other = await client.call("GET", "/order", headers={"authorization": "Bearer another"})
            assert (other.status_code, other.json()) == (200, [])
            await process.post("rate-limit", per_minute=150)
            await client.place("limited")


async def test_a_reset_forgets_orders_and_keeps_the_limit(tmp_path: Path) -> None:
    """After a reset there is no order and no call counted, but the limit an operator set still holds."""
    async with running("shipbob", tmp_path) as process:
        with receiving() as receiver:
            client = ShipBobClient(process, receiver)
            await process.post("rate-limit", per_minute=2)
            await client.place("gone")
            await process.post("reset")
            assert await process.get("records") == {}
            statuses = [(await client.call("GET", "/order")).status_code for _ in range(3)]
            assert statuses == [200, 200, 429]


async def test_an_emulated_429_has_the_headers_too(shipbob: ShipBobClient) -> None:
    """A `status` fault of 429 tells x-retry-after like a real one."""
    reference = new_reference()
    await shipbob.process.post("faults", match=reference, kind="status", status=429, times=1)
    answer = await shipbob.call("GET", "/order", params={"ReferenceIds": reference})
    assert (answer.status_code, answer.headers["x-retry-after"]) == (429, "1")


async def test_the_default_limit_is_150_per_minute(tmp_path: Path) -> None:
    """Without any control 150 calls pass and the next does not."""
    async with running("shipbob", tmp_path) as process:
        with receiving() as receiver:
            first = await ShipBobClient(process, receiver).call("GET", "/order")
            assert first.headers["x-remaining-calls"] == "149"
