"""Lanes over HTTP: how they stand, and keeping their calls back for a while."""

import pytest

from ordersaga.api.lane_shapes import LaneList
from ordersaga.client_errors import SagaUnreachableError
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
