"""Bodies of the routes of sellers."""

from typing import Any

from pydantic import AwareDatetime, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ordersaga.api.shapes import Request
from ordersaga.domain.sellers import Difference, SellerChange, SellerProfile, SellerRecord
from ordersaga.domain.values import Message


class SellerBody(Request):
    """A seller's profile as it was sent. It is checked as a whole, so that everything wrong is told at once."""

    model_config = ConfigDict(extra="allow")

    def told(self) -> dict[str, Any]:
        """What was sent."""
        return dict(self.model_extra or {})

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(SellerProfile.__pydantic_core_schema__)


class SellerDocument(Message):
    """A seller as it was onboarded.

    `profile`: what was said, secrets by reference; the defaults hold for the rest. `not_open`: its own accounts that
    this process has not opened: it does within seconds, unless a secret is not where it should be.
    """

    seller: str
    version: int
    profile: dict[str, Any]
    changed_by: str
    changed_at: AwareDatetime
    not_open: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: SellerRecord, not_open: tuple[str, ...]) -> "SellerDocument":
        """The document of a record."""
        return cls(
            seller=record.seller,
            version=record.version,
            profile=record.profile.said(),
            changed_by=record.changed_by,
            changed_at=record.changed_at,
            not_open=not_open,
        )


class SellerList(Message):
    """Sellers that were onboarded, by name."""

    sellers: tuple[SellerDocument, ...]


class SellerApplied(Message):
    """What changed, or with `dry_run` what would. `version`: the one that holds now; None: there is none yet."""

    seller: str
    version: int | None
    dry_run: bool
    changes: tuple[Difference, ...]
    not_open: tuple[str, ...] = ()


class SellerChanges(Message):
    """How a seller's profile came to be, the latest change first."""

    changes: tuple[SellerChange, ...]
