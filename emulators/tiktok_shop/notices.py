"""Webhooks: signed, with an id to tell duplicates by; they say what changed, and little more."""

import json
import secrets
from typing import Any, Final

from emulators.common import EmulatorConfig, Message, Webhooks
from emulators.tiktok_shop.books import Books, Record

ORDER, ADDRESS, PACKAGE, CANCELLATION, RETURN, REFUND = 1, 3, 4, 11, 12, 67
_SPELLED: Final = {"CANCELLED": "CANCEL"}
_CANCELLATION_SPELLED: Final = {"CANCEL": "CANCELLED"}


class Notices:
    """Sends what happened to whoever listens."""

    def __init__(self, books: Books, webhooks: Webhooks, config: EmulatorConfig) -> None:
        self._books, self._webhooks, self._config = books, webhooks, config

    def order_status(self, order: Record) -> None:
        """Type 1."""
        status = _SPELLED.get(order["status"], order["status"])
        said = {"order_status": status, "is_on_hold_order": True, "update_time": self._books.now()}
        self._send(ORDER, order, {"order_id": order["id"], **said})

    def address(self, order: Record) -> None:
        """Type 3."""
        self._send(ADDRESS, order, {"order_id": order["id"], "update_time": self._books.now()})

    def packages(self, order: Record, because: str) -> None:
        """Type 4."""
        ids = dict.fromkeys(line["package_id"] for line in order["lines"] if line["package_id"])
        packages = [{"package_id": each, "order_id_list": [order["id"]]} for each in ids]
        said = {"sc_type": because, "role_type": "ROLE_SELLER", "package_list": packages}
        self._send(PACKAGE, order, {**said, "update_time": self._books.now()})

    def cancellation(self, order: Record, cancellation: Record) -> None:
        """Type 11."""
        status = _CANCELLATION_SPELLED.get(cancellation["status"], cancellation["status"])
        said = {
            "order_id": order["id"],
            "cancellations_role": cancellation["role"],
            "cancel_status": f"CANCELLATION_REQUEST_{status}",
            "cancel_id": cancellation["cancel_id"],
            "create_time": cancellation["create_time"],
        }
        self._send(CANCELLATION, order, said)

    def returned(self, order: Record, back: Record) -> None:
        """Type 12."""
        said = {
            "order_id": order["id"],
            "return_role": back["role"],
            "return_type": "RETURN_AND_REFUND" if back["role"] == "BUYER" else "REFUND",
            "return_status": back["return_status"],
            "return_id": back["return_id"],
            "create_time": back["create_time"],
            "update_time": self._books.now(),
        }
        self._send(RETURN, order, said)

    def refund(self, order: Record, about: str, amount: str, line_ids: list[str]) -> None:
        """Type 67."""
        lines = [{"main_order_id": order["id"], "return_line_item_id": line_id} for line_id in line_ids]
        said = {
            "aftersales_request_id": about,
            "line_items": lines,
            "refund_currency": order["currency"],
            "refund_status": "REFUND_SUCCESS",
            "refund_timestamp": self._books.now(),
            "refund_total": amount,
        }
        self._send(REFUND, order, said)

    def _send(self, kind: int, order: Record, data: dict[str, Any]) -> None:
        if not self._config.webhook_url:
            return
        identity = str(7327112393057370000 + secrets.randbelow(10**15))
        said = {"type": kind, "tts_notification_id": identity, "shop_id": order["shop"]}
        text = json.dumps({**said, "timestamp": self._books.now(), "data": data})
        secret = self._config.webhook_secret
        self._webhooks.emit(Message(identity, str(kind), order["id"], text, self._config.webhook_url, secret))
