"""What can go wrong between a client and the HTTP API."""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """The API refused a request: `status`, stable `code`, `detail`, refused values in `errors`, all of it in `body`."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.body = body
        self.code = str(body.get("code", "unexpected_answer"))
        self.detail = str(body.get("detail", f"the API answered {status}"))
        self.errors: list[dict[str, str]] = list(body.get("errors") or ())
        super().__init__(f"{self.code}: {self.detail}")

    def told(self) -> str:
        """In one line: the code, and the refused values with their remedies, or else the detail."""
        refused = "; ".join(f"{each['field']}: {each['message']} ({each['remedy']})" for each in self.errors)
        return f"{self.code}: {refused or self.detail}"


class ApiUnreachableError(Exception):
    """No answer came; a request that was sent may have been carried out."""
