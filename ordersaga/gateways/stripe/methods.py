"""How payment methods that are no cards are asked for (https://docs.stripe.com/payments/payment-methods)."""

from stripe.params import PaymentIntentCreateParams

from ordersaga.domain.errors import OperatorError
from ordersaga.domain.payment_methods import CAPABILITIES
from ordersaga.domain.payments import PaymentRequest


def other_method(
    params: PaymentIntentCreateParams, request: PaymentRequest, usual_return: str | None
) -> PaymentIntentCreateParams:
    """The request for this one type: reserved where it can be, else taken at once.

    A bank debit needs a mandate: the shopper gave it in the shop's own checkout, before the order was sent. Raises
    OperatorError `return_url_missing` when the bank's page would have nowhere to send the shopper back to.
    """
    can = CAPABILITIES[request.method_type]
    params["allowed_payment_method_types"] = [request.method_type.value]
    params["capture_method"] = "manual" if can.reserves else "automatic"
    if can.slow:
        params["mandate_data"] = {"customer_acceptance": {"type": "offline", "offline": {}}}
    if not can.redirects:
        return params
    back = request.return_url or usual_return
    if back is None:
        message = f"{request.method_type} leads to another page: send payment.return_url to come back from there"
        raise OperatorError("return_url_missing", message)
    params["return_url"] = back
    return params
