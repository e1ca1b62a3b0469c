"""Every answer of the Partner API is an envelope; what is refused has a code, and is a 200 all the same."""

import secrets
from typing import Any, Final

from emulators.common import Answer

TOO_MANY: Final = 36009002
INTERNAL: Final = 36009003
INVALID: Final = 36009004
EXPIRED: Final = 105002
BAD_SIGN: Final = 106001
NO_CIPHER: Final = 106013
BAD_TOKEN: Final = 101000

BAD_PARAMETER: Final = 25001001
BAD_STATUS: Final = 25001003
ALREADY_CANCELLED: Final = 25001011
BAD_REASON: Final = 25001014
SHIPPED: Final = 25001045
RISK_CONTROL: Final = 25001046
COMPLETE: Final = 25001051
NO_SUCH_LINES: Final = 25005010
NOT_APPROVABLE: Final = 25011012
NO_PERMISSION: Final = 25020005

NO_PACKAGE: Final = 21011001
NOT_SHIPPABLE: Final = 21011002
BAD_TRACKING: Final = 21011003
PATH: Final = 36009009


class RefusedError(Exception):
    """The vendor refuses with a code; nothing was done."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def body(code: int = 0, message: str = "Success", data: Any = None) -> dict[str, Any]:
    """The envelope."""
    return {"code": code, "message": message, "request_id": secrets.token_hex(17), "data": {} if data is None else data}


def answer(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    """An answer that is refused before any work."""
    return Answer.json(status, body(code, message), headers)
