"""The parameters each endpoint takes; anything else is refused, as Stripe does."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from emulators.stripe import errors
from emulators.stripe.forms import Form

_KeyText = Annotated[str, Field(max_length=40)]
_ValueText = Annotated[str, Field(max_length=500)]
Metadata = Annotated[dict[_KeyText, _ValueText], Field(max_length=50), BeforeValidator(lambda value: value or {})]
Positive = Annotated[int, Field(ge=1)]
OffSession = bool | Literal["one_off", "recurring"]


class Params(BaseModel):
    """Every endpoint can be asked to expand references."""

    model_config = ConfigDict(extra="forbid")

    expand: list[str] = Field(default_factory=list)


class CardOptions(BaseModel):
    """`payment_method_options[card]`; what this emulator does not act on is kept as it came."""

    model_config = ConfigDict(extra="allow")

    request_extended_authorization: Literal["if_available", "never"] | None = None


class MethodOptions(BaseModel):
    """`payment_method_options`."""

    model_config = ConfigDict(extra="allow")

    card: CardOptions = CardOptions()


class CreateIntent(Params):
    """POST /v1/payment_intents."""

    amount: Positive
    currency: Annotated[str, Field(pattern="^[A-Za-z]{3}$")]
    capture_method: Literal["automatic", "automatic_async", "manual"] = "automatic"
    confirm: bool = False
    confirmation_method: Literal["automatic", "manual"] = "automatic"
    payment_method: str | None = None
    payment_method_types: list[str] = Field(default_factory=lambda: ["card"])
    allowed_payment_method_types: list[str] | None = None
    payment_method_options: MethodOptions = MethodOptions()
    automatic_payment_methods: dict[str, Any] | None = None
    customer: str | None = None
    off_session: OffSession = False
    setup_future_usage: Literal["off_session", "on_session"] | None = None
    metadata: Metadata = Field(default_factory=dict)
    description: str | None = None
    transfer_group: str | None = None
    return_url: str | None = None
    receipt_email: str | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    shipping: dict[str, Any] | None = None
    mandate_data: dict[str, Any] | None = None
    error_on_requires_action: bool = False


class ProductData(BaseModel):
    """`price_data[product_data]`."""

    name: str


class PriceData(BaseModel):
    """`line_items[][price_data]`."""

    model_config = ConfigDict(extra="forbid")

    currency: Annotated[str, Field(pattern="^[A-Za-z]{3}$")]
    unit_amount: Positive
    product_data: ProductData


class LineItem(BaseModel):
    """`line_items[]`; only prices made on the spot."""

    model_config = ConfigDict(extra="forbid")

    price_data: PriceData
    quantity: Positive = 1


class PaymentIntentData(BaseModel):
    """`payment_intent_data`: what the payment made on the page is like."""

    model_config = ConfigDict(extra="forbid")

    capture_method: Literal["automatic", "automatic_async", "manual"] = "automatic"
    setup_future_usage: Literal["off_session", "on_session"] | None = None
    metadata: Metadata = Field(default_factory=dict)
    description: str | None = None


class CreateSession(Params):
    """POST /v1/checkout/sessions."""

    mode: Literal["payment"]
    line_items: Annotated[list[LineItem], Field(min_length=1)]
    success_url: str
    cancel_url: str | None = None
    expires_at: int | None = None
    client_reference_id: str | None = None
    customer: str | None = None
    customer_creation: Literal["always", "if_required"] = "if_required"
    metadata: Metadata = Field(default_factory=dict)
    payment_intent_data: PaymentIntentData = PaymentIntentData()
    payment_method_options: MethodOptions = MethodOptions()


class ConfirmIntent(Params):
    """POST /v1/payment_intents/{id}/confirm."""

    payment_method: str | None = None
    off_session: OffSession = False
    setup_future_usage: Literal["off_session", "on_session"] | None = None
    return_url: str | None = None
    error_on_requires_action: bool = False


class CaptureIntent(Params):
    """POST /v1/payment_intents/{id}/capture."""

    amount_to_capture: Positive | None = None
    metadata: Metadata = Field(default_factory=dict)
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None


class CancelIntent(Params):
    """POST /v1/payment_intents/{id}/cancel."""

    cancellation_reason: Literal["duplicate", "fraudulent", "requested_by_customer", "abandoned"] | None = None


class CreateRefund(Params):
    """POST /v1/refunds."""

    payment_intent: str | None = None
    charge: str | None = None
    amount: Positive | None = None
    metadata: Metadata = Field(default_factory=dict)
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None


class CreateCustomer(Params):
    """POST /v1/customers."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    description: str | None = None
    metadata: Metadata = Field(default_factory=dict)
    address: dict[str, Any] | None = None
    shipping: dict[str, Any] | None = None


class CreateMethod(Params):
    """POST /v1/payment_methods."""

    type: Literal["card"]
    card: dict[str, Any]
    metadata: Metadata = Field(default_factory=dict)


class AttachMethod(Params):
    """POST /v1/payment_methods/{id}/attach."""

    customer: str


class Page(Params):
    """GET of a list."""

    limit: Annotated[int, Field(ge=1, le=100)] = 10
    starting_after: str | None = None
    created: int | dict[Literal["gt", "gte", "lt", "lte"], int] | None = None


class ListIntents(Page):
    """GET /v1/payment_intents."""

    customer: str | None = None


class ListRefunds(Page):
    """GET /v1/refunds."""

    payment_intent: str | None = None
    charge: str | None = None


class ListCharges(Page):
    """GET /v1/charges."""

    payment_intent: str | None = None
    customer: str | None = None


class ListEvents(Page):
    """GET /v1/events."""

    type: str | None = None
    types: list[str] | None = None


class Search(Params):
    """GET /v1/payment_intents/search."""

    query: str
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    page: str | None = None


P = TypeVar("P", bound=Params)


def read(model: type[P], form: Form) -> P:
    """The parameters of a request, or the error Stripe answers about the first wrong one."""
    try:
        return model.model_validate(form)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise _as_stripe(first["type"], first["loc"], first["msg"], first["input"]) from None


def _as_stripe(kind: str, loc: tuple[int | str, ...], message: str, given: Any) -> errors.StripeError:
    name = str(loc[0]) + "".join(f"[{part}]" for part in loc[1:] if str(part) not in {"int", "bool"})
    if kind == "missing":
        return errors.invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)
    if kind == "extra_forbidden":
        return errors.invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
    if kind.startswith("int_") or kind == "greater_than_equal":
        return errors.invalid(f"Invalid integer: {given}", code="parameter_invalid_integer", param=name)
    return errors.invalid(f"Invalid {name}: {message}", param=name)
