"""What can go wrong between a client and the HTTP API."""

from collections.abc import Mapping
from typing import Any, Final

UNEXPECTED: Final = "unexpected_answer"
"""The code of an answer that is none of this API's."""
_REFUSED: Final = {"field", "message", "remedy"}


class ApiError(Exception):
    """The API refused a request: `status`, stable `code`, `detail`, refused values in `errors`, all of it in `body`."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.body = body
        self.code = str(body.get("code", UNEXPECTED))
        self.detail = str(body.get("detail", f"the API answered {status}"))
        self.errors = _refused(body.get("errors"))
        super().__init__(f"{self.code}: {self.detail}")

    def told(self) -> str:
        """In one line: the code, and the refused values with their remedies, or else the detail."""
        refused = "; ".join(f"{each['field']}: {each['message']} ({each['remedy']})" for each in self.errors)
        return f"{self.code}: {refused or self.detail}"


def _refused(errors: object) -> list[dict[str, str]]:
    """Refused values; of what is no answer of ours, none."""
    listed = errors if isinstance(errors, list) else []
    return [each for each in listed if isinstance(each, dict) and each.keys() >= _REFUSED]


class ApiUnreachableError(Exception):
    """No answer came; a request that was sent may have been carried out."""
