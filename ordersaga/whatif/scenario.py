"""The question: what is ordered, how fast, who ships it, and what would be changed to compare."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError, model_validator

from ordersaga.domain.identifiers import Code
from ordersaga.domain.lanes import EASYPOST_CALLS_PER_MINUTE, SHIPBOB_CALLS_PER_MINUTE
from ordersaga.domain.values import Value
from ordersaga.whatif.measures import Duration, PerMinute, per_minute

MONDAY: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SAMPLE: Final = 2_000
"""How many orders are simulated when nobody says otherwise: six variants take about a minute on two cores."""


SELLERS: Final = MappingProxyType(
    {"viral": 0.9, "quiet-1": 0.025, "quiet-2": 0.025, "quiet-3": 0.025, "quiet-4": 0.025}
)


class ScenarioError(Exception):
    """The question cannot be understood; the text names the option or field, and the remedy."""


class Outage(Value):
    """A provider answers nothing, from and to so long after the first order."""

    begins: Duration
    ends: Duration

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not timedelta(0) <= self.begins < self.ends:
            raise ValueError("begins must come before ends, and not before the first order")
        return self


class ProviderPlan(Value):
    """A provider: its published limit, and how fast its warehouse is.

    `calls`: what its API takes; its lane gets the part that `ordersaga.domain.lanes` gives it.
    `parcels`: what its warehouse picks, as a rate; None: whatever comes. `pick` and `scan`: medians, from the hand-off
    (or its turn in the warehouse) to picked, and from there to the carrier's first scan.
    `share`: of the stock that lies there, relative to the other providers; None: as fast as it is.
    """

    calls: PerMinute
    parcels: PerMinute | None = None
    books_carrier: bool = True
    pick: Duration = timedelta(hours=2)
    scan: Duration = timedelta(hours=6)
    share: Annotated[float, Field(ge=0)] | None = None
    outages: tuple[Outage, ...] = ()

    @property
    def weight(self) -> float:
        """Its share of the stock, beside the others'."""
        return (self.parcels or self.calls) if self.share is None else self.share


def provider_plan(text: str) -> dict[str, Any]:
    """`150/min`, or `150/min,6000/day`: the API's limit, then what the warehouse picks. Raises ValueError."""
    calls, _, parcels = text.partition(",")
    plan: dict[str, Any] = {"calls": per_minute(calls)}
    return plan | {"parcels": per_minute(parcels)} if parcels else plan


def _plan(value: Any) -> Any:
    return provider_plan(value) if isinstance(value, str) else value


Plan = Annotated[ProviderPlan, BeforeValidator(_plan)]
Share = Annotated[float, Field(gt=0)]


class Scenario(Value):
    """One variant of the question.

    `units`: of the product everybody wants, over all providers; None: enough. `sellers`: their shares of the orders,
    the first sells that product. `sample`: how many orders are simulated; each then stands for several, and arrivals,
    rates, warehouses and stock are divided alike. `sagas`: how many orders Temporal starts; None: as they come.
    `carrier_calls`: what the carriers' API takes, for providers that book no carrier. `declined`: the part of the cards
    that is declined. `delivery_days`: least and most, from the first scan. `operator`: how long a
    parked question waits for a person, who then takes the first of its choices.
    """

    orders: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    within: Duration = timedelta(minutes=10)
    ship_within: Duration = timedelta(days=2)
    units: Annotated[int, Field(ge=1)] | None = None
    providers: Annotated[dict[Code, Plan], Field(min_length=1)] = Field(
        default_factory=lambda: {"shipbob": ProviderPlan(calls=SHIPBOB_CALLS_PER_MINUTE)}
    )
    sellers: Annotated[dict[Code, Share], Field(min_length=1)] = Field(default_factory=lambda: dict(SELLERS))
    sagas: PerMinute | None = None
    carrier_calls: PerMinute = EASYPOST_CALLS_PER_MINUTE
    declined: Annotated[float, Field(ge=0, le=1)] = 0.02
    delivery_days: tuple[Annotated[int, Field(ge=1)], int] = (2, 5)
    operator: Duration = timedelta(hours=4)
    begins: AwareDatetime = MONDAY
    seed: int = 1
    sample: Annotated[int, Field(ge=1)] = SAMPLE

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.within <= timedelta(0) or self.ship_within <= timedelta(0) or self.operator <= timedelta(0):
            raise ValueError("within, ship_within and operator must be longer than nothing")
        if self.delivery_days[1] < self.delivery_days[0]:
            raise ValueError("delivery_days: the most days must not be fewer than the least")
        if not sum(plan.weight for plan in self.providers.values()):
            raise ValueError("providers: at least one needs a share of the stock")
        return self

    @property
    def simulated(self) -> int:
        """How many orders are played."""
        return min(self.orders, self.sample)

    @property
    def stands_for(self) -> float:
        """How many orders one of them stands for."""
        return self.orders / self.simulated


class Question(Value):
    """Variants by name, the first is the question itself."""

    title: str
    variants: dict[str, Scenario]


def read_scenario(path: Path, given: Mapping[str, Any]) -> Question:
    """A scenario file; `given` replaces what it says. Raises ScenarioError.

    Its top level is a `Scenario` and a `title`; each table under `variants` names what is different there.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"--scenario: cannot read {path}: {error.strerror}; give a TOML file") from error
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"--scenario: {path} is not TOML: {error}; correct it there") from error
    variants, title = told.pop("variants", {}), str(told.pop("title", path.stem))
    if not isinstance(variants, dict) or not all(isinstance(each, dict) for each in variants.values()):
        raise ScenarioError(f'{path}: variants: write each as a table, such as [variants."a second provider"]')
    first = str(told.pop("name", "as it is"))
    base = merged(told, given)
    scenarios = {first: checked(base, f"{path}: ")}
    scenarios |= {name: checked(merged(base, more), f"{path}: variants.{name}: ") for name, more in variants.items()}
    return Question(title=title, variants=scenarios)


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`base`, with tables of `more` merged into its tables and everything else replaced; a table `{}` replaces too."""
    out = dict(base)
    for key, value in more.items():
        known = out.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping) and value:
            out[key] = merged(known, value)
        else:
            out[key] = value
    return out


def checked(told: Mapping[str, Any], where: str = "") -> Scenario:
    """What was told as a Scenario. Raises ScenarioError that names every field, prefixed by `where`."""
    try:
        return Scenario.model_validate(dict(told))
    except ValidationError as error:
        problems = "; ".join(_told(each) for each in error.errors())
        raise ScenarioError(f"{where}{problems}") from error


def _told(problem: Any) -> str:
    words = str(problem["msg"]).removeprefix("Value error, ")
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = ProviderPlan if problem["loc"][0] == "providers" else Scenario
        return f"{field} is unknown; fields: {', '.join(known.model_fields)}"
    return f"{field}: {words}" if field else words
