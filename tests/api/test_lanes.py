"""Lanes over HTTP: how they stand, and keeping their calls back for a while."""

from datetime import timedelta

import pytest

from ordersaga.api.lane_shapes import LaneList
from ordersaga.api.watching import look_at_lanes
from ordersaga.client_errors import SagaUnreachableError
from ordersaga.client_lanes import QueueState
from ordersaga.domain.lanes import provider_lane
from tests.api.test_metrics import at, parsed
from tests.support.api import Api, StubOrders

LANE = provider_lane("shipbob")
PAUSE = {"reason": "they repair it", "minutes": 30}


async def test_operators_see_every_lane(api: Api) -> None:
    """What its company allows, what its queue may hand out of that, and what waits."""
    answer = await api.send("GET", "/v1/lanes", role="operator")
    lanes = {view.lane: view for view in LaneList.model_validate_json(answer.content).lanes}
    assert set(lanes) == {"payments", "carriers", LANE, provider_lane("seller_warehouse")}
    view = lanes[LANE]
    assert (view.calls_per_minute, view.activities_per_minute, view.backlog, view.paused) == (150, 120, 7, None)
    assert lanes[provider_lane("seller_warehouse")].activities_per_minute is None


async def test_providers_with_hours_of_work_in_their_lanes_are_known(api: Api, orders: StubOrders) -> None:
    """From what Temporal tells; while it tells nothing, what it told last holds for a moment."""
    await look_at_lanes(api.services)
    assert api.services.backlogs.busy() == set()
    orders.queue = QueueState(2.0, 7200, timedelta(minutes=5))
    await look_at_lanes(api.services)
    assert api.services.backlogs.busy() == {"shipbob"}
    orders.error = SagaUnreachableError("away")
    await look_at_lanes(api.services)
    assert api.services.backlogs.busy() == {"shipbob"}


async def test_a_lane_is_paused_and_resumed_with_a_reason(api: Api) -> None:
    """The pause says until when, why and by whom, in the metrics too; shortening it takes a resume."""
    paused = (await api.post(f"/v1/lanes/{LANE}/pause", PAUSE, role="operator")).json()["paused"]
    assert (paused["reason"], paused["by"]) == ("they repair it", "test operator")
    metrics = parsed((await api.send("GET", "/metrics", role=None)).text)
    assert (metrics[at("lane_paused", lane=LANE)], metrics[at("lane_backlog", lane=LANE)]) == (1, 7)
    shorter = await api.post(f"/v1/lanes/{LANE}/pause", {**PAUSE, "minutes": 1}, role="operator")
    assert (shorter.status_code, shorter.json()["code"]) == (409, "paused_longer")
    resumed = await api.post(f"/v1/lanes/{LANE}/resume", {"reason": "it answers", "by": "ada"}, role="operator")
    assert resumed.json()["paused"] is None
    again = await api.post(f"/v1/lanes/{LANE}/resume", {"reason": "it answers"}, role="operator")
    assert (again.status_code, again.json()["code"]) == (409, "not_paused")


async def test_a_breaker_is_set_by_hand_and_left_to_itself_again(api: Api) -> None:
    """Open says until when, why and by whom, in the metrics too; without a person's say there is nothing to end."""
    path, body = f"/v1/lanes/{LANE}/breaker", {"reason": "orders get lost there", "by": "ada"}
    opened = (await api.post(path, {**body, "state": "open", "minutes": 90}, role="operator")).json()["breaker"]
    assert (opened["state"], opened["reason"], opened["by"]) == ("open", "orders get lost there", "test operator:ada")
    assert opened["next_probe"] == opened["forced_until"]
    metrics = parsed((await api.send("GET", "/metrics", role=None)).text)
    assert metrics[at("lane_breaker", lane=LANE)] == 2
    tried = (await api.post(path, {**body, "state": "auto"}, role="operator")).json()["breaker"]
    assert (tried["state"], tried["forced_until"]) == ("half_open", None)
    again = await api.post(path, {**body, "state": "auto"}, role="operator")
    assert (again.status_code, again.json()["code"]) == (409, "not_forced")
    closed = (await api.post(path, {**body, "state": "closed"}, role="operator")).json()["breaker"]
    assert (closed["state"], closed["forced_until"] is not None) == ("closed", True)


async def test_what_people_did_with_a_breaker_is_told(api: Api) -> None:
    """Who, with the key's name, and why; of a lane that there is."""
    body = {"reason": "orders get lost there", "by": "ada", "state": "open", "minutes": 90}
    await api.post(f"/v1/lanes/{LANE}/breaker", body, role="operator")
    told = (await api.send("GET", f"/v1/lanes/{LANE}/history", role="operator")).json()
    (deed,) = told["deeds"]
    assert deed["text"].startswith("test operator:ada set the breaker open until ")
    assert deed["text"].endswith(": orders get lost there")
    unknown = await api.send("GET", "/v1/lanes/books/history", role="operator")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "lane_not_found")


async def test_lanes_are_told_while_temporal_is_away(api: Api, orders: StubOrders) -> None:
    """What is on record is; nobody is told that nothing waits."""
    orders.error = SagaUnreachableError("away")
    view = (await api.send("GET", "/v1/lanes", role="operator")).json()["lanes"][0]
    assert (view["backlog"], view["handed_out_per_minute"]) == (None, None)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("books/pause", PAUSE, 404, "lane_not_found"),
        (f"{LANE}/pause", {"reason": "for ever", "minutes": 10_081}, 422, "invalid_request"),
        (f"{LANE}/pause", {"minutes": 5}, 422, "invalid_request"),
        (f"{LANE}/resume", {}, 422, "invalid_request"),
        (f"{LANE}/breaker", {"reason": "why not", "state": "half_open"}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_done_is_refused(
    api: Api, path: str, body: dict[str, object], status: int, code: str
) -> None:
    """Lanes that do not exist, pauses that nobody would remember, and no reason."""
    answer = await api.post(f"/v1/lanes/{path}", body, role="operator")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_lanes_are_an_operators_and_no_sellers(api: Api) -> None:
    """All sellers share them."""
    assert (await api.send("GET", "/v1/lanes", role="support")).status_code == 403
    key = await api.services.api_keys.issue("operator", "acme's", "acme")
    answer = await api.send("GET", "/v1/lanes", role=None, headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "seller_forbidden")
