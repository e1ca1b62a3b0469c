"""What every emulator does the same way, tried on a real process: faults, control API, webhooks, restarts."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.emulators import EmulatorProcess, WebhookReceiver, eventually, free_port, receiving, running

AUTH = {"authorization": "Bearer sk_test_emulator"}


async def create(emulator: EmulatorProcess, name: str = "Ada", **headers: str) -> httpx.Response:
    """A request that does work: one customer."""
    return await emulator.request("POST", "/v1/customers", data={"name": name}, headers={**AUTH, **headers})


async def intent(emulator: EmulatorProcess, order: str) -> dict[str, Any]:
    """A request that sends a webhook: one unconfirmed intent."""
    data = {"amount": "1000", "currency": "usd", "metadata[order_id]": order}
    answer = await emulator.request("POST", "/v1/payment_intents", data=data, headers=AUTH)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def customers(emulator: EmulatorProcess) -> list[str]:
    """Names of the customers the company knows."""
    return [customer["name"] for customer in (await emulator.get("records")).get("customer", [])]


def orders(receiver: WebhookReceiver) -> list[str]:
    """Orders named by the deliveries, in order of arrival."""
    return [json.loads(delivery.body)["data"]["object"]["metadata"]["order_id"] for delivery in receiver.deliveries]


async def test_health_names_the_company(emulator: EmulatorProcess) -> None:
    """A process says who it is."""
    assert await emulator.get("health") == {"status": "ok", "name": "stripe"}


async def test_latency_delays_and_still_serves(emulator: EmulatorProcess) -> None:
    """A latency fault waits, then does the work, as often as told."""
    await emulator.post("faults", method="POST", path="^/v1/customers$", kind="latency", latency_ms=300, times=1)
    started = time.monotonic()
    slow = await create(emulator)
    middle = time.monotonic()
    fast = await create(emulator, "Grace")
    assert (slow.status_code, fast.status_code) == (200, 200)
    assert middle - started >= 0.3
    assert time.monotonic() - middle < 0.3
    assert await customers(emulator) == ["Ada", "Grace"]


async def test_status_answers_without_the_work(emulator: EmulatorProcess) -> None:
    """A status fault answers what it was told and nothing is created."""
    await emulator.post("faults", kind="status", status=503, body={"oops": 1}, headers={"retry-after": "7"}, times=1)
    answer = await create(emulator)
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (503, {"oops": 1}, "7")
    assert await customers(emulator) == []


async def test_status_has_a_body_like_the_vendors(emulator: EmulatorProcess) -> None:
    """Without a body of its own a status fault speaks like the vendor."""
    await emulator.post("faults", kind="status", status=429, times=1)
    answer = await create(emulator)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "rate_limit"


async def test_lost_answer_did_the_work(emulator: EmulatorProcess) -> None:
    """After a lost answer the client sees a broken connection, and the work is done once."""
    await emulator.post("faults", kind="lose_answer", times=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await create(emulator)
    assert await customers(emulator) == ["Ada"]
    assert [entry["status"] for entry in await emulator.get("requests", path="/v1/customers")] == [None]


async def test_spoiled_answer_did_the_work(emulator: EmulatorProcess) -> None:
    """The work is done once, the answer is a failure, and a repeat under the key is answered with that failure."""
    await emulator.post("faults", kind="spoil_answer", status=500, times=1)
    answers = [await create(emulator, **{"idempotency-key": "once"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 500]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert await customers(emulator) == ["Ada"]


async def test_reset_before_did_nothing(emulator: EmulatorProcess) -> None:
    """After a reset the client sees a broken connection, and nothing was done."""
    await emulator.post("faults", kind="reset_before", times=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await create(emulator)
    assert await customers(emulator) == []


async def test_hang_did_the_work(emulator: EmulatorProcess) -> None:
    """A hanging answer outlasts the client's patience, and the work is done."""
    await emulator.post("faults", kind="hang", times=1)
    with pytest.raises(httpx.ReadTimeout):
        async with httpx.AsyncClient(base_url=emulator.url, timeout=0.5) as client:
            await client.post("/v1/customers", data={"name": "Ada"}, headers=AUTH)
    assert await customers(emulator) == ["Ada"]


async def test_hold_before_did_nothing(emulator: EmulatorProcess) -> None:
    """A request that is held is never handled, and is known to be held before its client gives up."""
    await emulator.post("faults", kind="hold_before", times=1)
    async with httpx.AsyncClient(base_url=emulator.url, timeout=2) as client:
        waiting = asyncio.create_task(client.post("/v1/customers", data={"name": "Ada"}, headers=AUTH))

        async def held() -> bool:
            return bool((await emulator.get("faults"))["faults"][0]["applied"] == 1)

        await eventually(held, seconds=1.5)
        assert await emulator.get("requests", path="/v1/customers") == []
        with pytest.raises(httpx.ReadTimeout):
            await waiting

    async def noticed() -> bool:
        return bool(await emulator.get("requests", path="/v1/customers"))

    await eventually(noticed)
    assert [entry["status"] for entry in await emulator.get("requests", path="/v1/customers")] == [None]
    assert await customers(emulator) == []


async def test_duplicate_delivers_the_request_twice(emulator: EmulatorProcess) -> None:
    """Without a key the work is done twice; under a key the second delivery is answered with what the first did."""
    await emulator.post("faults", kind="duplicate", times=2)
    assert (await create(emulator)).status_code == 200
    assert await customers(emulator) == ["Ada", "Ada"]
    again = await create(emulator, "Grace", **{"idempotency-key": "once"})
    assert again.headers["idempotent-replayed"] == "true"
    assert await customers(emulator) == ["Ada", "Ada", "Grace"]


async def test_a_read_by_id_is_found_by_its_order(emulator: EmulatorProcess) -> None:
    """Faults and the request log know whose payment is read, though the request does not say so."""
    made = await intent(emulator, "ord_1")
    await emulator.post("faults", method="GET", match="ord_1", kind="status", status=500, times=1)
    answer = await emulator.request("GET", f"/v1/payment_intents/{made['id']}", headers=AUTH)
    assert answer.status_code == 500
    assert [entry["method"] for entry in await emulator.get("requests", match="ord_1")] == ["POST", "GET"]


async def test_fault_strikes_only_what_it_is_meant_for(emulator: EmulatorProcess) -> None:
    """Method, path, match, skip and times all narrow a fault."""
    await emulator.post(
        "faults", method="POST", path="customers", match="Ada", kind="status", status=500, skip=1, times=1
    )
    answers = [await create(emulator, name) for name in ("Grace", "Ada", "Ada", "Ada")]
    assert [answer.status_code for answer in answers] == [200, 200, 500, 200]
    [fault] = (await emulator.get("faults"))["faults"]
    assert (fault["seen"], fault["applied"]) == (2, 1)


async def test_fault_is_matched_by_the_idempotency_key(emulator: EmulatorProcess) -> None:
    """A request whose path and body name nothing of ours is still met by a fault meant for its key."""
    await emulator.post("faults", match="ord_1/capture/", kind="status", status=429)
    headers = {**AUTH, "idempotency-key": "ord_1/capture/1/1"}
    answer = await emulator.request("POST", "/v1/payment_intents/pi_none/capture", headers=headers)
    other = await emulator.request("POST", "/v1/payment_intents/pi_none/capture", headers=AUTH)
    assert (answer.status_code, other.status_code) == (429, 404)


async def test_latencies_add_to_another_fault(emulator: EmulatorProcess) -> None:
    """A slow company can refuse as well."""
    await emulator.post("faults", kind="latency", latency_ms=200)
    await emulator.post("faults", kind="status", status=500)
    started = time.monotonic()
    assert (await create(emulator)).status_code == 500
    assert time.monotonic() - started >= 0.2


async def test_faults_are_lifted_one_by_one_or_all(emulator: EmulatorProcess) -> None:
    """A lifted fault strikes no more; an unknown one is 404."""
    first = await emulator.post("faults", kind="status", status=500)
    await emulator.post("faults", kind="status", status=502)
    assert await emulator.delete(f"faults/{first['id']}") == {"removed": 1}
    assert (await create(emulator)).status_code == 502
    assert await emulator.delete("faults") == {"removed": 1}
    assert (await create(emulator)).status_code == 200
    assert (await emulator.request("DELETE", "/_control/faults/fault_9")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "latency", "latency_ms": 1, "tims": 1}, "tims"),
        ({"kind": "explode"}, "kind"),
        ({"kind": "latency"}, "latency_ms"),
        ({"kind": "status"}, "status"),
        ({"kind": "refuse"}, "code"),
        ({"kind": "hang", "path": "("}, "path"),
        ({"kind": "hang", "times": 0}, "times"),
    ],
)
async def test_a_wrong_fault_is_refused_by_field(emulator: EmulatorProcess, body: dict[str, Any], field: str) -> None:
    """A misspelled fault must not pass unseen."""
    answer = await emulator.request("POST", "/_control/faults", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await emulator.get("faults"))["faults"] == []


async def test_requests_are_logged_for_audits(emulator: EmulatorProcess) -> None:
    """The log tells what was asked under which key, and can be narrowed."""
    await create(emulator, "Ada", **{"idempotency-key": "key-1"})
    await create(emulator, "Grace")
    [entry] = await emulator.get("requests", match="key-1")
    assert (entry["method"], entry["path"], entry["idempotency_key"]) == ("POST", "/v1/customers", "key-1")
    assert (entry["status"], entry["fault"], entry["body_excerpt"]) == (200, None, "name=Ada")
    assert len(await emulator.get("requests", path="/v1/customers")) == 2
    assert await emulator.get("requests", path="/v1/refunds") == []


async def test_records_are_found_by_text_and_kind(emulator: EmulatorProcess) -> None:
    """An audit reads raw vendor objects, all or those naming an order."""
    await create(emulator)
    made = await intent(emulator, "ord_1")
    assert set(await emulator.get("records", match="ord_1")) == {"payment_intent", "event"}
    assert await emulator.get("records", match="ord_1", kind="payment_intent") == {"payment_intent": [made]}
    assert await emulator.get("records", match="ord_2") == {}


async def test_reset_forgets_everything(emulator: EmulatorProcess) -> None:
    """After a reset nothing is known, and no fault is in force."""
    await create(emulator)
    await emulator.post("faults", kind="status", status=500)
    await emulator.post("reset")
    assert await emulator.get("records") == {}
    assert await emulator.get("requests") == []
    assert (await create(emulator)).status_code == 200


async def test_webhooks_arrive_in_order_and_once(emulator: EmulatorProcess, receiver: WebhookReceiver) -> None:
    """Without rules every message arrives once."""
    names = [f"ord_{number}" for number in range(5)]
    for name in names:
        await intent(emulator, name)
    await eventually(lambda: len(receiver.deliveries) == 5)
    await asyncio.sleep(0.2)
    assert sorted(orders(receiver)) == names
    assert (await emulator.get("webhooks"))["done"] == 5


async def test_webhook_duplicates(emulator: EmulatorProcess, receiver: WebhookReceiver) -> None:
    """A duplicated message has the same id and body each time; a rule with `times` wears out."""
    await emulator.post("webhooks", duplicate=2, times=1)
    await intent(emulator, "ord_1")
    await intent(emulator, "ord_2")
    await eventually(lambda: len(receiver.deliveries) == 4)
    assert sorted(orders(receiver)) == ["ord_1", "ord_1", "ord_1", "ord_2"]
    assert len({delivery.body for delivery in receiver.deliveries}) == 2


async def test_webhook_reorder(emulator: EmulatorProcess, receiver: WebhookReceiver) -> None:
    """A reordered message arrives behind the one after it."""
    await emulator.post("webhooks", reorder=True, match="ord_1")
    await intent(emulator, "ord_1")
    await intent(emulator, "ord_2")
    await eventually(lambda: len(receiver.deliveries) == 2)
    assert orders(receiver) == ["ord_2", "ord_1"]


async def test_webhook_reorder_without_a_successor(emulator: EmulatorProcess, receiver: WebhookReceiver) -> None:
    """A reordered message with nothing behind it arrives after a while all the same."""
    await emulator.post("webhooks", reorder=True)
    await intent(emulator, "ord_1")
    await asyncio.sleep(0.3)
    assert receiver.deliveries == []
    await eventually(lambda: orders(receiver) == ["ord_1"])


async def test_webhook_delay_and_drop(emulator: EmulatorProcess, receiver: WebhookReceiver) -> None:
    """A delayed message arrives late and holds up no other; a dropped one never arrives."""
    await emulator.post("webhooks", delay_ms=3_600_000, match="ord_hour")
    await emulator.post("webhooks", delay_ms=300, match="ord_late")
    await emulator.post("webhooks", drop=True, match="ord_lost")
    for name in ("ord_hour", "ord_lost", "ord_now"):
        await intent(emulator, name)
    await eventually(lambda: orders(receiver) == ["ord_now"])
    sent = time.time()
    await intent(emulator, "ord_late")
    await eventually(lambda: orders(receiver) == ["ord_now", "ord_late"])
    assert receiver.deliveries[1].at - sent >= 0.3

    async def told() -> bool:
        """What the receiver has answered is noted a moment later."""
        status = await emulator.get("webhooks")
        return (status["done"], status["dropped"], status["waiting"]) == (2, 1, 1)

    await eventually(told)
    assert await emulator.delete("webhooks") == {"rules": []}


async def test_webhook_is_resent_until_acknowledged(emulator: EmulatorProcess, receiver: WebhookReceiver) -> None:
    """An answer other than 2xx is not an acknowledgment."""
    receiver.statuses = [500, 404]
    await intent(emulator, "ord_1")
    await eventually(lambda: len(receiver.deliveries) == 3)
    await asyncio.sleep(0.5)
    assert orders(receiver) == ["ord_1"] * 3


async def test_unacknowledged_webhooks_survive_a_kill(tmp_path: Path) -> None:
    """What nobody received before `kill -9` is sent after the restart, in order, once."""
    port = free_port()
    async with running("stripe", tmp_path, webhook_url=f"http://127.0.0.1:{port}/webhooks") as emulator:
        for name in ("ord_1", "ord_2"):
            await intent(emulator, name)
        await emulator.kill()
        with receiving(port, "/webhooks") as receiver:
            await emulator.start()
            await eventually(lambda: len(receiver.deliveries) == 2)
            await asyncio.sleep(0.3)
            assert sorted(orders(receiver)) == ["ord_1", "ord_2"]


async def test_objects_and_faults_survive_a_kill(tmp_path: Path) -> None:
    """Nothing the company knew is lost by `kill -9`, the faults in force included."""
    async with running("stripe", tmp_path) as emulator:
        await create(emulator)
        await emulator.post("faults", kind="status", status=500, times=2)
        assert (await create(emulator, "Grace")).status_code == 500
        await emulator.kill()
        await emulator.start()
        assert await customers(emulator) == ["Ada"]
        answers = [await create(emulator, "Grace") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [500, 200]


async def test_a_signal_ends_the_process_cleanly(tmp_path: Path) -> None:
    """SIGTERM ends with 0, even while a client hangs."""
    async with running("stripe", tmp_path) as emulator:
        await emulator.post("faults", kind="hang", times=1)
        waiting = asyncio.create_task(create(emulator))
        await asyncio.sleep(0.3)
        assert await emulator.stop() == 0
        with pytest.raises(httpx.TransportError):
            await waiting


async def test_time_scale_moves_what_is_already_scheduled(emulator: EmulatorProcess) -> None:
    """A refund due in ten virtual hours settles at once when time runs a million times faster."""
    await emulator.post("refunds/mode", mode="pending", settle_after=36_000)
    data = {"amount": "1000", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
    paid = (await emulator.request("POST", "/v1/payment_intents", data=data, headers=AUTH)).json()
    refund = await emulator.request("POST", "/v1/refunds", data={"payment_intent": paid["id"]}, headers=AUTH)
    assert refund.json()["status"] == "pending"
    try:
        await emulator.post("time-scale", scale=1_000_000)

        async def settled() -> bool:
            return bool((await emulator.get("records"))["refund"][0]["status"] == "succeeded")

        await eventually(settled, seconds=2)
    finally:
        await emulator.post("time-scale", scale=100)


async def test_time_scale_must_be_positive(emulator: EmulatorProcess) -> None:
    """Time neither stands still nor runs backward."""
    answer = await emulator.request("POST", "/_control/time-scale", json={"scale": 0})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "scale"
