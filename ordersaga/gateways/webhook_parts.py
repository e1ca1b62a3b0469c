"""What every webhook module needs: case-blind headers, one way to refuse a signature, JSON that never raises."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.messages_in import Incoming


@contextlib.contextmanager
def verifying(source: str) -> Iterator[None]:
    """Whatever goes wrong while a signature is checked is a bad signature; the text never quotes what was sent."""
    try:
        yield
    except Exception:
        raise OperatorError("bad_signature", f"a webhook of {source} is not signed with our secret") from None


def header(headers: Mapping[str, str], name: str) -> str:
    """A header's value whatever the case of its name; empty when absent."""
    return next((value for key, value in headers.items() if key.lower() == name), "")


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; empty for anything else, and for what is nested too deep to be read."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def child(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object inside an object; empty when absent or of another type."""
    found = parent.get(name)
    return found if isinstance(found, dict) else {}


def text(value: object) -> str | None:
    """A non-empty string, else None."""
    return value if isinstance(value, str) and value else None


def moment(value: object, otherwise: datetime) -> datetime:
    """An ISO 8601 time, UTC unless it says otherwise; `otherwise` when it is not one."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else otherwise
    except ValueError:
        return otherwise
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def ignored(source: str, source_id: str | None, body: bytes) -> Incoming:
    """A message we do not act on; one without an id is known by its content."""
    return Incoming(source=source, source_id=source_id or f"sha256-{hashlib.sha256(body).hexdigest()}")
