"""The real API over real HTTP with a real database, for tests: with the real saga, or with a stub of it.

async with serving(services) as api:
    answer = await api.post("/v1/orders", order_body(), role="checkout")
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import uvicorn

from ordersaga.api.app import create_app
from ordersaga.bootstrap import Services
from ordersaga.client import OrderClient
from ordersaga.client_errors import OrderNotFoundError
from ordersaga.client_lanes import QueueState
from ordersaga.domain.erasure import Histories
from ordersaga.domain.journal import AttentionItem
from ordersaga.domain.orders import Order
from ordersaga.domain.shipping import ParcelEvent, PaymentEvent
from ordersaga.domain.statuses import ConfirmOutcome, OrderStatus
from ordersaga.settings import Settings
from tests.support.emulators import free_port
from tests.support.serving import served
from workflows.foretelling import Foretold, PreviewRequest
from workflows.messages import (
    Asked,
    CancelAnswer,
    CancelRequest,
    ChangeAnswer,
    ConfirmAnswer,
    HoldRequest,
    OrderView,
    Resolution,
)

CREDENTIALS: dict[str, Any] = {
    "stripe_api_key": "sk_test_for_tests",
    "stripe_webhook_secret": "whsec_stripe_for_tests",
    "shipbob_token": "shipbob-for-tests",
    "shipbob_channel_id": 1,
    "shipbob_webhook_secret": "whsec_c2hpcGJvYi1mb3ItdGVzdHM=",
    "easypost_api_key": "EZTK-for-tests",
    "easypost_webhook_secret": "easypost-for-tests",
}
"""Without these no process starts."""

ROLES = ("checkout", "channel", "viewer", "support", "operator", "admin")


def settings_for(database_url: str, **changes: Any) -> Settings:
    """Settings that reach a test's database and nothing else."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    known = {
        "database_url": database_url,
        "temporal_address": f"127.0.0.1:{free_port()}",
        "stripe_base_url": nowhere,
        "shipbob_base_url": nowhere,
        "easypost_base_url": nowhere,
        "gateway_timeout": timedelta(seconds=1),
        "overload_wait": timedelta(seconds=20),  # tests of other things share the machine
        **CREDENTIALS,
    }
    return Settings(_env_file=None, **{**known, **changes})


class StubOrders(OrderClient):
    """Stands in for running orders: remembers what was asked; the attributes say how it answers."""

    def __init__(self) -> None:
        """`error` is raised by everything, `refuse` by order id, `fail` by what is asked.

        `requests` are the messages themselves; `changed`, `resolved`, `canceled` and `foretold` alter
        the answers to changes, resolutions, cancellations that channels ask for, and previews of changes.
        """
        self.asked: list[tuple[str, str]] = []
        self.answer: Callable[[Order], ConfirmAnswer | None] = confirmed
        self.error: Exception | None = None
        self.refuse: dict[str, Exception] = {}
        self.fail: dict[str, Exception] = {}
        self.events: list[ParcelEvent | PaymentEvent] = []
        self.requests: list[Asked | CancelRequest | Resolution] = []
        self.changed: dict[str, Any] = {}
        self.resolved: dict[str, Any] = {}
        self.canceled: dict[str, Any] = {}
        self.foretold: dict[str, Any] = {}
        self.said = "It waits for the carrier."
        self.live: dict[str, Any] | None = None
        """What it says of itself; None: it cannot be asked."""
        self.queue = QueueState(1.0, 7, timedelta(seconds=30))
        """How every lane stands."""

    async def histories(self, order_id: str) -> Histories:
        """There are none: nothing was ever started."""
        return Histories(there=False)

    async def ready(self) -> bool:
        """Always, unless an error is set."""
        return self.error is None

    async def lane(self, name: str) -> QueueState | None:
        """As `queue` says, unless an error is set."""
        return None if self.error else self.queue

    async def place(
        self, order: Order, wait: timedelta | None = None, *, providers: Iterable[str] = ()
    ) -> ConfirmAnswer | None:
        """The answer, for those who wait."""
        self._noted("place", order.order_id)
        return self.answer(order) if wait else None

    async def start(self, order: Order, *, providers: Iterable[str] = ()) -> bool:
        """Started."""
        self._noted("start", order.order_id)
        return True

    async def cancel(self, order_id: str, request: CancelRequest, wait: timedelta | None = None) -> CancelAnswer:
        """Canceled."""
        self._noted("cancel", order_id, request)
        return CancelAnswer(
            order_id=order_id, outcome="canceled", status=OrderStatus.CANCELED, currency="USD", message=request.reason
        )

    async def cancel_or_hear(self, order_id: str, request: CancelRequest) -> CancelAnswer:
        """Canceled, unless `canceled` says otherwise."""
        answer = await self.cancel(order_id, request)
        return answer.model_copy(update=self.canceled)

    async def preview_cancel(self, order_id: str, request: CancelRequest) -> CancelAnswer:
        """It would be too late."""
        self._noted("preview_cancel", order_id, request)
        return CancelAnswer(
            order_id=order_id, outcome="too_late", status=OrderStatus.SHIPPED, currency="USD", message=request.reason
        )

    async def change(self, order_id: str, asked: Asked, wait: timedelta | None = None) -> ChangeAnswer:
        """Done, unless `changed` says otherwise."""
        self._noted("change", order_id, asked)
        said = {"change_id": "c1", "outcome": "done", "status": OrderStatus.CONFIRMED, "message": "it is done"}
        return ChangeAnswer(order_id=order_id, **{**said, **self.changed})

    async def preview_change(self, order_id: str, asked: PreviewRequest) -> Foretold:
        """Possible, unless `foretold` says otherwise."""
        self._noted("preview_change", order_id)
        return Foretold(order_id=order_id, **{"outcome": "possible", "effects": (), **self.foretold})

    async def request_cancel(self, order_id: str, request: CancelRequest) -> None:
        """Taken."""
        self._noted("request_cancel", order_id, request)

    async def place_hold(self, order_id: str, request: HoldRequest) -> OrderView:
        """Held."""
        self._noted("place_hold", order_id)
        return view(order_id, {request.kind: request.reason})

    async def release_hold(self, order_id: str, request: HoldRequest) -> OrderView:
        """Released."""
        self._noted("release_hold", order_id)
        return view(order_id, {})

    async def resolve_attention(self, order_id: str, resolution: Resolution) -> AttentionItem:
        """Resolved."""
        self._noted("resolve_attention", order_id, resolution)
        return attention(order_id, resolution.item_id, resolved=resolution.choice).model_copy(update=self.resolved)

    async def state(self, order_id: str) -> OrderView:
        """As `live` says."""
        if self.live is None:
            raise OrderNotFoundError(order_id)
        return view(order_id, {}).model_copy(update=self.live)

    async def explain(self, order_id: str) -> str:
        """As `said` says."""
        self._noted("explain", order_id)
        return self.said

    async def parcel_event(self, order_id: str, event: ParcelEvent) -> None:
        """Delivered."""
        self._noted("parcel_event", order_id)
        self.events.append(event)

    async def payment_event(self, order_id: str, event: PaymentEvent) -> None:
        """Delivered."""
        self._noted("payment_event", order_id)
        self.events.append(event)

    def _noted(self, what: str, order_id: str, request: Asked | CancelRequest | Resolution | None = None) -> None:
        self.asked.append((what, order_id))
        if request is not None:
            self.requests.append(request)
        if error := self.error or self.refuse.get(order_id) or self.fail.get(what):
            raise error


def confirmed(order: Order) -> ConfirmAnswer:
    """The order is confirmed."""
    return answered(order, ConfirmOutcome.CONFIRMED, OrderStatus.CONFIRMED)


def answered(order: Order, outcome: ConfirmOutcome, status: OrderStatus, **changes: Any) -> ConfirmAnswer:
    """An outcome for an order."""
    return ConfirmAnswer(
        order_id=order.order_id, outcome=outcome, status=status, parcels=1, ship_by=order.ship_by, **changes
    )


def view(order_id: str, holds: dict[str, str]) -> OrderView:
    """An order with these holds."""
    return OrderView(
        order_id=order_id,
        status=OrderStatus.ON_HOLD if holds else OrderStatus.CONFIRMED,
        outcome=ConfirmOutcome.CONFIRMED,
        reason=None,
        holds=holds,
        parcels=(),
        attention=(),
        next_deadline=None,
        awaiting="nothing",
    )


def attention(order_id: str, item_id: str, resolved: str | None = None) -> AttentionItem:
    """A question about an order."""
    return AttentionItem(
        item_id=item_id,
        order_id=order_id,
        parcel=1,
        kind="unknown_capture",
        question="Was it captured?",
        choices=("retry", "adopt"),
        opened_at=datetime(2026, 3, 1, tzinfo=UTC),
        resolved=resolved,
        resolved_by="op" if resolved else None,
    )


def order_body(**changes: Any) -> dict[str, Any]:
    """One MUG of acme, as a checkout sends it."""
    return {
        "seller": "acme",
        "lines": [{"sku": "MUG", "quantity": 1, "unit_price": 1000}],
        "shipping": 500,
        "tax": 90,
        "ship_to": {
            "name": "Ada Byron",
            "line1": "1 Main St",
            "city": "New York",
            "region": "NY",
            "postal_code": "10001",
            "country": "US",
        },
        "payment": {"payment_method": "pm_card_visa"},
        **changes,
    }


@dataclass
class Api:
    """A served API, with a key for each role."""

    url: str
    services: Services
    http: httpx.AsyncClient
    keys: dict[str, str] = field(default_factory=dict)

    async def send(
        self,
        method: str,
        path: str,
        *,
        role: str | None = "operator",
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One request as a role; None sends no key."""
        auth = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
        return await self.http.request(method, path, headers={**auth, **(headers or {})}, **more)

    async def get(self, path: str, role: str = "operator", **more: Any) -> httpx.Response:
        """GET as a role."""
        return await self.send("GET", path, role=role, **more)

    async def post(self, path: str, body: Any = None, *, role: str = "operator", **more: Any) -> httpx.Response:
        """POST JSON as a role."""
        return await self.send("POST", path, role=role, json=body, **more)


@contextlib.asynccontextmanager
async def serving(services: Services, port: int | None = None) -> AsyncIterator[Api]:
    """Serve the API on a port, any free one if none is given, until the block ends."""

    @contextlib.asynccontextmanager
    async def open_them() -> AsyncIterator[Services]:
        yield services

    config = uvicorn.Config(
        create_app(open_them), host="127.0.0.1", port=port or free_port(), log_config=None, access_log=False
    )
    url = f"http://127.0.0.1:{config.port}"
    async with served(config), httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
        keys = {role: await services.api_keys.issue(role, f"test {role}") for role in ROLES}
        yield Api(url, services, http, keys)
