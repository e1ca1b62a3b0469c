"""Refusals in EasyPost's shape: ``{"error": {"code", "message", "errors"}}`` (EasyPost documentation, "Errors")."""

from typing import Any, Final


class RefusedError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, code: str, message: str, errors: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(code, message, errors)


def error_body(code: str, message: str, errors: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The body of an error answer."""
    return {"error": {"code": code, "message": message, "errors": errors or []}}


def not_found() -> RefusedError:
    """No such object."""
    return RefusedError(404, "NOT_FOUND", "The requested resource could not be found.")


def required(field: str) -> RefusedError:
    """A parameter is missing."""
    problem = {"field": field, "message": "cannot be blank"}
    return RefusedError(422, "PARAMETER.REQUIRED", "Missing required parameter.", [problem])


def invalid(field: str, message: str) -> RefusedError:
    """A parameter makes no sense."""
    problem = {"field": field, "message": message}
    return RefusedError(422, "PARAMETER.INVALID", "Wrong parameter type.", [problem])


def address_failure() -> RefusedError:
    """The address cannot be verified."""
    problem = {"code": "E.ADDRESS.NOT_FOUND", "field": "address", "message": "Address not found", "suggestion": None}
    return RefusedError(422, "ADDRESS.VERIFY.FAILURE", "Unable to verify address.", [problem])


def postage_exists() -> RefusedError:
    """A shipment is bought once."""
    return RefusedError(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists for this shipment.")


def postage_failure() -> RefusedError:
    """The carrier refuses the label."""
    return RefusedError(422, "SHIPMENT.POSTAGE.FAILURE", "Unable to buy postage: the carrier refused the label.")


def postage_required() -> RefusedError:
    """Nothing was bought, so nothing can be refunded."""
    return RefusedError(422, "SHIPMENT.POSTAGE.REQUIRED", "Postage is required.")


def refund_unavailable(reason: str) -> RefusedError:
    """Labels are refunded only before the first scan, and once."""
    return RefusedError(422, "SHIPMENT.REFUND.UNAVAILABLE", f"Unable to request refund. {reason}")


REFUSALS: Final = {"label_refused": postage_failure, "address_invalid": address_failure}
