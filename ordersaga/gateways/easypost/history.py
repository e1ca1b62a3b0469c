"""Every label bought on an EasyPost account, whoever bought it (https://docs.easypost.com/docs/shipments)."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from easypost.easypost_client import EasyPostClient

from ordersaga.domain.errors import RetryError
from ordersaga.domain.identifiers import parse_label_reference
from ordersaga.domain.reconciliation import LabelRecord
from ordersaga.domain.shipping import CancelDecision
from ordersaga.gateways.easypost.calls import Calls, json_of
from ordersaga.gateways.easypost.states import is_scanned, refund_decision, status_of
from ordersaga.gateways.personal_data import unquoted
from ordersaga.gateways.webhook_parts import child, moment

_UNBOUGHT = timedelta(days=1)
"""EasyPost lists by when a shipment was created; one created by hand may lie unbought for as long."""
_TOMORROW = timedelta(days=1)
_IN_FORCE = frozenset({None, CancelDecision.REFUSED})


class EasyPostHistory:
    """The listing half of the LabelHistory port over EasyPost.

    Args:
        client: of the account.
        page_size: shipments per call; EasyPost allows 100.
        calls: how they are made.
    """

    def __init__(self, client: EasyPostClient, page_size: int, calls: Calls) -> None:
        self._shipments, self._page_size, self._calls = client.shipment, page_size, calls

    async def labels_since(self, since: datetime) -> AsyncIterator[LabelRecord]:
        """Labels bought since then, newest first. Both ends are named: left out, EasyPost puts them a month apart."""
        start, end = since - _UNBOUGHT, datetime.now(UTC) + _TOMORROW
        window = {"start_datetime": _text(start), "end_datetime": _text(end)}
        page = await self._asked(self._shipments.all, purchased=True, page_size=self._page_size, **window)
        while True:
            for shipment in page["shipments"]:
                record = label_record(json_of(shipment))
                if record.created_at >= since:
                    yield record
            if not page.get("has_more") or not page["shipments"]:
                return
            page = await self._asked(self._shipments.get_next_page, page, self._page_size, window)

    async def _asked(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """A page of shipments."""
        with unquoted():
            page = await self._calls.in_thread(call, *arguments, **named)
        if not isinstance(page.get("shipments"), list):
            what = "EasyPost answered something that is no list of shipments"
            raise RetryError("easypost_no_answer", what, unknown=True)
        return page


def label_record(shipment: Mapping[str, Any]) -> LabelRecord:
    """A bought shipment. One whose carrier bills on scan has nothing to give back: that counts as given back."""
    reference = str(shipment.get("reference") or "")
    bought = child(shipment, "postage_label").get("created_at") or shipment.get("created_at")
    return LabelRecord(
        label_id=shipment["id"],
        reference=reference if parse_label_reference(reference) else "",
        carrier=str(child(shipment, "selected_rate").get("carrier") or ""),
        tracking_number=str(shipment.get("tracking_code") or ""),
        voided=refund_decision(shipment) not in _IN_FORCE,
        scanned=is_scanned(shipment),
        tracking=status_of(child(shipment, "tracker")),
        created_at=moment(bought, datetime.now(UTC)),
    )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
